"""A model's plan of a project → files with their purpose, dependencies, how it is run and how it is tested.

Read tolerantly, for the plan is only a means: lines of fields as asked for, bullets, tables, a tree, JSON. What cannot
be filled in without guessing is `Unreadable`, in words that teach. Whether a text fits the plan is not said here.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from daemon.text import dependencies
from daemon.text.dialects import Unreadable, clean_path
from daemon.text.safe import unsafe

ANSWER_CHARACTERS = 200_000  # of a plan; a longer answer is no plan
PLANNED_FILES = 40  # what a small project needs at most, and what one answer can hold
WORDS_CHARACTERS = 300  # kept of a purpose or a command
TEST = "python -m pytest"

ASKED_FOR = "Write one line `FILE: path | purpose` for each file, then DEPENDENCIES:, RUN: and TEST:, each on one line."


class Planned(Struct, frozen=True):
    """A file and what it is for."""

    path: str
    purpose: str = ""


class Plan(Struct, frozen=True, kw_only=True):
    """What a project will consist of. `run` is the command a person starts it with."""

    files: list[Planned]
    dependencies: list[str] = []
    run: str = ""
    test: str = TEST


def read(answer: str, *, entry_point: str = "", trusted: Iterable[str] = (), is_cut_off: bool = False) -> Plan:
    """The plan in an answer. `entry_point` and `trusted` (requirements) are the drop's: a person's word goes first."""
    if is_cut_off or len(answer) > ANSWER_CHARACTERS:
        raise Unreadable(
            "cut_off", f"The plan was cut off before its end. Plan fewer files, in fewer words. {ASKED_FOR}"
        )
    text = answer.replace("\r\n", "\n").rpartition("</think>")[2]
    found = _read_json(text) or _read_lines(text)
    if not found.files:
        raise Unreadable("unclear", f"No file was found in the plan. {ASKED_FOR}")
    plan = _completed(found, entry_point)
    if troubles := list(_troubles(plan, list(trusted))):
        raise Unreadable("unclear", "\n".join([*troubles, ASKED_FOR]))
    return plan


def _completed(found: Plan, entry_point: str) -> Plan:
    """The plan with what goes without saying: a page that says how to run it, tests, and a command."""
    files = {file.path: file for file in found.files}
    if not any(re.fullmatch(r"(?i)readme(\.\w+)?", path) for path in files):
        files["README.md"] = Planned("README.md", "what it is, how to install, run and test it")
    if not any(is_test(path) for path in files):
        name = next((path.split("/")[0].removesuffix(".py") for path in files if path.endswith(".py")), "project")
        files[f"tests/test_{name}.py"] = Planned(f"tests/test_{name}.py", "tests of what the project promises")
    run = entry_point or found.run or next(_runnable(files), "")
    return Plan(files=list(files.values()), dependencies=found.dependencies, run=run, test=found.test or TEST)


def is_test(path: str) -> bool:
    """Whether this is a file of tests by its name."""
    return re.fullmatch(r"(?:.*/)?(?:test_\w+|\w+_test|tests)\.py", path) is not None


def _runnable(files: Iterable[str]) -> Iterator[str]:
    for path in files:
        if match := re.fullmatch(r"(?:src/)?(\w+)/__main__\.py", path):
            yield f"python -m {match[1]}"
    yield from (f"python {path}" for path in files if path in ("main.py", "app.py", "cli.py", "run.py"))


def _troubles(plan: Plan, trusted: list[str]) -> Iterator[str]:
    """Why this plan cannot be followed."""
    if len(plan.files) > PLANNED_FILES:
        yield f"The plan has {len(plan.files)} files: do with at most {PLANNED_FILES}."
    yield from (why for file in plan.files[:PLANNED_FILES] if (why := unsafe(file.path)))
    if not any(file.path.endswith(".py") and not is_test(file.path) for file in plan.files):
        yield "The plan has no Python file besides tests."
    if not plan.run:
        yield "The plan does not say how the project is started: write RUN: and a command, such as `python -m shop`."
    yield from (objection.message for objection in dependencies.wanting(plan.dependencies, trusted))


# Lines

_HEAD = re.compile(
    r"[ #>*_`-]{0,12}(?P<name>[A-Za-z][A-Za-z _-]{1,30}?)[*_` ]{0,4}(?::[*_`]{0,3}[ \t]*(?P<rest>.*)|(?P<title>))$"
)
_FIELDS = {
    "file": "file", "path": "file", "files": "files", "project structure": "files", "structure": "files",
    "file structure": "files", "purpose": "purpose", "description": "purpose",
    "dependencies": "dependencies", "dependency": "dependencies", "requirements": "dependencies",
    "third party dependencies": "dependencies", "external dependencies": "dependencies", "packages": "dependencies",
    "run": "run", "how to run": "run", "running": "run", "usage": "run", "entry point": "run", "start": "run",
    "test": "test", "tests": "test", "how to test": "test", "testing": "test", "run tests": "test",
}  # fmt: skip
_PATH = r"(?:[\w.@+-]{1,100}[/\\]){0,12}(?:[\w.@+-]{1,100}\.\w{1,10}|Dockerfile|LICENSE|Makefile|README)"
_ENTRY = re.compile(
    rf"\s{{0,12}}(?:[-*+|]|\d{{1,3}}[.)])?\s{{0,4}}[*_`\"']{{0,3}}(?P<path>{_PATH})[*_`\"']{{0,3}}\s{{0,60}}"
    r"(?:$|(?:\||:|-+|[\u2013\u2014]|=>|->|→|#|\()\s*(?P<purpose>.*))"
)
_BRANCH = re.compile(r"(?P<depth>[│| ]{0,80})[├└|`+] {0,2}[─-]{1,4} {0,2}(?P<rest>\S.*)$")
BRANCH_COLUMNS = 4  # a level of a tree is as wide, whoever draws it
_NONE = {"", "none", "no", "nothing", "n/a", "-", "[]", "(none)", "none needed", "standard library only", "stdlib only",
         "none (standard library only)", "python standard library", "standard library"}  # fmt: skip


class _Found(Struct):
    """A plan while its lines are read."""

    files: dict[str, str]
    dependencies: list[str]
    run: str = ""
    test: str = ""
    field: str = ""
    above: list[str] = []  # the folders of a tree that the line stands in

    def see(self, line: str) -> None:
        """Take a line in."""
        field, rest = _head(line)
        if field:
            self.field = field
            self.above = []
        if field == "file":
            path, _, purpose = re.split(r"(\||\s[-\u2013\u2014]\s|$)", rest, maxsplit=1)
            self.add(path, purpose)
        elif field == "purpose" and self.files:
            last = next(reversed(self.files))
            self.files[last] = self.files[last] or _words(rest)
        elif field in ("dependencies", "run", "test"):
            self._value(rest)
        elif not field and line.strip() and not line.strip().startswith("```"):
            self._below(line)

    def add(self, path: str, purpose: str) -> None:
        """A file; its first purpose stays."""
        path = clean_path(path).removeprefix("./")
        if path and not self.files.get(path):
            self.files[path] = _words(purpose)

    def _below(self, line: str) -> None:
        """A line below a title, or before any."""
        if self.field in ("dependencies", "run", "test"):
            self._value(line)
        elif branch := _BRANCH.match(line):
            depth = (len(branch["depth"]) + 1) // BRANCH_COLUMNS
            name, _, purpose = branch["rest"].partition("#")
            self.above = self.above[:depth]
            if name.strip().endswith("/"):
                self.above.append(name.strip().strip("/"))
            elif _ENTRY.match(name):
                self.add("/".join([*self.above, name.strip()]), purpose)
        elif match := _ENTRY.match(line):
            self.add(match["path"], match["purpose"] or "")

    def _value(self, rest: str) -> None:
        value = re.sub(r"^\s*(?:[-*+$>]|\d{1,3}[.)])\s+", "", rest).strip().strip("`*").strip()
        if self.field == "dependencies":
            self.dependencies += _requirements(value)
        elif self.field == "run" and not self.run and re.match(r"(?:python3?|\./|[\w.-]+)(?:\s|$)", value):
            self.run = _words(value)
        elif self.field == "test" and not self.test and re.search(r"pytest|unittest", value):
            self.test = _words(value)


def _read_lines(text: str) -> Plan:
    found = _Found({}, [])
    for line in text.split("\n"):
        found.see(line[:1000])
    files = [Planned(path, purpose) for path, purpose in found.files.items()]
    return Plan(files=files, dependencies=list(dict.fromkeys(found.dependencies)), run=found.run, test=found.test)


def _head(line: str) -> tuple[str, str]:
    """The field that a line opens, and what follows on it."""
    match = _HEAD.match(line)
    if match is None:
        return "", ""
    is_title = match["rest"] is None
    if is_title and not line.lstrip().startswith(("#", "**")):
        return "", ""
    return _FIELDS.get(re.sub(r"[_-]", " ", match["name"]).lower().strip(), ""), match["rest"] or ""


def _requirements(value: str) -> Iterator[str]:
    """The requirements that a line names; words behind a dash or in brackets are about them."""
    value = re.sub(r"\s+(?:[-\u2013\u2014:]|\()\s*[A-Za-z].*$", "", value[:1000])
    if value.lower().strip(" .") in _NONE or value.startswith("```"):
        return
    value = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    for part in re.split(r",(?![^\[]*\])\s*(?=[A-Za-z`-])", value):
        if bare := part.strip(" `*\"'."):
            yield bare


def _words(text: str) -> str:
    return " ".join(text.split()).strip("*`| )")[:WORDS_CHARACTERS]


# JSON


def _read_json(text: str) -> Plan | None:
    match = re.search(r"\{\s*\"", text)
    if match is None or text[: match.start()].count("\n") > 20:  # noqa: PLR2004  what a model says before its answer
        return None
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text[match.start() :])
    except (ValueError, RecursionError):
        return None
    known = {_FIELDS.get(key.lower().replace("_", " "), key): part for key, part in value.items()}
    found = _Found({}, [])
    for path, purpose in _listed(known.get("files") or known.get("file")):
        found.add(path, purpose)
    wanted = known.get("dependencies")
    named = wanted if isinstance(wanted, list) else [wanted] if isinstance(wanted, str) else []
    requirements = [one for part in named if isinstance(part, str) for one in _requirements(part)]
    run, test = (part if isinstance(part := known.get(key), str) else "" for key in ("run", "test"))
    files = [Planned(path, purpose) for path, purpose in found.files.items()]
    return Plan(files=files, dependencies=requirements, run=_words(run), test=_words(test))


def _listed(value: Any) -> Iterator[tuple[str, str]]:  # noqa: ANN401  whatever the model wrote
    """The files of a JSON plan: an object path → purpose, or a list of objects or paths."""
    if isinstance(value, Mapping):
        yield from ((path, purpose if isinstance(purpose, str) else "") for path, purpose in value.items())
    for part in value if isinstance(value, list) else ():
        if isinstance(part, str):
            yield part, ""
        elif isinstance(part, Mapping):
            words = {key.lower(): one for key, one in part.items() if isinstance(one, str)}
            path = words.get("path") or words.get("file") or words.get("name") or ""
            yield path, words.get("purpose") or words.get("description") or ""
