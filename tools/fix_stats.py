"""What the daemon has learned: failures by signature, remembered fixes, and how well they hold."""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import peek
from msgspec import Struct, field
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

DAYS_SHOWN = 30
WEEK_DAYS = 7
NAME_CHARACTERS = (
    28  # the version and the coarse key of a signature, and enough of the exact one to tell failures apart
)
NARROW = 72  # columns, below which a row is told on lines of its own
WHAT_FAILED = ("failed: ", "error: ")  # how the line of a report begins that says what was raised


Headings = tuple[str, ...]
Row = tuple[str | Text, ...]


class Signature(Struct):
    """A failure as often as it was seen."""

    seen: int = 0
    certified: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    example: str = ""


class Fix(Struct):
    """A remembered edit, and how it held."""

    signature: str = ""
    job: str = ""
    before: str = ""
    after: str = ""
    learned_at: float = 0.0
    taught: int | None = None
    offered: int = 0
    tried: int = 0
    worked: int = 0
    at_least: float | None = None
    standing: str = ""
    box: str = ""


class Tally(Struct, frozen=True):
    """Settled jobs for which memory had something."""

    jobs: int = 0
    certified: int = 0
    calls_per_job: float = 0.0
    tokens_per_job: float = 0.0


class Help(Struct):
    """Jobs that got what memory had, against those that were held out; the difference with its interval."""

    with_memory: Tally = Tally()
    held_out: Tally = Tally()
    difference: tuple[float, float, float] | None = None


