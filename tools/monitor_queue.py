"""Watch the queue live: `python tools/monitor_queue.py`. Ctrl-C ends it; the daemon never notices that it is watched.

Reading (`look`) and drawing (`frame`) are apart: a frame is a pure function of what was seen and of the room there is.
"""

import argparse
import contextlib
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import peek
from msgspec import Struct, field
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

CONDITIONS = {"running": "bold green", "silent": "bold red", "stopped": "yellow", "dead": "bold red"}
OUTCOMES = {"certified": "green", "failed": "red", "refused": "yellow", "cancelled": "bright_black"}
QUIET = "bright_black"
RECENT_MINUTES, LONG_MINUTES = 5, 60
SIDE_BY_SIDE_WIDTH = 140  # from here on, two lists of rows fit next to each other
EQUAL = (1, 1)
ROWS_IN_A_PIPE = 10  # of each list, where no screen says how many fit
ALWAYS_LINES = 9  # the header, the numbers, the outcomes, and the heading of the workers
NARROW_WIDTH, NARROW_LINES = 60, 4  # below it, the numbers stand below each other and take so many lines more


class Run(Struct):
    """A run, as far as the monitor tells of it."""

    run: str = ""
    stage: str = ""
    attempts: int = 0
    reason: str = ""


class Job(Struct):
    """A job, as far as the monitor tells of it."""

    job: str = ""
    title: str = ""
    runs: list[Run] = field(default_factory=list)
    outcome: str = ""
    reason: str = ""
    settled_at: float = 0.0


class Jobs(Struct):
    """jobs.json."""

    accepted: int = 0
    rejected: int = 0
    open: int = 0
    settled: dict[str, int] = field(default_factory=dict)
    jobs_in_hand: list[Job] = field(default_factory=list)
    open_jobs: list[Job] = field(default_factory=list)
    last_settled: list[Job] = field(default_factory=list)


class Seen(Struct):
    """One look at the state."""

    state: Path
    now: float
    workers: int
    absence: str = ""
    daemon: peek.Daemon = field(default_factory=lambda: peek.Daemon("dead", ""))
    queue: peek.Queue = field(default_factory=peek.Queue)
    health: peek.Health = field(default_factory=peek.Health)
    jobs: Jobs = field(default_factory=Jobs)
    problems: list[str] = field(default_factory=list)


class Section(Struct):
    """A part of the picture that is a list: what stands above it, and rows of mark, id, title, words, age."""

    words: str
    rows: list[list[Text]]
    widths: tuple[int, int] = (2, 1)  # in which title and words share what room there is


def main() -> int:
    """Draw once, or until Ctrl-C."""
    options = arguments()
    peek.speak()
    console = Console(highlight=False)
    if options.once or not console.is_terminal or console.is_dumb_terminal:  # which cannot be drawn on twice
        seen = look(options)
        console.print(frame(seen, console.width))
        return peek.NO_STATE if seen.absence else 0
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that this too leaves the screen as it was
    with contextlib.suppress(KeyboardInterrupt), Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            live.update(frame(look(options), console.width, console.height), refresh=True)
            time.sleep(options.every)
    return 0


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--state", type=Path, default=peek.folder("state_dir", "state"), help="the state folder")
    parser.add_argument("--once", action="store_true", help="print one frame and end, as into a pipe")
    parser.add_argument(
        "--every", type=positive, default=1.0, metavar="SECONDS", help="between two looks (%(default)s)"
    )
    parser.add_argument(
        "--stale",
        type=positive,
        default=10.0,
        metavar="SECONDS",
        help="a heartbeat is due every second; older than this (%(default)s), something hangs",
    )
    parser.add_argument(
        "--workers", type=int, default=int(peek.number("workers", 6)), help="how many there are (%(default)s)"
    )
    return parser.parse_args()


def positive(text: str) -> float:
    """A number above zero."""
    number = float(text)
    if not 0 < number < peek.DAY_S:
        raise argparse.ArgumentTypeError(f"{text} is not a number of seconds above 0")
    return number


# Reading


