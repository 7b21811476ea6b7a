"""Climb a ramp: `python tools/ramp.py instances.jsonl` drops it and follows; the daemon owns it, whoever watches.

Reading a file, choosing from it and drawing are apart from dropping: each is a function of what it is given. Nothing
here counts: every number shown stands in state/views/ramp.json, and `python -m daemon explain m-000001` says whence.
"""

import argparse
import csv
import importlib
import json
import random
import re
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import drop as dropping
import peek
from msgspec import Struct, field
from rich.live import Live
from rich.text import Text

PHASES = "1,5,10,20,50,100,300"
LARGE_PHASE, LARGE_TARGET = 300, 0.9
LOOK_S = 0.5
BAR_CELLS = 24
ROWS_SHOWN = 12  # of what is open or failed: the rest is in the results
ACCEPTED_WITHIN_S = 30.0
Row = dict[str, Any]


class Phase(Struct):
    """A phase, as the view tells it."""

    phase: int = 0
    size: int = 0
    target: float = 1.0
    told: int = 0
    viable: int | None = None
    excluded: int = 0
    solved: int = 0
    open: int = 0
    interval: tuple[float, float] = (0.0, 1.0)
    busy_s: float = 0.0
    measured: int = 0
    opened_at: float = 0.0
    settled_at: float | None = None


class Instance(Struct):
    """An instance, as the view tells it."""

    instance: str = ""
    job: str = ""
    outcome: str = ""
    why: str = ""


class Diagnosis(Struct):
    """What can be said of what failed."""

    failed: list[str] = field(default_factory=list)
    repeated: list[str] = field(default_factory=list)
    newly_solved: list[str] = field(default_factory=list)
    newly_broken: list[str] = field(default_factory=list)
    repositories: dict[str, int] = field(default_factory=dict)
    causes: dict[str, int] = field(default_factory=dict)
    failures: dict[str, int] = field(default_factory=dict)
    command: str = ""


class Ramp(Struct):
    """One ramp."""

    ramp: str = ""
    title: str = ""
    instances: int = 0
    sizes: list[int] = field(default_factory=list)
    outcome: str = ""
    reason: str = ""
    phases: list[Phase] = field(default_factory=list)
    diagnosis: Diagnosis | None = None
    waiting_or_failed_first: list[Instance] = field(default_factory=list)


class Ramps(Struct):
    """ramp.json."""

    accepted: int = 0
    ramps: list[Ramp] = field(default_factory=list)


class Unusable(Exception):  # noqa: N818  said of what was asked
    """What was asked cannot be done; the message says why and what to do."""


# Reading


def read_rows(path: Path) -> list[Row]:
    """The instances of a file, or of a SWE-bench 5 task folder."""
    if path.is_dir():
        return [read_task(folder) for folder in sorted((path / "tasks").glob("*")) if (folder / "task.yaml").exists()]
    if path.suffix == ".parquet":
        return read_parquet(path)
    text = path.read_text(encoding="utf-8")
    try:
        found = json.loads(text)
    except ValueError:
        try:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise Unusable(f"{path} is neither JSON nor JSON lines: {error}") from None
    rows = found if isinstance(found, list) else found.get("instances", [found])
    if not all(isinstance(row, dict) for row in rows):
        raise Unusable(f"{path} holds something else than instances")
    return [named(row) for row in rows]


def read_parquet(path: Path) -> list[Row]:
    """The rows of a Parquet file, where pyarrow is there to read it."""
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        remedy = "install pyarrow, or save it as JSON lines"
        raise Unusable(f"{path} is Parquet, and this Python has no pyarrow: {remedy}") from None
    rows: list[Row] = parquet.read_table(path).to_pylist()
    return rows


def read_task(folder: Path) -> Row:
    """One task of a SWE-bench 5 folder, as a row."""
    flat = re.findall(r"^(\w+): *([^|>\n][^\n]*)$", (folder / "task.yaml").read_text(encoding="utf-8"), re.MULTILINE)
    row: Row = {key: value.strip().strip("'\"") for key, value in flat}
    row.setdefault("instance_id", folder.name)
    for column, name in (
        ("patch", "gold.patch"),
        ("test_patch", "test.patch"),
        ("problem_statement", "problem_statement.md"),
    ):
        row[column] = (folder / name).read_bytes().decode() if (folder / name).exists() else ""
    tests: Row = json.loads((folder / "tests.json").read_text(encoding="utf-8"))
    return row | tests


def named(row: Row) -> Row:
    """The row without what only its collectors wanted to know."""
    return {key: value for key, value in row.items() if key != "health"}


# Choosing


def name_of(row: Row) -> str:
    """Under which name it is known."""
    return str(row.get("instance_id") or row.get("title") or "")


