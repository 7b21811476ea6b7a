"""What a job's tests need, made once in the sandbox and kept by content: an image, a virtual environment, or our own.

Only making one may use the network, and only from inside the sandbox: a setup.py is as hostile as a test. A project
that needs nothing is tested with our own interpreter and a copy of pytest that brings nothing else along.
"""

import compileall
import contextlib
import errno
import os
import re
import shutil
import sys
import tomllib
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from importlib.metadata import Distribution, distribution
from pathlib import Path
from threading import get_native_id
from typing import Any
from urllib.parse import urlsplit
from weakref import WeakValueDictionary

import anyio
import msgspec
from anyio import CancelScope
from anyio.to_thread import run_sync
from msgspec import Struct, structs

from daemon.disk import remove, size_bytes, sync_all, write_whole
from daemon.drops import Environment as Wanted
from daemon.effects import workspace
from daemon.effects.images import Images
from daemon.effects.interpreters import interpreter, prefix_of, uv_program
from daemon.effects.layers import TOO_DEEP, keep
from daemon.effects.needs import TREE_IN_SANDBOX, Environment, EnvironmentRefused, digest
from daemon.effects.sandbox import HOLDS, Command, Mount, Sandbox
from daemon.effects.sandbox.host import BASE_PATH, HOME, TEMPORARY
from daemon.effects.sandbox.images import Image, ImageSandbox
from daemon.effects.trees import Texts, Tree
from daemon.effects.workspace import Workspace
from daemon.settings import Settings

__all__ = ["TREE_IN_SANDBOX", "Environment", "EnvironmentRefused", "Environments", "Plan", "plan_of"]

OWN_PACKAGES = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
REQUIREMENTS = (
    "requirements.txt",
    "requirements-test.txt",
    "requirements-dev.txt",
    "test-requirements.txt",
    "dev-requirements.txt",
    "requirements/test.txt",
    "requirements/tests.txt",
    "requirements/dev.txt",
)
FOR_TESTS = ("test", "tests", "testing", "dev")  # what projects call that which their tests need
NO_PLACES = (TEMPORARY, HOME, "/proc", "/sys", "/dev")  # where the sandbox shows something else
LEADS_ON = re.compile(r"(?m)^\s*[-.]|/|file:")  # requirements that name other files, or this very tree
KEPT = "environment.json"  # written last: what has none is half made
TOLD_CHARACTERS = 2_000


class Plan(Struct, frozen=True):
    """What has to be installed, from what the drop and the tree say."""

    python: str = ""
    requirements: list[str] = []
    files: list[str] = []
    install: list[str] = []
    installs_project: bool = False
    as_of: str = ""  # the day whose packages are wanted
    extras: list[str] = []
    groups: list[str] = []

    @property
    def is_empty(self) -> bool:
        """Our own interpreter will do."""
        return self == Plan()


def plan_of(wanted: Wanted, texts: Mapping[str, str]) -> Plan:
    """What the drop says goes; where it says nothing, the usual files of a Python project do."""
    if wanted.requirements or wanted.install:
        return Plan(wanted.python, wanted.requirements, [], wanted.install, as_of=wanted.as_of)
    files = [name for name in REQUIREMENTS if name in texts]
    project = _read_project(texts.get("pyproject.toml", ""))
    installs_project = "setup.py" in texts or "build-system" in project
    about = project.get("project", {})
    if about.get("dependencies") and not installs_project:  # an application that nobody installs
        files.append("pyproject.toml")
    return Plan(
        wanted.python,
        [],
        files,
        [],
        installs_project=installs_project,
        as_of=wanted.as_of,
        extras=_for_tests(about.get("optional-dependencies", {})) if installs_project else [],
        groups=_for_tests(project.get("dependency-groups", {})),
    )


def _for_tests(named: Mapping[str, object]) -> list[str]:
    """The one list that is for tests: a project's `dev` often asks for much more."""
    return [name for name in FOR_TESTS if name in named][:1]


def _read_project(text: str) -> dict[str, Any]:
    """A pyproject.toml whose tables are tables; one that cannot be read says nothing."""
    try:
        read = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):  # it is hostile, or the bug is there
        return {}
    tables = {name: table for name, table in read.items() if isinstance(table, dict)}
    about = tables.get("project", {})
    if not isinstance(about.get("optional-dependencies", {}), dict):
        tables["project"] = {name: value for name, value in about.items() if name != "optional-dependencies"}
    return tables


