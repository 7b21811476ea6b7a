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
from collections.abc import Callable, Iterator
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
BAR_CELLS = 16
ROWS_SHOWN = 12  # of what is open or failed: the rest is in the results
ACCEPTED_WITHIN_S = 30.0
RUNNING_WORDS = (" over at ", "  the daemon is ")  # in lines that change with every second
TASK, DEPRECATED = "task.yaml", "deprecated"  # a file, and a split, of SWE-bench 5
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
    waiting: int = 0
    first_waits_for: str = ""
    first_waits_until: float | None = None
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
    attempts: int = 0
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
    source: str = ""
    title: str = ""
    instances: int = 0
    sizes: list[int] = field(default_factory=list)
    outcome: str = ""
    reason: str = ""
    ended_by: int = 0
    phases: list[Phase] = field(default_factory=list)
    diagnosis: Diagnosis | None = None
    failed_or_open_first: list[Instance] = field(default_factory=list)


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
        rows = read_tasks(path)
    elif path.suffix == ".parquet":
        rows = read_parquet(path)
    else:
        rows = read_json(path)
    if not all(isinstance(row, dict) for row in rows):
        raise Unusable(f"{path} holds something else than instances: each has to be an object with named fields")
    if not rows:
        raise Unusable(f"{path} holds no instances")
    return [named(row) for row in rows]


def read_json(path: Path) -> list[Row]:
    """The rows of a file of JSON or JSON lines."""
    text = text_of(path, "JSON, JSON lines and Parquet (.parquet) are read, and task folders")
    try:
        found = json.loads(text)
    except ValueError:
        try:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise Unusable(f"{path} is neither JSON nor JSON lines: {error}") from None
    rows: list[Row] = found.get("instances", [found]) if isinstance(found, dict) else found
    return rows if isinstance(rows, list) else [rows]


