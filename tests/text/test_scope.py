"""How far a change may reach: each limit holds for what landed, and a refusal says what to do instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.rungs import EditScope
from daemon.text.scope import beyond, changes_between

MODULE = """import os


class Days:
    def last(self, count):
        return self.days[-count + 1:]

    def first(self, count):
        return self.days[:count]


def total(days):
    return sum(days)
"""
WIDE = EditScope(8, 400)


def changed(*swaps: tuple[str, str]) -> dict[str, str | None]:
    text = MODULE
    for old, new in swaps:
        assert old in text
        text = text.replace(old, new)
    return {"days.py": text}


LAST = ("-count + 1:", "-count:")
FIRST = ("[:count]", "[: count + 1]")


@pytest.mark.parametrize(
    ("scope", "after", "said"),
    [
        (EditScope(1, 1), changed(LAST), ""),
        (EditScope(1, 1), changed(LAST, FIRST), "change 2 lines, and only 1 line may change"),
        (EditScope(1, 9, hunks=1), changed(LAST, FIRST), "change 2 places, and only 1 place may change"),
        (
            EditScope(1, 9),
            {**changed(LAST), "more.py": "x = 1\n"},
            "change 2 files (days.py, more.py), and only 1 file",
        ),
        (EditScope(1, 7), {"days.py": None}, "change 8 lines, and only 7"),
        (EditScope(1, 9, functions=1), changed(LAST), ""),
        (EditScope(1, 9, functions=1), changed(LAST, ("import os", "import re")), ""),
        (EditScope(1, 9, functions=2), changed(LAST, FIRST), ""),
        (
            EditScope(1, 9, functions=1),
            changed(LAST, FIRST),
            "change 2 functions (days.py: Days.first(), days.py: Days.l",
        ),
        (
            EditScope(1, 9, functions=1),
            changed(("import os", "LIMIT = 3")),
            "days.py, outside of its functions. Only the",
        ),
        (EditScope(2, 9, functions=1), {"a.cfg": "x"}, "a.cfg, which holds no function"),
    ],
)
def test_each_limit_holds_and_is_told(scope: EditScope, after: dict[str, str | None], said: str) -> None:
    told = "\n".join(beyond(scope, {"days.py": MODULE}, after))
    assert said in told
    assert bool(said) == bool(told)


def test_a_file_written_anew_has_changed_what_differs() -> None:
    """The limit is one of the result, not of the answer's form; white space between lines is free."""
    anew = changed(LAST)["days.py"]
    assert anew
    assert beyond(EditScope(1, 1, hunks=2), {"days.py": MODULE}, {"days.py": f"\n{anew}"}) == []


def test_what_did_not_change_counts_for_nothing() -> None:
    assert beyond(EditScope(1, 1), {"days.py": MODULE, "b.py": "x\n"}, {**changed(LAST), "b.py": "x\n"}) == []


def test_a_new_helper_beside_the_function_is_another_function() -> None:
    after = changed(LAST, ("\n\ndef total", "\n\ndef half(day):\n    return day / 2\n\n\ndef total"))
    [told] = beyond(EditScope(1, 99, functions=1), {"days.py": MODULE}, after)
    assert "days.py: half()" in told


def test_a_decorator_belongs_to_its_function_and_a_line_of_a_class_to_none() -> None:
    before = "class Days:\n    length = 7\n\n    @property\n    def last(self):\n        return 6\n"
    one = EditScope(1, 9, functions=1)
    assert beyond(one, {"a.py": before}, {"a.py": before.replace("@property", "@cached_property")}) == []
    [told] = beyond(one, {"a.py": before}, {"a.py": before.replace("length = 7", "length = 8")})
    assert "a.py, outside of its functions" in told


def test_a_file_full_of_equal_lines_is_compared_in_no_time() -> None:
    """What was written by a model decides how long a comparison takes, unless it is bounded."""
    before, after = ("\n".join(["x", *pair * 3_000, "y"]) for pair in (["a", "b"], ["a", "c"]))
    assert len(changes_between(before, after)) == 1
    [told] = beyond(EditScope(1, 20), {"x.py": before}, {"x.py": after})
    assert "change 3000 lines" in told


@given(st.text(alphabet="ab\n\r\f ", max_size=60), st.text(alphabet="ab\n\r\f ", max_size=60))
def test_any_two_texts_can_be_compared(before: str, after: str) -> None:
    for scope in (WIDE, EditScope(1, 1, hunks=1, functions=1)):
        assert isinstance(beyond(scope, {"a.py": before}, {"a.py": after}), list)
    assert (changes_between(before, after) == []) or before != after
