"""Where other people's programs run: what is asked of a sandbox, what comes back, and what each level really holds.

Three peers keep one Protocol: `docker`, `bubblewrap`, `process`; `choice.choose` takes the strongest that works here.
Nothing in this room knows what a program is for; verdicts are for others.

A program sees the system's programs and libraries, its mounts, and a small scratch (`HOME` and `TMPDIR`) that is gone
afterwards. It runs as `user()`, never as root: whatever lies under a writable mount is given to that user first.
"""

from typing import Any, Literal, Protocol, Self

from msgspec import Struct

from daemon.settings import Settings

Level = Literal["docker", "bubblewrap", "process"]

Capability = Literal[
    "time",  # the time limit ends everything that the program started, whatever it does with signals and sessions
    "output",  # a flood ends soon and costs no memory
    "environment",  # the program sees no variable of ours
    "processes",  # a fork bomb is contained
    "memory",  # all its processes together stay within the limit, or die
    "network",  # nothing but its own loopback
    "neighbours",  # it neither sees nor signals a process that is not its own
    "hidden_files",  # what is not mounted is not there: homes, /etc/shadow, other workspaces, sockets
    "read_only",  # it writes nowhere but in writable mounts and its scratch
    "scratch_size",  # the scratch is bounded
    "elsewhere",  # a mount can appear at another path than its own
    "images",  # it can run in an image
    "processors",  # it cannot take the whole machine's time
]

# Enough for programs that are wrong, not for those that are hostile: such a process shares our files, our network and,
# unless we are root and it is not, our processes, among them the guard that is to end it.
LIMITED: frozenset[Capability] = frozenset({"time", "output", "environment", "processes", "memory"})
WALLED: frozenset[Capability] = LIMITED | {
    "network",
    "neighbours",
    "hidden_files",
    "read_only",
    "scratch_size",
    "elsewhere",
}
CONTAINED: frozenset[Capability] = WALLED | {"images", "processors"}
HOLDS: dict[Level, frozenset[Capability]] = {"docker": CONTAINED, "bubblewrap": WALLED, "process": LIMITED}


class Mount(Struct, frozen=True):
    """A part of the host that the program sees: read-only and at its own path, unless said otherwise."""

    source: str
    target: str = ""
    writable: bool = False

    @property
    def place(self) -> str:
        """Where the program finds it."""
        return self.target or self.source


class Command(Struct, frozen=True, kw_only=True):
    """A program to run, what it may see, and all its limits. `job` labels what is left if the daemon dies."""

    argv: list[str]
    cwd: str
    seconds: float
    memory_bytes: int
    processes: int
    output_bytes: int
    scratch_bytes: int
    processors: float = 2.0
    mounts: list[Mount] = []
    environment: dict[str, str] = {}
    network: bool = False
    image: str = ""
    job: str = ""

    @classmethod
    def within(cls, settings: Settings, argv: list[str], cwd: str, **more: Any) -> Self:  # noqa: ANN401  other fields
        """A command with the limits of the settings, except for those that are given."""
        limits = {
            "seconds": settings.sandbox_timeout_s,
            "memory_bytes": settings.sandbox_memory_bytes,
            "processes": settings.sandbox_processes,
            "output_bytes": settings.sandbox_output_bytes,
            "scratch_bytes": settings.sandbox_scratch_bytes,
            "processors": settings.sandbox_processors,
        }
        return cls(argv=argv, cwd=cwd, **(limits | more))


class Ran(Struct, frozen=True, kw_only=True):
    """How it ended. There is a status or a signal; after a time-out or a flood the signal is ours.

    A missing program has status 127, one that cannot be executed 126, and stderr says so: as in a shell.
    """

    status: int | None
    signal: int | None
    timed_out: bool
    out_of_memory: bool  # the kernel killed for memory, be it a grandchild whose death nobody noticed
    stdout: bytes
    stderr: bytes
    truncated: bool  # output was left out of the middle
    seconds: float
    level: Level

    @property
    def passed(self) -> bool:
        """It ended by itself, with status 0, within all its limits."""
        return self.status == 0 and not self.timed_out and not self.out_of_memory


class Sandbox(Protocol):
    """A place to run programs in."""

    @property
    def level(self) -> Level:
        """What it can be trusted to hold: `HOLDS`."""

    async def available(self) -> str:
        """Nothing if it works here, as a run has shown; otherwise what is missing and how to get it."""

    async def run(self, command: Command) -> Ran:
        """Run to the end. Raises Fault when the sandbox, not the program, is to blame. Cancelling leaves nothing."""

    async def sweep(self) -> int:
        """Remove what a daemon that died has left behind; how many there were."""

    async def close(self) -> None:
        """Let go of the engine."""


SHELL_SIGNALS = range(129, 129 + 64)


def ending(code: int) -> tuple[int | None, int | None]:
    """(status, signal) of a status as shells see it: 137 is signal 9. No level can tell it from `exit 137`."""
    return (None, code - 128) if code in SHELL_SIGNALS else (code, None)