def chosen(rows: list[Row], options: argparse.Namespace) -> list[Row]:
    """Those that are asked for, in the order that is asked for."""
    if options.ids:
        wanted = Path(options.ids).read_text().split() if Path(options.ids).is_file() else options.ids.split(",")
        by_name = {name_of(row): row for row in rows}
        if missing := [name for name in wanted if name not in by_name]:
            raise Unusable(f"not in the file: {', '.join(missing[:5])}; leave them out of --ids")
        rows = [by_name[name] for name in wanted]
    if options.repository:
        rows = [row for row in rows if options.repository in str(row.get("repo", ""))]
    if options.easiest:
        ratios = solved_ratios(options.easiest)
        rows = sorted(rows, key=lambda row: -ratios.get(name_of(row), -1.0))
    if options.seed is not None:
        rows = random.Random(options.seed).sample(rows, min(options.sample or len(rows), len(rows)))  # noqa: S311  a draw
    if not rows:
        raise Unusable("nothing is left of the file after --ids and --repository")
    return rows[: options.sample] if options.sample else rows


def solved_ratios(path: Path) -> dict[str, float]:
    """How often each was solved by others, from a table with the columns instance_id and solved_ratio."""
    with path.open(encoding="utf-8", newline="") as file:
        return {row["instance_id"]: float(row["solved_ratio"]) for row in csv.DictReader(file, delimiter="\t")}


def entry(rows: list[Row], options: argparse.Namespace) -> dict[str, Any]:
    """The drop."""
    phases = [int(size) for size in options.phases.split(",")]
    default = [LARGE_TARGET if size >= LARGE_PHASE else 1.0 for size in phases]
    targets = [float(share) for share in options.targets.split(",")] if options.targets else default
    title = options.title or f"{options.file.name}: {len(rows)} instances"
    return {
        "kind": "ramp",
        "title": title,
        "instances": rows,
        "phases": phases,
        "targets": targets,
        "gold_check": options.gold_check,
    }


# Drawing


def lines(ramp: Ramp, now: float, workers: int) -> Iterator[str]:
    """The ramp as a table, a line each."""
    yield f"{ramp.ramp}  {peek.clean(ramp.title)}"
    for phase in ramp.phases:
        yield phase_line(phase)
    if ramp.phases and not ramp.outcome:
        yield from expected(ramp, now, workers)
    shown = [row for row in ramp.waiting_or_failed_first if row.outcome != "certified"][:ROWS_SHOWN]
    for row in shown:
        yield f"    {peek.clean(row.instance)} {row.job} {row.outcome or 'open'}: {peek.clean(row.why)}".rstrip(": ")
    if ramp.outcome:
        yield f"{ramp.outcome}: {peek.clean(ramp.reason)}"
        yield from diagnosis(ramp.diagnosis or Diagnosis())


def phase_line(phase: Phase) -> str:
    """One phase: a bar of what is solved, the share with its interval, who is excluded."""
    if phase.viable is None:
        return f"  phase {phase.phase} {bar(phase.told, phase.size)} health of {phase.told} of {phase.size} known"
    low, high = phase.interval
    share = phase.solved / phase.viable if phase.viable else 0.0
    told = f"{phase.solved}/{phase.viable} = {share:.0%} ({low:.0%} to {high:.0%}), {phase.target:.0%} wanted"
    rest = f", {phase.open} open" if phase.open else ""
    return f"  phase {phase.phase} {bar(phase.solved, phase.viable)} {told}{rest}, {phase.excluded} excluded"


def bar(done: int, of: int) -> str:
    """A share as a bar."""
    full = BAR_CELLS * done // of if of else 0
    return f"[{'█' * full}{'·' * (BAR_CELLS - full)}]"


def expected(ramp: Ramp, now: float, workers: int) -> Iterator[str]:
    """How long the rest will take, from how long a worker was busy with each instance so far."""
    phase = ramp.phases[-1]
    busy_s, measured = phase.busy_s, phase.measured
    if not measured:
        yield "  time left: nothing is measured yet"
        return
    each_s = busy_s / measured
    left_s = phase.open * each_s / min(workers, max(1, phase.open))
    yield f"  this phase: {peek.span(left_s)} left, {each_s:.1f} s of a worker for each so far"
    for size in [size for size in ramp.sizes if size > phase.size]:
        more = size - phase.size
        left_s += more * each_s / min(workers, more)
        yield f"  phase of {size}: over at {peek.moment(now + left_s)}"


def diagnosis(found: Diagnosis) -> Iterator[str]:
    """What stood in the way, and what to type next."""
    for words, names in (
        ("failed", found.failed),
        ("the same as last time", found.repeated),
        ("newly fixed", found.newly_solved),
        ("newly broken", found.newly_broken),
    ):
        if names:
            more = f" and {len(names) - ROWS_SHOWN} more" if len(names) > ROWS_SHOWN else ""
            yield f"  {words}: {', '.join(map(peek.clean, names[:ROWS_SHOWN]))}{more}"
    for words, numbers in (("by", found.causes), ("how", found.failures), ("where", found.repositories)):
        if numbers:
            yield f"  {words}: {peek.counts(numbers)}"
    yield f"  next: {found.command}"


# Following


def seen(state: Path) -> Ramps:
    """All ramps, as they were last published."""
    return peek.view(state, "ramp", Ramps, [])