def look(options: argparse.Namespace) -> Seen:
    """Read everything that a frame shows. The views may be a moment apart from each other."""
    seen = Seen(options.state, time.time(), options.workers, peek.absence(options.state))
    if not seen.absence:
        seen.queue = peek.view(seen.state, "queue", peek.Queue, seen.problems)
        seen.health = peek.view(seen.state, "health", peek.Health, seen.problems)
        seen.jobs = peek.view(seen.state, "jobs", Jobs, seen.problems)
        seen.daemon = peek.daemon(seen.state, seen.health.lives, seen.now, options.stale)
    return seen


# Drawing


def frame(seen: Seen, width: int, height: int | None = None) -> RenderableType:
    """The whole picture, with as many rows as there is room for."""
    if seen.absence:
        return Text(seen.absence, "yellow")
    alarms = list(alarm_lines(seen))
    workers = workers_section(seen)
    lists = [waiting_section(seen), certified_section(seen), uncertified_section(seen)]
    if height is None:
        workers_shown, room = len(workers.rows), None
    else:
        left = height - ALWAYS_LINES - len(alarms) - (NARROW_LINES if width < NARROW_WIDTH else 0)
        for_lists = sum(1 + min(2, len(section.rows)) for section in lists)
        workers_shown = min(len(workers.rows), max(3, left - for_lists))
        room = left - workers_shown
    return Group(
        header(seen, width),
        *alarms,
        numbers(seen, width),
        outcomes(seen, width),
        drawn(workers, workers_shown),
        *arranged(lists, width, room),
    )


def header(seen: Seen, width: int) -> RenderableType:
    """Whether there is a daemon, on one line."""
    line = Table.grid(expand=True)
    line.add_column(ratio=1, no_wrap=True)
    line.add_column(justify="right", no_wrap=True)
    daemon = Text.assemble(("mendd ", "bold"), ("● ", CONDITIONS[seen.daemon.condition]), overflow="ellipsis")
    daemon.append(seen.daemon.words, CONDITIONS[seen.daemon.condition])
    where = f" {peek.clean(seen.state.name)[:20]} " if width > 80 else " "  # noqa: PLR2004  a plain terminal's width
    line.add_row(daemon, Text(where + time.strftime("%H:%M:%S", time.localtime(seen.now)), QUIET))
    return line


def alarm_lines(seen: Seen) -> Iterator[Text]:
    """What a person should see before anything else."""
    if seen.daemon.remedy:
        yield Text(f"▲ {seen.daemon.remedy}", CONDITIONS[seen.daemon.condition], no_wrap=True, overflow="ellipsis")
    if seen.queue.intake_paused:
        words = f"▲ nothing is taken in: {peek.clean(seen.queue.intake_paused)}"
        yield Text(words, "bold red", no_wrap=True, overflow="ellipsis")
    if seen.queue.work_paused:
        words = f"▲ no run is taken up: {peek.clean(seen.queue.work_paused)}"
        yield Text(words, "bold yellow", no_wrap=True, overflow="ellipsis")
    for problem in seen.problems:
        yield Text(f"▲ {problem}", "yellow", no_wrap=True, overflow="ellipsis")


def numbers(seen: Seen, width: int) -> RenderableType:
    """How much there is to do, and how fast it is done."""
    if width < NARROW_WIDTH:
        return Group(heading("queue"), depth(seen), heading("per minute"), rates(seen, width - 36))
    side = Table.grid(expand=True, padding=(0, 1))
    side.add_column(width=28)
    side.add_column(ratio=1)
    side.add_row(heading("queue"), heading("per minute"))
    side.add_row(depth(seen), rates(seen, width - 64))
    return side


def depth(seen: Seen) -> RenderableType:
    """What is in hand and what waits."""
    queue = seen.queue
    table = Table.grid(padding=(0, 1))
    table.add_column(style=QUIET)
    table.add_column(justify="right", style="bold")
    table.add_column(style=QUIET)
    next_at = min((row.not_before for row in queue.delayed if row.not_before), default=None)
    oldest_at = queue.oldest_ready_since
    oldest = "" if oldest_at is None else f"oldest {peek.span(seen.now - oldest_at)}"
    soon = "" if next_at is None else f"next in {peek.span(next_at - seen.now)}"
    table.add_row("in hand", str(len(queue.running)), f"of {seen.workers}")
    table.add_row("ready", str(max(0, queue.depth - queue.delayed_depth)), oldest)
    table.add_row("delayed", str(queue.delayed_depth), soon)
    return table


