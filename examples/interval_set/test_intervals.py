import unittest

from intervals import Busy


def busy(*intervals):
    made = Busy(8, 18)
    for start, end in intervals:
        made.add(start, end)
    return made


class TestBusy(unittest.TestCase):
    def test_nothing(self):
        self.assertEqual(busy().merged(), [])
        self.assertEqual(busy().free(), [(8, 18)])

    def test_one(self):
        self.assertEqual(busy((9, 10)).free(), [(8, 9), (10, 18)])

    def test_apart(self):
        self.assertEqual(busy((9, 10), (12, 13)).merged(), [(9, 10), (12, 13)])

    def test_order_does_not_matter(self):
        self.assertEqual(busy((12, 13), (9, 10)).merged(), [(9, 10), (12, 13)])

    def test_overlapping(self):
        self.assertEqual(busy((9, 11), (10, 12)).merged(), [(9, 12)])

    def test_touching(self):
        self.assertEqual(busy((9, 10), (10, 11)).merged(), [(9, 11)])

    def test_one_inside_another(self):
        self.assertEqual(busy((9, 17), (10, 11)).merged(), [(9, 17)])

    def test_two_groups(self):
        self.assertEqual(busy((8, 9), (10, 12), (11, 13)).merged(), [(8, 9), (10, 13)])

    def test_free_after_the_longer_one(self):
        self.assertEqual(busy((9, 17), (10, 11), (12, 13)).free(), [(8, 9), (17, 18)])

    def test_hours(self):
        self.assertEqual(busy((9, 11), (10, 12), (14, 15)).hours(), 4)

    def test_is_busy(self):
        day = busy((9, 11))
        self.assertTrue(day.is_busy(9))
        self.assertFalse(day.is_busy(11))

    def test_whole_day(self):
        self.assertEqual(busy((8, 18)).free(), [])

    def test_backwards(self):
        with self.assertRaises(ValueError):
            busy((10, 9))
