"""What `jobs` asks of huey: take in every file durably, run each with six workers, keep outcomes and reports.

`noop_huey FOLDER` has one task for a job, `noop_huey FOLDER stepwise` one for each of the daemon's steps.
"""

import sys
from pathlib import Path
from time import sleep
from typing import Any

from huey import SqliteHuey

from tests.benchmarks.noop import drops, leave_report


def main(folder: Path, *, stepwise: bool) -> None:
    """From files to settled jobs."""
    results = folder / "state" / "results"
    results.mkdir(parents=True)
    huey = SqliteHuey("noop", filename=str(folder / "state" / "huey.db"), fsync=True)

    @huey.task()  # type: ignore[untyped-decorator]  # it has no types
    def repair(name: str, drop: dict[str, Any]) -> dict[str, str]:
        return leave_report(results, name, drop)

    @huey.task()  # type: ignore[untyped-decorator]  # the same
    def step(name: str, drop: dict[str, Any]) -> tuple[str, dict[str, Any]]:  # what it returns, the next is given
        return name, drop

    results_to_come = 0
    for path, name, drop in drops(folder / "queue" / "ideas"):
        if stepwise:
            huey.enqueue(step.s(name, drop).then(step).then(step).then(repair))
        else:
            repair(name, drop)
        path.unlink()
        results_to_come += 4 if stepwise else 1
    consumer = huey.create_consumer(workers=6, periodic=False, check_worker_health=False)
    consumer.start()
    while huey.result_count() < results_to_come:
        sleep(0.02)
    consumer.stop(graceful=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), stepwise="stepwise" in sys.argv[2:])
