"""Which sandbox this machine has: the strongest that really works, and what to do for a stronger one."""

import os
import sys
from collections.abc import Callable
from importlib import import_module

from anyio.to_thread import run_sync
from msgspec import Struct

from daemon.effects.sandbox import Command, Level, Sandbox, cgroup
from daemon.effects.sandbox.bubblewrap import Bubblewrap
from daemon.effects.sandbox.process import Process
from daemon.effects.world import Fault
from daemon.settings import Settings

WEAK = "programs run as plain processes: held by limits, but not by walls; run only what you trust"
OUT_OF_REACH = (
    "programs run as nobody, who cannot enter {}, where our interpreter lies: tests that want it will not run; start "
    "the daemon as another user than root, or set it up with a Python in a place open to all (such as /usr), or "
    "install bubblewrap or Docker"
)
UNCOUNTED = (
    "no cgroup can be made here, so memory is looked at and not held: what a program keeps in files of memory, its "
    "scratch among them, is not counted; Docker holds it, and so does a daemon that may make cgroups (root's)"
)
LOOK_S = 30.0  # a listing of one folder, on a machine that is very busy


class Chosen(Struct, frozen=True):
    """A sandbox that works, and what a person should know about it."""

    sandbox: Sandbox
    warnings: list[str]


async def choose(settings: Settings, owner: str) -> Chosen:
    """The sandbox to use. `owner` tells this daemon's leftovers from others': its state folder. Fault if none works."""
    warnings: list[str] = []
    for make in _peers(settings, owner).values():
        sandbox = await run_sync(make)
        if not (missing := await sandbox.available()):
            return Chosen(sandbox, [*warnings, *await _weaknesses(sandbox)])
        warnings.append(missing)
        await sandbox.close()
    if settings.sandbox in ("auto", "process") and not settings.allow_process:
        warnings.append("plain processes are not allowed (allow_process = false)")
    raise Fault("sandbox_down", "; ".join(warnings))


async def _weaknesses(sandbox: Sandbox) -> list[str]:
    """What does not hold as it should, here or at this level."""
    match sandbox.level:
        case "docker":
            return []
        case "bubblewrap":
            return [] if await run_sync(cgroup.allowed, "trial") else [UNCOUNTED]
        case "process":
            return [WEAK, *await out_of_reach(sandbox, sys.base_prefix)]


async def out_of_reach(sandbox: Sandbox, prefix: str) -> list[str]:
    """What to know where plain processes cannot reach the interpreter that lies there: as root they run as nobody."""
    ran = await sandbox.run(Command.within(Settings(), ["ls", prefix], "/", seconds=LOOK_S))
    if ran.passed:
        return []
    return [OUT_OF_REACH.format(prefix)]


def _peers(settings: Settings, owner: str) -> dict[Level, Callable[[], Sandbox]]:
    """The levels that may be used, the strongest first."""
    peers: dict[Level, Callable[[], Sandbox]] = {
        "docker": lambda: docker(owner),
        "bubblewrap": lambda: Bubblewrap(owner),
        "process": lambda: Process(owner),
    }
    wanted = peers if settings.sandbox == "auto" else {settings.sandbox: peers[settings.sandbox]}
    return {level: make for level, make in wanted.items() if level != "process" or settings.allow_process}


def docker(owner: str) -> Sandbox:
    """The Docker sandbox; its client costs 100 ms of a start, and so is only loaded when it is tried."""
    engine = os.environ.get("DOCKER_HOST", "")  # a rootless engine listens at a place of its own
    local = engine if engine.startswith("unix://") else ""  # another machine's sees none of our folders
    sandbox: Sandbox = import_module("daemon.effects.sandbox.docker").Docker(owner, local)
    return sandbox
