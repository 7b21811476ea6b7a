"""What a change may not be, told in a sentence: a test, its configuration, nothing at all, broken Python.

Pure functions of a path and its text before and after. The target's own Python has the last word on syntax.
"""

import ast
import configparser
import re
import sys
import tomllib
import warnings
from collections.abc import Collection
from contextlib import suppress
from fnmatch import fnmatch

PYTHON = (".py", ".pyi", ".pyw")
_CONFIGURATION = ("conftest.py", "pytest.ini", ".pytest.ini", "tox.ini")
_TEST_NAMES = ("test_*.py", "*_test.py", "tests.py")
_TEST_FOLDERS = ("test", "tests", "testing")
# Some interpreters, 3.11 among them, count the depth of the trees that they make in one place for all threads, so that
# a parse which another one disturbs ends in a SystemError. It is asked for again.
_DISTURBED_AT_MOST = 20
_STARTING = ("sitecustomize", "usercustomize")
_RUNNERS = {"pytest", "_pytest", "pluggy", "iniconfig", "packaging", "pygments", "exceptiongroup", "tomli"}
_NEEDED = (sys.stdlib_module_names | _RUNNERS) - {"test"}


def forbidden(
    path: str,
    before: str | None,
    after: str | None,
    targets: Collection[str] = (),
    files: Collection[str] = (),
) -> str:
    """Why this file may not be changed, or "". `targets`: the files of the tests that are to be fixed; `files`: all.

    A folder `tests` holds tests; `test` and `testing` do only where a target stands in them, for some products are
    about testing.
    """
    parts = path.split("/")
    name = parts[-1].lower()
    stay = "The tests say what is right: leave them as they are, and mend the code that they test."
    if name in _CONFIGURATION or runs_first(path):
        return f"{path} configures how the tests run and may not be changed. {stay}"
    if path in targets or any(fnmatch(name, pattern) for pattern in _TEST_NAMES) or "tests" in parts[:-1]:
        return f"{path} is a test and may not be changed. {stay}"
    if any(_shared(parts, target.split("/")) for target in targets):
        return f"{path} belongs to the tests and may not be changed. {stay}"
    if name in ("setup.cfg", "pyproject.toml") and _pytest_section(name, before) != _pytest_section(name, after):
        return f"The edit changes the pytest settings in {path}. {stay}"
    needed = stands_in_for(path) if before is None else ""
    if needed and not any(stands_in_for(other) == needed for other in files):  # a project may be of such a name
        return f"{path} would stand in for {needed}, which the test runner needs. {stay}"
    return ""


def runs_first(path: str) -> bool:
    """Whether Python might run this file before the program that it was asked for, and so before the tests' runner."""
    parts = path.lower().split("/")
    return parts[-1].endswith(".pth") or any(part.partition(".")[0] in _STARTING for part in parts)


def stands_in_for(path: str) -> str:
    """The module of Python or of its test runner that this file would hide, or ""."""
    name = path.removeprefix("src/").partition("/")[0].removesuffix(".py")
    return name if name in _NEEDED and path.endswith(".py") else ""


def _shared(parts: list[str], target: list[str]) -> bool:
    """Whether both stand in the same folder of tests."""
    shared = next((at for at, (one, other) in enumerate(zip(parts, target, strict=False)) if one != other), len(parts))
    return any(part in _TEST_FOLDERS for part in parts[: min(shared, len(parts) - 1, len(target) - 1)])


def _pytest_section(name: str, text: str | None) -> object:
    """What the file tells pytest; its whole text where it cannot be read."""
    try:
        if name == "pyproject.toml":
            tools = tomllib.loads(text or "").get("tool", {})
            return {key: value for key, value in tools.items() if key.startswith("pytest")}
        parser = configparser.RawConfigParser(strict=False)
        parser.read_string(text or "")
        return {key: dict(parser[key]) for key in parser.sections() if key in ("tool:pytest", "pytest")}
    except (tomllib.TOMLDecodeError, configparser.Error, AttributeError, RecursionError):
        return text


