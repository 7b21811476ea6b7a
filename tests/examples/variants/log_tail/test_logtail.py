"""Tests of the parts of a log."""

from logtail import matching, tail, window

LINES = ["start", "read", "error one", "retry", "error two", "stop"]


def test_tail():
    assert tail(LINES, 2) == ["error two", "stop"]


def test_long_tail():
    assert tail(LINES, 100) == LINES


def test_no_tail():
    assert tail(LINES, 0) == []


def test_window():
    assert window(LINES, 2, 1) == ["read", "error one", "retry"]


def test_window_at_the_start():
    assert window(LINES, 0, 1) == ["start", "read"]


def test_window_at_the_end():
    assert window(LINES, 5, 1) == ["error two", "stop"]


def test_wide_window():
    assert window(LINES, 3, 50) == LINES


def test_matching():
    assert matching(LINES, "error") == [["error one"], ["error two"]]


def test_nothing_matches():
    assert matching(LINES, "panic") == []


def test_no_lines():
    assert window([], 0, 3) == []
