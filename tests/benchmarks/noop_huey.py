"""What `jobs` asks of huey: take in every file durably, run each with six workers, keep outcomes and reports."""

import sys
from pathlib import Path
from time import sleep
from typing import Any

from huey import SqliteHuey

from tests.benchmarks.noop import drops, leave_report


def main(folder: Path) -> None:
    """From files to settled jobs."""
    results = folder / "state" / "results"
    results.mkdir(parents=True)
    huey = SqliteHuey("noop", filename=str(folder / "state" / "huey.db"), fsync=True)

    @huey.task()  # type: ignore[untyped-decorator]  # it has no types
    def repair(name: str, drop: dict[str, Any]) -> dict[str, str]:
        return leave_report(results, name, drop)

    jobs = 0
    for path, name, drop in drops(folder / "queue" / "ideas"):
        repair(name, drop)
        path.unlink()
        jobs += 1
    consumer = huey.create_consumer(workers=6, periodic=False, check_worker_health=False)
    consumer.start()
    while huey.result_count() < jobs:
        sleep(0.02)
    consumer.stop(graceful=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
