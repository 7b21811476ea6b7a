"""Reports, logs and ids as they come out of a sandbox: what holds together is read, what does not is a problem."""

import hashlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.text import runner_logs
from daemon.text.outcomes import EXIT_STATUS, Ended, Outcome, Outcomes, read_junit, read_report, read_status
from daemon.text.runner_logs import read_log
from daemon.text.wanted import Reported

SECRET = b"known to the gate alone"
NONCE = hashlib.sha256(b"nonce" + SECRET).hexdigest()[:16]
OK, FAILED = Ended(0), Ended(1)
Lines = list[dict[str, object]]


def sealed(lines: Lines, secret: bytes = SECRET) -> bytes:
    """The lines, sealed by the rule as it is written down, not by the code that writes them."""
    state, out = hashlib.sha256(secret).digest(), b""
    for line in lines:
        body = json.dumps(line, ensure_ascii=False).encode(errors="surrogateescape")
        seal = hashlib.sha256(state + body).hexdigest()[:32]
        state = hashlib.sha256(b"next" + state + body).digest()
        out += body[:-1] + f', "seal": "{seal}"}}\n'.encode()
    return out


def header(**more: object) -> dict[str, object]:
    return {
        "kind": "header",
        "version": 1,
        "runner": "pytest",
        "python": "3.11",
        "nonce": NONCE,
        "own": ["shop"],
        **more,
    }


def result(name: str, status: str = "passed") -> Lines:
    return [{"kind": "start", "id": name}, {"kind": "test", "id": name, "status": status}]


def collected(*names: str) -> dict[str, object]:
    return {"kind": "collected", "ids": list(names), "rootdir": "/r"}


END: dict[str, object] = {"kind": "footer", "status": 0}
GOOD: Lines = [header(), collected("a", "b"), *result("a"), *result("b"), END]


def test_a_report_that_holds_together_has_no_problems() -> None:
    outcomes = read_report(sealed(GOOD), SECRET, OK)
    assert outcomes.problems == []
    assert outcomes.is_complete
    assert {name: outcome.status for name, outcome in outcomes.tests.items()} == {"a": "passed", "b": "passed"}


def without(index: int) -> Lines:
    return GOOD[:index] + GOOD[index + 1 :]


@pytest.mark.parametrize(
    ("lines", "ended", "problem"),
    [
        (without(0), OK, "no header"),
        ([header(), *GOOD], OK, "two headers"),
        ([header(nonce="0"), *GOOD[1:]], OK, "another session"),
        ([header(version=2), *GOOD[1:]], OK, "version 2"),
        ([header(optimize=1), *GOOD[1:]], OK, "-O"),
        (without(1), OK, "nothing was collected"),
        (without(1), OK, "not collected: a"),
        ([header(), *result("a"), collected("a"), END], OK, "not collected: a"),
        ([header(), collected("a"), collected("a"), *result("a"), END], OK, "collected twice"),
        ([*GOOD[:-1], *result("c"), END], OK, "not collected: c"),
        (without(2), OK, "did not begin: a"),
        ([header(), collected("a", "b"), *result("a"), END], OK, "no result: b"),
        (without(6), OK, "no end"),
        ([*GOOD, END], OK, "goes on after its end"),
        (GOOD, FAILED, "status 0, but the process with 1"),
        ([header(), collected("a"), *result("a", "failed"), END], OK, "exit status 0 though something failed"),
        ([*GOOD[:-1], {"kind": "footer", "status": 1}], FAILED, "exit status 1 though nothing failed"),
        ([*GOOD[:-1], {"kind": "broke", "cause": {"type": "E"}}, END], OK, "the test runner broke"),
        ([header(), {"kind": "other"}, *GOOD[1:]], OK, "line 2"),
        ([], OK, "there is no report"),
    ],
)
def test_what_does_not_hold_together_is_a_problem(lines: Lines, ended: Ended, problem: str) -> None:
    problems = read_report(sealed(lines), SECRET, ended).problems
    assert any(problem in each for each in problems), problems