def outcome_of(state: Path, name: str) -> str:
    """How it ended; empty while it is under way."""
    return next((each.outcome for each in seen(state).ramps if each.ramp == name), "")


def new_ramp(state: Path, before: int, queue: Path, name: str) -> str:
    """The id that the daemon gave it, as soon as it did."""
    until = time.monotonic() + ACCEPTED_WITHIN_S
    while time.monotonic() < until:
        number = before + 1
        if seen(state).accepted > before:
            return f"m-{number:06d}"
        for why in (queue / "rejected").glob(f"*{name}.why.json"):
            problem = json.loads(why.read_bytes())["problems"][0]
            raise Unusable(f"{problem['field']}: expected {problem['expected']}, got {problem['got']}; see {why}")
        time.sleep(LOOK_S)
    raise Unusable(
        f"it lies in {queue}/ideas, and no daemon has taken it: {peek.START}; then --follow m-{before + 1:06d}"
    )


def follow(state: Path, name: str, workers: int) -> int:
    """Show the ramp until it is over; status 0 if it reached its end."""
    is_terminal = sys.stdout.isatty()
    last = ""
    with Live(Text(""), auto_refresh=False) if is_terminal else nullcontext() as live:
        while True:
            ramp = next((each for each in seen(state).ramps if each.ramp == name), None)
            if ramp is None:
                raise Unusable(f"{state}/views/ramp.json tells of no {name}; `python -m daemon explain {name}` may")
            text = "\n".join(lines(ramp, time.time(), workers))
            steady = "\n".join(line for line in text.splitlines() if " over at " not in line)
            if live:
                live.update(Text(text), refresh=True)
            elif steady != last:
                print(text, flush=True)
            last = steady
            if ramp.outcome:
                return 0 if ramp.outcome == "reached" else 1
            time.sleep(LOOK_S)


def put(value: dict[str, Any], stem: str, queue: Path, inlet: str) -> Path:
    """Drop a value under this name."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"{stem}.json")
        file.write_text(json.dumps(value), encoding="utf-8")
        return dropping.drop(file, queue, inlet)


def parser() -> argparse.ArgumentParser:
    """What can be asked."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("file", nargs="?", type=Path, help="JSON, JSON lines, Parquet, or a SWE-bench task folder")
    asked.add_argument("--ids", default="", help="these, in this order: a,b,c or a file of them")
    asked.add_argument("--repository", default="", help="only those whose repo has this in its name")
    asked.add_argument("--easiest", type=Path, metavar="TSV", help="easiest first: columns instance_id, solved_ratio")
    asked.add_argument("--seed", type=int, help="draw at random, the same for the same seed")
    asked.add_argument("--sample", type=int, default=0, metavar="N", help="no more than so many")
    asked.add_argument("--phases", default=PHASES, help=f"sizes; by default {PHASES}")
    asked.add_argument("--targets", default="", help="shares, one a phase; by default 1, of 300 and more 0.9")
    asked.add_argument("--gold-check", action="store_true", help="see first that the gold patches go green")
    asked.add_argument("--title", default="")
    asked.add_argument("--follow", metavar="RAMP", default="", help="only follow this one, like m-000001")
    asked.add_argument("--again", metavar="RAMP", default="", help="run again what failed in this one, and follow")
    asked.add_argument("--instance", default="", help="with --again: only this one; it may have been excluded")
    asked.add_argument("--no-follow", action="store_true", help="drop it, and leave it to the daemon")
    asked.add_argument("--queue", type=Path, default=Path(peek.setting("queue_dir", "queue")))
    asked.add_argument("--state", type=Path, default=Path(peek.setting("state_dir", "state")))
    return asked


def ask(options: argparse.Namespace) -> str:
    """Drop what is asked for, if anything; return the ramp to follow."""
    if options.follow:
        return str(options.follow)
    if options.again:
        instance = {"instance": options.instance} if options.instance else {}
        put({"job": options.again} | instance, f"again-{options.again}", options.queue, "retries")
        until = time.monotonic() + ACCEPTED_WITHIN_S
        while time.monotonic() < until and outcome_of(options.state, options.again):
            time.sleep(LOOK_S)  # it is the end of the last time that is still told
        return str(options.again)
    if options.file is None:
        raise Unusable("name a file of instances, or a ramp with --follow or --again")
    rows = chosen(read_rows(options.file), options)
    before = seen(options.state).accepted
    dropped = put(entry(rows, options), "ramp", options.queue, "ideas")
    print(f"dropped {dropped}: {len(rows)} instances")
    return "" if options.no_follow else new_ramp(options.state, before, options.queue, dropped.name)


def main() -> int:
    """Drop a ramp and follow it."""
    options = parser().parse_args()
    peek.speak()
    try:
        name = ask(options)
        return follow(options.state, name, int(peek.setting("workers", "6"))) if name else 0
    except KeyboardInterrupt:
        print("the daemon goes on; follow it again with --follow")
        return 0
    except (Unusable, OSError, KeyError) as error:
        print(f"ramp: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
