"""Environments and test sessions, for real: what needs nothing, what is made, what cannot be had, what goes again."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TypeVar

import anyio
import msgspec
import pytest
from msgspec import structs

from daemon.drops import Environment as Wanted
from daemon.drops import Repair
from daemon.effects.environment import Environment, EnvironmentRefused, Environments, Plan, plan_of
from daemon.effects.layers import keep
from daemon.effects.sandbox import HOLDS, Sandbox
from daemon.effects.sandbox.choice import choose, out_of_reach
from daemon.effects.sandbox.process import Process
from daemon.effects.session import Session
from daemon.effects.trees import Source, Tree, Trees
from daemon.effects.workspace import Workspace
from daemon.settings import Settings
from daemon.text.outcomes import Outcomes
from tests.fakes import wheels as wheel_folder
from tests.fakes.sessions import write

HOUSE = Path(__file__).parents[2]
SETTINGS = Settings()
T = TypeVar("T")
BOTH = Plan(files=["requirements-dev.txt"], installs_project=True)


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return Trees(tmp_path / "trees", {}).of_job("r-000001", Source(str(HOUSE / "examples" / "off_by_one")))


async def _sandbox(tmp_path: Path) -> Sandbox:
    return (await choose(SETTINGS, str(tmp_path))).sandbox


def test_a_project_that_needs_nothing_is_tested_with_our_own_interpreter(tmp_path: Path, tree: Tree) -> None:
    async def run() -> Outcomes:
        sandbox = await _sandbox(tmp_path)
        if sandbox.level == "process":  # as root it runs as somebody who may not even reach the interpreter
            assert not os.environ.get("REQUIRE_REAL_PARTS"), "bubblewrap or Docker has to be here"
            pytest.skip("needs bubblewrap or Docker")
        environment = await Environments(tmp_path / "environments", SETTINGS, sandbox).of(Wanted(), tree)
        assert environment.kind == "own"
        workspace = Workspace(tree, tmp_path / "workspaces" / "r-000001.1", SETTINGS.workspace_bytes)
        workspace.open()
        drop = Repair(repo="examples/off_by_one", tests=["test_pager.py::test_first_page"])
        try:
            return await Session(drop, "r-000001", environment, workspace).run(sandbox, SETTINGS)
        finally:
            workspace.close()
            await sandbox.close()

    outcomes = anyio.run(run)
    assert outcomes.problems == []
    assert {name: outcome.status for name, outcome in outcomes.tests.items()} == {
        "test_pager.py::test_first_page": "failed",
        "test_pager.py::test_last_page": "failed",
        "test_pager.py::test_number_of_pages": "passed",
        "test_pager.py::test_no_pages_of_nothing": "passed",
        "test_pager.py::test_full_pages": "passed",
        "test_pager.py::test_page_behind_the_last": "passed",
    }


def test_whatever_the_umask_was_programs_can_read_our_own_interpreter(tmp_path: Path) -> None:
    """As root, programs run as somebody else; a hardened machine's root lets nobody read what he makes."""
    before = os.umask(0o077)
    try:
        environment = Environments(tmp_path, Settings(), Process("tests"))._own()  # noqa: SLF001  made, and not run
    finally:
        os.umask(before)
    folder = Path(environment.folders[1])
    assert folder.parent == tmp_path
    made = [path for path in (folder, *folder.rglob("*")) if not path.is_symlink()]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o755, 0o644}


def test_what_cannot_be_had_is_refused_with_the_exact_cause(tmp_path: Path, tree: Tree) -> None:
    async def run() -> None:
        sandbox = await _sandbox(tmp_path)
        environments = Environments(tmp_path / "environments", SETTINGS, sandbox)
        try:
            with pytest.raises(EnvironmentRefused, match=r"wants Python 2\.1"):
                await environments.of(Wanted(python="2.1"), tree)
            if "images" not in HOLDS[sandbox.level]:
                with pytest.raises(EnvironmentRefused, match="Docker"):
                    await environments.of(Wanted(image="somebody/image"), tree)
        finally:
            await sandbox.close()

    anyio.run(run)


@pytest.mark.parametrize(
    ("wanted", "files", "plan"),
    [
        (Wanted(), {"a.py": ""}, Plan()),
        (Wanted(), {"requirements.txt": "six"}, Plan(files=["requirements.txt"])),
        (Wanted(), {"setup.py": "", "requirements-dev.txt": ""}, BOTH),
        (Wanted(), {"pyproject.toml": "[tool.ruff]"}, Plan()),
        (Wanted(), {"pyproject.toml": "[build-system]\n"}, Plan(installs_project=True)),
        (Wanted(python="3.9"), {}, Plan(python="3.9")),
        (Wanted(requirements=["six"]), {"setup.py": ""}, Plan(requirements=["six"])),
        (Wanted(as_of="2019-04-01"), {}, Plan(as_of="2019-04-01")),
    ],
)
def test_what_the_drop_says_goes_before_what_the_project_says(
    wanted: Wanted, files: dict[str, str], plan: Plan
) -> None:
    assert plan_of(wanted, files) == plan


