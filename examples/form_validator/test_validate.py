import unittest

from validate import Form, at_most, one_of, required, whole_number


class TestRules(unittest.TestCase):
    def test_required(self):
        self.assertEqual(required("x"), "")
        self.assertEqual(required("  "), "is missing")

    def test_whole_number(self):
        self.assertEqual(whole_number("-12 "), "")
        self.assertEqual(whole_number("1.5"), "is no whole number")

    def test_at_most(self):
        self.assertEqual(at_most(3)("abc"), "")
        self.assertEqual(at_most(3)("abcd"), "is longer than 3 characters")

    def test_one_of(self):
        self.assertEqual(one_of("a", "b")("b"), "")
        self.assertEqual(one_of("a", "b")("c"), "is none of a, b")


class TestForm(unittest.TestCase):
    def setUp(self):
        self.form = Form(
            name=[required, at_most(10)],
            age=[required, whole_number],
            size=[one_of("S", "M", "L")],
        )

    def filled(self, **changes):
        return dict({"name": "Ann", "age": "30", "size": "M"}, **changes)

    def test_valid(self):
        self.assertEqual(self.form.errors(self.filled()), {})
        self.assertTrue(self.form.is_valid(self.filled()))

    def test_first_field(self):
        self.assertEqual(self.form.errors(self.filled(name="")), {"name": "is missing"})

    def test_first_broken_rule(self):
        self.assertEqual(self.form.complaint("age", ""), "is missing")
        self.assertEqual(self.form.complaint("age", "x"), "is no whole number")

    def test_later_field(self):
        self.assertEqual(self.form.errors(self.filled(age="old")), {"age": "is no whole number"})

    def test_last_field_decides(self):
        self.assertFalse(self.form.is_valid(self.filled(size="XXL")))

    def test_all_errors(self):
        self.assertEqual(sorted(self.form.errors({})), ["age", "name", "size"])

    def test_nothing_to_check(self):
        self.assertFalse(Form().errors({"a": "b"}))

    def test_unknown_fields(self):
        self.assertEqual(self.form.unknown(self.filled(colour="red")), ["colour"])


if __name__ == "__main__":
    unittest.main()
