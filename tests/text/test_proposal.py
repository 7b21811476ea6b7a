"""Patches as answers: reading and landing an answer gives exactly the patch that it was made of."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from daemon.text import edits, landing
from daemon.text.proposal import Unsayable, answer, in_short, reason, warnings

STATEMENTS = ["x = 1", "x = x + 1", "if x:", "return x", "return x + 1", "for y in x:", "pass", "", "# FILE: a.py"]
STATEMENTS += ["text = '```'", "ORIGINAL: int = 3", "    ", 'LINES = """', 'lines"""', "else:", "x += 2"]
ENDS = ["\n", "\r\n"]


@st.composite
def programs(draw: st.DrawFn) -> tuple[str, str]:
    """A module of functions with much that repeats itself, and the same with one line of one of them changed."""
    end, is_ended, mark = draw(st.sampled_from(ENDS)), draw(st.booleans()), draw(st.sampled_from(["", "\ufeff"]))
    tab = draw(st.sampled_from(["    ", "\t"]))
    functions = []
    for name in range(draw(st.integers(1, 5))):
        body = draw(st.lists(st.sampled_from(["x = x + 1", "x = x * 2", "print(x)", "", "x = abs(x)"]), max_size=6))
        functions.append([f"def f{name}(x):", *(tab + line if line else "" for line in body), f"{tab}return x", ""])
    lines = [line for function in functions for line in function][:-1]
    at = draw(st.integers(0, len(lines) - 1))
    assume(lines[at].strip() and not lines[at].startswith("def"))
    new = draw(st.sampled_from([[f"{tab}x = 7"], [f"{tab}return x + 1"], [f"{tab}if x:", f"{tab}{tab}x = 3"], []]))
    changed = [*lines[:at], *(new or [f"{tab}x = -x", lines[at]]), *lines[at + 1 :]]
    before, after = (mark + end.join(text) + (end if is_ended else "") for text in (lines, changed))
    assume(before != after)
    return before, after


@settings(deadline=None, max_examples=60)
@given(programs())
def test_an_answer_gives_exactly_its_patch(texts: tuple[str, str]) -> None:
    before, after = texts
    files = {"pkg/a.py": before, "pkg/b.py": before}
    said = answer(files, {"pkg/a.py": after}, reason("compare-operator", 3))
    assert landing.land(edits.read(said), files) == {"pkg/a.py": after}


@settings(deadline=None, max_examples=60)
@given(st.lists(st.sampled_from(STATEMENTS), max_size=8), st.lists(st.sampled_from(STATEMENTS), max_size=8))
def test_what_cannot_be_said_exactly_is_not_said(old: list[str], new: list[str]) -> None:
    """Whatever the texts look like, headers and fences of our own format included."""
    before, after = {"a.py": "\n".join(old)}, {"a.py": "\n".join(new)}
    try:
        said = answer(before, after, "why")
    except Unsayable:
        return
    assert landing.land(edits.read(said), before) == after


def test_several_files_and_places_are_one_answer() -> None:
    body = [f"def f{number}(x):\n    return x + {number}\n" for number in range(30)]
    before = {"a.py": "\n".join(body), "b.py": "def g(y):\n    return y\n"}
    changed = before["a.py"].replace("x + 3\n", "x - 3\n").replace("x + 20\n", "x - 20\n")
    after = {"a.py": changed, "b.py": "def g(y):\n    return -y\n"}
    said = answer(before, after, "two signs")
    assert said.count("FILE:") == 3
    assert landing.land(edits.read(said), before) == after


def test_the_reasoning_names_template_tests_and_alternatives() -> None:
    told = reason("off-by-one", 1, ["x - 1", "x or 1"])
    assert "template off-by-one; 1 passing test" in told
    assert "2 other patches (x - 1; x or 1)" in told
    said = answer({"a.py": "x = 1\n"}, {"a.py": "x = 2\n"}, told)
    assert edits.read(said)[0].reasoning == told


def test_nothing_is_no_patch() -> None:
    with pytest.raises(Unsayable):
        answer({"a.py": "x = 1\n"}, {"a.py": "x = 1\n"}, "nothing")


def test_what_else_the_tests_allow_is_told_with_its_lines() -> None:
    files = {"pkg/a.py": "def f(n):\n    return n < 3\n"}
    other = in_short("compare-operator", files, {"pkg/a.py": "def f(n):\n    return n <= 3\n"})
    assert other == "compare-operator in pkg/a.py:2 `return n < 3` → `return n <= 3`"
    assert warnings(3, [other]) == [f"ambiguous: the tests also allow {other}"]


def test_a_patch_that_few_tests_execute_says_so() -> None:
    assert warnings(3, []) == []
    assert warnings(2, []) == ["weakly tested: passing tests that execute the patched lines: 2"]
