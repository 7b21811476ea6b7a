"""Tests of the options."""

import pytest

from options import DEFAULTS, Options


def test_defaults():
    assert Options().all() == DEFAULTS


def test_user():
    assert Options({"volume": 3}).get("volume") == 3


def test_device():
    assert Options({}, {"volume": 4}).get("volume") == 4


def test_user_goes_first():
    assert Options({"volume": 3}, {"volume": 4}).get("volume") == 3


def test_zero():
    assert Options({"volume": 0}).get("volume") == 0


def test_false():
    assert Options({"shuffle": False}).get("shuffle") is False


def test_none():
    assert Options({"theme": None}, {"theme": "light"}).get("theme") == "light"


def test_unknown():
    with pytest.raises(KeyError):
        Options().get("speed")