def rates(seen: Seen, room: int) -> RenderableType:
    """Accepted and settled per minute, lately and over the last hour, with the hour's course."""
    table = Table.grid(padding=(0, 1))
    table.add_column(style=QUIET)
    for _ in (RECENT_MINUTES, LONG_MINUTES):
        table.add_column(justify="right", style="bold", min_width=7)
    table.add_column(style="cyan", no_wrap=True)
    shown = max(0, min(LONG_MINUTES, room))
    caption = f"last {shown} min" if shown >= len("last 10 min") else ""
    table.add_row("", *(Text(f"{n} min", QUIET) for n in (RECENT_MINUTES, LONG_MINUTES)), Text(caption, QUIET))
    course = by_minute(seen)
    for name, series in course.items():
        pace = (f"{per_minute(series[-n:], seen.now):.1f}" for n in (RECENT_MINUTES, LONG_MINUTES))
        table.add_row(name, *pace, peek.sparkline(series[-shown:]) if shown else "")
    return table


def by_minute(seen: Seen) -> dict[str, list[int]]:
    """How many were accepted and settled in each minute of the last hour, the one that is going on at the end."""
    this = int(seen.now) // 60 * 60
    minutes = [seen.health.minutes.get(this - 60 * ago, peek.Minute()) for ago in reversed(range(LONG_MINUTES))]
    return {
        "accepted": [minute.accepted for minute in minutes],
        "settled": [sum(minute.settled.values()) for minute in minutes],
    }


def per_minute(series: list[int], now: float) -> float:
    """The pace over these minutes, the last of which is not over."""
    return sum(series) / (len(series) - 1 + max(1.0, now % 60) / 60)


def outcomes(seen: Seen, width: int) -> RenderableType:
    """How everything ended so far: a bar, and its legend."""
    jobs = seen.jobs
    bar, legend = Text(no_wrap=True, overflow="crop"), Text(no_wrap=True, overflow="ellipsis")
    whole, drawn_to, so_far = sum(jobs.settled.values()), 0, 0
    for name, number in sorted(jobs.settled.items()):
        style = OUTCOMES.get(name, "")
        so_far += number
        end = round(so_far / whole * width) if whole else 0
        bar.append("━" * (end - drawn_to), style)
        drawn_to = end
        legend.append_text(cell(name, style)).append(f" {number}   ", "bold")
    bar.append("─" * (width - drawn_to), QUIET)
    if jobs.rejected:
        legend.append("drops rejected ", "magenta").append(str(jobs.rejected), "bold")
    return Group(heading(f"outcomes of {peek.many(jobs.accepted, 'job')}, {jobs.open} open"), bar, legend)


def workers_section(seen: Seen) -> Section:
    """Each worker with what it has in hand, for how long, and what was the last thing done about it."""
    jobs = {job.job: job for job in (*seen.jobs.open_jobs, *seen.jobs.jobs_in_hand)}
    hands = {hand.worker: hand for hand in seen.queue.running}
    rows = []
    for worker in sorted(hands.keys() | {f"w{number + 1}" for number in range(seen.workers)}, key=natural):
        hand = hands.get(worker)
        if hand is None:
            rows.append([cell(worker, QUIET), cell("idle", QUIET), cell(""), cell(""), cell("")])
            continue
        job = jobs.get(hand.job, Job())
        run = next((run for run in job.runs if run.run == hand.run), Run())
        stage = f"{run.stage.replace('_', ' ')} {run.attempts or ''}"
        age = cell(peek.span(seen.now - hand.since), "bold")
        rows.append([cell(worker, "bold cyan"), cell(hand.run), cell(job.title), cell(stage, "cyan"), age])
    return Section("workers", rows)


def natural(worker: str) -> tuple[int, str]:
    """So that w10 comes after w9."""
    return len(worker), worker


