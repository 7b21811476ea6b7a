"""`python -m tests.benchmarks.localisation ROWS HOME`: at which place are the file and the line that the fix changes?

HOME is where `tests.benchmarks.swebench` let the daemon see each of ROWS fail. Every row whose red gate held there is
run once more by the daemon's own hands, in the environment that HOME keeps for it, with each line watched; then every
ranking is asked. `patch` is read only to judge. What was watched is kept in HOME, and who starts it again goes on. No
daemon may live there meanwhile. The table goes to docs/context.md (`--dry` only prints it).

A file's place is that of the last of those that the fix changes. A line counts as found within one line of a changed
one; lines of the same suspicion share the middle of their places. The peer is plain BM25 over the tree, the problem's
text its query.
"""

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from platform import machine
from statistics import median
from typing import Any

import anyio
import msgspec
from msgspec import Struct, structs

from daemon import events as e
from daemon import steps
from daemon.blobs import BlobBroken, Blobs
from daemon.drops import Repair
from daemon.effects.environment import EnvironmentRefused
from daemon.effects.search import Report, Request, evidence_of
from daemon.effects.workshop import Workshop
from daemon.effects.world import Fault
from daemon.settings import Settings
from daemon.text import context, gates
from tests.benchmarks.context_recall import plain, share
from tests.benchmarks.measure import put_between, tell
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.repairs import Told, told

PAGE = Path(__file__).parents[2] / "docs" / "context.md"
BEGIN, END = "<!-- localised: begin -->", "<!-- localised: end -->"
PLACES = (1, 3, 5, 10)
LINE_PLACES = (1, 5, 10, 50)
PATIENCE_S = 600.0  # beside what a trace is given anyway: the machine may be busy with something else
BM25, SAID, RED, ALL, LINES = (
    "plain BM25",
    "what is written",
    "and how the tests failed",
    "and what they executed",
    "the most suspicious line",
)


class Placed(Struct, frozen=True):
    """Where each ranking has what a fix changes, from 1; 0 where it is not in it. `trouble`: why nothing was traced."""

    name: str
    files: dict[str, list[int]]
    line: float
    trouble: str = ""

    def last(self, ranking: str) -> int:
        """The place of the changed file that comes last; 0 where one is missing."""
        places = self.files.get(ranking, [])
        return max(places) if places and all(places) else 0


class Case(Struct, frozen=True):
    """A job whose red gate held."""

    seen: Told
    drop: Repair
    run: str
    held: gates.Held


def case_of(seen: Told) -> Case:
    """What the log and the blobs know of it."""
    red, drop = seen.of(e.RedGateHeld)[-1], seen.of(e.JobAccepted)[0].drop
    assert isinstance(drop, Repair)
    held = msgspec.json.decode(Blobs(seen.state / "blobs").get(red.evidence), type=gates.Held)
    return Case(seen, drop, red.run, held)


async def watched(shop: Workshop, case: Case) -> Report:
    """Let the daemon's hands run the tests, with each line watched."""
    bench = await shop.bench(case.seen.job, case.drop)
    step = steps.OfRun(job=case.seen.job, run=case.run, number=1, drop=case.drop)
    request = Request(targets=case.held.ids, seconds=PATIENCE_S, candidates=0)
    return await shop.searched(step, case.drop, bench, request)


async def placed(shop: Workshop, case: Case, report: Report, diff: str) -> Placed:
    """Ask all rankings."""
    drop, held = case.drop, case.held
    files, index = await shop.texts((await shop.bench(case.seen.job, drop)).tree)
    gold = {path: lines for path, lines in changed(diff).items() if path.endswith(".py") and path in files}
    tests = context.test_files([*drop.tests, *held.failed], files)
    said = context.Evidence(problem=drop.problem, failing=list(held.failed), tests=tests)
    failed = structs.replace(
        said,
        messages=[outcome.message for outcome in held.failed.values()],
        tracebacks=[outcome.cause.frames if outcome.cause else [] for outcome in held.failed.values()],
    )
    rankings: dict[str, Callable[[], list[str]]] = {
        BM25: lambda: plain(drop.problem, {path: files[path] for path in index.paths}),
        SAID: lambda: _ranked(said),
        RED: lambda: _ranked(failed),
        ALL: lambda: _ranked(evidence_of(report, failed)),
        LINES: lambda: list(dict.fromkeys(path for path, _, _ in report.suspicious)),
    }

    def _ranked(evidence: context.Evidence) -> list[str]:
        return [one.path for one in context.rank(evidence, files, index)]

    return Placed(
        case.seen.of(e.JobAccepted)[0].title,
        {name: _places(list(gold), ranking()) for name, ranking in rankings.items()},
        line_place(report, gold),
        report.error,
    )


def _places(gold: Sequence[str], ranking: Sequence[str]) -> list[int]:
    at = {path: place for place, path in enumerate(ranking, 1)}
    return [at.get(path, 0) for path in gold]


def changed(diff: str) -> dict[str, set[int]]:
    """The lines of each old file that a diff takes away, or between which it puts new ones."""
    found: dict[str, set[int]] = {}
    for file in re.split(r"^diff --git ", diff, flags=re.MULTILINE)[1:]:
        path = re.search(r"^--- a/(\S+)$", file, re.MULTILINE)
        if path:
            found[path[1]] = {number for hunk in _hunks(file) for number in hunk}
    return found


