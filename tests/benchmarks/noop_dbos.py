"""What `jobs` asks of DBOS: take in every file durably, run each with six workers, keep outcomes and reports."""

import sys
from pathlib import Path
from typing import Any

from dbos import DBOS

from tests.benchmarks.noop import drops, leave_report


def main(folder: Path) -> None:
    """From files to settled jobs."""
    results = folder / "state" / "results"
    results.mkdir(parents=True)
    url = f"sqlite:///{folder / 'state' / 'dbos.db'}"
    DBOS(config={"name": "noop", "system_database_url": url, "log_level": "ERROR"})

    @DBOS.workflow()  # type: ignore[untyped-decorator]  # it is not installed where types are checked
    def repair(name: str, drop: dict[str, Any]) -> dict[str, str]:
        return leave_report(results, name, drop)

    DBOS.launch()
    DBOS.register_queue("noop", worker_concurrency=6, polling_interval_sec=0.01)
    queue = DBOS.retrieve_queue("noop")
    if queue is None:
        raise AssertionError("DBOS does not know its queue")
    handles = []
    for path, name, drop in drops(folder / "queue" / "ideas"):
        handles.append(queue.enqueue(repair, name, drop))
        path.unlink()
    for handle in handles:
        handle.get_result()
    DBOS.destroy()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
