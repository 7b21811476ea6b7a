"""What a job's tests need, made once in the sandbox and kept by content: an image, a virtual environment, or our own.

Only making one may use the network, and only from inside the sandbox: a setup.py is as hostile as a test. A project
that needs nothing is tested with our own interpreter and a copy of pytest that brings nothing else along.
"""

import compileall
import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from importlib.metadata import Distribution, distribution
from pathlib import Path
from threading import get_native_id
from typing import Literal

import anyio
import msgspec
from anyio.to_thread import run_sync
from msgspec import Struct
from uv import find_uv_bin

from daemon.disk import write_whole
from daemon.drops import Environment as Wanted
from daemon.effects.sandbox import HOLDS, Command, Mount, Sandbox
from daemon.effects.sandbox.host import BASE_PATH
from daemon.effects.trees import Texts, Tree
from daemon.effects.workspace import Workspace
from daemon.settings import Settings

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
TREE_IN_SANDBOX = "/workspace"  # one place for every run, so that what an installation writes down stays true
TOLD_CHARACTERS = 2_000


class Environment(Struct, frozen=True):
    """Where the tests run."""

    key: str
    kind: Literal["own", "venv", "image"]
    python: str
    image: str = ""
    folders: list[str] = []  # of this machine, seen read-only in the sandbox
    variables: dict[str, str] = {}
    layer: str = ""  # what the installation left in the tree


class EnvironmentRefused(Exception):  # noqa: N818  said of what the job needs
    """What the tests need cannot be made; the message is the exact cause."""


class Plan(Struct, frozen=True):
    """What has to be installed, from what the drop and the tree say."""

    python: str = ""
    requirements: list[str] = []
    files: list[str] = []
    install: list[str] = []
    installs_project: bool = False

    @property
    def is_empty(self) -> bool:
        """Our own interpreter will do."""
        return self == Plan()


def plan_of(wanted: Wanted, texts: Mapping[str, str]) -> Plan:
    """What the drop says goes; where it says nothing, the usual files of a Python project do."""
    if wanted.requirements or wanted.install:
        return Plan(wanted.python, wanted.requirements, [], wanted.install, installs_project=False)
    files = [name for name in REQUIREMENTS if name in texts]
    installs_project = "setup.py" in texts or "[build-system]" in texts.get("pyproject.toml", "")
    return Plan(wanted.python, [], files, [], installs_project=installs_project)