def _hunks(file: str) -> Iterator[set[int]]:
    for first, lines in re.findall(r"^@@ -(\d+).*\n((?:[-+ \\].*\n?|\n)*)", file, re.MULTILINE):
        number, numbers, put_in = int(first), set[int](), set[int]()
        for line in lines.splitlines():
            if line.startswith("+"):
                put_in |= {number - 1, number}
            elif not line.startswith("\\"):
                if line.startswith("-"):
                    numbers.add(number)
                number += 1
        yield numbers or put_in


def line_place(report: Report, gold: Mapping[str, set[int]]) -> float:
    """The place of the first suspicious line within one of those that the fix changes."""

    def is_near(path: str, line: int) -> bool:
        return bool({line - 1, line, line + 1} & gold.get(path, set()))

    near = [score for path, line, score in report.suspicious if is_near(path, line)]
    if not near:
        return 0.0
    scores = [score for _, _, score in report.suspicious]
    before, alike = sum(score > near[0] for score in scores), scores.count(near[0])
    return before + (alike + 1) / (near.count(near[0]) + 1)


# Jobs of a home


async def placed_in(
    home: Path, diffs: Mapping[str, str], settings: Settings, *, only_kept: bool = False
) -> list[Placed]:
    """All jobs there whose red gate held and whose fix is known, by their titles."""
    shop, kept = Workshop(settings, {}), home / "watched"
    kept.mkdir(exist_ok=True)
    found = []
    try:
        for name, seen in told(DaemonProcess(home)).items():
            if name not in diffs or not seen.of(e.RedGateHeld):
                continue
            place = kept / f"{name}.json"
            if only_kept and not place.exists():
                continue
            try:
                case = case_of(seen)
                if not place.exists():
                    place.write_bytes(msgspec.json.encode(await watched(shop, case)))
                report = msgspec.json.decode(place.read_bytes(), type=Report)
                found.append(await placed(shop, case, report, diffs[name]))
            except (BlobBroken, EnvironmentRefused, Fault) as trouble:
                tell(f"  {name}: {trouble}")
                continue
            tell(f"  {found[-1]}")
    finally:
        await shop.close()
    return found


# The table


def table(found: Sequence[Placed], healths: Mapping[str, str]) -> str:
    """Shares over all rows, then each row."""
    traced = [one for one in found if one.line or not one.trouble]
    parts = [
        _shares(f"{len(found)} rows: the changed file", found),
        _shares(f"the {len(traced)} of them whose tests were watched", traced),
        f"The changed line (within one), among the {len(traced)}: {_line_shares(traced)}",
        _rows(found, healths),
    ]
    return "\n\n".join(parts)


def _shares(title: str, found: Sequence[Placed]) -> str:
    lines = [f"| {title} | {' | '.join(f'@{place}' for place in PLACES)} | median |"]
    lines.append("| --- |" + " --- |" * (len(PLACES) + 1))
    for name in (BM25, SAID, RED, ALL, LINES):
        places = [one.last(name) for one in found]
        shares = [share(0 < place <= most for place in places) for most in PLACES]
        lines.append(f"| {name} | {' | '.join(shares)} | {_median(places)} |")
    return "\n".join(lines)


def _line_shares(found: Sequence[Placed]) -> str:
    shares = ", ".join(f"{share(0 < one.line <= place for one in found)} in the first {place}" for place in LINE_PLACES)
    return f"{shares}; median {_median([one.line for one in found])}."


def _median(places: Sequence[float]) -> str:
    """The middle, where what is not found comes last."""
    middle = median([place or float("inf") for place in places])
    return "none" if middle == float("inf") else f"{middle:g}"


def _rows(found: Sequence[Placed], healths: Mapping[str, str]) -> str:
    lines = ["| instance | known as | BM25 | written | failed | executed | lines' file | line | trouble |"]
    lines.append("|" + " --- |" * 9)
    for one in sorted(found, key=lambda each: each.name):
        places = [str(one.last(name) or "none") for name in (BM25, SAID, RED, ALL, LINES)]
        line = f"{one.line:g}" if one.line else "none"
        cells = [one.name, healths.get(one.name, ""), *places, line, one.trouble.replace("|", "\\|")]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Trace what is at hand, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.localisation", description=__doc__)
    parser.add_argument("rows", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("--only", default="", help="a regular expression for instance ids")
    parser.add_argument("--sandbox", default="bubblewrap")
    parser.add_argument("--kept", action="store_true", help="tell what was found before, and run nothing")
    parser.add_argument("--dry", action="store_true", help="print, and leave the page alone")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = [json.loads(line) for line in options.rows.read_text().splitlines()]
    settings = Settings(
        state_dir=str(options.home / "state"), sandbox=options.sandbox, sandbox_timeout_s=1800.0, models=("none",)
    )
    diffs = {row["instance_id"]: row["patch"] for row in rows if re.search(options.only, row["instance_id"])}
    found = anyio.run(partial(placed_in, options.home, diffs, settings, only_kept=options.kept))
    text = table(found, {row["instance_id"]: row["health"]["class"] for row in rows})
    where = f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {machine()}, load average {os.getloadavg()[2]:.0f}"
    left = sorted(set(diffs) - {one.name for one in found})
    text += f"\n\n{len(found)} of {len(diffs)} rows, {where}." + (f" Without: {', '.join(left)}." if left else "")
    tell(text)
    if not options.dry:
        put_between(PAGE, BEGIN, END, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
