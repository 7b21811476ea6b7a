"""From the drop to the accepted job, and what listening costs while nothing happens.

*mendd*: the real process (`python -m daemon work`, default settings, the scripted world). A file is written beside
the inlet and renamed into it; then somebody looks at nothing but that name, every 50 microseconds. When it is gone
the job is durable in the log, for a drop is removed only after that: so this is a little more than the time until
accepted. He does not look without a pause, because the kernel likes to wake the daemon on the processor that renamed
the file, and there it waited for the end of his time slice: 2 to 3 ms of a median of 4.4 (docs/decisions/0015).

*awatch*: the process below, `watchfiles.awatch` with default settings on a folder of its own: the same rename, until
the line in which it reports the change has been read. Nothing is parsed, recorded or removed.

Both run all the while, and the drops alternate, with pauses of random length. The idle CPU is what the kernel booked
for the daemon's process (utime and stime) over the idle seconds after all that.

*What limits it*: the sync of the fact, and a few turns of the event loop. `watchfiles` as a doorbell, with a step of
5 ms, took 16 ms in the same measurement, at 0.75 % of a core while idle (docs/decisions/0015).
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median, quantiles
from time import perf_counter, sleep

from tests.benchmarks.measure import Row, tell

TITLE = "Drop to accepted"
DROPS_A_ROUND = 25
IDLE_S = 20.0
PATIENCE_S = 30.0
PAUSE_S = 0.000_05  # between two looks: who looks without one takes the processor that the daemon is woken on
LISTENER = """
import anyio, sys
from watchfiles import awatch
async def main():
    print("ready", flush=True)
    async for changes in awatch(sys.argv[1]):
        print(*(path for _, path in changes), flush=True)
anyio.run(main)
"""


def run(folder: Path, rounds: int) -> list[Row]:
    """Both latencies, and the idle CPU."""
    listened, queue, state = folder / "listened", folder / "queue", folder / "state"
    for each in (listened, queue / "tmp", queue / "ideas"):
        each.mkdir(parents=True)
    environment = os.environ | {
        "MENDD_QUEUE_DIR": str(queue),
        "MENDD_STATE_DIR": str(state),
        "MENDD_WORLD": "scripted",
    }
    quiet = subprocess.DEVNULL
    daemon = subprocess.Popen([sys.executable, "-m", "daemon", "work"], env=environment, stderr=quiet, stdout=quiet)
    listener = subprocess.Popen([sys.executable, "-c", LISTENER, listened], stdout=subprocess.PIPE, text=True)
    try:
        return _measure(daemon.pid, listener, queue, listened, rounds)
    finally:
        for process in (daemon, listener):
            process.terminate()
            process.wait()


def _measure(daemon: int, listener: "subprocess.Popen[str]", queue: Path, listened: Path, rounds: int) -> list[Row]:
    dice = Random(1)  # noqa: S311  nothing secret
    reports = listener.stdout
    if reports is None:
        raise AssertionError("the listener has no voice")
    reports.readline()
    sleep(2)  # both have begun to listen; nobody can see from outside when

    def accepted(target: Path) -> None:
        until = perf_counter() + PATIENCE_S
        while target.exists():
            if perf_counter() > until:
                raise TimeoutError(f"{target} was never taken in")
            sleep(PAUSE_S)

    def reported(_: Path) -> None:
        reports.readline()

    ours, theirs = list[float](), list[float]()
    for number in range(DROPS_A_ROUND * rounds):
        sleep(dice.uniform(0.1, 0.3))
        ours.append(_drop(queue / "tmp", queue / "ideas" / f"{number}.json", accepted))
        sleep(dice.uniform(0.1, 0.3))
        theirs.append(_drop(queue / "tmp", listened / f"{number}.json", reported))
    tell(f"  {len(ours)} drops each: median {median(ours) * 1000:.1f} and {median(theirs) * 1000:.1f} ms")
    sleep(2)
    before, began = _cpu_s(daemon), perf_counter()
    sleep(IDLE_S)
    idle = (_cpu_s(daemon) - before) / (perf_counter() - began) * 100
    ratio = median(theirs) / median(ours)
    return [
        Row("median, against `awatch` defaults", _ms(median(ours)), _ms(median(theirs)), ratio, 20),
        Row("95th percentile", _ms(quantiles(ours, n=20)[-1]), _ms(quantiles(theirs, n=20)[-1])),
        Row(f"idle CPU over {IDLE_S:.0f} s", f"{idle:.2f} %", "under 1 %", met=idle < 1),
    ]


def _drop(aside: Path, target: Path, seen: Callable[[Path], None]) -> float:
    """Let a file appear there in one move; the seconds until it was seen."""
    drop = {"kind": "repair", "repo": "/srv/shop", "tests": ["tests/test_a.py::test_a"], "problem": "script: green"}
    written = aside / target.name
    written.write_text(json.dumps(drop))
    began = perf_counter()
    written.rename(target)
    seen(target)
    return perf_counter() - began


def _cpu_s(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"
