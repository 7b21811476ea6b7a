"""A start from a snapshot with a tail of 10,000 facts, against a start that folds the whole million.

Both are `State.catch_up` on the same log, with the snapshot file there and without it; the page cache is warm.
"""

import gc
from itertools import islice
from pathlib import Path
from time import perf_counter

from daemon.settings import Settings
from daemon.state import State
from tests.benchmarks import history, lives
from tests.benchmarks.measure import Row, take_turns, tell

TITLE = "Start from a snapshot"
TAIL = 10_000


def run(folder: Path, rounds: int) -> list[Row]:
    """With and without."""
    tell(f"{TITLE}: making a million facts")
    facts = lives.facts(history.FACTS)
    history.write_log(folder / "log", islice(facts, history.FACTS - TAIL))
    state = State(folder, Settings())
    state.catch_up()
    snapshot, path = state.snapshot(), folder / "snapshot"
    history.write_log(folder / "log", facts)

    def with_snapshot() -> float:
        path.write_bytes(snapshot)
        return _start(folder)

    def without() -> float:
        path.unlink(missing_ok=True)
        return _start(folder)

    del state
    figures = take_turns(rounds, snapshot=with_snapshot, full=without)
    what = f"a tail of {TAIL:,} facts (the snapshot has {len(snapshot) / 2**20:.1f} MiB), against the full fold"
    ratio = figures["full"] / figures["snapshot"]
    return [Row(what, f"{figures['snapshot'] * 1000:.0f} ms", f"{figures['full'] * 1000:,.0f} ms", ratio, 10)]


def _start(folder: Path) -> float:
    gc.unfreeze()
    gc.collect()
    state = State(folder, Settings())
    began = perf_counter()
    state.catch_up()
    seconds = perf_counter() - began
    if state.seq != history.FACTS:
        raise AssertionError(f"{state.seq} facts were read")
    return seconds
