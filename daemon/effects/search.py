"""The hand that searches without a model: one command in the sandbox, and a report that is read but not believed.

What comes back was written where the repository's code runs. It is bounded and typed here, every path and number is
looked at, and a patch in it is a proposal like any other: it goes through landing and the gates.
"""

import json
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from anyio.to_thread import run_sync
from msgspec import Meta, Struct

from daemon.codec import UNDECODABLE
from daemon.effects.sandbox import HOLDS, Command, Mount, Ran, Sandbox
from daemon.effects.session import CALM, INSIDE, Session, taken
from daemon.effects.trees import is_inside
from daemon.effects.workspace import Workspace, give
from daemon.settings import Settings
from daemon.text.context import Evidence
from daemon.text.outcomes import Frame
from daemon.text.witness import Watched

REPORT_BYTES = 32 * 2**20  # as much as the search writes at most
PATCH_CHARACTERS = 2**20  # of one file; the search reads no larger ones
AROUND_S = 120.0  # beside the search itself: to collect the tests, run them, trace them
BUSY_MACHINE = 4.0  # times its seconds of a processor, that a search takes on the clock at most
MOST_LINE = 2**20
FOR_A_SHELL = set("|&;<>$`*?")

Count = Annotated[int, Meta(ge=0)]
Words = Annotated[str, Meta(max_length=1000)]


class Request(Struct, frozen=True, kw_only=True):
    """What to look for, and for how long. `start_at` goes on where an earlier search stopped."""

    targets: list[str]
    mode: Literal["search", "trace", "offers", "values"] = "search"
    seconds: float = 60.0
    candidates: int = 20_000
    seed: int = 0
    start_at: int = 0
    priors: dict[str, float] = {}
    offers: list[dict[str, str]] = []  # changes to try as they are, the first that holds ends it
    around_s: float = AROUND_S


class Seen(Struct, frozen=True):
    """A test on the untouched tree, with the lines of own code that it executes."""

    id: str
    passed: bool
    seconds: float = 0.0
    error: str = ""
    frames: list[tuple[str, int]] = []
    executed: dict[str, list[int]] = {}


class Patch(Struct, frozen=True):
    """New texts of files with which all targets pass and nothing else breaks, as far as the search could tell."""

    changes: dict[str, str]
    number: Count = 0
    template: str = ""
    cost: float = 0.0
    covering_tests: Count = 0
    seconds: float = 0.0  # until it was found


class Partial(Struct, frozen=True):
    """What fixes some of the targets."""

    changes: dict[str, str]
    fixed: list[str] = []


class Report(Struct, frozen=True, kw_only=True):
    """What a search came to. `error` says why it could not look, `ended` why it looked no further."""

    version: int = 1
    tests: list[Seen] = []
    suspicious: list[tuple[str, int, float]] = []
    values: list[Watched] = []
    plausible: list[Patch] = []
    partial: Partial | None = None
    tried: Count = 0
    generated: Count = 0
    hung: Count = 0
    refused: dict[str, Count] = {}
    seconds: float = 0.0
    seconds_baseline: float = 0.0
    searched_processor_s: float = 0.0  # what the seconds were of a processor
    processor_s: float = 0.0  # the same of all its processes, with the start and the tests as they are
    next_at: Count = 0
    rungs: dict[str, Count] = {}
    ended: Words = ""
    error: Words = ""

    @property
    def ambiguous(self) -> bool:
        """Whether several patches are as good as one another, as far as the tests tell."""
        return len(self.plausible) > 1

    def evidence(self) -> dict[str, list[dict[str, list[int]]]]:
        """What the ranking of a prompt's files wants to know: fields of `text.context.Evidence`."""
        failing = [test.executed for test in self.tests if not test.passed and test.executed]
        passing = [test.executed for test in self.tests if test.passed and test.executed]
        return {"executed_failing": failing, "executed_passing": passing}


