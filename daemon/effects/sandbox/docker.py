"""Containers by the Docker Engine: the strongest walls that we use.

Each run has a container of its own, made for it and removed after it. What the engine does behind one's back, and what
is done about it here:

- an out-of-memory kill of a child can leave status 0: `OOMKilled` is always looked at, and nothing is ever run by exec,
  where that flag stays false;
- waiting with a time-out kills nothing, and a daemon that died kills nothing either: `timeout -k` inside does;
- an unread stream makes a kill hang: the stream is closed first;
- a start that fails leaves a container: it has a name before it is made, and is removed by it in every case;
- logs of a flood cost a core and a disk: there is no log, and what is read has a limit;
- the client blocks: it has threads of its own, and whoever waits for output can be cancelled.
"""

import contextlib
import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from threading import Lock
from typing import Any, TypeVar

import docker
import requests
from anyio import CancelScope, CapacityLimiter, move_on_after
from anyio.to_thread import run_sync
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.utils import socket as frames

from daemon.effects.sandbox import Command, Level, Ran, ending, host, skeleton
from daemon.effects.sandbox.kept import Kept
from daemon.effects.sandbox.probe import probe
from daemon.effects.world import Fault

ENGINE = "unix:///var/run/docker.sock"
LABEL, JOB_LABEL = "mendd.sandbox", "mendd.job"
ANSWER_S = 30  # no call to the engine takes longer, or it is down
THREADS = 64  # each run holds one while its program runs
ERRORS = 2  # the number of the error stream in what the engine sends
REMEDY = (
    "install the Docker Engine (Debian: apt-get install docker.io iptables), start dockerd, and let this user reach it"
)

T = TypeVar("T")


class Docker:
    """Each run in a container of its own."""

    level: Level = "docker"

    def __init__(self, owner: str, engine: str = "") -> None:
        self._owner, self._engine = host.label(owner), engine or ENGINE
        self._threads = CapacityLimiter(THREADS)
        self._client: docker.APIClient | None = None
        self._opening = Lock()
        self._running: set[str] = set()
        self._left: set[str] = set()  # what could not be removed, because the engine had gone
        self._skeleton = ""

    async def available(self) -> str:
        """Nothing, or what is missing."""
        return await probe(self, REMEDY)

    async def run(self, command: Command) -> Ran:
        """Run to the end, leave nothing."""
        began = time.monotonic()
        await run_sync(host.give, command)
        output, errors = Kept(command.output_bytes), Kept(command.output_bytes)
        name = f"mendd-{secrets.token_hex(8)}"
        self._running.add(name)
        try:
            await self._call(self._create, name, command)
            stream = await self._call(self._attach, name)
            try:
                await self._call(self._start, name)
                with move_on_after(command.seconds) as clock:
                    await self._call(stream.pump, output, errors, abandon_on_cancel=True)
            finally:
                stream.close()
            stopped = clock.cancelled_caught or output.flooded or errors.flooded
            state = await self._call(self._state, name, stopped)
        finally:
            with CancelScope(shield=True):
                await self._remove(name)
            self._running.discard(name)
        status, killed_by = (None, 9) if stopped else ending(state["ExitCode"])
        return Ran(
            status=status,
            signal=killed_by,
            timed_out=clock.cancelled_caught,
            out_of_memory=state["OOMKilled"],
            stdout=output.value(),
            stderr=errors.value(),
            truncated=output.truncated or errors.truncated,
            seconds=time.monotonic() - began,
            level=self.level,
        )

    async def sweep(self) -> int:
        """Remove the containers of an earlier daemon of the same owner."""
        names = await self._call(self._names)
        left = [name for name in names if name not in self._running]
        for name in left:
            await self._remove(name)
        return len(left)

    async def close(self) -> None:
        """Let go of the engine."""
        if self._client:
            await run_sync(self._client.close, limiter=self._threads)
            self._client = None

    # What blocks

    def _api(self) -> docker.APIClient:
        with self._opening:
            if self._client is None:
                self._client = docker.APIClient(self._engine, version="auto", timeout=ANSWER_S)
            return self._client

    async def _call(self, blocking: Callable[..., T], *arguments: Any, abandon_on_cancel: bool = False) -> T:  # noqa: ANN401  passed on
        """In a thread of ours; what the engine does wrong is a fault of the world."""

        def checked() -> T:
            with _told():
                self._knock()
                return blocking(*arguments)

        return await run_sync(checked, abandon_on_cancel=abandon_on_cancel, limiter=self._threads)

    def _knock(self) -> None:
        """See that somebody listens: the client forgets to close a socket that it could not connect."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(ANSWER_S)
            door.connect(self._engine.removeprefix("unix://"))

    def _create(self, name: str, command: Command) -> None:
        for left in list(self._left):
            with contextlib.suppress(APIError):
                self._force_away(left)
        binds = [_bind(mount.source, mount.place, writable=mount.writable) for mount in command.mounts]
        if not command.image:
            binds += [_bind(path, path, writable=False) for path in skeleton.shown()]
        api = self._api()
        uid, gid = host.user()
        api.create_container_from_config(  # type: ignore[no-untyped-call]  # the stubs leave it open
            {
                "Image": command.image or self._default_image(),
                "Entrypoint": host.timed(command),
                "Cmd": host.exactly(command),
                "WorkingDir": command.cwd,
                "User": f"{uid}:{gid}",
                "Hostname": "sandbox",
                "NetworkDisabled": not command.network,
                "AttachStdout": True,
                "AttachStderr": True,
                "Labels": {LABEL: self._owner, JOB_LABEL: command.job},
                "Healthcheck": {"Test": ["NONE"]},
                "HostConfig": _walls(command) | {"Mounts": binds},
            },
            name,
        )

    def _default_image(self) -> str:
        """The skeleton, imported where it is not known yet."""
        if not self._skeleton:
            tree = skeleton.archive()
            image = f"{skeleton.REPOSITORY}:{skeleton.tag(tree)}"
            try:
                self._api().inspect_image(image)  # type: ignore[no-untyped-call]  # the stubs leave it open
            except ImageNotFound:
                self._api().import_image_from_data(tree, repository=skeleton.REPOSITORY, tag=skeleton.tag(tree))
            self._skeleton = image
        return self._skeleton

    def _attach(self, name: str) -> "Stream":
        params = {"stdout": 1, "stderr": 1, "stream": 1}
        return Stream(self._api().attach_socket(name, params=params))

    def _start(self, name: str) -> None:
        self._api().start(name)

    def _state(self, name: str, stop: bool) -> dict[str, Any]:  # noqa: FBT001  called by place
        """How the container has ended; it is killed if it has to be."""
        api = self._api()
        if stop:
            with contextlib.suppress(APIError):  # it may have ended meanwhile
                api.kill(name)
        api.wait(name, timeout=ANSWER_S)
        return dict(api.inspect_container(name)["State"])

    def _names(self) -> list[str]:
        found = self._api().containers(all=True, filters={"label": f"{LABEL}={self._owner}"})
        return [container["Names"][0].lstrip("/") for container in found]

    async def _remove(self, name: str) -> None:
        """Remove the container, whatever its state; or remember it until the engine is back."""
        try:
            await self._call(self._force_away, name)
        except Fault:
            self._left.add(name)

    def _force_away(self, name: str) -> None:
        with contextlib.suppress(NotFound):
            self._api().remove_container(name, v=True, force=True)
        self._left.discard(name)


class Stream:
    """What a container says. The thread that reads it closes it, so that no other file takes its number meanwhile."""

    def __init__(self, attached: Any) -> None:  # noqa: ANN401  the client says no more about it
        self._attached = attached  # a reader around the socket
        self._socket: socket.socket = attached._sock  # noqa: SLF001  only the socket itself can be shut down
        self._socket.settimeout(None)  # a program may be silent for as long as it likes
        self._is_read = False

    def pump(self, output: Kept, errors: Kept) -> None:
        """Read until the container has ended, or has said far too much."""
        self._is_read = True
        try:
            said = frames.frames_iter(self._socket, tty=False)  # type: ignore[no-untyped-call]  # the stubs leave it open
            for number, chunk in said:
                kept = errors if number == ERRORS else output
                kept.add(chunk)
                if kept.flooded:
                    return
        finally:
            self._really_close()

    def close(self) -> None:
        """Wake whoever reads, and let the engine know that nobody does."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        if not self._is_read:
            self._really_close()

    def _really_close(self) -> None:
        self._socket.close()
        self._attached.close()


