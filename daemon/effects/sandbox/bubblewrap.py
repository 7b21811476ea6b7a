"""Namespaces by bubblewrap: nearly what a container holds, at the price of a process, with neither engine nor images.

Two layers when we are root: the outer one, still root, can mount whatever we can read; then it becomes nobody, and the
inner one takes away the right to make namespaces. As root in a user namespace of its own, a program would be the host's
root to every file it can see, and RLIMIT_NPROC would not count it.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

from anyio.to_thread import run_sync

from daemon.effects.sandbox import Command, Level, Ran, cgroup, host, local
from daemon.effects.sandbox.cgroup import Cgroup
from daemon.effects.sandbox.guard import descendants
from daemon.effects.sandbox.kernel import call_filter
from daemon.effects.sandbox.probe import probe

DIE_WITH_PARENT = ["/usr/bin/setpriv", "--pdeathsig", "KILL", "--"]  # bubblewrap's own begins later
JOIN = """
[ "$PPID" = "$1" ] || { echo "started by $PPID and not by $1, which has died meanwhile" >&2; exit 1; }
shift
while [ "$1" != -- ]; do echo $$ > "$1" || exit; shift; done  # into the cgroups
shift
exec "$@"
"""
REMEDY = (
    "install bubblewrap 0.8 and util-linux 2.33 or newer (for setpriv and prlimit), and allow user namespaces "
    "(sysctl kernel.unprivileged_userns_clone=1; on Ubuntu kernel.apparmor_restrict_unprivileged_userns=0)"
)
SLOW_TO_DIE_S = 2.0  # a killed namespace is there for a moment


class Bubblewrap:
    """Each run in namespaces of its own."""

    level: Level = "bubblewrap"

    def __init__(self, owner: str) -> None:
        self._owner = host.label(owner)
        self._mark = f"mendd-{self._owner}"

    async def available(self) -> str:
        """Nothing, or what is missing."""
        return await probe(self, REMEDY)

    async def run(self, command: Command) -> Ran:
        """Run to the end, leave nothing."""
        if command.image:
            raise host.cannot(self.level, f"run in the image {command.image}")
        await run_sync(host.give, command)
        group = await run_sync(Cgroup.make, self._owner, command.memory_bytes, command.processes)
        files = {path: _file(text.encode()) for path, text in host.written_files().items()}
        calls = [_file(allowed)] if (allowed := call_filter()) else []

        def argv(status: int) -> list[str]:
            walls = [
                *_walls(command),
                "--unsetenv",
                self._mark,
                "--json-status-fd",
                str(status),
                *(word for descriptor in calls for word in ("--seccomp", str(descriptor))),
                *_sights(command, files),
            ]
            return [
                *DIE_WITH_PARENT,
                "/bin/sh",
                "-c",
                JOIN,
                "sh",
                str(os.getpid()),
                *(group.doors if group else []),
                "--",
                *walls,
                *_program(command, group),
            ]

        return await local.run(local.Launch(self.level, argv, group, descriptors=[*files.values(), *calls]), command)

    async def sweep(self) -> int:
        """What ran has died with the daemon, or is just about to; cgroups may be left."""
        return await run_sync(self._end_orphans) + await run_sync(cgroup.sweep, self._owner)

    async def close(self) -> None:
        """There is no engine."""

    def _end_orphans(self) -> int:
        """Kill launchers with our mark that do not descend from us.

        They die with the daemon; a child of bubblewrap that had just begun may not have asked for it yet.
        """
        ended: set[int] = set()
        deadline = time.monotonic() + SLOW_TO_DIE_S
        while orphans := set(_carrying(self._mark)) - set(descendants(os.getpid())):
            for pid in orphans - ended:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            ended |= orphans
            if time.monotonic() > deadline:
                break
            time.sleep(0.002)
        return len(ended)


def _carrying(mark: str) -> list[int]:
    """The processes of this machine with the mark among their arguments."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if mark.encode() in (process / "cmdline").read_bytes().split(b"\0"):
                found.append(int(process.name))
    return found


def _walls(command: Command) -> list[str]:
    """The namespaces, and what survives in them of root's rights."""
    walls = ["bwrap", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    walls += ["--die-with-parent", "--new-session", "--hostname", "sandbox", "--cap-drop", "ALL", "--clearenv"]
    if not command.network:
        walls.append("--unshare-net")
    if os.geteuid() == 0:
        return [*walls, "--cap-add", "CAP_SETUID", "--cap-add", "CAP_SETGID"]
    return [*walls, *_own_user()]


def _own_user() -> list[str]:
    uid, gid = host.user()
    return ["--unshare-user", "--uid", str(uid), "--gid", str(gid), "--disable-userns"]


def _sights(command: Command, files: dict[str, int]) -> list[str]:
    """The file tree: the system, a scratch, the mounts, and nothing that can be written besides."""
    scratch = ["--size", str(command.scratch_bytes), "--perms", "1777", "--tmpfs"]
    sights = ["--proc", "/proc", "--dev", "/dev", *scratch, "/dev/shm"]  # noqa: S108  a path inside
    for folder in filter(os.path.lexists, host.SYSTEM):
        link = Path(folder).is_symlink()
        sights += ["--symlink", str(Path(folder).readlink()), folder] if link else ["--ro-bind", folder, folder]
    for path in (*host.LOOKED_UP, *([host.NAME_SERVER] if command.network else [])):
        sights += [*_way_to(path), "--ro-bind-try", path, path]
    for path, descriptor in files.items():
        sights += ["--perms", "0444", "--file", str(descriptor), path]
    sights += [*scratch, host.TEMPORARY, *_way_to(host.HOME), *scratch, host.HOME]
    for mount in sorted(command.mounts, key=lambda mount: Path(mount.place).parts):  # the outer ones first
        bind = "--bind" if mount.writable else "--ro-bind"
        sights += [*_way_to(mount.place), bind, mount.source, mount.place]
    return [*sights, "--remount-ro", "/", "--remount-ro", "/dev", "--chdir", command.cwd, "--"]


def _way_to(path: str) -> list[str]:
    """The folders above a path, as others may enter them; bubblewrap would make them for root alone."""
    above = [str(folder) for folder in reversed(Path(path).parents)][1:]
    return [word for folder in above for word in ("--perms", "0755", "--dir", folder)]


def _program(command: Command, group: Cgroup | None) -> list[str]:
    limits = ["/usr/bin/prlimit", "--core=0", f"--nproc={command.processes + 1}"]  # one is bubblewrap's own
    if group is None:
        limits.append(f"--data={command.memory_bytes}")
    program = [*limits, "--", *host.timed(command), *host.exactly(command)]
    if os.geteuid() != 0:
        return program
    uid, gid = host.user()
    become = ["/usr/bin/setpriv", f"--reuid={uid}", f"--regid={gid}", "--clear-groups", "--"]
    inner = ["bwrap", *_own_user(), "--die-with-parent", "--cap-drop", "ALL", "--dev-bind", "/", "/", "--"]
    return [*become, *inner, *program]


def _file(content: bytes) -> int:
    """A file in memory, ready to be read."""
    descriptor = os.memfd_create("written")
    os.write(descriptor, content)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor
