"""Tests of the progress bar."""

import pytest

from progress import bar, eta_seconds, percent


def test_part():
    assert bar(1, 3) == "[###.......]"


def test_all_but_one():
    assert bar(99, 100) == "[#########.]"


def test_other_width():
    assert bar(1, 2, 4) == "[##..]"


def test_no_total():
    with pytest.raises(ValueError):
        bar(0, 0)


@pytest.mark.parametrize(("done", "text"), [(0, "0 %"), (1, "33 %"), (3, "100 %")])
def test_percent(done, text):
    assert percent(done, 3) == text


def test_eta():
    assert eta_seconds(1, 4, 10.0) == 30.0


def test_no_eta():
    assert eta_seconds(0, 4, 10.0) is None
