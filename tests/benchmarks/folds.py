"""One million facts folded into all views, read from the disk (page cache warm), in a process that does nothing else.

All three read facts of the same lives (about sixty jobs open at once, one to three runs, one to six attempts, sixteen
types of facts, about 260 bytes each as a line) and call the very same folds in the same order, with the garbage
collector off.

*mendd*: what a start without a snapshot does: `State.catch_up`, which also vouches for every byte (checksums,
numbering).

*SQLite and orjson*: a scan in the order of the key, `orjson.loads` for each row, and no conversion but the cheapest
there is: the dictionary becomes an object's attributes as it stands. Nothing is checked: not the types, not the
bytes.

*eventsourcing*: `select_notifications`, ten thousand at once, and the library's `Mapper` with its `JSONTranscoder`,
as its own projections read; each type of fact is an event class. The values inside (a drop) stay plain dictionaries.

*What limits it*: the folds themselves, which are the same for all three and about seven tenths of mendd's time: every
one that is added brings the ratios nearer to one. Reading, vouching for and typing a fact takes mendd 0.6
microseconds, nearly all of it in the decoder.
"""

import gc
import sqlite3
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from time import perf_counter
from typing import Any, get_args
from uuid import UUID

import orjson
from eventsourcing.persistence import JSONTranscoder, Mapper
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore
from eventsourcing.utils import get_topic
from msgspec import NODEFAULT, structs

from daemon.events import AnyFact, Fact
from daemon.settings import Settings
from daemon.state import State
from daemon.views import FOLDS, Views
from tests.benchmarks import history, lives
from tests.benchmarks.measure import Row, take_turns, tell

TITLE = "Folding a million facts"
Folds = list[tuple[Callable[[Any, Any], None], str]]


def run(folder: Path, rounds: int) -> list[Row]:
    """The three ways."""
    folder.mkdir(parents=True)
    tell(f"{TITLE}: making them")
    topics = {name: get_topic(kind) for name, kind in EVENTS.items()}
    history.write_log(folder / "state" / "log", lives.facts(history.FACTS))
    history.write_sqlite(folder / "facts.db", lives.facts(history.FACTS))
    history.write_eventsourcing(folder / "events.db", topics, lives.facts(history.FACTS))
    figures = take_turns(
        rounds,
        mendd=lambda: _mendd(folder / "state"),
        sqlite=lambda: _timed(_sqlite, folder / "facts.db"),
        eventsourcing=lambda: _timed(_eventsourcing, folder / "events.db"),
    )
    ours = figures["mendd"]
    return [
        Row("against SQLite and orjson", f"{ours:.2f} s", f"{figures['sqlite']:.2f} s", figures["sqlite"] / ours, 2),
        Row(
            "against eventsourcing",
            f"{ours:.2f} s",
            f"{figures['eventsourcing']:.2f} s",
            figures["eventsourcing"] / ours,
            8,
        ),
    ]


def _mendd(folder: Path) -> float:
    state = State(folder, Settings())
    began = perf_counter()
    state.catch_up()
    seconds = perf_counter() - began
    _check(state.views)
    return seconds


def _timed(way: Callable[[Path, Views], None], path: Path) -> float:
    views = Views()
    gc.disable()
    began = perf_counter()
    way(path, views)
    seconds = perf_counter() - began
    gc.enable()
    _check(views)
    return seconds


def _check(views: Views) -> None:
    """Everybody must have come to the same end; what is left must be freed before the next one's turn."""
    seen = (views.jobs.accepted, len(views.jobs.open), views.fix_database.certified, len(views.fix_database.fixes))
    if _END.setdefault("seen", seen) != seen:
        raise AssertionError(f"{seen} is not what the others saw: {_END}")
    gc.unfreeze()


_END: dict[str, tuple[int, ...]] = {}


# The strongest peers that we could think of


def _event_class(fact_type: type[Fact]) -> type:
    """The event class of a type of fact: a field that the line leaves out has its default on the class."""
    found = {field.name: field.default for field in structs.fields(fact_type) if field.default is not NODEFAULT}
    lists = {f.name: f.default_factory() for f in structs.fields(fact_type) if f.default_factory is not NODEFAULT}
    own = {"__module__": __name__, "__annotations__": {"originator_id": UUID}}  # what the library's mapper looks for
    return type(fact_type.__name__, (), found | lists | own)


FACT_TYPES: tuple[type[Fact], ...] = get_args(AnyFact)
EVENTS = {fact_type.__name__: _event_class(fact_type) for fact_type in FACT_TYPES}
for _name, _kind in EVENTS.items():
    setattr(sys.modules[__name__], _name, _kind)  # where the library's topics point to


def _folds(views: Views) -> dict[str, Folds]:
    """Which folds see which fact, by the name of its type."""
    found: dict[str, Any] = {fact_type.__name__: [] for fact_type in FACT_TYPES}
    for view, folds in FOLDS.items():
        for fact_type, fold in folds.items():
            found[fact_type.__name__].append((fold, getattr(views, view)))
    return found


def _sqlite(path: Path, views: Views) -> None:
    folds, loads = _folds(views), orjson.loads
    rows: Iterable[tuple[bytes]] = sqlite3.connect(path).execute("SELECT line FROM facts ORDER BY seq")
    for (line,) in rows:
        values = loads(line)
        name = values["type"]
        fact = EVENTS[name]()
        fact.__dict__ = values
        for fold, view in folds[name]:
            fold(view, fact)


def _eventsourcing(path: Path, views: Views) -> None:
    folds = _folds(views)
    datastore = SQLiteDatastore(str(path))
    recorder = SQLiteApplicationRecorder(datastore)
    mapper = Mapper[UUID](JSONTranscoder())
    start = 1
    while notifications := recorder.select_notifications(start, history.AT_ONCE):
        for notification in notifications:
            fact = mapper.to_domain_event(notification)
            for fold, view in folds[type(fact).__name__]:
                fold(view, fact)
        start = notifications[-1].id + 1
    datastore.close()