class Environments:
    """All environments of a state folder."""

    def __init__(self, folder: Path, settings: Settings, sandbox: Sandbox) -> None:
        self.folder = folder
        self.settings = settings
        self.sandbox = sandbox
        self._locks: dict[str, anyio.Lock] = {}
        self._lent: WeakValueDictionary[str, Environment] = WeakValueDictionary()

    async def of(self, wanted: Wanted, tree: Tree) -> Environment:
        """The environment for this tree: found, or made. `EnvironmentRefused` names the exact cause."""
        if wanted.image or wanted.dockerfile:
            return await self._of_image(wanted, tree)
        texts = await run_sync(Texts, tree)
        plan = plan_of(wanted, texts)
        if plan.is_empty:
            async with self._lock("own"):  # the first jobs would all make the same one
                return await run_sync(self._own)
        python = await run_sync(interpreter, plan.python)
        files = [texts[name] for name in [*plan.files, *(["pyproject.toml"] if plan.groups else [])]]
        sources = [self.settings.wheels_dir, *self.settings.package_indexes]
        parts = [str(python), msgspec.json.encode(plan).decode(), *sources, *files]
        if plan.installs_project or plan.install or any(map(LEADS_ON.search, [*files, *plan.requirements])):
            parts.append(tree.key)  # what is made depends on all of the tree
        key = f"venv-{digest(*parts)}"
        return await self._once(key, lambda: self._make(key, plan, python, tree))

    async def tidy(self) -> None:
        """Remove what a daemon that died left half made, and what the budget does not allow for any more."""
        await run_sync(workspace.sweep, self.folder)
        for folder in await run_sync(lambda: [path for path in self.folder.glob("*-*") if _is_half_made(path)]):
            await run_sync(_remove, folder)
        await self.evict()

    async def evict(self) -> list[str]:
        """Remove the longest unused environments until the rest fits the budget; their keys. What is in use stays."""
        async with self._lock("evict"):
            return await self._evict()

    async def _evict(self) -> list[str]:
        built = await self.sandbox.built() if isinstance(self.sandbox, ImageSandbox) else {}
        weights = {image.id: image.size_bytes for image in built.values()}
        kept, gone, used_bytes = set(), [], 0
        for one in await run_sync(self._stored):
            used_bytes += one.size_bytes + weights.pop(one.image, 0)  # an image weighs on whoever used it last
            if used_bytes <= self.settings.environments_bytes or self._is_in_use(one.key):
                kept.add(one.image)
            else:
                gone.append(one.key)
                async with self._lock(one.key):
                    await run_sync(_remove, self.folder / one.key)
        for key, image in built.items():
            if image.id not in kept and not self._is_in_use(key) and isinstance(self.sandbox, ImageSandbox):
                await self.sandbox.discard(key)
        return gone

    def _is_in_use(self, key: str) -> bool:
        return key in self._lent or self._lock(key).locked()

    def _lock(self, key: str) -> anyio.Lock:
        return self._locks.setdefault(key, anyio.Lock())

    async def _once(self, key: str, make: Callable[[], Awaitable[Environment]]) -> Environment:
        """What is kept under this key; made if it was not, and then room is made for it."""
        async with self._lock(key):
            if found := await run_sync(self._find, key):
                return self._lent.setdefault(key, found)
            folder = self.folder / key
            await run_sync(_remove, folder)
            await run_sync(lambda: folder.mkdir(parents=True))
            try:
                made = structs.replace(await make(), size_bytes=await run_sync(size_bytes, folder))
                data = msgspec.json.encode(made)
                await run_sync(sync_all, folder)  # what is kept is believed, after a power cut too
                await run_sync(lambda: write_whole(folder / KEPT, data, durable=True))
            except BaseException as error:
                with CancelScope(shield=True):
                    await run_sync(_remove, folder)
                if _is_too_deep(error):
                    raise EnvironmentRefused(TOO_DEEP) from None
                raise
            self._lent[key] = made
        await self.evict()
        return made

    def _find(self, key: str) -> Environment | None:
        path = self.folder / key / KEPT
        if found := _read(path):
            os.utime(path)  # the longest unused ones go first
        return found

    def _stored(self) -> list[Environment]:
        """What is kept, the last used first."""
        kept = sorted(self.folder.glob(f"*/{KEPT}"), key=lambda path: path.stat().st_mtime, reverse=True)
        return [one for path in kept if (one := _read(path))]

    async def _of_image(self, wanted: Wanted, tree: Tree) -> Environment:
        """The image that is named, or that a Dockerfile of the repository describes."""
        if not isinstance(self.sandbox, ImageSandbox):
            asked = f"the image {wanted.image}" if wanted.image else f"an image built from {wanted.dockerfile}"
            raise EnvironmentRefused(f"the job wants {asked}, and that needs Docker")
        images = Images(self.settings, self.sandbox)
        if wanted.image:
            async with self._lock(f"pull-{digest(wanted.image)}"):
                image = await images.named(wanted.image)
            return await self._of_this(images, image, "", tree)
        key = digest(wanted.dockerfile, tree.key)
        async with self._lock(key):
            image = await images.built(key, wanted.dockerfile, tree)
            return await self._of_this(images, image, _place_of(image), tree)

    async def _of_this(self, images: Images, image: Image, place: str, tree: Tree) -> Environment:
        key = f"image-{digest(image.id, place, tree.key)}"
        return await self._once(key, lambda: images.environment(key, image, place, tree, self.folder / key))

    def _own(self) -> Environment:
        """Our own interpreter, with pytest and nothing else, be it ours or what this machine has installed."""
        packages = [distribution(name) for name in OWN_PACKAGES]
        python = interpreter("")
        key = f"own-{digest(sys.version, str(python), *(f'{package.name} {package.version}' for package in packages))}"
        folder = self.folder / key
        if not folder.exists():
            making = self.folder / f"{key}.{os.getpid()}-{get_native_id()}"
            for package in packages:
                for file in _files_of(package):
                    (making / "site" / file).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(str(package.locate_file(file)), making / "site" / file)
            compileall.compile_dir(making, quiet=1)  # nobody can write there afterwards
            (making / "bin").mkdir()
            (making / "bin" / "python").symlink_to(python)
            (making / "pyvenv.cfg").write_text(f"home = {python.parent}\ninclude-system-site-packages = false\n")
            _open_to_all(making)
            sync_all(making)
            with contextlib.suppress(OSError):  # another run was faster
                making.rename(folder)
            remove(making)
        return Environment(
            key,
            "own",
            str(folder / "bin" / "python"),
            folders=[sys.base_prefix, str(folder)],
            variables={"PYTHONPATH": str(folder / "site")},
        )

    async def _make(self, key: str, plan: Plan, python: Path, tree: Tree) -> Environment:
        """Install what the plan says, inside the sandbox, with network."""
        folder = self.folder / key
        venv, cache = folder / "venv", folder / "cache"
        for made in (venv, cache):
            made.mkdir()
        opened = Workspace(tree, folder / "making", self.settings.workspace_bytes)
        try:
            await run_sync(opened.open)
            root = TREE_IN_SANDBOX if "elsewhere" in HOLDS[self.sandbox.level] else str(opened.root)
            for command in _commands(plan, python, venv, wheels=self.settings.wheels_dir):
                await self._install(command, root, opened, plan, python)
            layer = await run_sync(keep, opened, folder / "layer")
        finally:
            with CancelScope(shield=True):
                await run_sync(opened.close)
                await run_sync(_remove, cache)
        return Environment(
            key,
            "venv",
            str(venv / "bin" / "python"),
            folders=[str(prefix_of(python)), str(venv)],
            variables={"VIRTUAL_ENV": str(venv), "PATH": f"{venv}/bin:{BASE_PATH}"},
            layer=layer,
        )

    async def _install(self, argv: list[str], root: str, opened: Workspace, plan: Plan, python: Path) -> None:
        """One step of an installation, for which alone there is a network."""
        uv, folder, wheels = uv_program().parent, opened.folder.parent, self.settings.wheels_dir
        venv, cache = folder / "venv", folder / "cache"
        command = Command.within(
            self.settings,
            argv,
            root,
            seconds=self.settings.install_timeout_s,
            network=not wheels,
            mounts=[
                Mount(str(opened.root), root, writable=True),
                Mount(str(venv), writable=True),
                Mount(str(cache), writable=True),
                Mount(str(prefix_of(python))),
                Mount(str(uv)),
                *([Mount(wheels)] if wheels else []),
            ],
            environment={
                "VIRTUAL_ENV": str(venv),
                "PATH": f"{venv}/bin:{uv}:{BASE_PATH}",
                "UV_CACHE_DIR": str(cache),
                "UV_PYTHON_DOWNLOADS": "never",
                "UV_LINK_MODE": "copy",
                "UV_NO_CONFIG": "1",
                "UV_NATIVE_TLS": "1",
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
                **({"UV_EXCLUDE_NEWER": plan.as_of} if plan.as_of else {}),
                **(_from_wheels(wheels) if wheels else _from_indexes(self.settings.package_indexes)),
            },
        )
        ran = await self.sandbox.run(command)
        if not ran.passed:
            said = (ran.stderr or ran.stdout).decode(errors="replace").strip()[-TOLD_CHARACTERS:]
            how = "took too long" if ran.timed_out else "ran out of memory" if ran.out_of_memory else "failed"
            raise EnvironmentRefused(f"`{' '.join(argv)}` {how}: {said}")


