"""Many drops at once, and inlets that vanish under them."""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from daemon import events as e
from tests.fakes.daemon_process import DaemonProcess, repair


def write_ahead(daemon: DaemonProcess, count: int) -> list[Path]:
    """So many drops, ready in tmp/ to be renamed; each has a title of its own."""
    (daemon.queue / "tmp").mkdir(parents=True, exist_ok=True)
    written = [daemon.queue / "tmp" / f"burst-{number:06d}.json" for number in range(count)]
    for path in written:
        path.write_text(json.dumps(repair("burst", "green", title=path.stem)))
    return written


def drop_all(daemon: DaemonProcess, written: list[Path]) -> float:
    """Rename them into the inlet as fast as that goes; how long it took. Waits while there is no inlet."""
    inlet = daemon.queue / "ideas"
    began = time.monotonic()
    for path in written:
        while True:
            try:
                path.rename(inlet / path.name)
                break
            except FileNotFoundError:
                time.sleep(0.001)
    return time.monotonic() - began


@contextmanager
def vanishing(inlet: Path) -> Iterator[list[int]]:
    """Remove the inlet again and again, whenever it is empty; yields the inode of each that was removed."""
    removed: list[int] = []
    enough = threading.Event()

    def remove() -> None:
        while not enough.wait(0.01):
            with suppress(OSError):
                inode = inlet.stat().st_ino
                inlet.rmdir()
                removed.append(inode)

    remover = threading.Thread(target=remove, daemon=True)
    remover.start()
    try:
        yield removed
    finally:
        enough.set()
        remover.join()


def drop_and_outlive(daemon: DaemonProcess, written: list[Path], removed: list[int]) -> None:
    """Drop all of them, and wait until the inlet was removed once more."""
    before = len(removed)
    drop_all(daemon, written)
    daemon.wait_until(lambda: len(removed) > before)


def accepted(daemon: DaemonProcess) -> int:
    """How many jobs were accepted, as far as it was published."""
    return int(daemon.view("jobs").get("accepted", 0))


def check_taken_once(daemon: DaemonProcess, written: list[Path]) -> None:
    """Each of these drops is one job, which settles once."""
    titles, settled = Counter[str](), Counter[str]()
    for fact in daemon.facts():
        if isinstance(fact, e.JobAccepted):
            titles[fact.title] += 1
        elif isinstance(fact, e.JobSettled):
            settled[fact.job] += 1
    assert titles == Counter(path.stem for path in written)
    assert len(settled) == len(written)
    assert set(settled.values()) == {1}


def peak_bytes(daemon: DaemonProcess) -> int:
    """The most memory that the process has ever had."""
    return _status_bytes(daemon, "VmHWM")


def resident_bytes(daemon: DaemonProcess) -> int:
    """The memory that the process has now."""
    return _status_bytes(daemon, "VmRSS")


def _status_bytes(daemon: DaemonProcess, name: str) -> int:
    assert daemon.process is not None
    status = Path(f"/proc/{daemon.process.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(name))