@pytest.mark.parametrize(
    ("project", "plan"),
    [
        ('[project]\ndependencies = ["six"]', Plan(files=["pyproject.toml"])),
        (
            "[build-system]\n[project.optional-dependencies]\ntests = []\ndev = []",
            Plan(installs_project=True, extras=["tests"]),
        ),
        ("[build-system]\n[dependency-groups]\ndev = []", Plan(installs_project=True, groups=["dev"])),
        ("[build-system]\n[project]\noptional-dependencies = 3", Plan(installs_project=True)),
        ("no = toml = at all", Plan()),
        ("a = " + "[" * 5_000, Plan()),
    ],
)
def test_a_project_says_what_its_tests_need(project: str, plan: Plan) -> None:
    assert plan_of(Wanted(), {"pyproject.toml": project}) == plan


# Made in the sandbox. Their packages come from a folder of wheels, so that they need no index.

NEEDY = {
    "pyproject.toml": '[project]\nname = "needy"\nversion = "1"\ndependencies = ["wanted"]\n',
    "requirements-test.txt": "-r more.txt\n",
    "more.txt": "also_wanted==2\n",
    "test_needy.py": (
        "import socket\n\nimport also_wanted\nimport wanted\n\n\n"
        "def test_both():\n    assert (wanted.VALUE, also_wanted.VALUE) == (1, 2)\n\n\n"
        "def test_alone():\n    assert [name for _, name in socket.if_nameindex()] == ['lo']\n"
    ),
}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = wheel_folder.pack(tmp_path_factory.mktemp("packages") / "wheels")
    for place in (folder, *folder.parents[:2]):
        place.chmod(0o755)
    wheel_folder.make(folder, "wanted", "1", "VALUE = 1\n")
    wheel_folder.make(folder, "also_wanted", "2", "VALUE = 2\n")
    return str(folder)


def _of(folder: Path, files: dict[str, str]) -> Tree:
    repository = write(folder / "repository", files)
    return Trees(folder / "trees", {}).of_job("r-000001", Source(str(repository)))


def working(folder: Path, settings: Settings, work: Callable[[Environments], Awaitable[T]]) -> T:
    """Do this with the environments of a state folder; in walls, for the process level is held by none."""

    async def run() -> T:
        sandbox = await _sandbox(folder)
        if sandbox.level == "process":
            pytest.skip("needs bubblewrap or Docker")
        try:
            return await work(Environments(folder / "environments", settings, sandbox))
        finally:
            await sandbox.close()

    return anyio.run(run)


def test_what_a_project_needs_is_made_once_even_if_two_jobs_ask_at_once(tmp_path: Path, wheels: str) -> None:
    """… and a later life finds it. The tests that run in it have no network."""
    settings = Settings(wheels_dir=wheels)
    tree = _of(tmp_path, NEEDY)

    async def work(environments: Environments) -> Outcomes:
        made: list[Environment] = []

        async def ask() -> None:
            made.append(await environments.of(Wanted(), tree))

        async with anyio.create_task_group() as group:
            group.start_soon(ask)
            group.start_soon(ask)
        assert made[0] is made[1]
        later = Environments(environments.folder, Settings(wheels_dir=wheels), environments.sandbox)
        before = sorted(environments.folder.rglob("*"))
        await later.tidy()
        assert await later.of(Wanted(), tree) == made[0]
        assert sorted(environments.folder.rglob("*")) == before
        workspace = Workspace(tree, tmp_path / "workspaces" / "r-000001.1", settings.workspace_bytes)
        workspace.open()
        try:
            drop = Repair(repo="/r", tests=["test_needy.py::test_both"])
            return await Session(drop, "r-000001", made[0], workspace).run(environments.sandbox, settings)
        finally:
            workspace.close()

    outcomes = working(tmp_path, settings, work)
    assert outcomes.problems == []
    assert {name: one.status for name, one in outcomes.tests.items()} == {
        "test_needy.py::test_both": "passed",
        "test_needy.py::test_alone": "passed",
    }


