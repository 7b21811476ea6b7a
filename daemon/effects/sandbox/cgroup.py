"""A cgroup per run, where this machine lets us make one: limits for all processes of a program together.

Both kinds are in use: one tree (version 2, today's default), or a tree for each controller (version 1).
Where neither can be written to, there is none, and the levels fall back on rlimits and a watch on memory.
"""

import contextlib
import errno
import os
import signal
import time
from pathlib import Path
from typing import Self

TREES = Path("/sys/fs/cgroup")
OURS = "mendd"
SPARE_PROCESSES = 8  # our own launchers are counted too
SLOW_TO_LEAVE_S = 2.0  # a killed process stays in its cgroup for a moment
UNSEEN = 0  # how a member from another namespace is told; to kill that number would be to kill our own group
NOT_JOINED_ANY_MORE_S = 60.0  # an empty cgroup that is younger may be about to be joined


class Cgroup:
    """The folders of one run, which a process joins by writing its number into `doors`."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders
        self.doors = [str(folder / "cgroup.procs") for folder in folders]

    @classmethod
    def make(cls, owner: str, memory_bytes: int, processes: int, trees: Path | None = None) -> Self | None:
        """A new one with these limits, or None where that is not allowed."""
        name = f"{owner}-{os.getpid()}-{os.urandom(4).hex()}"  # a number of a process is given again
        made = cls([])
        try:
            for folder, limits in _layout(trees or TREES, name, memory_bytes, processes + SPARE_PROCESSES):
                folder.mkdir(parents=True)
                made = cls([*made._folders, folder])
                for file, value in limits.items():
                    if (folder / file).exists() or "sw" not in file:  # kernels may be built without an account of swap
                        (folder / file).write_text(value)
        except OSError:
            made.remove()
            return None
        return made

    def out_of_memory(self) -> bool:
        """The kernel has killed a member for the sake of the limit."""
        for folder in self._folders:
            for file in ("memory.events", "memory.oom_control"):
                with contextlib.suppress(OSError):
                    words = (folder / file).read_text().split()
                    return int(dict(zip(words[::2], words[1::2], strict=False)).get("oom_kill", 0)) > 0
        return False

    def remove(self) -> None:
        """Kill whoever is still inside, and remove it."""
        deadline = time.monotonic() + SLOW_TO_LEAVE_S
        for folder in self._folders:
            while not _removed(folder) and time.monotonic() < deadline:
                _kill_members(folder)
                time.sleep(0.002)


def allowed(owner: str) -> bool:
    """Whether this machine lets us make one: tried, not guessed."""
    group = Cgroup.make(owner, 2**24, 1)
    if group:
        group.remove()
    return group is not None


def sweep(owner: str, trees: Path = TREES) -> int:
    """Remove the cgroups of this owner's daemons that are no more; how many runs they were.

    Others may live in another namespace, where we do not see their processes: of theirs only what is empty goes.
    """
    swept = set()
    for folder in (*trees.glob(f"{OURS}/*-*"), *trees.glob(f"*/{OURS}/*-*")):
        if Path("/proc", folder.name.split("-")[-2]).exists():
            continue
        if folder.name.startswith(f"{owner}-"):
            Cgroup([folder]).remove()
            swept.add(folder.name)
        else:
            with contextlib.suppress(FileNotFoundError):  # its own daemon has just come back for it
                if time.time() - folder.stat().st_mtime > NOT_JOINED_ANY_MORE_S:
                    _removed(folder)
    return len(swept)


def _layout(trees: Path, name: str, memory: int, processes: int) -> list[tuple[Path, dict[str, str]]]:
    if (trees / "cgroup.controllers").exists():
        ours = trees / OURS
        ours.mkdir(exist_ok=True)
        for folder in (trees, ours):
            (folder / "cgroup.subtree_control").write_text("+memory +pids")
        limits = {"memory.max": str(memory), "memory.swap.max": "0", "pids.max": str(processes)}
        return [(ours / name, limits)]
    if not (trees / "memory").exists() or not (trees / "pids").exists():
        raise FileNotFoundError(errno.ENOENT, "there is no controller of memory or of processes", str(trees))
    return [
        (
            trees / "memory" / OURS / name,
            {"memory.limit_in_bytes": str(memory), "memory.memsw.limit_in_bytes": str(memory)},
        ),
        (trees / "pids" / OURS / name, {"pids.max": str(processes)}),
    ]


def _kill_members(folder: Path) -> None:
    with contextlib.suppress(OSError):
        for pid in map(int, (folder / "cgroup.procs").read_text().split()):
            if pid != UNSEEN:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)


def _removed(folder: Path) -> bool:
    try:
        folder.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
