"""Tests of the ticket prices."""

import pytest

from tickets import group_price, price


def test_adult():
    assert price(30) == 1200


def test_student():
    assert price(30, is_student=True) == 700


@pytest.mark.parametrize(("age", "cents"), [(0, 0), (5, 0), (6, 1200), (64, 1200), (66, 700), (90, 700)])
def test_ages(age, cents):
    assert price(age) == cents


def test_exactly_at_the_reduced_age():
    assert price(65) == 700


def test_group_with_somebody_at_that_age():
    assert group_price([30, 65]) == 1900


def test_group_of_ten():
    assert group_price([30] * 10) == 9 * 1200


def test_empty_group():
    assert group_price([]) == 0


def test_no_such_age():
    with pytest.raises(ValueError):
        price(-1)
