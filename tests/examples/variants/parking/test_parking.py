"""Tests of the car park."""

import pytest

from parking import CarPark


@pytest.fixture
def park():
    park = CarPark(2)
    park.enter("B-AB 1", 8)
    return park


def test_somebody_is_there(park):
    assert list(park.stays) == ["B-AB 1"]


def test_full(park):
    park.enter("B-AB 2", 9)
    with pytest.raises(OverflowError):
        park.enter("B-AB 3", 9)


def test_price(park):
    assert park.leave("B-AB 1", 11) == 450


def test_first_hour(park):
    assert park.leave("B-AB 1", 8) == 150


def test_day(park):
    assert park.leave("B-AB 1", 23) == 1500


def test_unknown_plate(park):
    with pytest.raises(KeyError):
        park.leave("X-YZ 9", 9)


def test_longest(park):
    park.enter("B-AB 2", 7)
    assert park.longest() == "B-AB 2"


def test_nobody_there():
    assert CarPark(1).longest() is None


def test_no_place():
    with pytest.raises(OverflowError):
        CarPark(0).enter("B-AB 1", 8)


def test_since(park):
    assert park.stays["B-AB 1"].since == 8
