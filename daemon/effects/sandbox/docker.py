"""Containers by the Docker Engine: the strongest walls that we use.

Each run has a container of its own, made for it and removed after it. What the engine does behind one's back, and what
is done about it here:

- an out-of-memory kill of a child can leave status 0: `OOMKilled` is always looked at, and nothing is ever run by exec,
  where that flag stays false;
- waiting with a time-out kills nothing, and a daemon that died kills nothing either: `timeout -k` inside does;
- an unread stream makes a kill hang: the stream is closed first;
- a start that fails leaves a container: it has a name before it is made, and is removed by it in every case;
- logs of a flood cost a core and a disk: there is no log, and what is read has a limit;
- the client blocks: it has threads of its own, and whoever waits for output can be cancelled;
- a build goes on while somebody listens: who turns away closes the connection, and the engine ends the build;
- the client forgets a socket that it could not connect, and an engine may go at any instant: ours closes it.
"""

import contextlib
import os
import secrets
import socket
import tarfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from threading import Lock
from typing import IO, Any, TypeVar

import docker
import msgspec
import requests
from anyio import CancelScope, CapacityLimiter, move_on_after
from anyio.to_thread import run_sync
from docker import auth
from docker.errors import APIError, DockerException, ImageNotFound, NotFound
from docker.transport import unixconn
from docker.utils import parse_repository_tag
from docker.utils import socket as frames

from daemon.effects.sandbox import Command, Level, Ran, ending, host, skeleton
from daemon.effects.sandbox.images import FLOOD, Build, Errand, Image
from daemon.effects.sandbox.kept import Kept
from daemon.effects.sandbox.probe import probe
from daemon.effects.world import Fault

ENGINE = "unix:///var/run/docker.sock"
LABEL, JOB_LABEL, BUILT_LABEL = "mendd.sandbox", "mendd.job", "mendd.built"
BUILT = "mendd/built"
ANSWER_S = 30  # no call to the engine takes longer, or it is down
THREADS = 64  # each run holds one while its program runs
PULL_SAYS_BYTES = 64 * 2**20  # progress only; the largest images stay far below
PERIOD_US = 100_000  # of which processors are given in shares
ERRORS = 2  # the number of the error stream in what the engine sends
REMEDY = (
    "install the Docker Engine (Debian: apt-get install docker.io iptables), start dockerd where it sees the same "
    "folders as we do, and let this user reach it"
)
GONE = (
    "; start dockerd again, and what waits goes on by itself; or start mendd anew, and it takes the strongest sandbox "
    "that works then"
)

T = TypeVar("T")


