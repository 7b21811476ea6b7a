"""Tests of the offers."""

import pytest

from offers import Offers


@pytest.fixture
def offers():
    return Offers({"mug": 900, "lamp": 4500, "pen": 150, "bowl": 900})


def test_ordered(offers):
    assert offers.ordered() == [("lamp", 4500), ("bowl", 900), ("mug", 900), ("pen", 150)]


def test_dearest(offers):
    assert offers.dearest() == ["lamp"]


def test_no_offers():
    assert Offers().dearest(3) == []


def test_equal_prices():
    assert Offers({"b": 1, "a": 1}).dearest(2) == ["a", "b"]


def test_below(offers):
    assert offers.below(900) == ["pen"]


def test_set(offers):
    offers.set("pen", 9000)
    assert offers.prices["pen"] == 9000


def test_all(offers):
    assert len(offers.dearest(10)) == 4


def test_none(offers):
    assert offers.dearest(0) == []


def test_prices_are_copied():
    prices = {"a": 1}
    Offers(prices).set("b", 2)
    assert prices == {"a": 1}
