"""What test runners print → outcomes, in the styles that SWE-bench's instances are judged by.

A log can be forged by any test that prints, so this is for commands that leave nothing better; the exit status is
cross-checked. The reading follows SWE-bench's to the letter where its lists of tests depend on it (ids that end at the
first space, Django's docstring lines), and nowhere else.
"""

import re
from collections.abc import Callable, Iterator

from daemon.text.outcomes import DETAIL_CHARACTERS, Ended, Outcome, Outcomes, Status, told, worse

START, END = ">>>>> Start Test Output", ">>>>> End Test Output"
BROKEN = (">>>>> Patch Apply Failed", ">>>>> Reset Failed", ">>>>> Tests Errored", ">>>>> Tests Timed Out")
LINE_CHARACTERS = 4000  # of a longer line, its end: the patterns below may look at it twice
RULE = 70  # characters of a line between failures
_EXIT_CODE = re.compile(r">>>>> Test Exit Code:\s*(-?\d+)")
_STATUS: dict[str, Status] = {
    "PASSED": "passed",
    "FAILED": "failed",
    "ERROR": "error",
    "SKIPPED": "skipped",
    "XFAIL": "xfailed",
    "XPASS": "xpassed",
}
_COUNT = re.compile(r"\[\d+\]")  # `SKIPPED [1] file:line: why` names no test
_CONTROL = dict.fromkeys(range(1, 32))
_COLOUR = re.compile(r"\x1b?\[\d+(?:;\d+)*m")
_OPTION = re.compile(r"(.*?)\[(.*)\]")

Found = Iterator[tuple[str, Status]]


def read_log(log: str, style: str, ended: Ended) -> Outcomes:
    """The outcomes that a log tells, between SWE-bench's markers where it has them."""
    _, marked, rest = log.partition(START)
    inside, ends, after = rest.rpartition(END)
    code = _EXIT_CODE.search(after)
    status = (int(code[1]) if code else None) if marked else ended.status  # the script around them ends in its own way
    tests: dict[str, Outcome] = {}
    details = _tracebacks(log) if style == "django" else {}
    for name, each in STYLES[style](inside if ends else log):
        detail = details.get(name, "") if each in ("failed", "error") else ""
        tests[name] = worse(tests.get(name), Outcome(each, detail=detail, marked=each == "xfailed"))
    outcomes = told(f"log:{style}", tests, ended, status)
    outcomes.problems.extend(f"the log says {mark!r}" for mark in BROKEN if mark in log)
    if marked and not ends:
        outcomes.problems.append("the log ends before the tests do")
    return outcomes


def _lines(log: str) -> list[str]:
    return [line[-LINE_CHARACTERS:] if len(line) > LINE_CHARACTERS else line for line in log.split("\n")]


def _pytest(log: str) -> Found:
    """`PASSED tests/test_x.py::test_y`, as `pytest -rA` ends; the id ends at its first space."""
    for line in _lines(log):
        words = line.replace(" - ", " ").split() if line.startswith("FAILED") else line.split()
        if len(words) > 1 and words[0] in _STATUS and not _is_count(words):
            yield words[1], _STATUS[words[0]]


def _pytest_options(log: str) -> Found:
    """The same, where a parameter that is a path keeps only its last part."""
    for name, status in _pytest(log):
        option = _OPTION.search(name)
        if option and option[2].startswith("/") and not option[2].startswith("//") and "*" not in option[2]:
            yield f"{option[1]}[/{option[2].rpartition('/')[2]}]", status
        else:
            yield name, status


def _pytest_v2(log: str) -> Found:
    """Whole ids, spaces included; the status before or, with old versions and -v, after them."""
    for line in _lines(log):
        bare = _COLOUR.sub("", line).translate(_CONTROL)
        if bare.startswith("FAILED"):
            bare = bare.split(" - ", 1)[0]
        words = bare.split()
        if len(words) > 1 and words[0] in _STATUS and not _is_count(words):
            yield " ".join(words[1:]), _STATUS[words[0]]
        elif len(words) > 1 and words[-1] in _STATUS:
            yield " ".join(words[:-1]), _STATUS[words[-1]]


def _seaborn(log: str) -> Found:
    for line in _lines(log):
        words = line.split()
        if len(words) > 1 and words[0] in ("PASSED", "FAILED"):
            yield words[1], _STATUS[words[0]]
        elif len(words) > 1 and words[1] in ("PASSED", "FAILED"):
            yield words[0], _STATUS[words[1]]


def _matplotlib(log: str) -> Found:
    return _pytest(log.replace("MouseButton.LEFT", "1").replace("MouseButton.RIGHT", "3"))