class Connection(unixconn.UnixHTTPConnection):
    """The client's own, but for a socket that is kept before it is connected: what fails is closed by its pool."""

    def connect(self) -> None:
        """Connect to the engine, or let the pool close what could not be connected."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.unix_socket)


unixconn.UnixHTTPConnection = Connection  # type: ignore[misc]  # its pools make what they find under this name


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

    # Images

    async def image(self, name: str) -> Image | None:
        """The image of this name or id, if it is here."""
        return await self._call(self._image, name)

    async def pull(self, name: str, seconds: float) -> str:
        """Fetch it: nothing, or why not."""
        try:
            repository, tag = parse_repository_tag(name)
            registry, _ = auth.resolve_repository_name(repository)
        except DockerException as error:
            return str(error)

        def ask() -> requests.Response:
            api = self._api()
            key = auth.get_config_header(api, registry)
            named = {"fromImage": repository, "tag": tag or "latest"}  # without a tag it would be all of them
            return self._post("images/create", named, headers={"X-Registry-Auth": key} if key else {})

        return await self._errand(Errand(PULL_SAYS_BYTES), seconds, ask)

    async def build(self, build: Build) -> str:
        """Build it: nothing, or which step failed."""

        def ask() -> requests.Response:
            with TemporaryFile() as context:
                _pack(build.context, context)
                context.seek(0)
                kind = {"Content-Type": "application/x-tar"}
                return self._post("build", self._limits(build), headers=kind, data=context)

        return await self._errand(Errand(FLOOD * build.output_bytes), build.seconds, ask)

    async def built(self) -> dict[str, Image]:
        """All that was built here for this daemon."""
        return await self._call(self._built)

    async def discard(self, key: str) -> bool:
        """Remove what was built under this key, unless a container uses it."""
        return await self._call(self._discard, key)

    def built_name(self, key: str) -> str:
        """How the engine calls what is built under this key."""
        return f"{BUILT}:{self._owner}-{key}"

    async def _errand(self, errand: Errand, seconds: float, ask: Callable[[], requests.Response]) -> str:
        why = ""
        with move_on_after(seconds) as clock:
            try:
                why = await self._call(errand.run, ask, abandon_on_cancel=True)
            finally:
                errand.stop()
        return errand.told(f"it took longer than {seconds:g} s") if clock.cancelled_caught else why

    # What blocks

    def _image(self, name: str) -> Image | None:
        try:
            told = self._api().inspect_image(name)  # type: ignore[no-untyped-call]  # the stubs leave it open
        except APIError as error:
            if error.is_client_error():  # not there, or no name at all
                return None
            raise
        config = told["Config"] or {}
        variables = dict(pair.partition("=")[::2] for pair in config.get("Env") or [])
        return Image(told["Id"], told["Size"], config.get("WorkingDir") or "", variables)

    def _built(self) -> dict[str, Image]:
        prefix = self.built_name("")
        found = self._api().images(filters={"label": f"{BUILT_LABEL}={self._owner}"})
        names = {name: image for image in found for name in image["RepoTags"] or []}
        return {
            name.removeprefix(prefix): Image(image["Id"], image["Size"])
            for name, image in names.items()
            if name.startswith(prefix)
        }

    def _discard(self, key: str) -> bool:
        try:
            self._api().remove_image(self.built_name(key))
        except NotFound:
            return True
        except APIError as error:
            if error.is_client_error():  # a container uses it
                return False
            raise
        return True

    def _limits(self, build: Build) -> dict[str, Any]:
        """A build's name and what it may take. Its steps run as root of a container: the engine knows no other way."""
        labels, limits = {BUILT_LABEL: self._owner}, [{"Name": "core", "Soft": 0, "Hard": 0}]
        return {
            "version": "1",  # the builder that every engine has
            "t": self.built_name(build.key),
            "dockerfile": build.dockerfile,
            "labels": msgspec.json.encode(labels).decode(),
            "ulimits": msgspec.json.encode(limits).decode(),
            "networkmode": "bridge",
            "memory": build.memory_bytes,
            "memswap": build.memory_bytes,
            "cpuperiod": PERIOD_US,
            "cpuquota": int(min(build.processors, os.cpu_count() or 1) * PERIOD_US),
            "rm": "1",
            "forcerm": "1",
        }

    def _post(self, path: str, params: dict[str, Any], **more: Any) -> requests.Response:  # noqa: ANN401  passed on
        """Ask for what takes its time and tells while it does: silence is no error."""
        api = self._api()
        url = f"{api.base_url}/v{api.api_version}/{path}"
        return api.post(url, params=params, stream=True, timeout=(ANSWER_S, None), **more)

    def _api(self) -> docker.APIClient:
        with self._opening:
            if self._client is None:
                self._client = docker.APIClient(self._engine, version="auto", timeout=ANSWER_S)
            return self._client

    async def _call(self, blocking: Callable[..., T], *arguments: Any, abandon_on_cancel: bool = False) -> T:  # noqa: ANN401  passed on
        """In a thread of ours; what the engine does wrong is a fault of the world."""

        def checked() -> T:
            with _told(GONE if self._client else ""):  # it has answered before
                self._knock()
                return blocking(*arguments)

        return await run_sync(checked, abandon_on_cancel=abandon_on_cancel, limiter=self._threads)

    def _knock(self) -> None:
        """See that somebody listens: the system says in plain words what the client wraps in its own."""
        with socket.socket(socket.AF_UNIX) as door:
            door.settimeout(ANSWER_S)
            door.connect(self._engine.removeprefix("unix://"))

    def _create(self, name: str, command: Command) -> None:
        for left in list(self._left):
            with contextlib.suppress(APIError):
                self._force_away(left)
        binds = [_bind(mount.source, mount.place, writable=mount.writable) for mount in command.mounts]
        if not command.image:
            shown = [_bind(path, path, writable=False) for path in skeleton.shown()]
            binds += [
                bind for bind in shown if bind not in binds
            ]  # the system's own Python lies in what is shown anyway
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
        self._attached._response.close()  # noqa: SLF001  the answer goes first: without its socket it cannot be closed
        self._attached.close()
        self._socket.close()


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


def _pack(folder: Path, into: IO[bytes]) -> None:
    """The folder as a build wants it: the same bytes for the same content, whoever owns it since whenever."""

    def plain(entry: tarfile.TarInfo) -> tarfile.TarInfo | None:
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = 0
        return entry if entry.isreg() or entry.isdir() or entry.issym() or entry.islnk() else None

    with tarfile.open(fileobj=into, mode="w") as tar:
        tar.add(folder, ".", filter=plain)


def _bind(source: str, target: str, *, writable: bool) -> dict[str, Any]:
    """A mount; what is mounted below a read-only one would be writable, and so is left out."""
    options = {"Propagation": "rprivate", "NonRecursive": not writable}
    return {"Type": "bind", "Source": source, "Target": target, "ReadOnly": not writable, "BindOptions": options}


@contextlib.contextmanager
def _told(remedy: str) -> Iterator[None]:
    """Say of an engine's failure whether it is down, and what helps then, or only cannot do what was asked."""
    try:
        yield
    except NotFound as error:
        raise Fault("sandbox_setup", _explained(error)) from error
    except APIError as error:
        raise Fault("sandbox_setup" if error.is_client_error() else "sandbox_down", _explained(error)) from error
    except (DockerException, requests.RequestException, OSError) as error:
        raise Fault("sandbox_down", f"the Docker Engine does not answer: {error}{remedy}") from error


def _explained(error: APIError) -> str:
    return f"the Docker Engine refuses: {error.explanation or error}"
