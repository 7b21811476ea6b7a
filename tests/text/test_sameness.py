"""When two answers are one: the digest sees what runs, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.text.sameness import tree_digest

BODY = "def last(days, count):\n    return days[-count:]\n"


@pytest.mark.parametrize(
    "other",
    [
        "# why\ndef last(days, count):  # all of them\n    return days[-count:]\n",
        "def last(\n    days,\n    count,\n):\n\n    return (days[-count :])",
        'def last(days, count):\n    """The last of them."""\n    return days[-count:]\n',
        "\ufeffdef last(days, count):\r\n    return days[-count:]\r\n",
    ],
)
def test_comments_layout_and_docstrings_make_no_other_answer(other: str) -> None:
    assert tree_digest({"a.py": other}) == tree_digest({"a.py": BODY})


@pytest.mark.parametrize(
    "other",
    [
        {"a.py": "def last(days, count):\n    return days[-count + 1:]\n"},
        {"a.py": "def last(days, number):\n    return days[-number:]\n"},
        {"a.py": BODY.replace("days[-count:]", "'days[-count:]'")},
        {"b.py": BODY},
        {"a.py": BODY, "b.py": None},
        {"a.py": None},
        {},
    ],
)
def test_what_runs_makes_another(other: dict[str, str | None]) -> None:
    assert tree_digest(other) != tree_digest({"a.py": BODY})


def test_a_number_is_not_its_float_nor_its_text() -> None:
    texts = ["x = 1", "x = 1.0", "x = True", "x = '1'", "x = b'1'"]
    assert len({tree_digest({"a.py": text}) for text in texts}) == len(texts)


def test_what_is_no_python_is_compared_byte_by_byte() -> None:
    assert tree_digest({"a.cfg": "x = 1 # y\n"}) != tree_digest({"a.cfg": "x = 1\n"})
    assert tree_digest({"a.py": "def f(:  # y"}) != tree_digest({"a.py": "def f(:"})
    assert tree_digest({"a.py": "x = " + "(" * 9000}) != tree_digest({"a.py": "x = " + "(" * 9001})


def test_the_order_of_the_files_is_nothing() -> None:
    assert tree_digest({"a.py": BODY, "b.py": None}) == tree_digest({"b.py": None, "a.py": BODY})


def test_a_file_that_goes_is_none_that_is_empty() -> None:
    assert len({tree_digest({"a.py": text}) for text in (None, "", "pass\n")}) == 3
    assert tree_digest({"a.cfg": None}) != tree_digest({"a.cfg": ""})


def test_where_a_file_ends_and_the_next_begins_is_not_blurred() -> None:
    assert tree_digest({"a": "x", "b": "y"}) != tree_digest({"a": "xbtexty"})


@given(st.dictionaries(st.text(max_size=5), st.one_of(st.none(), st.text(max_size=30)), max_size=3))
def test_any_text_has_a_digest(changes: dict[str, str | None]) -> None:
    assert tree_digest(changes) == tree_digest(dict(changes))