def _walls(command: Command) -> dict[str, Any]:
    """What a container may not do, and how much of everything it gets."""
    scratch = f"rw,exec,nosuid,nodev,mode=1777,size={command.scratch_bytes}"
    return {
        "NetworkMode": "bridge" if command.network else "none",
        "CapDrop": ["ALL"],
        "SecurityOpt": ["no-new-privileges"],
        "ReadonlyRootfs": True,
        "Tmpfs": {host.TEMPORARY: scratch, host.HOME: scratch},
        "IpcMode": "private",
        "Init": True,
        "PidsLimit": command.processes + 2,  # init and timeout are counted too
        "Memory": command.memory_bytes,
        "MemorySwap": command.memory_bytes,
        "NanoCpus": int(min(command.processors, os.cpu_count() or 1) * 1e9),
        "Ulimits": [{"Name": "core", "Soft": 0, "Hard": 0}],
        "LogConfig": {"Type": "none"},
        "RestartPolicy": {"Name": "no"},
    }


def _bind(source: str, target: str, *, writable: bool) -> dict[str, Any]:
    """A mount; what is mounted below a read-only one would be writable, and so is left out."""
    options = {"Propagation": "rprivate", "NonRecursive": not writable}
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": not writable, "BindOptions": options}


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Say of an engine's failure whether it is down or only cannot do what was asked."""
    try:
        yield
    except NotFound as error:
        raise Fault("sandbox_setup", _explained(error)) from error
    except APIError as error:
        raise Fault("sandbox_setup" if error.is_client_error() else "sandbox_down", _explained(error)) from error
    except (DockerException, requests.RequestException, OSError) as error:
        raise Fault("sandbox_down", f"the Docker Engine does not answer: {error}") from error


def _explained(error: APIError) -> str:
    return f"the Docker Engine refuses: {error.explanation or error}"
