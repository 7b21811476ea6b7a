import pytest

from receipt import change, price, receipt, row, tax_line


def test_price():
    assert price(450) == "4.50"


def test_price_with_cents():
    assert price(1999) == "19.99"


def test_row_is_as_wide_as_the_roll():
    assert len(row("Tea", 450)) == 24


def test_long_name_is_cut():
    assert len(row("A very long name of some tea indeed", 1230)) == 24


def test_short_row():
    assert row("Tea", 450, 10) == "Tea   4.50"


def test_name_comes_first():
    assert row("Tea", 450).startswith("Tea ")


def test_tax_line():
    assert tax_line(7) == "incl. 7.00 % tax"


def test_receipt_has_a_rule():
    assert receipt([("Tea", 450)]).splitlines()[1] == "-" * 24


def test_receipt_has_a_line_for_each():
    assert len(receipt([("Tea", 450), ("Jam", 299)]).splitlines()) == 4


def test_total():
    assert receipt([("Tea", 450), ("Jam", 305)]).splitlines()[-1].split() == ["TOTAL", "7.55"]


def test_empty_receipt():
    assert receipt([]).splitlines()[0] == "-" * 24


@pytest.mark.parametrize(("cents", "coins"), [(0, []), (3, [2, 1]), (388, [200, 100, 50, 20, 10, 5, 2, 1])])
def test_change(cents, coins):
    assert change(cents) == coins


def test_other_coins():
    assert change(30, coins=(25, 10, 1)) == [25, 1, 1, 1, 1, 1]