def _commands(plan: Plan, python: Path, venv: Path, *, wheels: str) -> Iterator[list[str]]:
    seed = [] if wheels and not plan.install else ["--seed"]  # pip, for commands and old tests that want it
    yield ["uv", "venv", "--quiet", "--allow-existing", *seed, "--python", str(python), str(venv)]
    install = ["uv", "pip", "install", "--quiet", "--python", str(venv / "bin" / "python")]
    files = [part for name in plan.files for part in ("-r", name)]
    groups = [part for name in plan.groups for part in ("--group", name)]
    yield [*install, "pytest", *plan.requirements, *files, *groups]
    if plan.installs_project:
        yield [*install, "--editable", f".[{','.join(plan.extras)}]" if plan.extras else "."]
    for line in plan.install:
        yield ["/bin/sh", "-c", line]


def _from_wheels(folder: str) -> dict[str, str]:
    """What makes uv and pip take packages from this folder and ask no index."""
    return {"UV_FIND_LINKS": folder, "UV_OFFLINE": "1", "PIP_FIND_LINKS": folder, "PIP_NO_INDEX": "1"}


def _from_indexes(indexes: Sequence[str]) -> dict[str, str]:
    """What makes uv and pip ask these, and no other; nothing where the public one is asked."""
    if not indexes:
        return {}
    first, last = indexes[0], indexes[-1]  # uv asks its default one last, pip all of them at once
    uv = {"UV_INDEX": " ".join(indexes[:-1]), "UV_DEFAULT_INDEX": last}
    plain = " ".join(urlsplit(index).netloc for index in indexes if index.startswith("http:"))  # pip wants to be told
    pip = {"PIP_INDEX_URL": first, "PIP_EXTRA_INDEX_URL": " ".join(indexes[1:]), "PIP_TRUSTED_HOST": plain}
    return uv | pip


def _place_of(image: Image) -> str:
    """The image's own folder, unless no tree can be shown there."""
    taken = any(f"{image.folder}/".startswith(f"{place}/") for place in NO_PLACES)
    return TREE_IN_SANDBOX if taken or image.folder in ("", "/") else image.folder


def _read(path: Path) -> Environment | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Environment)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _remove(folder: Path) -> None:
    (folder / KEPT).unlink(missing_ok=True)  # first: who dies in the middle leaves something half made
    remove(folder)


def _is_too_deep(error: BaseException) -> bool:
    """What comes of folders in one another without end, be it in the tree or beside it."""
    return isinstance(error, RecursionError) or (isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG)


def _is_half_made(folder: Path) -> bool:
    """What a daemon that died was about to make: without its last file, or not yet under its own name."""
    return "." in folder.name or (not folder.name.startswith("own-") and not (folder / KEPT).exists())


def _open_to_all(folder: Path) -> None:
    """Let everybody read it, whatever umask the daemon was started with: programs run as another user than root."""
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() else 0o644)


def _files_of(package: Distribution) -> Iterator[str]:
    for file in package.files or []:
        if ".." not in file.parts and file.suffix != ".pyc":
            yield str(file)
