"""The real daemon as a process of its own, on folders of its own: for tests that start, feed, kill and ask it.

    with DaemonProcess(tmp_path, workers=2) as daemon:
        daemon.start()                                # python -m daemon work
        daemon.drop("a.json", repair("a", "fail, fix"))
        daemon.wait_until(lambda: daemon.settled() == 1)
        daemon.kill()                                 # kill -9; `stop` is the polite form
        assert daemon.ask("check").returncode == 0

Nothing here sleeps to let something happen: whatever is waited for has a condition and a deadline.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any, Self, TypeVar

from daemon.events import AnyFact
from daemon.log import LogBroken
from daemon.reading import facts_in

ROOT = Path(__file__).parents[2]
DEADLINE_S = 60.0
POLL_S = 0.01
SETTINGS: dict[str, object] = {
    "world": "scripted",
    "run_backoff_s": 0.02,
    "fault_backoff_s": 0.02,
    "half_written_s": 0.2,
    "publish_every_ms": 50,
    "restart_backoff_s": 0.05,
}

_numbers = count(1)
_Found = TypeVar("_Found")


class DaemonProcess:
    """One home (queue/ and state/) and, most of the time, a daemon that lives there."""

    def __init__(self, home: Path, *, state: Path | None = None, **settings: object) -> None:
        """`settings` are those of daemon/settings.py by name; whatever MENDD_* the tests were started with is gone."""
        self.home = home
        self.queue = home / "queue"
        self.state = state or home / "state"
        self.process: subprocess.Popen[bytes] | None = None
        self.stderr = home / "stderr.txt"  # of all lives, one after the other
        self.settings = {"queue_dir": self.queue, "state_dir": self.state} | SETTINGS | settings
        home.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    # Its life

    def start(self, verb: str = "work", *arguments: str, launcher: Path | None = None) -> Self:
        """Start `python -m daemon VERB`, or the same through a launcher script; does not wait for anything."""
        program = [str(launcher)] if launcher else ["-m", "daemon"]
        with self.stderr.open("ab") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, *program, verb, *arguments],
                cwd=self.home,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=stderr,
                stderr=stderr,
                start_new_session=True,
            )
        return self

    def kill(self) -> None:
        """Kill -9, at once, everything that `start` started; nothing if it is not running."""
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.wait_until(self._is_let_go)  # a supervised daemon may still be dying in a write to the disk

    def _is_let_go(self) -> bool:
        """Whether nobody holds the state."""
        try:
            with (self.state / "run" / "lock").open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return True
        except BlockingIOError:
            return False
        return True

    def stop(self) -> int:
        """Ask it to stop, and wait for its exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.wait()

    def wait(self, deadline_s: float = DEADLINE_S) -> int:
        """Its exit status, when it has ended by itself."""
        assert self.process is not None
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"it still runs after {deadline_s} s; it said:\n{self.said()}") from None

    def ask(self, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """The answer of another verb on the same folders, such as `check`."""
        command = [sys.executable, "-m", "daemon", *map(str, arguments)]
        return subprocess.run(
            command, cwd=self.home, env=self.environment(), capture_output=True, text=True, check=False
        )

    def environment(self) -> dict[str, str]:
        """The process environment that carries the settings."""
        others = {name: value for name, value in os.environ.items() if not name.startswith("MENDD_")}
        ours = {f"MENDD_{name.upper()}": str(value) for name, value in self.settings.items()}
        return others | ours | {"PYTHONPATH": str(ROOT)}

    # Its queue

    def drop(self, name: str, value: object, inlet: str = "ideas") -> Path:
        """Drop a file as it should be done: written in tmp/, then renamed. Bytes are dropped as they are."""
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        (self.queue / "tmp").mkdir(parents=True, exist_ok=True)
        (self.queue / inlet).mkdir(exist_ok=True)
        written = self.queue / "tmp" / f"{next(_numbers)}.json"
        written.write_bytes(data)
        return written.rename(self.queue / inlet / name)

    # What can be seen of it

    def facts(self) -> Iterator[AnyFact]:
        """All facts that are in the log now."""
        for facts in facts_in(self.state):
            yield from facts

    def facts_of(self, *types: type[AnyFact]) -> list[AnyFact]:
        """The facts of these types that are in the log now; none while the log is not there or in motion."""
        try:
            return [fact for fact in self.facts() if isinstance(fact, types)]
        except (LogBroken, FileNotFoundError):
            return []

    def view(self, name: str) -> dict[str, Any]:
        """A view as it was last published; empty before that."""
        try:
            document: dict[str, Any] = json.loads((self.state / "views" / f"{name}.json").read_bytes())
        except FileNotFoundError:
            return {}
        return document

    def settled(self) -> int:
        """How many settlings were published, in all views; a job that was opened again has several."""
        first, last = self.view("jobs"), self.view("ramp")  # in the order in which they are written
        return sum(first.get("settled", {}).values()) if first.get("seq") == last.get("seq") else 0

    def said(self) -> str:
        """What it wrote to stderr and stdout in all its lives."""
        return self.stderr.read_text(errors="replace") if self.stderr.exists() else ""

    def wait_until(self, found: Callable[[], _Found], deadline_s: float = DEADLINE_S) -> _Found:
        """What `found` returns as soon as that is true; fails after the deadline with what the daemon said."""
        until = time.monotonic() + deadline_s
        while not (result := found()):
            assert time.monotonic() < until, f"not within {deadline_s} s; the daemon said:\n{self.said()[-4000:]}"
            time.sleep(POLL_S)
        return result

    def wait_until_said(self, words: str, deadline_s: float = DEADLINE_S) -> None:
        """Wait for words on stderr, such as `ready`."""
        self.wait_until(lambda: words in self.said(), deadline_s)


def repair(name: str, script: str = "fix", **fields: object) -> dict[str, Any]:
    """A repair that plays this script (daemon/effects/scripted.py says how they are written)."""
    return {"kind": "repair", "repo": f"/repos/{name}", "tests": ["t::a"], "problem": f"script: {script}"} | fields


def idea(title: str, script: str = "fix", **fields: object) -> dict[str, Any]:
    """An idea that plays this script."""
    return {"kind": "idea", "title": title, "description": f"script: {script}"} | fields
