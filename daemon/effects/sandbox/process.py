"""A plain process with limits, for machines that have nothing better: against mistakes, not against malice.

As root, programs run as nobody, so whatever nobody may not reach (such as a home of root's) cannot be used at this
level; that is told, not worked around.
"""

import marshal
import os
import sys
import tempfile
from pathlib import Path

from anyio import CancelScope
from anyio.to_thread import run_sync

from daemon.disk import remove
from daemon.effects.sandbox import Command, Level, Ran, cgroup, guard, host, local
from daemon.effects.sandbox.cgroup import Cgroup
from daemon.effects.sandbox.probe import probe
from daemon.effects.world import Fault

GUARD = [sys.executable, "-I", "-S", str(Path(guard.__file__).resolve())]


class Process:
    """Each run under a guard of its own."""

    level: Level = "process"

    def __init__(self, owner: str) -> None:
        self._owner = host.label(owner)
        self._scratch = Path(tempfile.gettempdir(), f"mendd-{os.geteuid()}-{self._owner}")
        self._running: set[str] = set()

    async def available(self) -> str:
        """Nothing, or what is missing."""
        return await probe(self, "this needs Linux 5.4 or later with /proc")

    async def run(self, command: Command) -> Ran:
        """Run to the end, leave nothing."""
        if command.image:
            raise host.cannot(self.level, f"run in the image {command.image}")
        if moved := [mount for mount in command.mounts if mount.place != mount.source]:
            raise host.cannot(self.level, f"show {moved[0].source} at {moved[0].target}")
        await run_sync(_look, command)
        await run_sync(host.give, command)
        scratch = await run_sync(self._make_scratch)
        try:
            group = await run_sync(Cgroup.make, self._owner, command.memory_bytes, command.processes)
            errand = {
                "argv": host.exactly(command, str(scratch / "home"), str(scratch / "tmp")),
                "cwd": command.cwd,
                "doors": group.doors if group else [],
                "user": host.user(),
                "memory_bytes": command.memory_bytes,
                "processes": command.processes,
            }
            launch = local.Launch(self.level, lambda status: [*GUARD, str(status)], group, marshal.dumps(errand))
            return await local.run(launch, command)
        finally:
            with CancelScope(shield=True):
                await run_sync(remove, scratch)
            self._running.discard(scratch.name)

    async def sweep(self) -> int:
        """The guards have ended their programs with the daemon; scratch folders and cgroups may be left."""
        left = await run_sync(self._sweep_scratch)
        return left + await run_sync(cgroup.sweep, self._owner)

    async def close(self) -> None:
        """There is no engine."""

    def _make_scratch(self) -> Path:
        self._scratch.mkdir(mode=0o711, exist_ok=True)
        if self._scratch.lstat().st_uid != os.geteuid():
            raise Fault("sandbox_down", f"{self._scratch} belongs to somebody else; remove it")
        scratch = Path(tempfile.mkdtemp(dir=self._scratch))
        self._running.add(scratch.name)
        for folder in (scratch / "home", scratch / "tmp", scratch):
            folder.mkdir(mode=0o700, exist_ok=True)
            os.chown(folder, *host.user())
        return scratch

    def _sweep_scratch(self) -> int:
        left = [folder for folder in self._scratch.glob("*") if folder.name not in self._running]
        for folder in left:
            remove(folder)
        return len(left)


def _look(command: Command) -> None:
    """A mount that is not there is told, as at the other levels."""
    for mount in command.mounts:
        if not Path(mount.source).exists():
            raise Fault("sandbox_setup", f"there is no {mount.source} to show")
