"""A program on this machine, under a launcher that ends all of it: what bubblewrap and process have in common.

The launcher writes JSON lines on a status descriptor that the program never gets: so nothing that a program prints or
returns can be taken for a word of its launcher. No `exit-code` there means that the program was never started.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import msgspec
from anyio.abc import ByteReceiveStream, Process
from anyio.to_thread import run_sync

from daemon.effects.sandbox import Command, Level, Ran, ending
from daemon.effects.sandbox.cgroup import Cgroup
from daemon.effects.sandbox.guard import descendants
from daemon.effects.sandbox.host import BASE_PATH
from daemon.effects.sandbox.kept import Kept
from daemon.effects.world import Fault

WATCH_EVERY_S = 0.1  # how often memory is added up where no cgroup does it
GUARD_PATIENCE_S = 10.0  # how long a guard may take to end its program before it is ended itself
GONE_PATIENCE_S = 5.0  # how long the kernel may take to clear a namespace


@dataclass
class Launch:
    """How a level starts a command. With an errand, the launcher gets it as input, whose end is its order to end."""

    level: Level
    argv: Callable[[int], list[str]]  # the status descriptor → what to start
    cgroup: Cgroup | None
    errand: bytes | None = None
    descriptors: list[int] = field(default_factory=list)


@dataclass
class Told:
    """What is known about a run besides its output."""

    code: int | None = None
    unusable: bool = False  # the program could not be started; why is on its standard error
    first: int | None = None  # the first process of a namespace, held by its descriptor
    over_memory: bool = False
    unread: bytes = b""

    def read(self, status: int) -> bool:
        """Read what the launcher has said; whether it may say more."""
        try:
            data = os.read(status, 65536)
        except BlockingIOError:
            return True
        *lines, self.unread = (self.unread + data).split(b"\n")
        for line in lines:
            words = msgspec.json.decode(line)
            self.code = words.get("exit-code", self.code)
            self.unusable = words.get("unusable", self.unusable)
            if "child-pid" in words:
                with contextlib.suppress(ProcessLookupError):
                    self.first = os.pidfd_open(words["child-pid"])
        return bool(data)


async def run(launch: Launch, command: Command) -> Ran:
    """Start it, take in what it says, and leave nothing of it behind, however this ends."""
    began = time.monotonic()
    output, errors, told = Kept(command.output_bytes), Kept(command.output_bytes), Told()
    with _status() as (status, says):
        with anyio.CancelScope(shield=True):
            process = await _start(launch, says)
        try:
            with anyio.move_on_after(command.seconds) as clock:
                await _follow(process, launch, command, told, status, output, errors)
        finally:
            with anyio.CancelScope(shield=True):
                out_of_memory = await _end(process, launch, told, status)
    stopped = clock.cancelled_caught or told.over_memory or output.flooded or errors.flooded
    out_of_memory |= told.over_memory
    said = errors.value()
    if stopped:
        told.code = 128 + signal.SIGKILL
    elif told.unusable or (told.code is None and not out_of_memory and (process.returncode or 0) >= 0):
        raise Fault("sandbox_setup", said.decode(errors="replace").strip() or "the launcher said nothing")
    elif told.code is None:  # somebody has killed the launcher: the program, or the kernel for want of memory
        told.code = 128 - (process.returncode or -signal.SIGKILL)
    code, killed_by = ending(told.code)
    return Ran(
        status=code,
        signal=killed_by,
        timed_out=clock.cancelled_caught,
        out_of_memory=out_of_memory,
        stdout=output.value(),
        stderr=said,
        truncated=output.truncated or errors.truncated,
        seconds=time.monotonic() - began,
        level=launch.level,
    )


@contextlib.contextmanager
def _status() -> Iterator[tuple[int, int]]:
    """A pipe whose writing end is closed by whoever has passed it on."""
    status, says = os.pipe()
    os.set_blocking(status, False)
    try:
        yield status, says
    finally:
        os.close(status)


async def _start(launch: Launch, says: int) -> Process:
    try:
        return await anyio.open_process(
            launch.argv(says),
            stdin=subprocess.DEVNULL if launch.errand is None else subprocess.PIPE,
            cwd="/",
            env={"PATH": BASE_PATH},
            start_new_session=True,
            pass_fds=[says, *launch.descriptors],
        )
    except OSError as error:
        if launch.cgroup:
            await run_sync(launch.cgroup.remove)
        raise Fault("sandbox_down", f"the {launch.level} sandbox cannot be started: {error}") from error
    finally:
        for descriptor in (says, *launch.descriptors):
            os.close(descriptor)


async def _follow(  # noqa: PLR0913, PLR0917  all that there is to know about one run
    process: Process, launch: Launch, command: Command, told: Told, status: int, output: Kept, errors: Kept
) -> None:
    """Until the program has ended and all is read, or until something has to be stopped."""
    assert process.stdout  # noqa: S101  we asked for pipes
    assert process.stderr  # noqa: S101  the same
    async with anyio.create_task_group() as everything:
        if launch.cgroup is None:
            everything.start_soon(_watch_memory, process.pid, command.memory_bytes, told, everything.cancel_scope)
        async with anyio.create_task_group() as streams:
            streams.start_soon(_pump, process.stdout, output, everything.cancel_scope)
            streams.start_soon(_pump, process.stderr, errors, everything.cancel_scope)
            streams.start_soon(_listen, status, told)
            if process.stdin and launch.errand:
                with contextlib.suppress(anyio.BrokenResourceError):
                    await process.stdin.send(launch.errand)
        await process.wait()
        everything.cancel_scope.cancel()


async def _pump(stream: ByteReceiveStream, kept: Kept, everything: anyio.CancelScope) -> None:
    async for chunk in stream:
        kept.add(chunk)
        if kept.flooded:
            everything.cancel()
            return


async def _listen(status: int, told: Told) -> None:
    while True:
        await anyio.wait_readable(status)
        if not told.read(status):
            return


async def _watch_memory(pid: int, limit: int, told: Told, everything: anyio.CancelScope) -> None:
    """The sum over all processes; an rlimit only bounds each of them."""
    while True:
        await anyio.sleep(WATCH_EVERY_S)
        if await run_sync(resident_bytes, descendants(pid), limit) > limit:
            told.over_memory = True
            everything.cancel()


def resident_bytes(pids: list[int], enough: int) -> int:
    """What processes hold together. Pages that several share count once, which is slow, only when it might matter."""
    page = os.sysconf("SC_PAGE_SIZE")
    at_most = exactly = 0
    for pid in pids:
        with contextlib.suppress(OSError, IndexError, ValueError):
            at_most += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * page
    if at_most <= enough:
        return at_most
    for pid in pids:
        with contextlib.suppress(OSError, IndexError, ValueError):
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
            exactly += int(rollup.partition("\nPss:")[2].split()[0]) * 1024
    return exactly


async def _end(process: Process, launch: Launch, told: Told, status: int) -> bool:
    """Leave nothing running; whether the kernel had to kill for memory."""
    if launch.errand is None:
        await _end_namespace(process, told, status)
    elif process.stdin:
        await process.stdin.aclose()
        with anyio.move_on_after(GUARD_PATIENCE_S):
            await process.wait()
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()
    told.read(status)
    if told.first is not None:
        with anyio.move_on_after(GONE_PATIENCE_S):  # readable once the whole namespace is cleared
            await anyio.wait_readable(told.first)
        os.close(told.first)
    out_of_memory = False
    if launch.cgroup:
        out_of_memory = launch.cgroup.out_of_memory()
        await run_sync(launch.cgroup.remove)
    await process.aclose()
    return out_of_memory


async def _end_namespace(process: Process, told: Told, status: int) -> None:
    """Kill the first process of a namespace, and with it the rest.

    A launcher that is killed before it has told who that is would leave it waiting for ever.
    """
    with anyio.move_on_after(GONE_PATIENCE_S):
        while told.first is None:
            await anyio.wait_readable(status)
            if not told.read(status):
                break
    with contextlib.suppress(ProcessLookupError):
        if told.first is not None:
            signal.pidfd_send_signal(told.first, signal.SIGKILL)
    with contextlib.suppress(ProcessLookupError):
        process.kill()
