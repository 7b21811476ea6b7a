"""Tests of the packing."""

import pytest

from packing import Box


@pytest.fixture
def box():
    return Box({"mug": 300, "lamp": 10001, "stone": 30000})


def test_empty(box):
    assert box.weight() == 0
    assert not box.is_too_heavy()


def test_one(box):
    box.pack("mug")
    assert box.pieces("mug") == 1


def test_weight(box):
    box.pack("mug")
    box.pack("lamp")
    assert box.weight() == 10301


def test_two(box):
    box.pack("mug")
    box.pack("mug")
    assert box.weight() == 600


def test_never_packed(box):
    assert box.pieces("mug") == 0


def test_unknown(box):
    with pytest.raises(KeyError):
        box.pack("cat")


def test_too_heavy(box):
    box.pack("stone")
    assert box.is_too_heavy()


def test_only_what_was_packed(box):
    box.pack("mug")
    assert list(box.packed) == ["mug"]


def test_weights_are_copied(box):
    box.grams["mug"] = 1
    assert Box({"mug": 300}).grams["mug"] == 300
