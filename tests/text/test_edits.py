"""What holds for every answer: reading ends and never breaks, landing is all or nothing, no round trip goes astray."""

import ast
import gc
import json
import re
import sys
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.text import objections
from daemon.text.answer import landed
from daemon.text.edits import READ_CHARACTERS, Edit, Unreadable, read
from daemon.text.landing import Refused, land
from tests.fakes import edit_corpus

FILES = edit_corpus.workspace()
CASES = edit_corpus.cases()

PIECES = st.sampled_from([
    *("FILE: a.py", "FILE:", "**FILE:** `x.py`", f"LINES: {'9' * 30}-", "LINES: all", "LINES: 2-"),
    *("REASONING: so", "ORIGINAL:", "**Original:**", "REPLACEMENT:", "```", "```python a.py", "````", "~~~", "# a.py"),
    *("<<<<<<< SEARCH", "=======", ">>>>>>> REPLACE", "--- a/a.py", "+++ b/a.py", "--- /dev/null", "+++ /dev/null"),
    *("@@ -1,2 +1,3 @@", "@@ @@", "-x = 1", "+x = 2", " x", "x = 1", "", "diff --git a/a.py b/a.py", "</think>"),
    *('{"file": "a.py",', '"original": "x", "replacement": "y"}', "[{", "}]", "...", "# rest unchanged", "\x00"),
    *("\ufeff", "x = 1\r", "\ud800", "\x0c", "---", "## Edit", "1| x = 1", ">>> x = 1", "**a.py**"),
])  # fmt: skip
ANSWERS = st.one_of(st.text(), st.lists(PIECES, max_size=25).map("\n".join))
LINE = st.sampled_from(
    [
        "",
        "a = 1",
        "    a = 1",
        "        b(2)",
        "\tc()",
        "if a:",
        "    return a",
        "text",
        'd = "e f"',
        "# note",
        "a = 1 ",
        "ü = 'ß'",
    ]
)


def landing(answer: str, files: Mapping[str, str]) -> dict[str, str | None] | None:
    try:
        return land(read(answer), files)
    except (Unreadable, Refused):
        return None


@given(ANSWERS, st.booleans())
def test_reading_gives_edits_or_says_why_not(answer: str, is_cut_off: bool) -> None:  # noqa: FBT001  hypothesis gives it
    why, edits = "", []
    try:
        edits = read(answer, is_cut_off=is_cut_off)
    except Unreadable as unreadable:
        why = str(unreadable)
    assert bool(edits) != bool(why)
    assert not (edits and is_cut_off)


@given(ANSWERS)
def test_landing_gives_changes_or_says_why_not(answer: str) -> None:
    files = {"a.py": "x = 1\n\n\ndef f():\n    return x\n", "pkg/x.py": "x = 1\r\n"}
    kept = dict(files)
    landed = landing(answer, files)
    assert landed is None or landed
    assert files == kept