def text_of(path: Path, wanted: str) -> str:
    """A file as text; `wanted` says what it should have been."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Unusable(f"{path} is no text: {wanted}") from None


def read_tasks(folder: Path) -> list[Row]:
    """The tasks of a SWE-bench 5 folder, without those that the benchmark has dropped; or a single one."""
    if (folder / TASK).exists():
        return [read_task(folder)]
    tasks = [read_task(task.parent) for task in sorted(folder.glob(f"tasks/*/{TASK}"))]
    if not tasks:
        raise Unusable(f"{folder} is no SWE-bench task folder: it has no tasks/<instance>/{TASK}")
    return [task for task in tasks if task.get("split") != DEPRECATED]


def read_parquet(path: Path) -> list[Row]:
    """The rows of a Parquet file, where pyarrow is there to read it."""
    try:
        parquet = importlib.import_module("pyarrow.parquet")
    except ImportError:
        remedy = f"{Path(sys.executable).name} -m pip install pyarrow, or save it as JSON lines"
        raise Unusable(f"{path} is Parquet, and this Python ({sys.executable}) has no pyarrow: {remedy}") from None
    try:
        rows: list[Row] = parquet.read_table(path).to_pylist()
    except ValueError as error:  # what pyarrow raises over a file that is none
        raise Unusable(f"{path} is no Parquet: {error}") from None
    return rows


def read_task(folder: Path) -> Row:
    """One task of a SWE-bench 5 folder, as a row."""
    text = text_of(folder / TASK, "the YAML of a SWE-bench 5 task is wanted")
    flat = re.findall(r"^(\w+): *([^|>\n][^\n]*)$", text, re.MULTILINE)
    row: Row = {key: value.strip().strip("'\"") for key, value in flat}
    row.setdefault("instance_id", folder.name)
    for column, name in (
        ("patch", "gold.patch"),
        ("test_patch", "test.patch"),
        ("problem_statement", "problem_statement.md"),
    ):
        row[column] = (folder / name).read_bytes().decode() if (folder / name).exists() else ""
    tests = read_json(folder / "tests.json")
    if len(tests) != 1 or not isinstance(tests[0], dict):
        raise Unusable(f"{folder / 'tests.json'} is no object with FAIL_TO_PASS and PASS_TO_PASS")
    return row | tests[0]


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
        file = Path(options.ids)
        wanted = text_of(file, "a list of ids is wanted").split() if file.is_file() else options.ids.split(",")
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
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return {row["instance_id"]: float(row["solved_ratio"]) for row in csv.DictReader(file, delimiter="\t")}
    except (KeyError, TypeError, ValueError):
        wanted = "a table with tabs, whose columns instance_id and solved_ratio (a number) are there in every row"
        raise Unusable(f"{path} is not what --easiest wants: {wanted}") from None


def entry(rows: list[Row], options: argparse.Namespace) -> dict[str, Any]:
    """The drop."""
    default = [LARGE_TARGET if size >= LARGE_PHASE else 1.0 for size in options.phases]
    title = options.title or f"{options.file.name}: {peek.many(len(rows), 'instance')}"
    return {
        "kind": "ramp",
        "title": title,
        "instances": rows,
        "phases": options.phases,
        "targets": options.targets or default,
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
    shown = [row for row in ramp.failed_or_open_first if row.outcome != "certified"][:ROWS_SHOWN]
    for row in shown:
        tried = f" after {peek.many(row.attempts, 'attempt')}" if row.attempts else ""
        became = f"{row.outcome or 'open'}{tried}: {peek.clean(row.why)}".removesuffix(": ")
        yield f"    {peek.clean(row.instance)} {row.job} {became}"
    if ramp.outcome:
        yield f"{ramp.outcome}: {peek.clean(ramp.reason)}"
        yield from diagnosis(ramp.diagnosis or Diagnosis())


def phase_line(phase: Phase) -> str:
    """One phase: a bar of what is solved, the share with its interval, who is excluded."""
    if phase.viable is None:
        known = f"health of {phase.told} of {phase.size} known"
        excluded = f", {phase.excluded} excluded" if phase.excluded else ""
        return f"  phase {phase.phase} {bar(phase.told, phase.size)} {known}{excluded}"
    low, high = phase.interval
    share = phase.solved / phase.viable if phase.viable else 0.0
    told = f"{phase.solved}/{phase.viable} = {share:.0%} ({low * 100:.0f}-{high:.0%})"
    wanted = f", {phase.target:.0%} wanted" if phase.target < 1 else ""
    rest = "".join(
        f", {number} {what}" for number, what in ((phase.open, "open"), (phase.excluded, "excluded")) if number
    )
    return f"  phase {phase.phase} {bar(phase.solved, phase.viable)} {told}{wanted}{rest}"


def bar(done: int, of: int) -> str:
    """A share as a bar."""
    full = BAR_CELLS * done // of if of else 0
    return f"[{'█' * full}{'·' * (BAR_CELLS - full)}]"


def expected(ramp: Ramp, now: float, workers: int) -> Iterator[str]:
    """How long the rest will take, from how long a worker was busy with each instance so far.

    No such figure knows when the world will be back: while anybody waits for it, no end is foretold.
    """
    phase = ramp.phases[-1]
    if phase.waiting:
        until, why = peek.moment(phase.first_waits_until or now), peek.clean(phase.first_waits_for)
        yield f"  waiting: {peek.many(phase.waiting, 'instance')}, the first until {until}: {why}"
    busy_s, measured = phase.busy_s, phase.measured
    if not measured:
        yield "  time left: nothing is measured yet"
        return
    each_s = busy_s / measured
    left_s = phase.open * each_s / min(workers, max(1, phase.open))
    besides = " besides the waiting" if phase.waiting else ""
    yield f"  this phase: {peek.span(left_s)} left{besides}, {each_s:.1f} s of a worker for each so far"
    if phase.waiting:
        return
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


def found(state: Path, name: str) -> Ramp:
    """One ramp, as it was last published; an empty one if nothing is told of it."""
    return next((each for each in seen(state).ramps if each.ramp == name), Ramp())


def untold(state: Path, name: str) -> str:
    """Why nothing is told of a ramp."""
    problems: list[str] = []
    peek.view(state, "ramp", Ramps, problems)
    unseen = peek.absence(state) or "".join(problems)
    return unseen or f"{state}/views/ramp.json tells of no {name}; `python -m daemon explain {name}` may"


def reasons(queue: Path) -> set[Path]:
    """The reasons of all rejections that lie there now."""
    return set((queue / "rejected").glob("*.why.json"))


def taken(dropped: Path, options: argparse.Namespace, old: set[Path], ramp: Callable[[], str]) -> str:
    """The ramp that came of a drop, as soon as something did; `old` are rejections from before."""
    if nobody := absent(options.state, time.time()):
        print(nobody, flush=True)
    until = time.monotonic() + ACCEPTED_WITHIN_S
    while time.monotonic() < until:
        if name := ramp():
            return name
        for why in reasons(options.queue) - old:
            told = json.loads(why.read_bytes())
            if told["name"] == dropped.name:
                problem = told["problems"][0]
                expected = f"expected {problem['expected']}, got {problem['got']}"
                raise Unusable(f"{problem['field']}: {expected}; {problem['remedy']}; see {why}")
        time.sleep(LOOK_S)
        if absent(options.state, time.time()):  # who is not there is not late
            until = time.monotonic() + ACCEPTED_WITHIN_S
    raise Unusable(f"{dropped} lies there, and the daemon has not taken it: python tools/monitor_queue.py may say why")


def absent(state: Path, now: float) -> str:
    """Why nothing moves, if nobody is there to move it."""
    if nowhere := peek.absence(state):
        return f"  {nowhere}"
    lives = peek.view(state, "health", peek.Health, []).lives
    daemon = peek.daemon(state, lives, now, peek.number("heartbeat_stale_s", 60))
    return "" if daemon.condition == "running" else f"  the daemon is {daemon.words}; {daemon.remedy}"


def follow(state: Path, name: str, workers: int) -> int:
    """Show the ramp until it is over; status 0 if it reached its end. A terminal's lines are cut, but for the last."""
    last = ""
    with Live(Text(""), auto_refresh=False) if sys.stdout.isatty() else nullcontext() as live:
        while True:
            ramp, now = found(state, name), time.time()
            if not ramp.ramp:
                raise Unusable(untold(state, name))
            shown = [*lines(ramp, now, workers), *filter(None, [absent(state, now) if not ramp.outcome else ""])]
            steady = "\n".join(line for line in shown if not any(words in line for words in RUNNING_WORDS))
            if live:
                is_cut = not ramp.outcome
                live.update(
                    Text("\n".join(shown), no_wrap=is_cut, overflow="ellipsis" if is_cut else "fold"), refresh=True
                )
            elif steady != last:
                print("\n".join(shown), flush=True)
            last = steady
            if ramp.outcome:
                return 0 if ramp.outcome == "reached" else 1
            time.sleep(LOOK_S)


