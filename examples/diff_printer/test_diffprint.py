import pytest

from diffprint import around, changed_lines, marked, summary

LINES = ["a", "b", "c", "d", "e", "f"]


def test_no_change():
    assert changed_lines(LINES, LINES) == []


def test_changes():
    assert changed_lines(["a", "b", "c"], ["a", "x", "c"]) == [1]


def test_added_lines():
    assert changed_lines(["a"], ["a", "b", "c"]) == [1, 2]


def test_removed_lines():
    assert changed_lines(["a", "b"], ["a"]) == [1]


def test_context_on_both_sides():
    assert around(LINES, 3, 1) == ["c", "d", "e"]


def test_wide_context():
    assert around(LINES, 2, 2) == ["a", "b", "c", "d", "e"]


def test_no_context():
    assert around(LINES, 3, 0) == ["d"]


def test_context_at_the_beginning():
    assert around(LINES, 0, 2) == ["a", "b", "c"]


def test_context_at_the_end():
    assert around(LINES, 5, 2) == ["d", "e", "f"]


def test_more_context_than_lines():
    assert around(LINES, 3, 100) == LINES


def test_marked():
    assert list(marked(["a", "b"], ["a", "x"])) == ["  a", "- b", "+ x"]


def test_marked_addition():
    assert list(marked(["a"], ["a", "b"])) == ["  a", "+ b"]


def test_marked_removal():
    assert list(marked(["a", "b"], ["a"])) == ["  a", "- b"]


@pytest.mark.parametrize(
    ("after", "said"), [("ab", "no change"), ("ax", "1 line changed"), ("xyz", "3 lines changed")]
)
def test_summary(after, said):
    assert summary(list("ab"), list(after)) == said


def test_around_of_nothing():
    assert around([], 0, 3) == []


def test_summary_of_nothing():
    assert summary([], []) == "no change"
