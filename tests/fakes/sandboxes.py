"""The three sandboxes for tests: each as it is, or a reason why it cannot be shown here."""

import contextlib
import functools
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from daemon.effects.sandbox import HOLDS, Capability, Command, Level, Mount, Ran, Sandbox
from daemon.effects.sandbox.bubblewrap import Bubblewrap
from daemon.effects.sandbox.docker import Docker
from daemon.effects.sandbox.process import Process

LEVELS: tuple[Level, ...] = ("docker", "bubblewrap", "process")
MEBIBYTE = 2**20
OWNER = f"tests-{os.getpid()}"  # several processes may run tests side by side
LIMITS = {
    "seconds": 30.0,
    "memory_bytes": 256 * MEBIBYTE,
    "processes": 24,
    "output_bytes": 64 * 1024,
    "scratch_bytes": 4 * MEBIBYTE,
    "processors": 1.0,
}


def make(level: Level, owner: str = OWNER, engine: str = "") -> Sandbox:
    """A sandbox of this level."""
    match level:
        case "docker":
            return Docker(owner, engine)
        case "bubblewrap":
            return Bubblewrap(owner)
        case "process":
            return Process(owner)


def command(argv: list[str], **more: Any) -> Command:  # noqa: ANN401  fields of a command
    """A command with small limits."""
    return Command(argv=argv, **({"cwd": "/"} | LIMITS | more))


def run(level: Level, *argv: str, owner: str = OWNER, engine: str = "", **more: Any) -> Ran:  # noqa: ANN401  fields of a command
    """Run it in a sandbox of this level."""

    async def once() -> Ran:
        sandbox = make(level, owner, engine)
        try:
            return await sandbox.run(command(list(argv), **more))
        finally:
            await sandbox.close()

    return anyio.run(once)


def python(level: Level, code: str, *arguments: str, **more: Any) -> Ran:  # noqa: ANN401  fields of a command
    """Run a little Python: the system's, which every level shows."""
    return run(level, "python3", "-c", code, *arguments, **more)


def need(level: Level, *capabilities: Capability) -> None:
    """Skip what cannot be shown here, or what this level says that it does not hold."""
    if missing := _missing(level):
        if os.environ.get("REQUIRE_REAL_PARTS") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    if loose := set(capabilities) - HOLDS[level]:
        pytest.skip(f"the {level} level does not hold {', '.join(sorted(loose))}, and says so in HOLDS")


@functools.cache
def _missing(level: Level) -> str:
    async def ask() -> str:
        sandbox = make(level)
        try:
            return await sandbox.available()
        finally:
            await sandbox.close()

    return anyio.run(ask)


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """A folder that anybody can reach, with a workspace in it."""
    with tempfile.TemporaryDirectory(prefix="mendd-place-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        (folder / "workspace").mkdir()
        yield folder


def writable(folder: Path) -> list[Mount]:
    """The folder as a workspace."""
    return [Mount(str(folder), writable=True)]


def alive(mark: str) -> list[int]:
    """The processes of this machine that carry the mark in their arguments, in whichever sandbox."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (process / "cmdline").read_bytes() and int(process.name) != os.getpid():
                found.append(int(process.name))
    return found


def end(pids: list[int]) -> None:
    """Tidy up after a test that has failed."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
