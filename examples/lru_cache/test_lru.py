import unittest

from lru import LruCache


class TestLruCache(unittest.TestCase):
    def setUp(self):
        self.cache = LruCache(2)
        self.cache.put("a", 1)
        self.cache.put("b", 2)

    def test_get(self):
        self.assertEqual(self.cache.get("a"), 1)

    def test_get_of_nothing(self):
        self.assertIsNone(self.cache.get("z"))
        self.assertEqual(self.cache.get("z", 7), 7)

    def test_oldest_entry_makes_room(self):
        self.cache.put("c", 3)
        self.assertEqual(self.cache.keys(), ["b", "c"])

    def test_reading_keeps_an_entry(self):
        self.cache.get("a")
        self.cache.put("c", 3)
        self.assertIn("a", self.cache)
        self.assertNotIn("b", self.cache)

    def test_reading_moves_to_the_end(self):
        self.cache.get("a")
        self.assertEqual(self.cache.keys(), ["b", "a"])

    def test_failed_reading_changes_no_order(self):
        self.cache.get("z")
        self.assertEqual(self.cache.keys(), ["a", "b"])

    def test_asking_is_no_use(self):
        self.assertIn("a", self.cache)
        self.cache.put("c", 3)
        self.assertNotIn("a", self.cache)

    def test_writing_again_keeps_an_entry(self):
        self.cache.put("a", 10)
        self.cache.put("c", 3)
        self.assertEqual(self.cache.get("a"), 10)

    def test_none_is_a_value(self):
        self.cache.put("n", None)
        self.assertIsNone(self.cache.get("n", 5))

    def test_counts(self):
        self.cache.get("a")
        self.cache.get("z")
        self.assertEqual((self.cache.hits, self.cache.misses), (1, 1))

    def test_never_above_capacity(self):
        for number in range(10):
            self.cache.put(number, number)
        self.assertEqual(len(self.cache), 2)

    def test_clear(self):
        self.cache.get("a")
        self.cache.clear()
        self.assertEqual((len(self.cache), self.cache.hits), (0, 0))

    def test_capacity_of_zero(self):
        with self.assertRaises(ValueError):
            LruCache(0)


if __name__ == "__main__":
    unittest.main()
