"""Tests of the run-length coding."""

from runs import decode, encode, longest


def test_nothing():
    assert encode("") == []


def test_one_run():
    assert encode("aaa") == [("a", 3)]


def test_two_runs():
    assert encode("aabbb") == [("a", 2), ("b", 3)]


def test_there_and_back():
    assert decode(encode("aaabccd")) == "aaabccd"


def test_one_character():
    assert encode("x") == [("x", 1)]


def test_decode():
    assert decode([("a", 2), ("b", 1)]) == "aab"


def test_decode_nothing():
    assert decode([]) == ""


def test_longest_comes_first():
    assert longest("aaa") == ("a", 3)


def test_longest_of_nothing():
    assert longest("") is None
