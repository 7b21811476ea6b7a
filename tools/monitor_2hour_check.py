"""Judge the last two hours: HEALTHY, DEGRADED or UNHEALTHY, with reasons; the exit status is 0, 1 or 2.

Reading (`look`), judging (`judge`) and telling are apart: a verdict is a pure function of what was seen and of limits.
"""

import argparse
import math
import sys
import time
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import Any

import msgspec
import peek
from msgspec import Struct, field
from rich.console import Console
from rich.table import Table
from rich.text import Text

HOURS_KEPT = 3.0  # in views/health.json
BAR_MINUTES = 5
FIGURES_START = 21  # columns, behind their names
YEAR_10000 = 253_402_300_800
ENOUGH_SETTLED = 5  # jobs, before their failing says anything


class Verdict(IntEnum):
    """The exit status."""

    HEALTHY = 0
    DEGRADED = 1
    UNHEALTHY = 2


STYLES = {Verdict.HEALTHY: "bold green", Verdict.DEGRADED: "bold yellow", Verdict.UNHEALTHY: "bold red"}


class Reason(Struct):
    """Something that is not as it should be."""

    verdict: Verdict
    words: str


class Seen(Struct):
    """What the state says about the window."""

    since: float
    now: float
    absence: str = ""
    daemon: peek.Daemon | None = None  # unknown in hindsight
    free_bytes: int | None = None
    whole: peek.Minute = field(default_factory=peek.Minute)
    course: list[int] = field(default_factory=list)  # settled in each five minutes
    starts: int = 0
    queue: peek.Queue = field(default_factory=peek.Queue)
    problems: list[str] = field(default_factory=list)

    @property
    def hours(self) -> float:
        """The length of the window."""
        return (self.now - self.since) / peek.HOUR_S

    @property
    def settled(self) -> int:
        """Jobs that settled in the window."""
        return sum(self.whole.settled.values())

    def stuck(self, limit_s: float) -> list[peek.Hand]:
        """The runs in hand for longer than the limit."""
        return [hand for hand in self.queue.running if self.now - hand.since > limit_s]


def main() -> int:
    """Look, judge, tell."""
    options = arguments()
    peek.speak()
    seen = look(options)
    reasons = sorted(judge(seen, options), key=lambda reason: -reason.verdict)
    verdict = max((reason.verdict for reason in reasons), default=Verdict.HEALTHY)
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(as_json(seen, verdict, reasons, options))).decode())
    else:
        tell(seen, verdict, reasons, options)
    return verdict