def test_of_two_results_under_one_id_the_failure_counts() -> None:
    lines = [header(), collected("a"), *result("a", "failed"), *result("a"), {"kind": "footer", "status": 1}]
    assert read_report(sealed(lines), SECRET, FAILED).tests["a"].status == "failed"


FORGERS: dict[str, Callable[[bytes], bytes]] = {
    "another secret": lambda _: sealed(GOOD, b"guessed"),
    "a line added": lambda data: data + json.dumps(END).encode() + b"\n",
    "a line removed": lambda data: b"".join(data.splitlines(keepends=True)[:3] + data.splitlines(keepends=True)[4:]),
    "a word changed": lambda data: data.replace(b'"b", "status": "passed"', b'"b", "status": "xpassed"'),
    "two lines swapped": lambda data: b"".join(
        data.splitlines(keepends=True)[:2] + data.splitlines(keepends=True)[4:6] + data.splitlines(keepends=True)[2:4]
    ),
    "torn": lambda data: data[:-5],
    "noise": lambda data: b"\x00\xff\n" + data,
    "no text under a good seal": lambda _: sealed([header(), collected("\udcff"), END]),
    "deep noise": lambda data: b"[" * 100_000 + b"\n" + data,
}


@pytest.mark.parametrize("name", FORGERS)
def test_a_report_that_was_touched_is_known(name: str) -> None:
    assert read_report(FORGERS[name](sealed(GOOD)), SECRET, OK).problems


@given(data=st.binary(max_size=300))
def test_any_bytes_are_read(data: bytes) -> None:
    assert read_report(data, SECRET, OK).problems
    for style in runner_logs.STYLES:
        read_log(data.decode(errors="replace"), style, OK)
    read_junit(data, OK)


@given(where=st.integers(0, len(sealed(GOOD)) - 1), what=st.integers(1, 255))
def test_no_changed_byte_is_missed(where: int, what: int) -> None:
    data = bytearray(sealed(GOOD))
    data[where] ^= what
    assert read_report(bytes(data), SECRET, OK).problems


# Other programs' words


def statuses(outcomes: Outcomes) -> dict[str, str]:
    return {name: outcome.status for name, outcome in outcomes.tests.items()}


PYTEST_LOG = """\
collected 4 items
tests/test_a.py .F.
PASSED tests/test_a.py::test_x[a b]
SKIPPED [1] tests/test_a.py:9: later
XFAIL tests/test_a.py::test_z
FAILED tests/test_a.py::test_y - AssertionError: no
ERROR tests/test_b.py - ImportError: nothere
"""
DJANGO_LOG = """\
test_one (a.tests.ATests) ... ok
test_two (a.tests.ATests)
The second one does what it says. ... ok
test_three (a.tests.ATests) ... FAIL
test_four (a.tests.ATests) ... skipped 'not here'
test_four_b (a.tests.ATests) ... skipped "isn't here"
test_five (a.tests.ATests) ... expected failure
test_six (a.tests.ATests) ... Testing against Django installed in '/x'
System check identified no issues (0 silenced).
ok
test_seven (a.tests.ATests) ... test_eight (a.tests.ATests) ... ok

======================================================================
FAIL: test_seven (a.tests.ATests) (n=1)
----------------------------------------------------------------------
"""
SYMPY_LOG = """\
sympy/printing/tests/test_latex.py[3]
test_latex ok
test_broken F
test_later f
______ sympy/printing/tests/test_latex.py:test_broken ______
"""


