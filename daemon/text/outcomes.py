"""What came out of a test session → Outcomes: the one form in which gates see it, whatever ran the tests.

Everything read here was written in the sandbox, where the code under repair could write it too. So nothing is believed
that does not hold together: what is odd becomes a problem, and a session with problems is never a pass.
"""

import hashlib
import re
from typing import Literal
from xml.etree import ElementTree as ET

import msgspec
from msgspec import Struct, field

from daemon.codec import UNDECODABLE
from daemon.text.shown import many

Status = Literal["passed", "failed", "error", "skipped", "xfailed", "xpassed"]
VERSION = 1
REPORT_BYTES = 256 * 2**20
PROBLEMS = 20  # more of them say nothing new
SHOWN = 3  # ids named in one problem
DETAIL_CHARACTERS = 6000
EXIT_STATUS = "exit status"  # the one test of a command that tells nothing else


class Frame(Struct, frozen=True, array_like=True):
    """A place in the repository."""

    file: str
    line: int
    function: str


class Cause(Struct, frozen=True):
    """An exception; `name` and `origin` are what an ImportError missed. `ends_here`: the repository itself raised."""

    type: str
    message: str = ""
    name: str = ""
    origin: str = ""
    frames: list[Frame] = []
    ends_here: bool = False

    def __str__(self) -> str:
        return f"{self.type}: {self.message}" if self.message else self.type


class Outcome(Struct, frozen=True):
    """How one test ended. `marked`: the test itself, not the code under it, says that it is expected to fail."""

    status: Status
    cause: Cause | None = None
    detail: str = ""
    output: str = ""
    seconds: float = 0.0
    marked: bool = False
    phase: str = ""

    @property
    def message(self) -> str:
        """What it says, shortly."""
        return str(self.cause) if self.cause else self.detail.strip().rpartition("\n")[2]

    @property
    def fails(self) -> bool:
        """Whether it speaks against a pass."""
        return self.status in ("failed", "error")

    @property
    def passes(self) -> bool:
        """Whether it counts as a pass, as SWE-bench counts; xfail only where the test itself asks for it.

        Whether it asked for it before a change as well is for the gates to say.
        """
        return self.status in ("passed", "xpassed") or (self.status == "xfailed" and self.marked)


class Ended(Struct, frozen=True):
    """How the process ended, as the sandbox saw it: this part cannot be forged from inside."""

    status: int | None = 0
    signal: int | None = None
    timed_out: bool = False
    out_of_memory: bool = False
    output: str = ""
    flooded: bool = False  # it printed more than anybody would want to say, and was stopped

    @property
    def is_cut_short(self) -> bool:
        """It did not come to an end of its own."""
        return self.timed_out or self.out_of_memory or self.signal is not None or self.status is None


class Outcomes(Struct, frozen=True):
    """A test session: what was collected, how each test ended, and what does not hold together."""

    runner: str
    ended: Ended
    tests: dict[str, Outcome] = {}
    uncollected: dict[str, Outcome] = {}
    collected: list[str] | None = None
    running: str = ""
    exit_status: int | None = None
    problems: list[str] = []
    meddling: list[str] = []
    labels: dict[str, list[str]] = {}
    own: list[str] = []
    python: str = ""

    @property
    def is_complete(self) -> bool:
        """The runner told its own end, and the process really came to it."""
        return self.exit_status is not None and not self.ended.is_cut_short


# The report of our own runners, see daemon/inside/mendd_wire.py


class Header(Struct, frozen=True, tag="header", tag_field="kind"):
    """The first line."""

    version: int
    runner: str
    python: str
    nonce: str
    optimize: int = 0
    own: list[str] = []


class Collected(Struct, frozen=True, tag="collected", tag_field="kind"):
    """All tests that will run."""

    ids: list[str]
    rootdir: str
    changed: list[str] = []


class Uncollected(Struct, frozen=True, tag="uncollected", tag_field="kind"):
    """A module or class whose tests could not be had; without an id, all of them."""

    id: str
    status: Status
    cause: Cause | None = None
    detail: str = ""


class Start(Struct, frozen=True, tag="start", tag_field="kind"):
    """A test begins."""

    id: str


class Test(Outcome, frozen=True, kw_only=True, tag="test", tag_field="kind"):
    """A test is over."""

    id: str
    labels: list[str] = []


class Broke(Struct, frozen=True, tag="broke", tag_field="kind"):
    """The runner itself could not go on."""

    cause: Cause


class Meddling(Struct, frozen=True, tag="meddling", tag_field="kind"):
    """What of the repository reached into the machinery that judges it."""

    what: list[str]


class Footer(Struct, frozen=True, tag="footer", tag_field="kind"):
    """The last line."""

    status: int