def arguments() -> argparse.Namespace:
    """What the command line says: where to look, and the limits."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    add = parser.add_argument
    add("--state", type=Path, default=peek.folder("state_dir", "state"), help="the state folder")
    add(
        "--hours", type=hours, default=2.0, help="how far to look back, at most 3: the view keeps no more (%(default)s)"
    )
    add("--now", type=moment, help="unix seconds: judge that moment; whether a daemon lives now is then no question")
    add("--json", action="store_true", help="for programs")
    limits = parser.add_argument_group("limits")
    for name, kind, default, why in (
        (
            "--stuck-minutes",
            at_least_0,
            30.0,
            "a run in hand for longer is stuck: an attempt with a local model takes less",
        ),
        (
            "--stale-seconds",
            at_least_0,
            10.0,
            "a heartbeat is due every second; an older one means that the daemon hangs",
        ),
        ("--faults", int, 20, "more are DEGRADED: a few are waited out, many say that a model or sandbox is unwell"),
        ("--crashes", int, 0, "more crashed steps are DEGRADED: each is a defect of the daemon's own"),
        ("--restarts", int, 0, "more unclean ends are DEGRADED: a daemon that is stopped says so in its log"),
        ("--crash-loop", int, 5, "as many unclean ends are UNHEALTHY: the supervisor gives up at as many in a row"),
        (
            "--failed-share",
            at_least_0,
            0.8,
            "a larger share of settled jobs that failed is DEGRADED: hard jobs fail, not all",
        ),
        ("--free-mib", int, 64, "with less room on the disk the daemon takes nothing in: UNHEALTHY"),
    ):
        limits.add_argument(name, type=kind, default=default, help=f"{why} (%(default)s)", metavar="N")
    return parser.parse_args()


def hours(text: str) -> float:
    """A number of hours that the view can tell of."""
    number = float(text)
    if not 0 < number <= HOURS_KEPT:
        raise argparse.ArgumentTypeError(f"{text} is not above 0 and at most {HOURS_KEPT:.0f}")
    return number


def moment(text: str) -> float:
    """A point in time that a calendar has."""
    number = float(text)
    if not 0 <= number < YEAR_10000:
        raise argparse.ArgumentTypeError(f"{text} is no time in unix seconds, as `date +%s` says it")
    return number


def at_least_0(text: str) -> float:
    """A limit."""
    number = float(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"{text} is not 0 or more")
    return number


# Reading


def look(options: argparse.Namespace) -> Seen:
    """Read what there is about the window. It begins with a whole minute, because minutes are what was counted."""
    now = time.time() if options.now is None else options.now
    since = (now - options.hours * peek.HOUR_S) // 60 * 60
    seen = Seen(since, now, peek.absence(options.state))
    if seen.absence:
        return seen
    seen.queue = peek.view(options.state, "queue", peek.Queue, seen.problems)
    health = peek.view(options.state, "health", peek.Health, seen.problems)
    window = {at: minute for at, minute in health.minutes.items() if since <= at <= now}
    seen.whole = peek.total(window.values())
    seen.course = course(window, since, now)
    seen.starts = sum(since <= life.started_at <= now for life in health.lives)
    if options.now is None:
        seen.daemon = peek.daemon(options.state, health.lives, now, options.stale_seconds)
        seen.free_bytes = peek.free_bytes(options.state)
    return seen


def course(window: dict[int, peek.Minute], since: float, now: float) -> list[int]:
    """How many jobs settled in each five minutes."""
    numbers = [0] * (int(now - since) // (60 * BAR_MINUTES) + 1)
    for at, minute in window.items():
        numbers[int(at - since) // (60 * BAR_MINUTES)] += sum(minute.settled.values())
    return numbers


# Judging


def judge(seen: Seen, limits: argparse.Namespace) -> Iterator[Reason]:
    """Everything that is not as it should be."""
    if seen.absence:
        yield Reason(Verdict.UNHEALTHY, seen.absence)
        return
    yield from judge_now(seen, limits)
    yield from judge_window(seen, limits)


def judge_now(seen: Seen, limits: argparse.Namespace) -> Iterator[Reason]:
    """What is wrong at this moment."""
    for problem in seen.problems:
        yield Reason(Verdict.UNHEALTHY, problem)
    if seen.daemon and seen.daemon.condition != "running":
        yield Reason(Verdict.UNHEALTHY, f"the daemon is {seen.daemon.words}; {seen.daemon.remedy}")
    if seen.queue.intake_paused:
        yield Reason(Verdict.UNHEALTHY, f"nothing is taken in: {peek.clean(seen.queue.intake_paused)}")
    if seen.free_bytes is not None and seen.free_bytes < limits.free_mib * 2**20:
        yield Reason(Verdict.UNHEALTHY, f"{seen.free_bytes / 2**20:.0f} MiB are free for state/: make room")
    limit_s = limits.stuck_minutes * 60
    for hand in seen.stuck(limit_s):
        words = f"run {peek.clean(hand.run)} has been in hand of {peek.clean(hand.worker)} for"
        yield Reason(Verdict.DEGRADED, f"{words} {peek.span(seen.now - hand.since)}")
    oldest_s = seen.now - (seen.queue.oldest_ready_since or seen.now)
    stands_ready = seen.queue.depth > seen.queue.delayed_depth
    if stands_ready and seen.queue.work_paused:
        yield Reason(Verdict.DEGRADED, f"work waits, and no run is taken up: {peek.clean(seen.queue.work_paused)}")
    elif stands_ready and oldest_s > limit_s and not seen.settled and not seen.whole.failures:
        yield Reason(Verdict.DEGRADED, f"work has waited for {peek.span(oldest_s)}, and nothing was done")


def judge_window(seen: Seen, limits: argparse.Namespace) -> Iterator[Reason]:
    """What went wrong in the window."""
    whole, faults = seen.whole, sum(seen.whole.faults.values())
    if whole.restarts >= limits.crash_loop:
        yield Reason(Verdict.UNHEALTHY, f"the daemon ended uncleanly {peek.many(whole.restarts, 'time')}")
    elif whole.restarts > limits.restarts:
        yield Reason(Verdict.DEGRADED, f"the daemon ended uncleanly: {whole.restarts}")
    if whole.torn_ends:
        yield Reason(Verdict.DEGRADED, f"torn ends cut off the log: {whole.torn_ends}")
    if whole.crashes > limits.crashes:
        yield Reason(Verdict.DEGRADED, f"steps that crashed, a defect of the daemon's own: {whole.crashes}")
    if faults > limits.faults:
        times = peek.many(faults, "time")
        yield Reason(Verdict.DEGRADED, f"the world was at fault {times}: {peek.counts(whole.faults)}")
    failed = whole.settled.get("failed", 0)
    if seen.settled >= ENOUGH_SETTLED and failed > limits.failed_share * seen.settled:
        yield Reason(Verdict.DEGRADED, f"{failed} of {seen.settled} jobs failed")
    if whole.pauses and not seen.queue.intake_paused:
        yield Reason(Verdict.DEGRADED, f"intake was paused for a while: {whole.pauses}")


# Telling


def tell(seen: Seen, verdict: Verdict, reasons: list[Reason], limits: argparse.Namespace) -> None:
    """The verdict, why, and the figures."""
    console = Console(highlight=False)
    window = f"the last {seen.hours:.1f} hours, since {peek.moment(seen.since)}"
    if limits.now is not None:
        window = f"{peek.moment(seen.since)} to {peek.moment(seen.now)}"
    console.print(Text.assemble((verdict.name, STYLES[verdict]), f"  {window}"))
    for reason in reasons:
        console.print(Text.assemble((f"  {reason.verdict.name.lower()}: ", STYLES[reason.verdict]), reason.words))
    if seen.absence:
        return
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bright_black", min_width=12)
    table.add_column()
    console.print()
    for name, words in figures(seen, limits, max(1, console.width - FIGURES_START)):
        table.add_row(f"  {name}", Text(words))
    console.print(table)


def figures(seen: Seen, limits: argparse.Namespace, room: int) -> Iterator[tuple[str, str]]:
    """Each figure in words, and as much of the course as there is room for."""
    whole, queue = seen.whole, seen.queue
    if seen.daemon:
        yield "daemon", seen.daemon.words
    yield "starts", f"{seen.starts}, after an unclean end {whole.restarts}, torn ends {whole.torn_ends}"
    yield "intake", f"accepted {whole.accepted}, rejected {whole.rejected}, {paused(seen)}"
    yield "settled", f"{seen.settled}, {seen.settled / seen.hours:.1f} an hour"
    if seen.settled:
        yield f"in {BAR_MINUTES} min", peek.sparkline(seen.course[-room:])
    yield "outcomes", peek.counts(whole.settled)
    yield "attempts failed", peek.counts(whole.failures)
    yield "faults", peek.counts(whole.faults)
    yield "crashes", str(whole.crashes)
    stuck = len(seen.stuck(limits.stuck_minutes * 60))
    yield "in hand", f"{len(queue.running)}, longer than {limits.stuck_minutes:.0f} min {stuck}"
    oldest = queue.oldest_ready_since
    age = "" if oldest is None else f", the oldest that is ready for {peek.span(seen.now - oldest)}"
    yield "waiting", f"{queue.depth}, delayed {queue.delayed_depth}{age}"
    if queue.work_paused:
        yield "paused", f"no run is taken up: {peek.clean(queue.work_paused)}"
    if seen.free_bytes is not None:
        yield "disk", f"{seen.free_bytes / 2**30:.1f} GiB free"


def paused(seen: Seen) -> str:
    """How intake is, in words."""
    return "paused now" if seen.queue.intake_paused else f"paused {peek.many(seen.whole.pauses, 'time')}"


def as_json(seen: Seen, verdict: Verdict, reasons: list[Reason], limits: argparse.Namespace) -> dict[str, Any]:
    """The same for programs."""
    return {
        "verdict": verdict.name,
        "reasons": [{"verdict": reason.verdict.name, "words": reason.words} for reason in reasons],
        "since": seen.since,
        "now": seen.now,
        "daemon": seen.daemon,
        "starts": seen.starts,
        "free_bytes": seen.free_bytes,
        "window": seen.whole,
        "settled_per_hour": seen.settled / seen.hours,
        "settled_by_five_minutes": seen.course,
        "in_hand": len(seen.queue.running),
        "stuck": [hand.run for hand in seen.stuck(limits.stuck_minutes * 60)],
        "waiting": seen.queue.depth,
        "intake_paused": seen.queue.intake_paused,
        "work_paused": seen.queue.work_paused,
    }


if __name__ == "__main__":
    sys.exit(main())
