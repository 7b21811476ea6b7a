"""Tests of the spell checker."""

import pytest

from spelling import Dictionary


@pytest.fixture
def english():
    return Dictionary(["the", "cat", "sat", "Ann"])


def test_known(english):
    assert english.knows("cat")
    assert english.knows("Cat!")


def test_not_known(english):
    assert not english.knows("dog")


def test_all_known(english):
    assert english.unknown_words("The cat sat.") == []


def test_first_word(english):
    assert english.unknown_words("dog") == ["dog"]


def test_all_words(english):
    assert english.unknown_words("the dog sat down") == ["dog", "down"]


def test_last_word(english):
    assert not english.is_clean("Ann sat there")


def test_clean(english):
    assert english.is_clean("Ann sat.")


def test_names(english):
    assert english.knows("ann")


def test_spaces(english):
    assert not english.unknown_words("cat   cat")


def test_punctuation(english):
    assert english.is_clean("cat, Ann!")
