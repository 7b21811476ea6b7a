"""What was measured of a generated project, as values, and how it is read from what came out of the sandbox.

A value here says what was seen, never how good that is: `score.py` does. What was not measured is not guessed; its
reason stands in `unmeasured`. Reports are read as every report of the house: sealed lines, or nothing.
"""

import hashlib
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from daemon.codec import UNDECODABLE
from daemon.text.outcomes import Outcome, Outcomes

SHOWN = 6  # places or tests that are named of one kind
MESSAGE_CHARACTERS = 300  # of one failure
Question = Literal["look", "imports", "faults", "cover"]


class Tests(Struct, frozen=True, kw_only=True):
    """How a session of tests ended; `failed` names some. `trouble`: why it says nothing at all."""

    passed: int = 0
    failing: int = 0
    failed: list[str] = []
    trouble: str = ""

    @property
    def holds(self) -> bool:
        """There were tests, and all of them passed."""
        return self.passed > 0 and not self.failing and not self.trouble


class Readme(Struct, frozen=True, kw_only=True):
    """What the project's page tells a person who wants to use it."""

    exists: bool = False
    runs: bool = False
    tests: bool = False
    installs: bool = False  # or there is nothing to install


class Fault(Struct, frozen=True):
    """A small fault that was put into the code, and whether the tests noticed it."""

    place: str
    what: str
    noticed: bool


class Measured(Struct, frozen=True, kw_only=True):
    """Everything that was seen. Places are `file:line`. An empty text means that there was no trouble."""

    files: int = 0
    unparsed: list[str] = []
    installs: str = ""
    modules: int = 0
    unimported: list[str] = []
    reached: list[str] = []  # what importing does besides defining
    entry_point: str = ""
    entry_trouble: str = ""
    acceptance: Tests | None = None  # None: the idea brought none
    own: Tests = Tests()
    lines: int = 0
    lines_reached: int = 0
    unreached: list[str] = []
    faults: list[Fault] = []
    lint_by: str = ""
    lint: list[str] = []
    types_by: str = ""
    functions: int = 0
    types: list[str] = []
    readme: Readme = Readme()
    unmeasured: dict[str, str] = {}  # what could not be measured → why


# Reports


class Unparsed(Struct, frozen=True, tag="unparsed", tag_field="kind"):
    """A file that is no Python."""

    path: str
    line: int
    what: str


class Finding(Struct, frozen=True, tag="finding", tag_field="kind"):
    """What a linter or type checker says of a line."""

    of: Literal["lint", "types"]
    path: str
    line: int
    what: str


class Looked(Struct, frozen=True, tag="looked", tag_field="kind"):
    """Who looked."""

    lint_by: str
    types_by: str
    functions: int


class Module(Struct, frozen=True, tag="module", tag_field="kind"):
    """How a module's import went."""

    name: str
    trouble: str
    reached: list[str]
    ends: bool


class Covered(Struct, frozen=True, tag="covered", tag_field="kind"):
    """What the tests reached of a file."""

    path: str
    lines: int
    reached: int
    missing: list[int]
    called: list[int]  # lines of functions that ran; a mere import does not


class Put(Struct, frozen=True, tag="fault", tag_field="kind"):
    """A fault that can be put into a file: these bytes of it become this text."""

    path: str
    line: int
    what: str
    start: int
    end: int
    text: str

    def put_into(self, source: str) -> str:
        """The file with the fault."""
        data = source.encode(errors="surrogatepass")
        return (data[: self.start] + self.text.encode() + data[self.end :]).decode("utf-8", "replace")


class Header(Struct, frozen=True, tag="header", tag_field="kind"):
    """The first line."""

    python: str


class Footer(Struct, frozen=True, tag="footer", tag_field="kind"):
    """The last line: without it the report is not whole."""

    status: int


Line = Unparsed | Finding | Looked | Module | Covered | Put | Header | Footer
_decode = msgspec.json.Decoder(Line).decode
_SEAL = b', "seal": "'


def read_report(data: bytes, secret: bytes) -> tuple[list[Line], int | None]:
    """The lines up to the first that is not ours, and the status that a report which came to its end ends with."""
    state = hashlib.sha256(secret).digest()
    lines: list[Line] = []
    for sealed in data.split(b"\n")[:-1]:
        body, mark, seal = sealed.rpartition(_SEAL)
        body += b"}"
        if not mark or seal != hashlib.sha256(state + body).hexdigest()[:32].encode() + b'"}':
            return lines, None
        state = hashlib.sha256(b"next" + state + body).digest()
        try:
            lines.append(_decode(body))
        except UNDECODABLE:
            return lines, None
    last = lines[-1] if lines else None
    return lines, last.status if isinstance(last, Footer) else None


def tests_of(outcomes: Outcomes) -> Tests:
    """A session of pytest as counts and failures; one that does not hold together says nothing."""
    failures = list(_failures(outcomes))
    failed = [f"{short(name)}: {short(one.message)}" for name, one in failures[:SHOWN]]
    trouble = ""
    if not failed and outcomes.ended.timed_out:
        trouble = f"did not end in time{f', in {outcomes.running}' if outcomes.running else ''}"
    elif not failed and (said := [*outcomes.problems, *outcomes.meddling]):
        trouble = "; ".join(map(short, said[:SHOWN]))
    elif not failed and not any(one.passes for one in outcomes.tests.values()):
        trouble = "there is no test in it"
    passed = sum(one.passes for one in outcomes.tests.values())
    return Tests(passed=passed, failing=len(failures), failed=failed, trouble=trouble)


def _failures(outcomes: Outcomes) -> Iterator[tuple[str, Outcome]]:
    yield from ((name, one) for name, one in sorted(outcomes.uncollected.items()) if one.fails)
    yield from ((name, one) for name, one in sorted(outcomes.tests.items()) if one.fails)


def short(text: str) -> str:
    """A message on one line, not too long, and the same in every run."""
    line = " ".join(re.sub(r"\b0x[0-9a-f]+", "0x…", text).split())  # an address is another one in every run
    line = "".join(letter if letter.isprintable() else " " for letter in line)
    return line if len(line) <= MESSAGE_CHARACTERS else f"{line[: MESSAGE_CHARACTERS - 1]}…"


# The page


def readme_of(files: Mapping[str, str], entry_point: str, *, has_dependencies: bool) -> Readme:
    """What the project's page tells, by its words: the command itself, a command for tests, one for installing."""
    page = next((text for path, text in sorted(files.items()) if re.fullmatch(r"(?i)readme(?:\.\w+)?", path)), None)
    if page is None or not page.strip():
        return Readme()
    plain = " ".join(page.split())
    started = re.sub(r"^python3? ", "", " ".join(command_of(entry_point)[0]))
    return Readme(
        exists=True,
        runs=bool(started) and started in plain,
        tests=bool(re.search(r"\b(?:pytest|unittest)\b", plain)),
        installs=not has_dependencies
        or bool(re.search(r"\b(?:pip3?|uv|poetry|pipx)\b.{0,40}\b(?:install|sync|add)\b", plain)),
    )


def command_of(entry_point: str) -> tuple[list[str], bool]:
    """The words of a command up to one that stands for something else (FILE, <file>, [options]); whether one does."""
    try:
        written = shlex.split(entry_point)
    except ValueError:  # a quote that is never closed
        written = entry_point.split()
    words: list[str] = []
    for word in written:
        if not word.isprintable() or re.fullmatch(r"[\[<{].*|[A-Z][A-Z_]+|\.\.\.|…", word):
            return words, True
        words.append(word)
    return words, False