Line = Header | Collected | Uncollected | Start | Test | Broke | Meddling | Footer
_decode = msgspec.json.Decoder(Line).decode
_SEAL = b', "seal": "'


class _Reading(Struct):
    """A report while it is read, line by line."""

    tests: dict[str, Outcome] = field(default_factory=dict)
    uncollected: dict[str, Outcome] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    collected: list[str] | None = None
    known: set[str] = field(default_factory=set)
    running: str = ""
    exit_status: int | None = None
    header: Header | None = None
    problems: list[str] = field(default_factory=list)
    meddling: list[str] = field(default_factory=list)

    def see(self, line: Line) -> None:  # noqa: C901  one match, one case a kind of line
        """Take a line in, and say what is odd about it here."""
        if self.exit_status is not None:
            self.problems.append("the report goes on after its end")
        if (self.header is None) != isinstance(line, Header):
            self.problems.append("the report has no header" if self.header is None else "the report has two headers")
        match line:
            case Header():
                self.header = self.header or line
            case Collected():
                if self.collected is not None:
                    self.problems.append("the tests were collected twice")
                self.collected = line.ids
                self.known = set(line.ids)
                self.meddling += line.changed
            case Uncollected():
                self.uncollected[line.id] = Outcome(line.status, line.cause, line.detail)
            case Start():
                self.running = line.id
            case Test():
                self._test(line)
            case Broke():
                self.problems.append(f"the test runner broke: {line.cause}")
            case Meddling():
                self.meddling += line.what
            case Footer():
                self.exit_status = line.status

    def _test(self, test: Test) -> None:
        if test.id not in self.known:
            self.problems.append(f"a result for a test that was not collected: {test.id}")
        if test.id != self.running:
            self.problems.append(f"a result for a test that did not begin: {test.id}")
        self.running = ""
        self.tests[test.id] = worse(self.tests.get(test.id), _outcome(test))
        for label in test.labels:
            if test.id not in self.labels.setdefault(label, []):
                self.labels[label].append(test.id)


def read_report(data: bytes, secret: bytes, ended: Ended) -> Outcomes:
    """The outcomes that one of our runners told."""
    reading = _Reading()
    if len(data) > REPORT_BYTES:
        reading.problems.append(f"the report is larger than {REPORT_BYTES} bytes")
        data = data[:REPORT_BYTES]
    lines = data.split(b"\n")
    if lines.pop():
        reading.problems.append("the report ends inside a line")
    for number, line in enumerate(_unsealed(lines, secret), 1):
        if line is None:
            reading.problems.append(f"line {number} of the report was not written by the runner")
            break
        reading.see(line)
    header = reading.header
    if header is None:
        reading.problems.append("there is no report")
    elif header.nonce != hashlib.sha256(b"nonce" + secret).hexdigest()[:16]:
        reading.problems.append("the report is of another session")
    elif header.version != VERSION:
        reading.problems.append(f"the report is of version {header.version}, not {VERSION}")
    elif header.optimize:
        reading.problems.append("the interpreter ran with -O, which leaves assertions out")
    reading.problems += _contradictions(reading, ended)
    return Outcomes(
        runner=header.runner if header else "",
        ended=ended,
        tests=reading.tests,
        uncollected=reading.uncollected,
        collected=reading.collected,
        running=reading.running,
        exit_status=reading.exit_status,
        problems=list(dict.fromkeys(reading.problems))[:PROBLEMS],
        meddling=sorted(set(reading.meddling)),
        labels=reading.labels,
        own=header.own if header else [],
        python=header.python if header else "",
    )


def _unsealed(lines: list[bytes], secret: bytes) -> list[Line | None]:
    """The lines up to the first whose seal is wrong, and None for that one."""
    state = hashlib.sha256(secret).digest()
    read: list[Line | None] = []
    for line in lines:
        body, mark, seal = line.rpartition(_SEAL)
        body += b"}"
        if not mark or seal != hashlib.sha256(state + body).hexdigest()[:32].encode() + b'"}':
            return [*read, None]
        state = hashlib.sha256(b"next" + state + body).digest()
        try:
            read.append(_decode(body))
        except UNDECODABLE:
            return [*read, None]
    return read


def _outcome(test: Test) -> Outcome:
    return Outcome(test.status, test.cause, test.detail, test.output, test.seconds, test.marked, test.phase)