class FixDatabase(Struct):
    """fix_database.json; what an older daemon did not count is None."""

    signatures: int = 0
    fixes: int = 0
    seen: int | None = None
    offered: int | None = None
    tried: int | None = None
    worked: int | None = None
    certified_jobs: int = 0
    reuse_rate: float | None = None
    reuse_rate_across_projects: float | None = None
    reuse_rate_without_model: float | None = None
    reuse_by_day: dict[int, tuple[int, int, int]] = field(default_factory=dict)
    does_memory_help: Help | None = None
    learned_by_day: dict[int, int] = field(default_factory=dict)
    latest_signatures: dict[str, Signature] = field(default_factory=dict)
    best_fixes: dict[str, Fix] = field(default_factory=dict)

    def most_frequent(self, rows: int) -> list[tuple[str, Signature]]:
        """Of the signatures that the view lists, those seen most often."""
        listed = self.latest_signatures.items()
        return sorted(listed, key=lambda item: (-item[1].seen, -item[1].last_at, item[0]))[:rows]

    def best(self, rows: int) -> list[tuple[str, Fix]]:
        """The fixes that worked most often, in the order of the view."""
        return list(self.best_fixes.items())[:rows]

    def growth(self, days: int, now: float) -> list[int]:
        """Fixes learned on each of the last days, today at the end."""
        today = int(now) // peek.DAY_S * peek.DAY_S
        return [self.learned_by_day.get(today - ago * peek.DAY_S, 0) for ago in reversed(range(days))]

    def reuse_then_and_now(self) -> tuple[float, float] | None:
        """The share of certified jobs with a remembered fix, in the older and in the newer half of the days."""
        days = [counts for _, counts in sorted(self.reuse_by_day.items())]
        halves = [days[: len(days) // 2], days[len(days) // 2 :]]
        certified, reused = ([sum(day[place] for day in half) for half in halves] for place in (0, 1))
        return (reused[0] / certified[0], reused[1] / certified[1]) if all(certified) else None


def main() -> int:
    """Look, and tell."""
    options = arguments()
    peek.speak()
    if absence := peek.absence(options.state):
        print(f"fix_stats: {absence}", file=sys.stderr)
        return peek.NO_STATE
    problems: list[str] = []
    database = peek.view(options.state, "fix_database", FixDatabase, problems)
    for problem in problems:
        print(f"fix_stats: {problem}", file=sys.stderr)
    if problems:
        return 1
    now = time.time()
    if options.json:
        print(msgspec.json.format(msgspec.json.encode(as_json(database, options.rows, now))).decode())
    else:
        tell(database, options.rows, now)
    return 0


def arguments() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    state = peek.folder("state_dir", "state")
    parser.add_argument("--state", type=Path, default=state, help="the state folder")
    parser.add_argument("--rows", type=whole, default=10, help="of each table; the view has at most 100 (%(default)s)")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser.parse_args()


def whole(text: str) -> int:
    """A number from 0."""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0")
    return int(text)


def tell(database: FixDatabase, rows: int, now: float) -> None:
    """The figures, and the tables."""
    console = Console(highlight=False)
    figures_table = Table.grid(padding=(0, 2))
    figures_table.add_column(style="bright_black", min_width=12)
    figures_table.add_column()
    for name, words in figures(database, now):
        figures_table.add_row(name, Text(words))
    console.print(figures_table)
    if database.latest_signatures:
        console.print()
        console.print(framed(*signatures(database, rows, now), width=console.width))
    if database.best_fixes:
        console.print()
        console.print(framed(*fixes(database, rows, now), width=console.width))


def figures(database: FixDatabase, now: float) -> Iterator[tuple[str, str]]:
    """Each figure in words."""
    seen = "" if database.seen is None else f", seen {peek.many(database.seen, 'time')}"
    yield "signatures", f"{database.signatures}{seen}"
    yield "fixes", f"{database.fixes} remembered"
    if database.tried:
        yield "tries", f"{database.tried}, worked {share(database.worked or 0, database.tried)}"
    if database.reuse_rate is not None:
        yield "reuse", reuse_words(database, database.reuse_rate)
    if (helped := database.does_memory_help) and (helped.with_memory.jobs or helped.held_out.jobs):
        yield "memory", memory_words(helped)
    if database.learned_by_day:
        days = database.growth(DAYS_SHOWN, now)
        lately = f"today {days[-1]}, in {WEEK_DAYS} days {sum(days[-WEEK_DAYS:])}, in {DAYS_SHOWN} days {sum(days)}"
        yield "learned", f"{lately}  {peek.sparkline(days).lstrip()}"


def reuse_words(database: FixDatabase, rate: float) -> str:
    """How much was reused; of it, how much crossed projects and how much asked no model; and how it went over time."""
    part = f"{rate:.0%}" if rate else "none"
    words = f"{part} of {peek.many(database.certified_jobs, 'certified job')} mended by a remembered fix"
    if across := database.reuse_rate_across_projects:
        words += f", {across:.0%} by one of another project"
    if replayed := database.reuse_rate_without_model:
        words += f", {replayed:.0%} by one that was replayed, with no model asked"
    if rate and (halves := database.reuse_then_and_now()):
        words += f"; by day, older half {halves[0]:.0%}, newer half {halves[1]:.0%}"
    return words


def memory_words(found: Help) -> str:
    """Whether memory helps, or that it cannot be said yet."""
    having, without = found.with_memory, found.held_out
    if found.difference is None:
        known = peek.many(having.jobs + without.jobs, "job")
        return f"it had something for {known}, {without.jobs} of them held out: nothing to compare yet"
    words = (
        f"whatever mended them, certified: {share(having.certified, having.jobs)} of {peek.many(having.jobs, 'job')} "
        f"that got what it had, {share(without.certified, without.jobs)} of {without.jobs} that were held out"
    )
    apart, low, high = (100 * part for part in found.difference)
    verdict = "it helps" if low > 0 else "it harms" if high < 0 else "it cannot be said yet whether it helps"
    return f"{words}; {round(apart):+d} points ({round(low):+d} to {round(high):+d}): {verdict}"


def share(part: int, whole: int) -> str:
    """A number, and how much of the whole it is, if there is a whole."""
    return f"{part} ({part / whole:.0%})" if whole else str(part)


def signatures(database: FixDatabase, rows: int, now: float) -> tuple[str, Headings, list[Row]]:
    """The failures that come again and again."""
    listed = len(database.latest_signatures)
    which = "" if listed == database.signatures else f" of the {listed} seen last"
    headings = ("signature", "seen", "certified", "last", "example")
    shown: list[Row] = [
        (
            short(name),
            str(signature.seen),
            str(signature.certified),
            f"{peek.span(now - signature.last_at)} ago",
            cell(raised(signature.example)),
        )
        for name, signature in database.most_frequent(rows)
    ]
    return f"most frequent failures{which}", headings, shown


def raised(report: str) -> str:
    """Of a report on a test, what was raised: which test it was says less, and stands first."""
    lines = (line.strip() for line in report.splitlines())
    found = (line.removeprefix(word) for line in lines for word in WHAT_FAILED if line.startswith(word))
    return next(found, report)


def fixes(database: FixDatabase, rows: int, now: float) -> tuple[str, Headings, list[Row]]:
    """The fixes that hold: what a certificate taught counts as having worked, and `at least` stands on both."""
    headings = ("fix", "taught", "tried", "worked", "at least", "learned", "before → after")
    shown: list[Row] = [
        (
            short(name),
            "" if fix.taught is None else str(fix.taught),
            str(fix.tried),
            share(fix.worked, fix.tried),
            "" if fix.at_least is None else f"{fix.at_least:.0%}",
            f"{peek.span(now - fix.learned_at)} ago",
            Text.assemble((peek.clean(fix.before), "red"), " → ", (peek.clean(fix.after), "green")),
        )
        for name, fix in database.best(rows)
    ]
    return "best fixes", headings, shown


def short(name: str) -> str:
    """A name as far as it tells things apart."""
    clean = peek.clean(name)
    return clean if len(clean) <= NAME_CHARACTERS else f"{clean[: NAME_CHARACTERS - 1]}…"


def framed(title: str, headings: Headings, rows: list[Row], width: int) -> RenderableType:
    """A table with a name, figures, and words that get the rest of the room; or without room for it, a list."""
    if width < NARROW:
        return listed(title, headings, rows)
    name, *numbers, words = headings
    table = Table(
        title=title, title_justify="left", title_style="bold", box=None, expand=True, header_style="bright_black"
    )
    table.add_column(name, no_wrap=True)
    for number in numbers:
        table.add_column(number, no_wrap=True, justify="right")
    table.add_column(words, no_wrap=True, ratio=1)
    for row in rows:
        table.add_row(*row)
    return table


def listed(title: str, headings: Headings, rows: list[Row]) -> RenderableType:
    """The same below each other: the name, the figures with their headings, the words."""
    lines = [Text(title, "bold")]
    for name, *numbers, words in rows:
        told = [f"{heading} {number}" for heading, number in zip(headings[1:], numbers, strict=False) if number]
        lines += [Text(str(name)), Text(f"  {', '.join(told)}"), Text.assemble("  ", words)]
    return Group(*lines)


def cell(words: str) -> Text:
    """Untrusted words, cut to what fits."""
    return Text(peek.clean(words), no_wrap=True, overflow="ellipsis")


def as_json(database: FixDatabase, rows: int, now: float) -> dict[str, Any]:
    """The same for programs."""
    return {
        "signatures": database.signatures,
        "seen": database.seen,
        "fixes": database.fixes,
        "tried": database.tried,
        "worked": database.worked,
        "worked_rate": (database.worked or 0) / database.tried if database.tried else None,
        "certified_jobs": database.certified_jobs,
        "offered": database.offered,
        "reuse_rate": database.reuse_rate,
        "reuse_rate_across_projects": database.reuse_rate_across_projects,
        "reuse_rate_without_model": database.reuse_rate_without_model,
        "reuse_by_day": database.reuse_by_day,
        "does_memory_help": database.does_memory_help,
        "learned_by_day": database.learned_by_day,
        "learned_in_7_days": sum(database.growth(WEEK_DAYS, now)),
        "most_frequent_signatures": dict(database.most_frequent(rows)),
        "best_fixes": dict(database.best(rows)),
    }


if __name__ == "__main__":
    sys.exit(main())
