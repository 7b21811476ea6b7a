import pytest

from wrapper import fill, indent, wrap


def test_nothing():
    assert wrap("", 10) == []


def test_one_line():
    assert wrap("to be", 10) == ["to be"]


def test_two_lines():
    assert wrap("hello world", 7) == ["hello", "world"]


def test_a_line_that_fits_exactly():
    assert wrap("to be or", 5) == ["to be", "or"]


def test_every_line_is_filled():
    assert wrap("a b c d e f", 3) == ["a b", "c d", "e f"]


def test_words_of_different_lengths():
    assert wrap("one two three four five six", 9) == ["one two", "three", "four five", "six"]


def test_a_long_word_stands_alone():
    assert wrap("an extraordinary", 5) == ["an", "extraordinary"]


def test_spaces_and_line_ends_fold():
    assert wrap("to \n be", 10) == ["to be"]


def test_width_of_one():
    assert wrap("a", 1) == ["a"]


def test_width_of_zero():
    with pytest.raises(ValueError):
        wrap("x", 0)


def test_paragraphs_are_kept_apart():
    assert fill("to be\n\nor not", 10) == "to be\n\nor not"


def test_paragraphs_are_wrapped():
    assert fill("a b c d e f\n\nx", 3) == "a b\nc d\ne f\n\nx"


def test_indent():
    assert indent("a\n\nb", "> ") == "> a\n\n> b"