@pytest.mark.parametrize(
    ("style", "log", "expected"),
    [
        (
            "pytest",
            PYTEST_LOG,
            {"tests/test_a.py::test_x[a": "passed", "tests/test_a.py::test_z": "xfailed",
             "tests/test_a.py::test_y": "failed", "tests/test_b.py": "error"},
        ),
        (
            "pytest_v2",
            PYTEST_LOG + "\x1b[32mPASSED\x1b[0m tests/test_c.py::test_c\ntests/test_d.py::test_d PASSED\n",
            {"tests/test_a.py::test_x[a b]": "passed", "tests/test_a.py::test_z": "xfailed",
             "tests/test_a.py::test_y": "failed", "tests/test_b.py - ImportError: nothere": "error",
             "tests/test_c.py::test_c": "passed", "tests/test_d.py::test_d": "passed"},
        ),
        ("pytest_options", "PASSED t.py::t[/home/x/file.txt]\nPASSED t.py::u[//host]\n",
         {"t.py::t[/file.txt]": "passed", "t.py::u[//host]": "passed"}),
        ("seaborn", "tests/a.py::b PASSED [ 1%]\nFAILED tests/a.py::c - no\n",
         {"tests/a.py::b": "passed", "tests/a.py::c": "failed"}),
        ("matplotlib", "PASSED a.py::t[MouseButton.LEFT]\n", {"a.py::t[1]": "passed"}),
        (
            "django",
            DJANGO_LOG,
            {"test_one (a.tests.ATests)": "passed", "The second one does what it says.": "passed",
             "test_two (a.tests.ATests)": "passed", "test_three (a.tests.ATests)": "failed",
             "test_four (a.tests.ATests)": "skipped", "test_four_b (a.tests.ATests)": "skipped",
             "test_five (a.tests.ATests)": "xfailed",
             "test_six (a.tests.ATests)": "passed", "test_eight (a.tests.ATests)": "passed",
             "test_seven (a.tests.ATests)": "failed"},
        ),
        ("sympy", SYMPY_LOG,
         {"test_latex": "passed", "test_broken": "failed", "test_later": "xfailed",
          "sympy/printing/tests/test_latex.py:test_broken": "failed"}),
    ],
)  # fmt: skip
def test_each_style_of_log(style: str, log: str, expected: dict[str, str]) -> None:
    assert statuses(read_log(log, style, FAILED)) == expected


def test_a_failure_of_django_tells_its_traceback() -> None:
    """Under both of its names, and as far as the next failure."""
    rule, line = "=" * 70, "-" * 70
    words = "Traceback (most recent call last):\n  x\nAssertionError: 1 != 2"
    log = (
        "test_a (a.ATests)\nIt adds. ... FAIL\ntest_b (a.ATests) ... ERROR\n\n"
        f"{rule}\nFAIL: test_a (a.ATests)\nIt adds.\n{line}\n{words}\n\n"
        f"{rule}\nERROR: test_b (a.ATests)\n{line}\nKeyError: 3\n\n{line}\nRan 2 tests in 0.1s\n"
    )
    details = {name: outcome.detail for name, outcome in read_log(log, "django", FAILED).tests.items()}
    assert details == {"test_a (a.ATests)": words, "It adds.": words, "test_b (a.ATests)": "KeyError: 3"}


def test_only_what_stands_between_the_markers_counts() -> None:
    log = f"PASSED a\n{runner_logs.START}\nFAILED b\n{runner_logs.END}\nPASSED c\n>>>>> Test Exit Code: 1\n"
    outcomes = read_log(log, "pytest", OK)
    assert (statuses(outcomes), outcomes.problems) == ({"b": "failed"}, [])


@pytest.mark.parametrize(
    ("log", "ended", "problem"),
    [
        ("nothing here", OK, "no test was reported"),
        ("PASSED a\n", FAILED, "exit status 1 though nothing failed"),
        ("FAILED a\n", OK, "exit status 0 though something failed"),
        (f"{runner_logs.START}\nPASSED a\n", OK, "ends before the tests do"),
        (f"{runner_logs.START}\nPASSED a\n{runner_logs.END}\n>>>>> Test Exit Code: 3", OK, "exit status 3"),
        (">>>>> Tests Timed Out\nPASSED a\n", OK, "Timed Out"),
    ],
)
def test_a_log_that_cannot_be_true(log: str, ended: Ended, problem: str) -> None:
    problems = read_log(log, "pytest", ended).problems
    assert any(problem in each for each in problems), problems


def test_a_printed_pass_does_not_cover_a_failure() -> None:
    assert statuses(read_log("FAILED a\nPASSED a\n", "pytest", FAILED)) == {"a": "failed"}


