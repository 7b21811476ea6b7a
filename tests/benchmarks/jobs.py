"""No-op jobs through the whole daemon: from files in the inlet to every job settled, durably, by six workers.

Everybody begins with the same number of files, one job each, lying in a folder, and is started as a process of its
own; the clock runs from the start of that process to its end, start-up included. At the end every job was made
durable before its file was removed, was run by one of six workers, has its outcome durably stored, and has a folder
with a report. The scripts are `noop_huey.py` and `noop_dbos.py` beside this file. A peer for which the full number
would take too long gets fewer jobs, and the rates are compared.

*mendd*: `python -m daemon work --once` in the scripted world with default settings; every job is a repair whose red
gate finds the targets green: prepare environment and workspace, run the gate, settle run and job: eight facts each.
Its claim is durable before the first hand moves; the three hands of such a job only prepare, and may be done again, so
they do not wait for each other's facts. Views and snapshot are written as well.

*huey*: `SqliteHuey` with `fsync=True` (WAL, `synchronous=FULL`); results stored, as is its default; a consumer with
six threads, its own choice for work that waits. Per job one transaction each to enqueue, to dequeue and to store the
result: a job is over in one task, and one whose process dies meanwhile is gone. *A task for each step* is the same
with a pipeline of four (environment, workspace, gate, the end), each begun only when what the one before gave is
durable: so a job keeps its place, as the daemon's do.

*dbos*: the SQLite system database with DBOS' own settings (rollback journal, SQLite's default `synchronous=FULL`);
one workflow per job, enqueued on a queue with `worker_concurrency=6` that is polled every 10 ms instead of every
second.

*What limits it*: the interpreter, which one thread has at a time: for 2.4 of 3.6 s, 0.3 of them for imports (sampled
twice). What is read from the inlet and put down as results is done in threads beside the event loop, which syncs
meanwhile; drops are removed between two syncs.

*Where*: on an ext4 as distributions make it, with a journal: `--folder` on a fresh one (a file, mounted). What a peer's
transaction costs depends on that more than what a job of ours does. On an ext4 without a journal, which this machine
itself is made of, it was 2.7 times against huey (2,393/s and 872/s), 9.3 times against its steps and 23.1 times against
dbos, measured in the same hour.

Making a folder and a file for each job is what both sides do. A loop that does nothing else takes 0.04 ms a job on a
new ext4, and up to 1.6 ms where many files were removed within the last minutes: ext4 passes over every number of a
file that was just freed. So no contestant's folder is removed before the last one is done, and who measures should let
five quiet minutes go before.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from time import perf_counter, sleep

from tests.benchmarks.measure import Row, take_turns, tell

TITLE = "No-op jobs, drop to settled"
JOBS = {"mendd": 10_000, "huey": 10_000, "stepwise": 2_000, "dbos": 1_000}
HERE = Path(__file__).parent
SETTLE_S = 3.0  # between making the files and the start, after a sync: nobody pays for another's writes


def run(folder: Path, rounds: int) -> list[Row]:
    """The three, by turns."""
    fresh = (folder / str(number) for number in count())
    tell(TITLE)
    figures = take_turns(
        rounds,
        mendd=lambda: _rate(JOBS["mendd"], _mendd, next(fresh)),
        huey=lambda: _rate(JOBS["huey"], _script("noop_huey.py"), next(fresh)),
        stepwise=lambda: _rate(JOBS["stepwise"], _script("noop_huey.py", "stepwise"), next(fresh)),
        dbos=lambda: _rate(JOBS["dbos"], _script("noop_dbos.py"), next(fresh)),
    )
    ours = f"{figures['mendd']:,.0f}/s ({JOBS['mendd']:,} jobs)"
    return [
        Row(
            f"against {name}",
            ours,
            f"{figures[peer]:,.0f}/s ({JOBS[peer]:,} jobs)",
            figures["mendd"] / figures[peer],
            target,
        )
        for peer, name, target in (
            ("huey", "huey", 3.0),
            ("stepwise", "huey, a task for each step", None),
            ("dbos", "dbos", 5.0),
        )
    ]


def _rate(jobs: int, contest: Callable[[Path], tuple[list[str], dict[str, str]]], folder: Path) -> float:
    """Jobs a second, from the start of the process to its end."""
    ideas = folder / "queue" / "ideas"
    ideas.mkdir(parents=True)
    for number in range(jobs):
        repo = f"/srv/project-{number % 50}"
        drop = {"kind": "repair", "repo": repo, "tests": ["tests/test_a.py::test_a"], "problem": "script: green"}
        (ideas / f"{number:06d}.json").write_text(json.dumps(drop))
    os.sync()
    sleep(SETTLE_S)
    command, environment = contest(folder)
    quiet = subprocess.DEVNULL
    began = perf_counter()
    subprocess.run(command, env=os.environ | environment, stdout=quiet, stderr=quiet, check=False)
    seconds = perf_counter() - began
    results = folder / "state" / "results"
    if len(list(results.glob("*/report.md"))) != jobs or any(ideas.iterdir()):
        raise AssertionError(f"{command} did not settle {jobs} jobs in {folder}")
    return jobs / seconds


def _mendd(folder: Path) -> tuple[list[str], dict[str, str]]:
    environment = {"QUEUE_DIR": str(folder / "queue"), "STATE_DIR": str(folder / "state"), "WORLD": "scripted"}
    return [sys.executable, "-m", "daemon", "work", "--once"], {f"MENDD_{k}": v for k, v in environment.items()}


def _script(name: str, *words: str) -> Callable[[Path], tuple[list[str], dict[str, str]]]:
    module = f"tests.benchmarks.{name.removesuffix('.py')}"
    return lambda folder: ([sys.executable, "-m", module, str(folder), *words], {})