def test_what_a_repository_brings_along_is_installed_for_that_repository_alone(tmp_path: Path, wheels: str) -> None:
    """A requirement may be a path: the same words then mean something else in another tree."""
    trees = []
    for value in (1, 2):
        (tmp_path / f"wheel-{value}").mkdir()
        wheel_folder.make(tmp_path / f"wheel-{value}", "brought", "1", f"VALUE = {value}\n")
        repository = write(tmp_path / f"repository-{value}", {"a.py": "A = 1\n"})
        shutil.copytree(tmp_path / f"wheel-{value}", repository / "wheels")
        trees.append(Trees(tmp_path / "trees", {}).of_job(f"r-00000{value}", Source(str(repository))))
    wanted = Wanted(requirements=["./wheels/brought-1-py3-none-any.whl"])

    async def work(environments: Environments) -> list[Environment]:
        return [await environments.of(wanted, tree) for tree in trees]

    made = working(tmp_path, Settings(wheels_dir=wheels), work)
    brought = [next(Path(one.folders[1]).glob("lib/*/site-packages/brought.py")).read_text() for one in made]
    assert brought == ["VALUE = 1\n", "VALUE = 2\n"]


def test_an_installation_that_fails_is_refused_with_its_words_and_leaves_nothing(tmp_path: Path, wheels: str) -> None:
    tree = _of(tmp_path, {"a.py": "A = 1\n"})

    async def work(environments: Environments) -> str:
        with pytest.raises(EnvironmentRefused) as told:
            await environments.of(Wanted(requirements=["nobody-has-this"]), tree)
        return str(told.value)

    told = working(tmp_path, Settings(wheels_dir=wheels), work)
    assert "nobody-has-this` failed: " in told
    assert "nobody-has-this was not found" in told
    assert list((tmp_path / "environments").iterdir()) == []


@pytest.fixture
def index(tmp_path: Path, wheels: str) -> Iterator[int]:
    """The same wheels behind HTTP, as an index shows them, with what uv puts into each venv; its port."""
    (tmp_path / "seeds").mkdir()
    for seed in ("pip", "setuptools", "wheel"):
        wheel_folder.make(tmp_path / "seeds", seed, "99", "")
    for wheel in [*Path(wheels).iterdir(), *(tmp_path / "seeds").iterdir()]:
        project = tmp_path / "index" / wheel.name.split("-")[0].replace("_", "-")
        project.mkdir(parents=True)
        (project / wheel.name).write_bytes(wheel.read_bytes())
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path / "index"))
    with ThreadingHTTPServer(("0.0.0.0", 0), handler) as server:  # noqa: S104  a container comes from another address
        Thread(target=server.serve_forever).start()
        yield server.server_port
        server.shutdown()


def _address(port: int) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_way_out:
        any_way_out.connect(("192.0.2.1", 1))  # nothing is sent; it says which of our addresses others see
        return f"http://{any_way_out.getsockname()[0]}:{port}/"


def test_packages_come_from_the_indexes_of_the_settings_and_from_no_other(tmp_path: Path, index: int) -> None:
    tree, here = _of(tmp_path, NEEDY), _address(index)

    async def work(environments: Environments) -> Environment:
        return await environments.of(Wanted(requirements=["also_wanted"]), tree)

    made = working(tmp_path, Settings(package_indexes=(f"{here}nothing-here", here)), work)
    installed = {path.name for path in Path(made.folders[1]).glob("lib/*/site-packages/*.dist-info")}
    assert "also_wanted-2.dist-info" in installed


DEEP = "import os; [(os.mkdir({name}), os.chdir({name})) for _ in range({depth})]"


@pytest.mark.parametrize(
    ("place", "name", "depth"),
    [(".", "'d'", 1_500), (".", "'d' * 200", 30), (".", "'d'", 700), ("$VIRTUAL_ENV", "'d'", 1_500)],
)
def test_an_installation_that_leaves_folders_without_end_is_refused(
    tmp_path: Path, index: int, place: str, name: str, depth: int
) -> None:
    """Too deep to be walked, of a path too long to be said, or too deep to be copied."""
    tree = _of(tmp_path, {"a.py": "A = 1\n"})
    dig = f'cd {place} && python -c "{DEEP.format(name=name, depth=depth)}"'

    async def work(environments: Environments) -> None:
        with pytest.raises(EnvironmentRefused, match="folders in one another"):
            await environments.of(Wanted(install=[dig]), tree)

    working(tmp_path, Settings(package_indexes=(_address(index),)), work)
    assert list((tmp_path / "environments").iterdir()) == []


LOOK = "import socket; print(*(name for _, name in socket.if_nameindex()))"


