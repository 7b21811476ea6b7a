"""Durable appends: how many facts a second become durable, each of them awaited by whoever brought it.

*mendd*: `State.record` with that many tasks, each waiting for its own fact before it brings the next. All who wait
share one `fdatasync`. Once with no view to fold, as with the peers, who fold nothing: that is an append against an
append, and what the targets are for. And once as the daemon does it, each fact folded into all views before it is
written.

*SQLite*: the standard library's, `journal_mode=WAL`, `synchronous=FULL`, one transaction of one insert for each fact.
Each producer is a thread; all share one connection under a lock, because SQLite lets one writer in at a time: that
was the fastest of three arrangements (a connection each, with SQLite's own waiting: about 3,400/s at 6; one
connection with SQLite's own lock: about 4,400/s at 6 and 3,400/s at 1,000; this one: about 5,000/s at both). The
lines are made beforehand, and no view is folded.

*eventsourcing*: `SQLiteApplicationRecorder` on a file (WAL, and SQLite's default `synchronous`, which is FULL), one
event for each `insert_events`, from that many threads (at most fifteen, which is how many connections its pool has),
with the bytes made beforehand; likewise nothing is folded.

*What limits it*: the disk at one producer, where a peer's sync into a file that does not grow is cheaper; the
interpreter at a thousand: for each fact numbering, encoding, checksum, one task put to sleep and woken, and the folds:
whatever a view learns to count makes the daemon slower. On a disk that is busy with others' writes SQLite loses more
than mendd does, and the ratios grow.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from random import Random
from threading import Lock, Thread
from time import perf_counter
from typing import Any
from uuid import UUID

import anyio
from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from daemon import codec
from daemon.events import AnyFact, Fact
from daemon.settings import Settings
from daemon.state import State
from tests.benchmarks import lives
from tests.benchmarks.measure import Row, take_turns, tell

TITLE = "Durable appends"
PEER_FACTS = 4_000
POOL = 15
SIZES = {1: 3_000, 6: 18_000, 64: 64_000, 1_000: 150_000}  # producers → facts
TARGETS = {6: 3.0, 1_000: 25.0}


def run(folder: Path, rounds: int) -> list[Row]:
    """All numbers of producers, each against both peers."""
    fresh = (folder / str(number) for number in count())
    lines = [codec.encode(fact, 0)[0] for fact in lives.facts(PEER_FACTS)]
    rows = []
    for producers, facts in SIZES.items():
        tell(f"{TITLE}: {producers} producers")
        figures = take_turns(
            rounds,
            mendd=partial(_mendd, fresh, producers, facts, folded=False),
            folded=partial(_mendd, fresh, producers, facts, folded=True),
            sqlite=partial(_sqlite, fresh, producers, lines),
            eventsourcing=partial(_eventsourcing, fresh, min(producers, POOL), lines),
        )
        for ours, peer, name, target in (
            ("mendd", "sqlite", "against SQLite", TARGETS.get(producers)),
            ("mendd", "eventsourcing", "against eventsourcing", None),
            ("folded", "sqlite", "with all views folded, against SQLite", None),
        ):
            what = f"{producers:,} producer{'s' if producers > 1 else ''}, {name}"
            ratio = figures[ours] / figures[peer]
            rows.append(Row(what, f"{figures[ours]:,.0f}/s", f"{figures[peer]:,.0f}/s", ratio, target))
    return rows


class _Unfolded:
    """Stands where facts are folded, and does not."""

    def fold(self, facts: Iterable[Fact]) -> None:
        """Nothing."""


def _mendd(fresh: Iterator[Path], producers: int, facts: int, *, folded: bool) -> float:
    return anyio.run(_record_all, next(fresh), producers, facts, folded)


async def _record_all(folder: Path, producers: int, facts: int, folded: bool) -> float:  # noqa: FBT001  anyio.run has no names
    state = State(folder, Settings())
    state.catch_up()
    if not folded:
        state._folder = _Unfolded()  # type: ignore[assignment]  # noqa: SLF001  there is no such daemon
    numbers = count(1)
    stories = [_stories(facts // producers, partial(next, numbers)) for _ in range(producers)]
    async with anyio.create_task_group() as keeper:
        keeper.start_soon(state.keep)
        began = perf_counter()
        async with anyio.create_task_group() as everybody:
            for story in stories:
                everybody.start_soon(_bring, state, story)
        seconds = perf_counter() - began
        keeper.cancel_scope.cancel()
    state.close()
    return state.seq / seconds


def _stories(facts: int, number: partial[int]) -> list[AnyFact]:
    """The first so many facts of some jobs that nobody else has."""
    dice, found = Random(1), list[AnyFact]()  # noqa: S311  nothing secret
    while len(found) < facts:
        found += lives.job(number(), dice)
    return found[:facts]


async def _bring(state: State, story: list[AnyFact]) -> None:
    for fact in story:
        await state.record(fact)


def _sqlite(fresh: Iterator[Path], producers: int, lines: list[bytes]) -> float:
    folder = next(fresh)
    folder.mkdir(parents=True)
    connection = sqlite3.connect(folder / "facts.db", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    connection.execute("CREATE TABLE facts (seq INTEGER PRIMARY KEY, line BLOB)")
    one_writer = Lock()

    def bring(mine: list[bytes]) -> None:
        for line in mine:
            with one_writer:
                connection.execute("INSERT INTO facts (line) VALUES (?)", (line,))

    rate = _rate(bring, lines, producers)
    connection.close()
    return rate


def _eventsourcing(fresh: Iterator[Path], producers: int, lines: list[bytes]) -> float:
    folder = next(fresh)
    folder.mkdir(parents=True)
    datastore = SQLiteDatastore(str(folder / "facts.db"))
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    events = [StoredEvent(UUID(int=number), 1, "benchmark:Fact", line) for number, line in enumerate(lines)]

    def bring(mine: list[StoredEvent]) -> None:
        for event in mine:
            recorder.insert_events([event])

    rate = _rate(bring, events, producers)
    datastore.close()
    return rate


def _rate(bring: Callable[[list[Any]], None], everything: list[Any], producers: int) -> float:
    """Let each producer, a thread, bring its share; how many a second."""
    threads = [Thread(target=bring, args=(everything[number::producers],)) for number in range(producers)]
    began = perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return len(everything) / (perf_counter() - began)