class Environments:
    """All environments of a state folder."""

    def __init__(self, folder: Path, settings: Settings, sandbox: Sandbox) -> None:
        self.folder = folder
        self.settings = settings
        self.sandbox = sandbox
        self._making: dict[str, anyio.Lock] = {}

    async def of(self, wanted: Wanted, tree: Tree) -> Environment:
        """The environment for this tree: found, or made. `EnvironmentRefused` names the exact cause."""
        if wanted.image:
            if "images" not in HOLDS[self.sandbox.level]:
                raise EnvironmentRefused(f"the job wants the image {wanted.image}, and that needs Docker")
            return Environment(f"image-{digest(wanted.image)}", "image", "python", image=wanted.image)
        texts = await run_sync(Texts, tree)
        plan = plan_of(wanted, texts)
        if plan.is_empty:
            async with self._making.setdefault("own", anyio.Lock()):  # the first jobs would all make the same one
                return await run_sync(self._own)
        python = await run_sync(interpreter, plan.python)
        parts = [str(python), *plan.requirements, *(texts[name] for name in plan.files), *plan.install]
        if plan.installs_project or plan.install:  # what a build leaves behind depends on all of the tree
            parts.append(tree.key)
        key = f"venv-{digest(*parts)}"
        async with self._making.setdefault(key, anyio.Lock()):
            found = await run_sync(self._find, key)
            return found or await self._make(key, plan, python, tree)

    def _find(self, key: str) -> Environment | None:
        path = self.folder / key / "environment.json"
        try:
            found = msgspec.json.decode(path.read_bytes(), type=Environment)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None
        os.utime(path)  # the longest unused ones go first
        return found

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
            with contextlib.suppress(OSError):  # another run was faster
                making.rename(folder)
            shutil.rmtree(making, ignore_errors=True)
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
        await run_sync(lambda: shutil.rmtree(folder, ignore_errors=True))
        venv, cache = folder / "venv", folder / "cache"
        for made in (venv, cache):
            made.mkdir(parents=True)
        workspace = Workspace(tree, folder / "making", self.settings.workspace_bytes)
        kind = await run_sync(workspace.open)
        try:
            root = TREE_IN_SANDBOX if "elsewhere" in HOLDS[self.sandbox.level] else str(workspace.root)
            for command in _commands(plan, python, venv):
                await self._install(command, root, workspace, python)
            layer = folder / "layer"
            if kind == "overlay" and plan.installs_project:
                await run_sync(lambda: shutil.copytree(workspace.changed, layer, symlinks=True))
        finally:
            await run_sync(workspace.close)
            await run_sync(lambda: shutil.rmtree(cache, ignore_errors=True))
        environment = Environment(
            key,
            "venv",
            str(venv / "bin" / "python"),
            folders=[str(prefix_of(python)), str(venv)],
            variables={"VIRTUAL_ENV": str(venv), "PATH": f"{venv}/bin:{BASE_PATH}"},
            layer=str(layer) if layer.exists() else "",
        )
        write_whole(folder / "environment.json", msgspec.json.encode(environment), durable=True)
        return environment

    async def _install(self, argv: list[str], root: str, workspace: Workspace, python: Path) -> None:
        """One step of an installation, for which alone there is a network."""
        uv, folder = Path(find_uv_bin()), workspace.folder.parent
        venv, cache = folder / "venv", folder / "cache"
        command = Command.within(
            self.settings,
            argv,
            root,
            seconds=self.settings.install_timeout_s,
            network=True,
            mounts=[
                Mount(str(workspace.root), root, writable=True),
                Mount(str(venv), writable=True),
                Mount(str(cache), writable=True),
                Mount(str(prefix_of(python))),
                Mount(str(uv.parent)),
            ],
            environment={
                "VIRTUAL_ENV": str(venv),
                "PATH": f"{venv}/bin:{uv.parent}:{BASE_PATH}",
                "UV_CACHE_DIR": str(cache),
                "UV_PYTHON_DOWNLOADS": "never",
                "UV_LINK_MODE": "copy",
                "UV_NO_CONFIG": "1",
                "UV_NATIVE_TLS": "1",
                "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            },
        )
        ran = await self.sandbox.run(command)
        if not ran.passed:
            said = (ran.stderr or ran.stdout).decode(errors="replace").strip()[-TOLD_CHARACTERS:]
            how = "took too long" if ran.timed_out else "ran out of memory" if ran.out_of_memory else "failed"
            raise EnvironmentRefused(f"`{' '.join(argv)}` {how}: {said}")

    def evict(self) -> list[str]:
        """Remove the longest unused environments until the rest fits the budget; their keys. Blocks."""
        kept = sorted(self.folder.glob("*/environment.json"), key=lambda path: -path.stat().st_mtime)
        gone, used = [], 0
        for path in kept:
            used += sum(file.lstat().st_size for file in path.parent.rglob("*"))
            if used > self.settings.environments_bytes and path.parent.name not in self._making:
                gone.append(path.parent.name)
                shutil.rmtree(path.parent, ignore_errors=True)
        return gone


def _commands(plan: Plan, python: Path, venv: Path) -> Iterator[list[str]]:
    yield ["uv", "venv", "--quiet", "--allow-existing", "--seed", "--python", str(python), str(venv)]
    install = ["uv", "pip", "install", "--quiet", "--python", str(venv / "bin" / "python")]
    files = [part for name in plan.files for part in ("-r", name)]
    yield [*install, "pytest", *plan.requirements, *files]
    if plan.installs_project:
        yield [*install, "--editable", "."]
    for line in plan.install:
        yield ["/bin/sh", "-c", line]


def interpreter(version: str) -> Path:
    """An interpreter of this version on this machine; ours where none is asked for."""
    if not version:
        return Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    minor = ".".join(version.split(".")[:2])
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    kept_by_pyenv = sorted(pyenv.glob(f"{version}*/bin/python{minor}"), reverse=True)
    for place in (shutil.which(f"python{minor}") or "", *map(str, kept_by_pyenv), _uv_finds(version)):
        if place and _version_of(python := Path(place).resolve()).startswith(version):
            return python
    raise EnvironmentRefused(f"the job wants Python {version}, and this machine has none; install it, or name an image")


def _version_of(python: Path) -> str:
    words = [str(python), "-c", "import platform; print(platform.python_version())"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def _uv_finds(version: str) -> str:
    options = ["--no-config", "--no-project", "--system", "--no-python-downloads"]
    words = [find_uv_bin(), "python", "find", *options, version]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()


def prefix_of(python: Path) -> Path:
    """The folder that an interpreter lives in, with all that it needs."""
    return python.parent.parent


def _files_of(package: Distribution) -> Iterator[str]:
    for file in package.files or []:
        if ".." not in file.parts and file.suffix != ".pyc":
            yield str(file)


def digest(*parts: str) -> str:
    """A short name for these words together."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]