def _contradictions(reading: _Reading, ended: Ended) -> list[str]:
    """What the report says against what the sandbox saw, and against itself."""
    found = []
    claimed = reading.exit_status
    if claimed is None:
        found.append("the report has no end")
    elif not ended.is_cut_short and claimed != ended.status:
        found.append(f"the report ends with status {claimed}, but the process with {ended.status}")
    failed = [name for name, outcome in (reading.tests | reading.uncollected).items() if outcome.fails]
    if claimed == 0 and failed:
        found.append(f"exit status 0 though something failed: {failed[0]}")
    if claimed and not failed and reading.tests:
        found.append(f"exit status {claimed} though nothing failed")
    if reading.collected is None:
        if "" not in reading.uncollected:  # which says why
            found.append("nothing was collected")
    elif claimed is not None:
        places = [name for name in reading.uncollected if name.startswith("setUp")]  # unittest ran nothing in them
        silent = [name for name in reading.collected if name not in reading.tests]
        silent = [name for name in silent if not any(stands_in(name, place) for place in places)]
        if silent:
            found.append(f"{many(len(silent), 'collected test')} with no result: {', '.join(silent[:SHOWN])}")
    return found


def stands_in(test: str, place: str) -> bool:
    """A test in a place that could not be collected: a file or class of pytest's, a dotted name of unittest's."""
    inside = re.search(r"\(([\w.]+)\)$", test)
    dotted = inside[1] if inside else test
    bare = re.sub(r"^\w+ \(([\w.]+)\)$", r"\1", place)  # setUpClass (pkg.mod.Class)
    within = place in ("", test) or test.startswith((f"{place}::", f"{place}["))
    return within or place.startswith(f"{test}/") or dotted == bare or dotted.startswith(f"{bare}.")


# Others' reports


def read_junit(data: bytes, ended: Ended) -> Outcomes:
    """The outcomes in a JUnit XML file. Called `file::Class::test` where the file is told, `class::test` where not."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data or len(data) > REPORT_BYTES:
        return Outcomes("junit", ended, problems=["the JUnit report is not one: it defines entities or has no end"])
    try:
        root = ET.fromstring(data)  # noqa: S314  no DTD gets here, and expat bounds the rest
    except ET.ParseError as error:
        return Outcomes("junit", ended, problems=[f"the JUnit report cannot be read: {error}"])
    tests: dict[str, Outcome] = {}
    for case in root.iter("testcase"):
        name = _junit_id(case)
        tests[name] = worse(tests.get(name), _junit_outcome(case))
    return told("junit", tests, ended, ended.status)


def _junit_id(case: ET.Element) -> str:
    name, classname, file = case.get("name", ""), case.get("classname", ""), case.get("file", "")
    module = file.removesuffix(".py").replace("/", ".")
    if not file or not f"{classname}.".startswith(f"{module}."):
        return f"{classname}::{name}" if classname else name
    inner = classname[len(module) + 1 :].replace(".", "::")
    return "::".join(part for part in (file, inner, name) if part)


def _junit_outcome(case: ET.Element) -> Outcome:
    seconds = float(case.get("time") or 0) if re.fullmatch(r"[\d.]+", case.get("time") or "0") else 0.0
    for tag, status in (("error", "error"), ("failure", "failed"), ("skipped", "skipped")):
        found = case.find(tag)
        if found is not None:
            expected = status == "skipped" and "xfail" in found.get("type", "")
            text = found.text or found.get("message") or ""
            kind, _, message = (found.get("message") or text).partition(":")
            cause = Cause(kind.strip(), message.strip()) if kind.isidentifier() and message else None
            known = msgspec.convert("xfailed" if expected else status, Status)
            return Outcome(known, cause, text[:DETAIL_CHARACTERS], seconds=seconds, marked=expected)
    return Outcome("passed", seconds=seconds)


def read_status(ended: Ended) -> Outcomes:
    """The last resort: one test, which passes when the command says that all is well."""
    status: Status = "passed" if ended.status == 0 and not ended.is_cut_short else "failed"
    tests = {EXIT_STATUS: Outcome(status, detail=ended.output)}
    return Outcomes("status", ended, tests, collected=[EXIT_STATUS], exit_status=ended.status)


def told(runner: str, tests: dict[str, Outcome], ended: Ended, status: int | None = None) -> Outcomes:
    """Outcomes that another program told: all that can be cross-checked is the exit status of the tests."""
    problems = []
    failed = [name for name, outcome in tests.items() if outcome.fails]
    if not tests:
        problems.append("no test was reported")
    if status == 0 and failed:
        problems.append(f"exit status 0 though something failed: {failed[0]}")
    if status and tests and not failed:
        problems.append(f"exit status {status} though nothing failed")
    exit_status = ended.status if status is None else status
    return Outcomes(runner, ended, tests, collected=list(tests), exit_status=exit_status, problems=problems)


def worse(before: Outcome | None, now: Outcome) -> Outcome:
    """Of several outcomes under one id the last counts, but a failure is never covered up."""
    return before if before is not None and before.fails else now