async def search(request: Request, session: Session, sandbox: Sandbox, settings: Settings) -> Report:
    """Search in the session's workspace, which is to be pristine; it may be left with what tests wrote."""
    tests = _tests(session)
    if tests is None:
        return Report(error="the search can only run tests of pytest, unittest and Django's own script")
    runner, places = tests
    elsewhere = "elsewhere" in HOLDS[sandbox.level]
    root = session.environment.place if elsewhere else str(session.workspace.root)
    asked = {**msgspec.to_builtins(request), "root": root, "runner": runner, "places": places}
    exchange = await run_sync(_lay_out, session.workspace, asked)
    place = exchange / "report.json"
    script = INSIDE / "search" / "run.py"
    seconds = request.around_s + (BUSY_MACHINE * request.seconds if request.mode == "search" else 0.0)
    command = Command.within(
        settings,
        [session.environment.python, str(script), "--request", str(exchange / "request.json"), "--report", str(place)],
        root,
        image=session.environment.image,
        job=session.job,
        seconds=min(settings.sandbox_timeout_s, seconds),
        mounts=[
            Mount(str(session.workspace.root), root, writable=True),
            Mount(str(exchange), writable=True),
            Mount(str(INSIDE)),
            *(Mount(folder) for folder in session.environment.folders),
        ],
        environment=session.environment.variables | CALM,
    )
    ran = await sandbox.run(command)
    return read(await run_sync(taken, place), request, ran)


def read(data: bytes, request: Request, ran: Ran | None = None) -> Report:
    """The report on what was asked, or one that says why there is none. Nothing in it is taken for true."""
    ended = _said(ran) if ran is not None else ""
    if len(data) > REPORT_BYTES:
        return Report(error="the report of the search is too large")
    try:
        report = msgspec.json.decode(data, type=Report)
    except UNDECODABLE:
        return Report(error=ended or "the search left no report")
    if odd := _odd(report, request):
        return Report(error=f"the report of the search cannot be: {odd}")
    return report if report.error or not ended else msgspec.structs.replace(report, error=ended)


def _odd(report: Report, request: Request) -> str:
    """What no search of ours would have written, or ""."""
    partial = [report.partial.changes] if report.partial is not None else []
    for changes in (*(patch.changes for patch in report.plausible), *partial):
        for path, text in changes.items():
            if not is_inside(path) or not path.endswith(".py"):
                return f"a patch of {path!r}"
            if len(text) > PATCH_CHARACTERS:
                return f"a patch of {len(text)} characters"
    if request.mode == "offers" and any(patch.number >= len(request.offers) for patch in report.plausible):
        return "a patch that was not offered"
    lines = [one.line for watched in report.values for one in watched.seen]
    lines += [line for _, line, _ in report.suspicious] + [line for test in report.tests for _, line in test.frames]
    return "a line that no file has" if any(not 0 <= line <= MOST_LINE for line in lines) else ""


def evidence_of(report: Report, evidence: Evidence) -> Evidence:
    """The evidence, with what the tests executed and where they failed."""
    tracebacks = [[Frame(path, line, "") for path, line in test.frames] for test in report.tests if test.frames]
    told = evidence.tracebacks or tracebacks
    return msgspec.structs.replace(evidence, tracebacks=told, **report.evidence())


def _said(ran: Ran) -> str:
    """Why a program that did not end well did not."""
    if ran.timed_out:
        return f"the search was ended after {ran.seconds:.0f} s"
    if ran.out_of_memory:
        return "the search ran out of memory"
    last = ran.stderr.decode(errors="replace").strip().rpartition("\n")[2][:300]
    how = f"signal {ran.signal}" if ran.status is None else f"status {ran.status}"
    return "" if ran.status == 0 else f"the search ended with {how}: {last}"


def _tests(session: Session) -> tuple[str, list[str]] | None:
    """The runner and its arguments, as the gates run it."""
    reader, argv = session.argv("", "")
    if reader == "report":
        script, given = Path(argv[1]).name, argv[argv.index("--") + 1 :]
        return ("unittest" if script == "run_unittest.py" else "pytest"), given
    words = shlex.split(session.drop.test_command)
    while words and not words[0].endswith("runtests.py"):
        del words[0]  # variables and the interpreter, which the search has anyway
    is_plain = not FOR_A_SHELL & set("".join(words))
    return ("django", words) if reader == "django" and words and is_plain else None


def _lay_out(workspace: Workspace, asked: Mapping[str, object]) -> Path:
    request = workspace.emptied() / "request.json"
    request.write_text(json.dumps(asked))
    give(request)
    return request.parent