def waiting_section(seen: Seen) -> Section:
    """What waits, and for what: the next one in line, those for which a time will come, and the rest of the line."""
    queue = seen.queue
    titles = {job.job: job.title for job in seen.jobs.open_jobs}
    rows = []
    for row in queue.ready[:1] + queue.delayed + queue.ready[1:]:
        mark, why = cell("…", QUIET), row.why
        if row.not_before:
            mark, why = cell("◷", "yellow"), f"in {peek.span(row.not_before - seen.now)}: {row.why}"
        age = cell(peek.span(seen.now - row.waiting_since))
        rows.append([mark, cell(row.run), cell(titles.get(row.job, "")), cell(why), age])
    reasons: Counter[str] = Counter()
    for why, number in queue.waiting_for.items():
        reasons[why.partition(":")[0]] += number  # a fault's message comes after its name
    return Section(f"waiting for {peek.counts(reasons)}" if queue.depth else "nothing waits", rows, EQUAL)


def certified_section(seen: Seen) -> Section:
    """The last certificates, and where their patches are."""
    rows = [
        [cell("✔", "green"), cell(job.job), cell(job.title), cell(f"results/{job.job}/", "green"), ago(job, seen.now)]
        for job in seen.jobs.last_settled
        if job.outcome == "certified"
    ]
    return Section("last certificates" if rows else "no certificate yet", rows)


def uncertified_section(seen: Seen) -> Section:
    """The last jobs that ended without a certificate, and why."""
    rows = []
    for job in seen.jobs.last_settled:
        if job.outcome != "certified":
            style = OUTCOMES.get(job.outcome, "")
            why = cell(f"{job.outcome}: {job.reason}", style)
            rows.append([cell("✘", style), cell(job.job), cell(job.title), why, ago(job, seen.now)])
    return Section("last settled without one" if rows else "nothing settled without one", rows, EQUAL)


def arranged(lists: list[Section], width: int, room: int | None) -> Iterator[RenderableType]:
    """The lists below each other, each with its share of the room; the last two side by side where that fits."""
    first, *others = lists
    sizes = [len(section.rows) for section in lists]
    if width < SIDE_BY_SIDE_WIDTH:
        yield from map(drawn, lists, shares(sizes, room))
        return
    above, below = shares([sizes[0], max(sizes[1:])], room)
    yield drawn(first, above)
    pair = Table.grid(expand=True, padding=(0, 2, 0, 0), pad_edge=False)
    for _ in others:
        pair.add_column(ratio=1)
    pair.add_row(*(drawn(section, below) for section in others))
    yield pair


def shares(sizes: list[int], room: int | None) -> list[int]:
    """How many rows of each list are shown: all get the same, and what one leaves goes to the others."""
    if room is None:
        return [min(size, ROWS_IN_A_PIPE) for size in sizes]
    given = [0] * len(sizes)
    left = room - len(sizes)  # one line each for the headings
    while left > 0 and given != sizes:
        for place, size in enumerate(sizes):
            if left > 0 and given[place] < size:
                given[place] += 1
                left -= 1
    return given


def drawn(section: Section, size: int) -> RenderableType:
    """The heading and the first rows."""
    table = Table.grid(expand=True, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, min_width=10)
    for ratio in section.widths:
        table.add_column(no_wrap=True, ratio=ratio)
    table.add_column(no_wrap=True, justify="right", min_width=7)
    for row in section.rows[:size]:
        table.add_row(*row)
    left_out = len(section.rows) - size
    words = f"{section.words} (and {left_out} more)" if left_out and section.words == "workers" else section.words
    return Group(heading(words), table) if size else heading(words)


def heading(words: str) -> Rule:
    """The line above a part of the picture."""
    return Rule(cell(words, "bold"), align="left", style=QUIET)


def ago(job: Job, now: float) -> Text:
    """How long ago a job settled."""
    return cell(peek.span(now - job.settled_at))


def cell(words: str, style: str = "") -> Text:
    """Untrusted words, cut to what fits."""
    return Text(peek.clean(words), style, no_wrap=True, overflow="ellipsis")


if __name__ == "__main__":
    sys.exit(main())
