"""Tests of the figures."""

import pytest

from samples import deviation, histogram, mean, median


def test_mean():
    assert mean([1, 2, 3]) == 2


def test_median():
    assert median([3, 1, 2]) == 2


def test_median_of_an_even_sample():
    assert median([4, 1, 2, 3]) == 2.5


def test_deviation():
    assert deviation([2, 4, 4, 4, 5, 5, 7, 9]) == 2.0


def test_no_deviation():
    assert deviation([3, 3]) == 0


def test_histogram():
    assert histogram([1, 2, 11, -1], 10) == {0: 2, 10: 1, -10: 1}


def test_empty_sample():
    with pytest.raises(ValueError):
        mean([])


def test_deviation_of_nothing():
    with pytest.raises(ValueError):
        deviation([])