_FAILED_IN_SYMPY = re.compile(r"_+ (\S.*\.py:\S+) _+$")
_SYMPY: dict[str, Status] = {
    "ok": "passed", "F": "failed", "E": "error", "f": "xfailed", "X": "xpassed", "s": "skipped",
}  # fmt: skip


def _sympy(log: str) -> Found:
    """`test_latex ok` of bin/test -v, and the headings of its failures, `____ a/test_b.py:test_c ____`."""
    for line in _lines(log):
        if heading := _FAILED_IN_SYMPY.match(line):
            yield heading[1], "failed"
        words = line.split()
        if len(words) > 1 and words[0].startswith("test_") and words[-1] in _SYMPY:
            yield words[0], _SYMPY[words[-1]]


_DJANGO_END = re.compile(r"^(.*?) \.\.\.\s+(ok|OK|FAIL|ERROR|skipped.*|expected failure|unexpected success)$")
_DJANGO: dict[str, Status] = {
    "ok": "passed", "OK": "passed", "FAIL": "failed", "ERROR": "error",
    "expected failure": "xfailed", "unexpected success": "failed",
}  # fmt: skip
_DJANGO_HEADING = re.compile(r"^(FAIL|ERROR): (.+)$")
_DJANGO_ID = re.compile(r"(\w+) \(([\w.]+)\)(?: .*)?")


def _django(log: str) -> Found:
    """The lines of unittest and Django. A test with a docstring prints its name and then, on the next line, the
    docstring's first one, ` ... ok` after it: both name it, and SWE-bench's lists know it by the docstring alone.
    """
    pending, before = "", ""  # the test whose end is awaited; the line before
    for raw in _lines(log):
        line = raw.strip()
        if line.startswith("Applying sites.0002_alter_domain_unique...test_no_migrations"):
            line = line.split("...", 1)[1].strip()
        if ended := _DJANGO_END.match(line):
            status = "skipped" if ended[2].startswith("skipped") else _DJANGO[ended[2]]
            yield from _named(ended[1].rpartition(" ... ")[2], before, status)
            pending = ""
        elif " ... " in line or line.endswith(" ..."):
            pending = line.partition(" ...")[0]  # something is printed between its name and its end
        elif pending and re.match(r"ok\b", line):
            yield pending, "passed"
            pending = ""
        elif pending and (word := _last_word(line)):
            yield pending, _DJANGO[word]
            pending = ""
        elif heading := _DJANGO_HEADING.match(line):
            found = _DJANGO_ID.match(heading[2])
            yield (f"{found[1]} ({found[2]})" if found else heading[2]), _DJANGO[heading[1]]
        elif "--version is equivalent to version" in line:
            yield "--version is equivalent to version", "passed"
        before = line


def _tracebacks(log: str) -> dict[str, str]:
    """What unittest prints at the end of each failure, for each of its names: without it nobody knows what failed."""
    found: dict[str, str] = {}
    for block in log.split(f"\n{'=' * RULE}\n")[1:]:
        heading, _, text = block.partition(f"\n{'-' * RULE}\n")
        text = text.partition(f"\n{'-' * RULE}\n")[0].strip("\n")[-DETAIL_CHARACTERS:]
        first, *described = heading.split("\n")
        if failed := _DJANGO_HEADING.match(first):
            known = _DJANGO_ID.match(failed[2])
            for name in [f"{known[1]} ({known[2]})" if known else failed[2], *described]:
                found.setdefault(name.strip(), text)
    return found


def _named(name: str, before: str, status: Status) -> Found:
    yield name, status
    if _DJANGO_ID.fullmatch(before) and not _DJANGO_ID.fullmatch(name):
        yield before, status


def _last_word(line: str) -> str:
    return next((word for word in ("FAIL", "ERROR") if line == word), "")


def _is_count(words: list[str]) -> bool:
    return words[0] == "SKIPPED" and bool(_COUNT.fullmatch(words[1]))


STYLES: dict[str, Callable[[str], Found]] = {
    "pytest": _pytest,
    "pytest_options": _pytest_options,
    "pytest_v2": _pytest_v2,
    "django": _django,
    "seaborn": _seaborn,
    "sympy": _sympy,
    "matplotlib": _matplotlib,
}
STYLE_OF = {
    "astropy/astropy": "pytest_v2",
    "django/django": "django",
    "matplotlib/matplotlib": "matplotlib",
    "mwaskom/seaborn": "seaborn",
    "psf/requests": "pytest_options",
    "pydicom/pydicom": "pytest_options",
    "pylint-dev/pylint": "pytest_options",
    "scikit-learn/scikit-learn": "pytest_v2",
    "sphinx-doc/sphinx": "pytest_v2",
    "sympy/sympy": "sympy",
}  # every other repository's: "pytest"
