import pytest

from money import CurrencyMismatch, Money


def euro(cents):
    return Money(cents, "EUR")


def test_str():
    assert str(euro(1205)) == "12.05 EUR"


@pytest.mark.parametrize(("text", "cents"), [("12.50 EUR", 1250), ("7 EUR", 700), ("0.5 EUR", 50)])
def test_parse(text, cents):
    assert Money.parse(text) == euro(cents)


def test_sum():
    assert euro(150) + euro(250) == euro(400)


def test_difference():
    assert euro(250) - euro(150) == euro(100)


def test_times():
    assert euro(150) * 3 == euro(450)


def test_order():
    assert euro(1) < euro(2)
    assert max(euro(1), euro(3), euro(2)) == euro(3)


def test_currencies_do_not_mix():
    with pytest.raises(CurrencyMismatch):
        euro(1) + Money(1, "USD")


def test_equal_only_in_the_same_currency():
    assert euro(1) != Money(1, "USD")


def test_split_without_rest():
    assert euro(900).split(3) == [euro(300)] * 3


def test_split_with_rest():
    assert euro(1000).split(3) == [euro(334), euro(333), euro(333)]


def test_split_loses_nothing():
    shares = euro(101).split(4)
    assert sum(share.cents for share in shares) == 101


def test_shares_can_be_shown():
    assert [str(share) for share in euro(1001).split(2)] == ["5.01 EUR", "5.00 EUR"]


def test_split_into_one():
    assert euro(7).split(1) == [euro(7)]


def test_split_into_nothing():
    with pytest.raises(ValueError):
        euro(1).split(0)
