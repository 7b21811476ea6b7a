"""Tests of the password rules."""

import pytest

from passwords import complaint, has_digit, is_strong


@pytest.mark.parametrize("text", ["longenough1", "1234567890", "a1b2c3d4e5"])
def test_strong(text):
    assert is_strong(text)


@pytest.mark.parametrize("text", ["", "short", "abc"])
def test_neither_long_nor_with_a_digit(text):
    assert not is_strong(text)


def test_long_without_a_digit():
    assert not is_strong("abcdefghij")


def test_short_with_a_digit():
    assert not is_strong("abc1")


def test_digits():
    assert has_digit("a1")
    assert not has_digit("a")


def test_common():
    assert complaint("Password123") == "too common"


def test_name():
    assert complaint("xx-ann-1234", "Ann") == "contains the name"


def test_no_complaint():
    assert complaint("longenough1", "Bob") == ""


def test_weak():
    assert complaint("short") == "too weak"
