"""What every benchmark shares: rounds in which the contestants take turns, rows with a ratio, and a table of them."""

import gc
import os
import sqlite3
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from platform import machine, python_version, release
from statistics import median

from msgspec import Struct

PACKAGES = ("anyio", "msgspec", "orjson", "watchfiles", "eventsourcing", "huey", "dbos")


class Row(Struct, frozen=True):
    """One comparison: our figure, the peer's, how many times better ours is, and how many times it has to be."""

    what: str
    ours: str
    peer: str
    ratio: float | None = None
    target: float | None = None
    met: bool | None = None

    def line(self) -> str:
        """The row of a Markdown table."""
        ratio = "" if self.ratio is None else f"{self.ratio:.1f} times"
        target = "" if self.target is None else f"≥ {self.target:g}"
        met = self.met if self.target is None or self.ratio is None else self.ratio >= self.target
        return f"| {self.what} | {self.ours} | {self.peer} | {ratio} | {target} | {_MET[met]} |"


_MET = {None: "", True: "yes", False: "**no**"}


def take_turns(rounds: int, **contestants: Callable[[], float]) -> dict[str, float]:
    """Run A B A B …; the median figure of each."""
    figures: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds):
        for name, contest in contestants.items():
            gc.collect()
            figures[name].append(contest())
            tell(f"  round {number + 1}, {name}: {figures[name][-1]:,.4g}")
    return {name: median(found) for name, found in figures.items()}


def table(rows: Iterable[Row]) -> str:
    """The rows as Markdown."""
    head = "| what | mendd | peer | ratio | target | met |\n| --- | --- | --- | --- | --- | --- |"
    return "\n".join([head, *(row.line() for row in rows)])


def surroundings(folder: Path) -> str:
    """Where and with what it was measured."""
    packages = ", ".join(f"{package} {version(package)}" for package in PACKAGES)
    load = os.getloadavg()[1]
    return (
        f"{datetime.now(UTC):%Y-%m-%d}; {_processor()}, {os.cpu_count()} cores, {machine()}; Linux {release()}; "
        f"{_filesystem(folder)}; Python {python_version()}, SQLite {sqlite3.sqlite_version}; {packages}; "
        f"load average over the last five minutes {load:.1f}, these processes included"
    )


def put_between(page: Path, begin: str, end: str, text: str) -> None:
    """Write what was measured where the page has these two marks; all else stays as it is."""
    head, _, rest = page.read_text().partition(begin)
    page.write_text(f"{head}{begin}\n\n{text}\n\n{end}{rest.partition(end)[2]}")


def tell(words: str) -> None:
    """Say how far it is, to whoever waits."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown processor")


def _filesystem(folder: Path) -> str:
    """The type of the file system that holds the folder."""
    mounts = [line.split()[1:3] for line in Path("/proc/mounts").read_text().splitlines()]
    over = [(where, kind) for where, kind in mounts if folder.resolve().is_relative_to(where)]
    return max(over, key=lambda mount: len(mount[0]))[1]