def put(value: dict[str, Any], stem: str, queue: Path, inlet: str) -> Path:
    """Drop a value under this name."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, f"{stem}.json")
        file.write_text(json.dumps(value, default=str), encoding="utf-8")  # Parquet has moments in time
        return dropping.drop(file, queue, inlet)


def whole(text: str) -> int:
    """A number from 1."""
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1")
    return int(text)


def wholes(text: str) -> list[int]:
    """Numbers with commas between."""
    return [whole(part.strip()) for part in text.split(",")]


def shares(text: str) -> list[float]:
    """Shares with commas between."""
    try:
        found = [float(part) for part in text.split(",")]
    except ValueError:
        found = []
    if not found or not all(0 < share <= 1 for share in found):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of shares, each above 0 and at most 1, such as 1,0.9")
    return found


def parser() -> argparse.ArgumentParser:
    """What can be asked."""
    asked = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    asked.add_argument("file", nargs="?", type=Path, help="JSON, JSON lines, Parquet, or a SWE-bench task folder")
    asked.add_argument("--ids", default="", help="these, in this order: a,b,c or a file of them")
    asked.add_argument("--repository", default="", help="only those whose repo has this in its name")
    asked.add_argument("--easiest", type=Path, metavar="TSV", help="easiest first: columns instance_id, solved_ratio")
    asked.add_argument("--seed", type=int, help="draw at random, the same for the same seed")
    asked.add_argument("--sample", type=whole, default=0, metavar="N", help="no more than so many")
    asked.add_argument("--phases", type=wholes, default=PHASES, help=f"sizes; by default {PHASES}")
    asked.add_argument(
        "--targets", type=shares, default=[], help="shares, one a phase; by default 1, of 300 and more 0.9"
    )
    asked.add_argument("--gold-check", action="store_true", help="see first that the gold patches go green")
    asked.add_argument("--title", default="")
    asked.add_argument("--follow", metavar="RAMP", default="", help="only follow this one, like m-000001")
    asked.add_argument("--again", metavar="RAMP", default="", help="run again what failed in this one, and follow")
    asked.add_argument("--instance", default="", help="with --again: only this one; it may have been excluded")
    asked.add_argument("--no-follow", action="store_true", help="drop it, and leave it to the daemon")
    asked.add_argument("--queue", type=Path, default=peek.folder("queue_dir", "queue"))
    asked.add_argument("--state", type=Path, default=peek.folder("state_dir", "state"))
    return asked


def ask(options: argparse.Namespace) -> str:
    """Drop what is asked for, if anything; return the ramp to follow."""
    queue, state, old = options.queue, options.state, reasons(options.queue)
    if options.follow:
        return str(options.follow)
    if options.again:
        name, instance = options.again, {"instance": options.instance} if options.instance else {}
        before = found(state, name).ended_by
        again = put({"job": name} | instance, f"again-{name}", queue, "retries")
        return taken(again, options, old, lambda: name if found(state, name).ended_by != before else "")
    if options.file is None:
        raise Unusable("name a file of instances, or a ramp with --follow or --again")
    rows = chosen(read_rows(options.file), options)
    accepted = seen(state).accepted
    dropped = put(entry(rows, options), "ramp", queue, "ideas")
    print(f"dropped {dropped}: {peek.many(len(rows), 'instance')}", flush=True)
    return "" if options.no_follow else taken(dropped, options, old, lambda: new_ramp(state, dropped.name, accepted))


def new_ramp(state: Path, source: str, accepted: int) -> str:
    """The id of the ramp that came of this file, and is none of those that were accepted before."""
    fresh = [ramp for ramp in seen(state).ramps if int(ramp.ramp.rpartition("-")[2]) > accepted]
    return next((ramp.ramp for ramp in fresh if ramp.source.startswith(f"{source}:")), "")


def main() -> int:
    """Drop a ramp and follow it."""
    options = parser().parse_args()
    peek.speak()
    name = ""
    try:
        name = ask(options)
        return follow(options.state, name, int(peek.number("workers", 6))) if name else 0
    except KeyboardInterrupt:
        print(f"\nwatched or not, it is the daemon's; python tools/ramp.py --follow {name or 'RAMP'} shows it again")
        return 0
    except OSError as error:
        print(f"ramp: {error.filename or 'that'}: {error.strerror or error}", file=sys.stderr)
    except (Unusable, KeyError) as error:
        print(f"ramp: {error}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main())