@given(
    st.lists(
        st.builds(
            Edit,
            path=st.text(max_size=8)
            | st.sampled_from(["a.py", "pkg/x.py", "new.py", "/a.py", "../a.py", "a", "\x00", "", "b/pkg", "C:x"])
            | st.text(max_size=8),
            replacement=st.none() | st.lists(LINE).map(lambda lines: "".join(f"{line}\n" for line in lines)),
            original=st.none() | st.lists(LINE).map(lambda lines: "".join(f"{line}\n" for line in lines)),
            lines=st.none() | st.tuples(st.integers(-3, 50), st.none() | st.integers(-3, 50)),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_landing_is_all_or_nothing(edits: list[Edit]) -> None:
    files = {"a.py": "a = 1\n    a = 1\ntext\n", "pkg/x.py": "if a:\n    return a\n"}
    landed, refusals = {}, []
    try:
        landed = land(edits, files)
    except Refused as refused:
        refusals = refused.refusals
    assert bool(landed) != bool(refusals)
    assert all(refusal.message for refusal in refusals)
    assert all(".." not in path.split("/") and not path.startswith("/") for path in landed)
    assert all(landed[path] != files.get(path) for path in landed)


@given(st.data())
def test_a_round_trip_lands_as_meant_or_is_refused(data: st.DataObject) -> None:
    """A random edit of a random file, written in each format: nothing else than the edited file may come out."""
    lines = data.draw(st.lists(LINE, min_size=1, max_size=25))
    start = data.draw(st.integers(0, len(lines) - 1))
    end = data.draw(st.integers(start + 1, min(len(lines), start + 6)))
    new = data.draw(st.lists(LINE, max_size=6))
    ending = data.draw(st.sampled_from(["\n", "\r\n"]))
    before = "".join(f"{line}{ending}" for line in lines)
    after = "".join(f"{line}{ending}" for line in [*lines[:start], *new, *lines[end:]])
    old_text, new_text = ("".join(f"{line}\n" for line in part) for part in (lines[start:end], new))
    for form, answer in edit_corpus.renderings("pkg/notes.txt", old_text, new_text, start + 1).items():
        landed = landing(answer, {"pkg/notes.txt": before, "other.txt": "text\n"})
        if landed is not None:
            assert {path: told(text) for path, text in landed.items()} == {"pkg/notes.txt": told(after)}, form


def told(text: str | None) -> list[str]:
    """The lines of a text; blank ones, and blanks at the end of a line, are layout that no format carries for sure, and
    new lines take the file's tabs.
    """
    return [line.rstrip().expandtabs(4) for line in (text or "").splitlines() if line.strip()]


@pytest.mark.parametrize("form", ["fenced fields", "SEARCH/REPLACE", "JSON"])
def test_an_answer_that_is_cut_anywhere_is_refused(form: str) -> None:
    """These formats have an end of their own. For the others the model's server says that it was cut."""
    for _, path, old, new, at in edit_corpus.edits_of_fixes():
        answer = edit_corpus.renderings(path, old, new, at)[form]
        whole = landing(answer, FILES)
        for end in range(len(answer)):
            assert landing(answer[:end], FILES) in (None, whole), answer[:end]


SPITE = (
    *("*", " ", "#", "`", "<", "=", "[", "{", '{"', "\n", "- ", "```\n", "```x\n", "FILE: a.py\n", "ORIGINAL:\n"),
    *("@@\n", "<<<<<<< SEARCH\n", "--- a\n+++ b\n", "(", "a.", "a/", "\\", "**a** ", "`a` ", "<think>", "1|"),
    *("@@ -1 +1 @@\nx\n", "```x\nFILE: a.py\n", "FILE: a.py\n```\nx\n```\n", "Well, so.\n\n", "x = 1\n", "-x\n+y\n"),
    *("FILE: a.py\nORIGINAL:\nREPLACEMENT:\nx\n", "FILE: a.py\nLINES: 1\n", "a.py\n", "# ...\n", "<", "=======\n"),
)
STARTS = (
    "",
    "FILE: a.py\nLINES: 1\nORIGINAL:\n",
    "FILE: a.py\nORIGINAL:\nx = 1\nREPLACEMENT:\n",
    "a.py\n<<<<<<< SEARCH\n",
)


@pytest.mark.parametrize("start", STARTS)
@pytest.mark.parametrize("piece", SPITE)
def test_a_megabyte_of_spite_is_read_to_its_end(start: str, piece: str) -> None:
    """A reader that is not linear would stay here for hours."""
    answer = (start + piece * (READ_CHARACTERS // len(piece)))[:READ_CHARACTERS]
    try:
        edits = read(answer)
    except Unreadable:
        return
    assert edits


@pytest.mark.parametrize(
    "line", [f">>>>>{' ' * 200_000}!", f"<<<<<<< SEARCH{' ' * 200_000}!", f"LINES: 1{' ' * 200_000}!"]
)
def test_a_long_line_is_read_to_its_end(line: str) -> None:
    """The same, of one line: a pattern may not come back to where it was."""
    with pytest.raises(Unreadable):
        read(f"FILE: a.py\n<<<<<<< SEARCH\nx\n=======\n{line}\n")


def test_an_answer_beyond_the_limit_is_refused() -> None:
    with pytest.raises(Unreadable):
        read("FILE: a.py\n" + " " * READ_CHARACTERS)


# What a change may not be


@pytest.mark.parametrize(
    ("path", "targets", "is_forbidden"),
    [
        ("tests/test_a.py", (), True),
        ("pkg/tests/data.json", (), True),
        ("pkg/a_test.py", (), True),
        ("polls/tests.py", (), True),
        ("django/test/client.py", ("tests/runner/test_client.py",), False),
        ("test/support.py", ("test/test_os.py",), True),
        ("testing/deep/helper.py", ("testing/test_a.py",), True),
        ("sympy/testing/runtests.py", ("sympy/core/check_all.py",), False),
        ("src/_pytest/nodes.py", ("testing/test_nodes.py",), False),
        ("checks/all.py", ("checks/all.py",), True),
        ("pkg/contest.py", (), False),
        ("pkg/latest_news.py", (), False),
        ("pkg/CONFTEST.PY", (), True),
        ("tox.ini", (), True),
        ("usercustomize.py", (), True),
        ("sitecustomize/__init__.py", (), True),
        ("pkg/UserCustomize/more.py", (), True),
        ("sitecustomize.abi3.so", (), True),
        ("pkg/customize.py", (), False),
        ("a.pth", (), True),
        ("pkg/a.pth/b", (), False),
    ],
)
def test_tests_and_what_configures_them_stay(path: str, targets: tuple[str, ...], is_forbidden: bool) -> None:  # noqa: FBT001  the table
    assert bool(objections.forbidden(path, "a = 1\n", "a = 2\n", targets)) is is_forbidden


@pytest.mark.parametrize(
    ("path", "files", "is_forbidden"),
    [
        ("pytest.py", [], True),
        ("src/pytest.py", [], True),
        ("iniconfig.py", ["src/shop.py"], True),
        ("src/pygments/__init__.py", ["docs/pygments/page.md"], True),
        ("argparse.py", ["shop/argparse.py"], True),
        ("unittest/case.py", [], True),
        ("src/packaging/ranges.py", ["src/packaging/version.py"], False),
        ("queue/late.py", ["queue/__init__.py"], False),
        ("shop/queue.py", [], False),
        ("test/support.py", [], False),
        ("platform/readme.md", [], False),
    ],
)
def test_no_new_module_stands_in_for_what_the_runner_needs(path: str, files: list[str], is_forbidden: bool) -> None:  # noqa: FBT001  the table
    assert bool(objections.forbidden(path, None, "a = 1\n", (), files)) is is_forbidden
    assert not objections.forbidden(path, "a = 1\n", "a = 2\n", (), [*files, path])


@pytest.mark.parametrize("name", ["setup.cfg", "pyproject.toml"])
def test_settings_that_cannot_be_read_any_more_are_forbidden(name: str) -> None:
    assert objections.forbidden(name, FILES[name], FILES[name] + "[[[")


def test_a_file_that_was_no_python_before_may_stay_so() -> None:
    """The target's Python may be another one; the daemon's only speaks where it could read the file before."""
    landed = landing("FILE: a.py\nORIGINAL:\nx = 1\nREPLACEMENT:\nx = 2\n", {"a.py": "print 'old'\nx = 1\n"})
    assert landed == {"a.py": "print 'old'\nx = 2\n"}


def test_an_odd_escape_is_no_syntax_error() -> None:
    assert objections.syntax_error('x = "\\d"\n') == ""
    assert "line 1" in objections.syntax_error("x = (\n")
    assert objections.syntax_error("x = \0\n")


@pytest.mark.parametrize("place", range(8))
def test_a_parse_that_another_one_disturbs_is_done_again(place: int) -> None:
    """Garbage collection lets others run in the middle of a parse; one that is deeper confuses some interpreters."""
    seen: list[str] = []

    def disturb(phase: str, _: dict[str, int]) -> None:
        seen.append(phase)
        if len(seen) == 2 * place + 1:
            ast.parse("x")

    source = "x = [1, (2, 3)]\n" * 50
    expected, usual = ast.dump(ast.parse(source)), gc.get_threshold()
    gc.callbacks.append(disturb)
    gc.set_threshold(50)
    try:
        made = objections.parsed(source)
    finally:
        gc.set_threshold(*usual)
        gc.callbacks.remove(disturb)
    assert ast.dump(made) == expected
    if sys.version_info < (3, 12):  # later ones collect garbage between two steps of a program only
        assert len(seen) > 2 * place


def test_a_refusal_shows_the_nearest_lines_with_their_numbers() -> None:
    answer = "FILE: shop/calendar.py\nORIGINAL:\n    while day < finish:\nREPLACEMENT:\n    while day <= finish:\n"
    with pytest.raises(Refused) as refused:
        land(read(answer), FILES)
    assert re.search(r"Did you mean.*\n(?:.*\n)*19\|     while day < end:", str(refused.value))


def test_every_refused_edit_is_told() -> None:
    answer = "FILE: a.py\nORIGINAL:\nz\nREPLACEMENT:\ny\n\nFILE: b.py\nORIGINAL:\nz\nREPLACEMENT:\ny\n"
    with pytest.raises(Refused) as refused:
        land(read(answer), {"a.py": "x\n"})
    assert [refusal.path for refusal in refused.value.refusals] == ["b.py", "a.py"]


@pytest.mark.parametrize(("lines", "is_landing"), [("", False), ("LINES: 90\n", False), ("LINES: 4\n", True)])
def test_indentation_alone_tells_no_places_apart(lines: str, is_landing: bool) -> None:  # noqa: FBT001  the table
    """Models lose indentation: a line that stands elsewhere with another one is meant only where LINES says so."""
    files = {"a.py": "def f(a):\n    if a:\n        return 1\n    return 1\n"}
    answer = f"FILE: a.py\n{lines}ORIGINAL:\n    return 1\nREPLACEMENT:\n    return 2\n"
    assert bool(landing(answer, files)) is is_landing


def test_lines_may_be_like_those_of_the_next_function() -> None:
    """An edit that ends where ORIGINAL ends repeats nothing, however alike the neighbour is."""
    neighbour = "def b():\n    if many:\n        # all at once\n        return fields(many=True)\n"
    before = f"def a():\n    return fields()\n\n{neighbour}"
    body = "    if many:\n        # all at once\n        return fields(many=True)\n    return fields()\n\ndef b():\n"
    edit = Edit("a.py", f"def a():\n{body}", "def a():\n    return fields()\n\ndef b():\n", (1, 4))
    assert land([edit], {"a.py": before}) == {"a.py": before.replace("    return fields()\n\ndef b():\n", body, 1)}


# What is clear lands


def mended(before: str, answer: str, path: str = "a.py") -> str | None:
    return landed(answer, {path: before}, [])[path]


@pytest.mark.parametrize(
    "comment",
    [
        "# body is bytes here, not str",
        "# lines are 1-based",
        "# content is optional",
        "# original file wins",
        "# unchanged values are skipped",
        "# no change needed for ints",
    ],
)
def test_a_comment_about_code_stands_for_no_code(comment: str) -> None:
    answer = f"FILE: a.py\nLINES: 1\nORIGINAL:\na = 1\nREPLACEMENT:\n{comment}\na = 2\n"
    assert mended("a = 1\n", answer) == f"{comment}\na = 2\n"


@pytest.mark.parametrize(
    "comment",
    [
        "# the rest of the code",
        "# ... existing code ...",
        "# existing code here",
        "# other methods remain unchanged",
        "# everything else is the same",
        "# rest stays as is",
        "# code unchanged",
        "# unchanged",
        "# no changes here",
        "# keep existing imports",
        "# previous methods and imports",
    ],
)
def test_a_comment_in_place_of_code_is_refused(comment: str) -> None:
    answer = f"FILE: a.py\nLINES: 1\nORIGINAL:\na = 1\nREPLACEMENT:\n{comment}\na = 2\n"
    with pytest.raises(Refused):
        mended("a = 1\n", answer)


def test_a_file_that_speaks_of_thinking_can_be_edited() -> None:
    before = 'end = text.rpartition("</think>")[0]\n'
    answer = f"FILE: a.py\nLINES: 1\nORIGINAL:\n{before}REPLACEMENT:\n{before.replace('0', '2')}"
    for thoughts in ("", "<think>\nhm, FILE: a.py\n</think>\n", "hm\n</think>\n"):
        assert mended(before, thoughts + answer) == before.replace("0", "2")


@pytest.mark.parametrize("indent", [2, 3, 4, 11])
def test_a_diff_keeps_the_indentation_that_it_says(indent: int) -> None:
    blank = " " * indent
    before = f"x:\n{blank}a: 1\n{blank}b: 2\n"
    answer = f"--- a/a.yml\n+++ b/a.yml\n@@ -1,3 +1,4 @@\n x:\n {blank}a: 1\n+{blank}new: 3\n {blank}b: 2\n"
    assert mended(before, answer, "a.yml") == before.replace("b:", f"new: 3\n{blank}b:")


@pytest.mark.parametrize("field", ["file", "replacement"])
def test_half_a_character_is_refused(field: str) -> None:
    edit = {"file": "a.txt", "original": "a", "replacement": "b", field: "\ud800"}
    with pytest.raises(Unreadable, match="surrogate"):
        landed(json.dumps(edit), {"a.txt": "a\n"}, [])


def test_a_name_that_no_disk_takes_is_refused() -> None:
    with pytest.raises(Refused, match="no path"):
        landed(f"FILE: {'x' * 256}.py\nLINES: all\nREPLACEMENT:\na = 1\n", {}, [])