JUNIT = b"""<?xml version="1.0"?><testsuites><testsuite>
<testcase classname="tests.test_a.TestA" name="test_x[1]" file="tests/test_a.py" time="0.5"/>
<testcase classname="tests.test_a" name="test_y"><failure message="AssertionError: no">long</failure></testcase>
<testcase classname="tests.test_a" name="test_z"><skipped type="pytest.xfail" message="so"/></testcase>
<testcase classname="tests.test_a" name="test_w"><error message="boom"/></testcase>
</testsuite></testsuites>"""


def test_junit_xml() -> None:
    outcomes = read_junit(JUNIT, FAILED)
    assert statuses(outcomes) == {
        "tests/test_a.py::TestA::test_x[1]": "passed",
        "tests.test_a::test_y": "failed",
        "tests.test_a::test_z": "xfailed",
        "tests.test_a::test_w": "error",
    }
    assert outcomes.problems == []
    assert outcomes.tests["tests.test_a::test_y"].message == "AssertionError: no"
    assert Reported(outcomes).find("tests/test_a.py::test_y") == ["tests.test_a::test_y"]


@pytest.mark.parametrize("data", [b"", b"<a", b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', b"<a/>"])
def test_xml_that_is_no_report(data: bytes) -> None:
    assert read_junit(data, OK).problems


def test_the_last_resort_is_the_exit_status() -> None:
    assert statuses(read_status(OK)) == {EXIT_STATUS: "passed"}
    assert statuses(read_status(FAILED)) == {EXIT_STATUS: "failed"}
    assert statuses(read_status(Ended(None, timed_out=True))) == {EXIT_STATUS: "failed"}


# Ids

KNOWN = [
    "tests/test_a.py::test_x",
    "tests/test_a.py::test_p[1]",
    "tests/test_a.py::test_p[2]",
    "tests/test_a.py::TestC::test_m",
    "tests/test_a.py::test_date[7-<FakeDate object at 0x7fc2fa4f2d90>]",
    "tests/test_a.py::test_two[<Fake object at 0x7fc2fa4f2d90>]",
    "tests/test_a.py::test_two[<Fake object at 0x7fc2fa4f2d91>]",
    "tests/test_a.py::test_cut[multiple words]",
    "tests/test_a.py::test_cut[multiple others]",
    "tests/test_a.py::test_file[/elsewhere/x/file.txt]",
    "tests/test_a.py::test_\u00fc[a b]",
    "tests/test_b.py::test_x",
    "test_d (pkg.tests.DTests)",
]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("tests/test_a.py::test_x", [0]),
        ("tests/test_a.py::test_p", [1, 2]),
        ("tests/test_a.py::TestC", [3]),
        ("tests/test_b.py", [11]),
        ("tests", list(range(12))),
        ("tests/test_a.py::test_date[7-<FakeDate object at 0x7f0000000000>]", [4]),
        ("tests/test_a.py::test_two[<Fake object at 0x7f0000000000>]", [5, 6]),
        ("tests/test_a.py::test_cut[multiple", [7, 8]),
        ("tests/test_a.py::test_file[/here/file.txt]", [9]),
        ("tests/test_a.py::test_\u00fc[a", [10]),
        ("tests.test_a.TestC.test_m", [3]),
        ("test_m", [3]),
        ("test_x", []),  # there are two
        ("repository/tests/test_b.py::test_x", [11]),
        ("test_d (pkg.tests.DTests)", [12]),
        ("test_d (pkg.tests.DTests.test_d)", [12]),
        ("It says what it does.", [12]),
        ("tests/test_c.py::test_x", []),
    ],
)
def test_wanted_ids(wanted: str, found: list[int]) -> None:
    outcomes = Outcomes(
        "", OK, {name: Outcome("passed") for name in KNOWN}, labels={"It says what it does.": KNOWN[12:]}
    )
    assert Reported(outcomes).find(wanted) == [KNOWN[index] for index in found]