def parsed(text: str) -> ast.Module:
    """The tree of a module, or what `ast.parse` raises."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an odd escape is no error
        for _ in range(_DISTURBED_AT_MOST):
            with suppress(SystemError):
                return ast.parse(text.removeprefix("\ufeff"))
        return ast.parse(text.removeprefix("\ufeff"))


def syntax_error(text: str) -> str:
    """What keeps this from being Python, with the line, or ""."""
    try:
        parsed(text)
    except SyntaxError as error:
        lines = re.split(r"\r\n|\r|\n", text)
        number = error.lineno or 0
        shown = f": `{lines[number - 1].strip()[:120]}`" if 0 < number <= len(lines) else ""
        return f"{error.msg} at line {number}{shown}"
    except (ValueError, RecursionError, MemoryError) as error:
        return f"it cannot be parsed ({str(error) or type(error).__name__})"
    return ""


def cosmetic(path: str, before: str, after: str) -> str:
    """Why the change changes nothing that runs, or ""."""
    if before == after:
        return f"The edits of {path} change nothing: REPLACEMENT is the same as what stands there. Change the code."
    if path.endswith(PYTHON) and meaning(before) == meaning(after) != "":
        return f"The edits of {path} change only comments, docstrings or white space. Change what the code does."
    return ""


def meaning(text: str) -> str:
    """The program without its docstrings and layout; "" where it is none."""
    try:
        tree = parsed(text)
        for node in ast.walk(tree):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body:
                first = node.body[0]
                if (
                    isinstance(first, ast.Expr)
                    and isinstance(first.value, ast.Constant)
                    and isinstance(first.value.value, str)
                ):
                    node.body = node.body[1:]
        return ast.dump(tree)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ""


# Lines that stand for others

ELISION_CHARACTERS = 300  # a longer line says more than that something is left out
_WHAT = r"(?:code|methods?|functions?|class|module|file|body|logic|implementation|imports?|lines|content)"
_AND_NO_MORE = r"[^\w]{0,40}$"
_SAME = r"(?:unchanged|the same|as (?:before|above|is|it was)|untouched|omitted|left out|here)\b"
_STAYS = rf"(?:(?:remains?|stays?|is|are|goes) {_SAME}|{_SAME}|(?:remains?|stays?){_AND_NO_MORE}|(?:and|above|below)\b)"
_ELIDED = re.compile(
    r"\s{0,80}(?:#|//|--|/\*|<!--|\[|\()\s{0,4}(?:"
    r"\.{3}|\u2026|"
    rf"(?:the )?(?:rest|remainder|remaining)(?: of)?(?: the| your| this)? (?:\w{{1,30}} )?{_WHAT}\b|"
    rf"(?:\w{{1,30}} )?(?:{_WHAT}|everything(?: else)?|rest) {_STAYS}|"
    rf"(?:keep |your |the )?(?:existing|previous|original|other|unchanged) {_WHAT}(?: {_STAYS}|{_AND_NO_MORE})|"
    rf"unchanged{_AND_NO_MORE}|same as (?:before|above|original)\b|no changes?(?: here| needed)?{_AND_NO_MORE})",
    re.IGNORECASE,
)
_DOTS = re.compile(r"\s{0,80}(?:\.{3,}|…)(?:\s*\(.{0,60}\))?\s*$")


def elision(new: list[str], old: Collection[str]) -> str:
    """The first new line that stands for others that were left out, or "". `old`: stripped lines of the file."""
    for at, line in enumerate(new):
        if line.strip() in old or len(line) > ELISION_CHARACTERS:
            continue
        if _ELIDED.match(line) or (_DOTS.match(line) and not _is_stub(new, at)):
            return line.strip()
    return ""


def _is_stub(lines: list[str], at: int) -> bool:
    """Whether these dots are a body: right below a colon, and alone in it."""
    above = next((line for line in reversed(lines[:at]) if line.strip()), "")
    below = next((line for line in lines[at + 1 :] if line.strip()), "")
    depth = len(lines[at]) - len(lines[at].lstrip())
    return above.rstrip().endswith((":", '"""')) and len(below) - len(below.lstrip()) < max(depth, 1)