@pytest.mark.campaign
def test_only_an_installation_has_network_and_what_it_leaves_in_the_tree_stays(tmp_path: Path) -> None:
    """pytest comes from the public index; a command writes beside it what it sees of the network."""
    tree = _of(tmp_path, {"a.py": "A = 1\n"})

    async def work(environments: Environments) -> Environment:
        return await environments.of(Wanted(install=[f'python -c "{LOOK}" > seen', "echo 2 > a.py; mkdir made"]), tree)

    environment = working(tmp_path, Settings(), work)
    layer = Path(environment.layer)
    assert sorted(path.name for path in layer.iterdir()) == ["made", "seen"]
    assert set((layer / "seen").read_text().split()) > {"lo"}
    assert environment.python == f"{environment.folders[1]}/bin/python"


def test_the_longest_unused_go_first_and_what_is_in_use_stays(tmp_path: Path) -> None:
    """… and what a daemon that died left half made goes as well."""
    folder = tmp_path / "environments"
    for number, name in enumerate(("old", "older", "oldest", "held", "half")):
        (folder / f"venv-{name}").mkdir(parents=True)
        (folder / f"venv-{name}" / "large").write_bytes(bytes(1000))
        if name != "half":
            kept = folder / f"venv-{name}" / "environment.json"
            kept.write_bytes(msgspec.json.encode(Environment(f"venv-{name}", "venv", "python", size_bytes=1000)))
            os.utime(kept, (1_000_000 - number, 1_000_000 - number))

    async def work() -> list[str]:
        sandbox = Process("nobody")
        environments = Environments(folder, Settings(environments_bytes=2_500), sandbox)
        held = await environments._once("venv-held", pytest.fail)  # noqa: SLF001  found, and so used last
        await environments.tidy()
        left = sorted(path.name for path in folder.iterdir())
        assert held.key in left
        return left

    assert anyio.run(work) == ["venv-held", "venv-old"]


EVICT = """
import sys, anyio
from daemon.effects.environment import Environments
from daemon.effects.sandbox.process import Process
from daemon.settings import Settings
from pathlib import Path
anyio.run(Environments(Path(sys.argv[1]), Settings(environments_bytes=0), Process("nobody")).evict)
"""


def test_whoever_dies_while_making_room_leaves_nothing_that_looks_whole(tmp_path: Path) -> None:
    folder = tmp_path / "venv-large"
    folder.mkdir()
    for number in range(3_000):
        (folder / f"{number}.py").touch()
    (folder / "environment.json").write_bytes(msgspec.json.encode(Environment("venv-large", "venv", "p", size_bytes=1)))
    with subprocess.Popen([sys.executable, "-c", EVICT, str(tmp_path)], cwd=HOUSE) as evicting:
        while folder.exists() and len(list(folder.iterdir())) > 3_000 - 100 and evicting.poll() is None:
            pass
        evicting.kill()
    assert not (folder / "environment.json").exists()


def test_a_process_sandbox_says_at_its_start_that_it_cannot_reach_the_interpreter(tmp_path: Path) -> None:
    """As root, programs run as nobody; otherwise as ourselves, who reach what we reach."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    [told] = anyio.run(out_of_reach, Process("nobody"), str(closed)) if os.geteuid() == 0 else [str(closed)]
    assert str(closed) in told
    assert anyio.run(out_of_reach, Process("nobody"), "/usr") == []


@pytest.mark.parametrize("folder", ["plain", "with,comma"])
def test_only_what_the_repository_does_not_have_is_kept_of_an_installation(tmp_path: Path, folder: str) -> None:
    """Be the workspace an overlay or, where mount cannot say the path, a checkout."""
    tree = _of(tmp_path / folder, {"a.py": "A = 1\n", "pkg/b.py": "B = 1\n"})
    workspace = Workspace(tree, tmp_path / folder / "workspaces" / "r-000001.1", 2**20)
    workspace.open()
    try:
        for made in ("pkg/made.so", "__pycache__/a.pyc", ".git/config", "notes/of/it", "a.py"):
            (workspace.root / made).parent.mkdir(parents=True, exist_ok=True)
            (workspace.root / made).write_text("changed")
        os.mkfifo(workspace.root / "pipe")
        (workspace.root / "link").symlink_to("/etc/shadow")
        layer = tmp_path / folder / "layer"
        assert keep(workspace, layer) == str(layer)
        kept = sorted(str(path.relative_to(layer)) for path in layer.rglob("*"))
        assert kept == ["link", "notes", "notes/of", "notes/of/it", "pkg", "pkg/made.so"]
        (workspace.root / "large").write_bytes(bytes(900_000))
        with pytest.raises(EnvironmentRefused, match="the setting workspace_bytes"):
            keep(structs.replace(workspace, quota_bytes=800_000), layer)
    finally:
        workspace.close()
