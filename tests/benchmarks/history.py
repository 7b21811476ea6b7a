"""One million facts on disk, as each contestant keeps them: made once, read by several benchmarks."""

import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from uuid import UUID

import msgspec
from eventsourcing.persistence import StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore

from daemon.events import AnyFact
from daemon.log import Log
from daemon.settings import Settings

FACTS = 1_000_000
AT_ONCE = 10_000


def in_batches(facts: Iterator[AnyFact]) -> Iterator[list[AnyFact]]:
    """The facts, ten thousand at once."""
    while batch := list(islice(facts, AT_ONCE)):
        yield batch


def write_log(folder: Path, facts: Iterator[AnyFact]) -> None:
    """Into a log, after what it holds already."""
    folder.mkdir(parents=True, exist_ok=True)
    log = Log(folder, Settings().segment_bytes)
    for _ in log.read():
        pass
    for batch in in_batches(facts):
        for fact in batch:
            log.stage(fact)
        log.write(log.take_staged())
    log.close()


def write_sqlite(path: Path, facts: Iterator[AnyFact]) -> None:
    """Into a table of lines."""
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE facts (seq INTEGER PRIMARY KEY, line BLOB)")
    connection.executemany("INSERT INTO facts VALUES (?, ?)", ((fact.seq, msgspec.json.encode(fact)) for fact in facts))
    connection.commit()
    connection.close()


def write_eventsourcing(path: Path, topics: dict[str, str], facts: Iterator[AnyFact]) -> None:
    """Into the library's table of stored events, each job an aggregate, its facts the versions."""
    datastore = SQLiteDatastore(str(path))
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    versions: dict[int, int] = {}
    for batch in in_batches(facts):
        events = []
        for fact in batch:
            aggregate = int(getattr(fact, "job", "r-0")[2:])
            version = versions[aggregate] = versions.get(aggregate, 0) + 1
            state = msgspec.to_builtins(fact)
            topic = topics[state.pop("type")]
            events.append(StoredEvent(UUID(int=aggregate), version, topic, msgspec.json.encode(state)))
        recorder.insert_events(events)
    datastore.close()
