"""Images as environments, with the real engine: named in the job, built from a Dockerfile, or refused."""

import json
import secrets
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import anyio
import pytest
from msgspec import structs

from daemon.drops import Environment as Wanted
from daemon.drops import Repair
from daemon.effects.environment import Environment, EnvironmentRefused, Environments
from daemon.effects.sandbox.docker import Docker
from daemon.effects.sandbox.images import Image
from daemon.effects.session import Session
from daemon.effects.trees import Source, Tree, Trees
from daemon.effects.workspace import Workspace
from daemon.settings import Settings
from daemon.text.outcomes import Outcomes
from tests.fakes import images
from tests.fakes.docker_image import IMAGE
from tests.fakes.repairs import Ask, edit, mended
from tests.fakes.sandboxes import OWNER, alive, need
from tests.fakes.sessions import write

SETTINGS = Settings(
    sandbox_memory_bytes=512 * 2**20, workspace_bytes=32 * 2**20, sandbox_scratch_bytes=16 * 2**20, pull_timeout_s=20.0
)
FILES = {
    "shop.py": "from built_part import RATE\n\n\ndef total(price):\n    return price - RATE\n",
    "test_shop.py": (
        "import os\nimport socket\nimport sys\nimport unittest\n\nimport noted\nimport shop\n\n\n"
        "class Totals(unittest.TestCase):\n"
        "    def test_total(self):\n        self.assertEqual(shop.total(1), 3)\n\n"
        "    def test_place(self):\n"
        "        self.assertEqual([name for _, name in socket.if_nameindex()], ['lo'])\n"
        "        print(os.getcwd(), sys.executable, noted.FOUND, os.environ['SHOP'])\n"
    ),
}
DROP = Repair(repo="/r", tests=["test_shop.py"], test_command="python -m unittest test_shop")
IN_PLACE = """
import os
os.makedirs("/opt/miniconda3/envs/testbed/bin")
os.symlink("/usr/bin/python3", "/opt/miniconda3/envs/testbed/bin/python")
os.makedirs("/testbed/.git")
os.makedirs("/testbed/made/empty")
os.symlink("/etc/shadow", "/testbed/made/link")
for path, text in {
    "/testbed/.git/secret": "",
    "/testbed/shop.py": "stale",
    "/testbed/built_part.py": "RATE = 2",
    "/testbed/made/large": "x" * 3 * 2**20,
    "/usr/lib/python3.11/noted.py": "FOUND = True",
}.items():
    with open(path, "w") as file:
        file.write(text)
"""
BROKEN = (
    'SIGNS = (\n    (10, "X"),\n    (5, "V"),\n    (1, "I"),\n)\n\n\ndef roman(number):\n    said = ""\n'
    "    for value, sign in SIGNS:\n        said += sign * (number // value)\n        number %= value\n"
    "    return said\n"
)
SIGNS = edit("numerals.py", "3-3", '    (5, "V"),', '    (9, "IX"),\n    (5, "V"),\n    (4, "IV"),')
CASE = (
    "import unittest\n\nfrom numerals import roman\n\n\nclass Numerals(unittest.TestCase):\n"
    "    def test_two(self):\n        self.assertEqual(roman(2), 'II')\n\n"
    "    def test_nineteen(self):\n        self.assertEqual(roman(19), 'XIX')\n"
)
T = TypeVar("T")


@pytest.fixture(scope="module", autouse=True)
def _engine() -> None:
    need("docker", "images")


@pytest.fixture(scope="module")
def installed() -> Iterator[str]:
    """An image as SWE-bench's are: an environment of conda's, the repository in place, notes that lead there."""
    name = f"mendd/tests-{secrets.token_hex(4)}:1"
    with images.image(name, f"RUN {json.dumps(['python3', '-c', IN_PLACE])}", "ENV SHOP=open HOME=/nowhere"):
        yield name


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    return _tree(tmp_path, FILES)


def _tree(folder: Path, files: dict[str, str]) -> Tree:
    return Trees(folder / "trees", {}).of_job("r-000001", Source(str(write(folder / "repository", files))))


def working(folder: Path, work: Callable[[Environments], Awaitable[T]], settings: Settings = SETTINGS) -> T:
    """Do this with the environments of a state folder, and leave no image behind."""

    async def run() -> T:
        sandbox = Docker(OWNER)
        try:
            return await work(Environments(folder / "environments", settings, sandbox))
        finally:
            for key in await sandbox.built():
                await sandbox.discard(key)
            await sandbox.close()

    return anyio.run(run)


async def _tested(environments: Environments, environment: Environment, tree: Tree, folder: Path) -> Outcomes:
    workspace = Workspace(tree, folder / "workspaces" / "r-000001.1", SETTINGS.workspace_bytes, environment.layer)
    workspace.open()
    try:
        return await Session(DROP, "r-000001", environment, workspace).run(environments.sandbox, SETTINGS)
    finally:
        workspace.close()


def refused(folder: Path, wanted: Wanted, tree: Tree, settings: Settings = SETTINGS) -> str:
    async def work(environments: Environments) -> str:
        with pytest.raises(EnvironmentRefused) as told:
            await environments.of(wanted, tree)
        return str(told.value)

    return working(folder, work, settings)


# Named in the job


def test_an_image_with_the_repository_installed_in_place_is_used_as_it_stands(
    tmp_path: Path, tree: Tree, installed: str
) -> None:
    """Our tree is shown where the image keeps its own, with what was built there, and the image's interpreter."""

    async def work(environments: Environments) -> tuple[Environment, Outcomes]:
        environment = await environments.of(Wanted(image=installed), tree)
        assert await environments.of(Wanted(image=installed), tree) is environment
        return environment, await _tested(environments, environment, tree, tmp_path)

    environment, outcomes = working(tmp_path, work)
    assert (environment.kind, environment.place) == ("image", "/testbed")
    assert environment.python == "/opt/miniconda3/envs/testbed/bin/python"
    kept = sorted(str(path.relative_to(environment.layer)) for path in Path(environment.layer).rglob("*"))
    assert kept == ["built_part.py", "made", "made/empty", "made/large", "made/link", "readme"]
    assert outcomes.problems == []
    failed, passed = (outcomes.tests[f"{name} (test_shop.Totals)"] for name in ("test_total", "test_place"))
    assert (failed.status, passed.status) == ("failed", "passed")
    assert failed.cause
    assert [frame.file for frame in failed.cause.frames] == ["test_shop.py"]
    assert "/testbed /opt/miniconda3/envs/testbed/bin/python True open\n" in outcomes.ended.output


@pytest.mark.campaign
def test_a_name_that_means_another_image_is_another_environment(tmp_path: Path, tree: Tree) -> None:
    name = f"mendd/tests-{secrets.token_hex(4)}"

    async def work(environments: Environments) -> list[Environment]:
        first = await environments.of(Wanted(image=name), tree)
        with images.image(f"{name}:latest", "ENV SHOP=closed"):
            return [first, await environments.of(Wanted(image=name), tree)]

    with images.image(f"{name}:latest", "ENV SHOP=open"):
        first, second = working(tmp_path, work)
    assert (first.variables["SHOP"], second.variables["SHOP"]) == ("open", "closed")
    assert first.key != second.key
    assert first.place == "/testbed"


def test_an_image_that_is_nowhere_is_refused_with_the_cause(tmp_path: Path, tree: Tree) -> None:
    told = refused(tmp_path, Wanted(image="localhost:1/nobody/nothing:1"), tree)
    assert told.startswith("the image localhost:1/nobody/nothing:1 is not here and could not be pulled: ")
    assert "connection refused" in told
    assert "invalid reference format" in refused(tmp_path, Wanted(image="No Such Name"), tree)


def test_an_image_in_which_nothing_runs_is_refused(tmp_path: Path, tree: Tree) -> None:
    with images.empty() as name:
        assert "cannot be used" in refused(tmp_path, Wanted(image=name), tree)


def test_an_image_that_keeps_too_much_is_refused_with_the_setting(tmp_path: Path, tree: Tree, installed: str) -> None:
    small = structs.replace(SETTINGS, workspace_bytes=2**20)
    told = refused(tmp_path, Wanted(image=installed), tree, small)
    assert told == "what the image keeps in /testbed is larger than 1048576 bytes (the setting workspace_bytes)"
    assert list((tmp_path / "environments").iterdir()) == []


# Built from the repository's Dockerfile


def test_a_dockerfile_is_built_once_and_its_folder_is_the_place(tmp_path: Path) -> None:
    lines = f"FROM {IMAGE}\nWORKDIR /srv/app\nCOPY . .\nRUN echo RATE = 2 > built_part.py\nENV SHOP=open\n"
    noted = {"noted.py": "FOUND = True\n", "Dockerfile": lines}
    tree = _tree(tmp_path, FILES | noted)
    wanted = Wanted(dockerfile="Dockerfile")

    async def work(environments: Environments) -> tuple[Environment, Outcomes]:
        environment = await environments.of(wanted, tree)
        assert await environments.of(wanted, tree) is environment
        return environment, await _tested(environments, environment, tree, tmp_path)

    environment, outcomes = working(tmp_path, work)
    assert environment.place == "/srv/app"
    assert [path.name for path in Path(environment.layer).iterdir()] == ["built_part.py"]
    assert {name: one.status for name, one in outcomes.tests.items()} == {
        "test_total (test_shop.Totals)": "failed",
        "test_place (test_shop.Totals)": "passed",
    }


def test_a_dockerfile_that_fails_is_refused_with_the_step_and_its_last_words(tmp_path: Path) -> None:
    failing = f"FROM {IMAGE}\nRUN echo what is wrong; exit 3\n"
    tree = _tree(tmp_path, {"docker/test.Dockerfile": failing})
    told = refused(tmp_path, Wanted(dockerfile="docker/test.Dockerfile"), tree)
    assert told.startswith("docker/test.Dockerfile could not be built: `RUN echo what is wrong; exit 3`: ")
    assert "returned a non-zero code: 3" in told
    assert told.endswith("what is wrong")
    assert "has no file Dockerfile" in refused(tmp_path, Wanted(dockerfile="Dockerfile"), tree)


@pytest.mark.parametrize("how", ["cancelled", "out of time"])
def test_a_build_that_is_given_up_leaves_nothing_running(tmp_path: Path, how: str) -> None:
    mark = f"mark-{secrets.token_hex(6)}"
    build = f'FROM {IMAGE}\nRUN ["python3", "-c", "import time; time.sleep(1000)", "{mark}"]\n'
    tree = _tree(tmp_path, {"Dockerfile": build})
    limited = structs.replace(SETTINGS, install_timeout_s=1.0 if how == "out of time" else 1000.0)

    async def work(environments: Environments) -> str:
        why = ""
        async with anyio.create_task_group() as group:

            async def give_up() -> None:
                await poll(lambda: alive(mark))
                group.cancel_scope.cancel()

            if how == "cancelled":
                group.start_soon(give_up)
            try:
                await environments.of(Wanted(dockerfile="Dockerfile"), tree)
            except EnvironmentRefused as told:
                why = str(told)
        await poll(lambda: not alive(mark))
        return why

    assert ("took longer than 1 s" in working(tmp_path, work, limited)) == (how == "out of time")
    assert list((tmp_path / "environments").glob("*")) == []


# The budget


def test_images_built_here_go_with_their_environments_and_others_stay(tmp_path: Path) -> None:
    """Nothing goes while somebody holds it."""
    tree = _tree(tmp_path, FILES | {"Dockerfile": f"FROM {IMAGE}\nENV SHOP=built\n"})

    async def work(environments: Environments) -> None:
        built = await environments.of(Wanted(dockerfile="Dockerfile"), tree)
        assert await environments.evict() == []
        key = built.key
        del built
        assert await environments.evict() == [key]
        assert isinstance(environments.sandbox, Docker)
        assert await environments.sandbox.built() == {}
        assert await environments.sandbox.image(IMAGE)

    working(tmp_path, work, structs.replace(SETTINGS, environments_bytes=0))


# The whole way


@pytest.mark.campaign
def test_jobs_in_images_are_mended_and_those_that_cannot_have_theirs_are_refused(tmp_path: Path) -> None:
    """By the daemon, from the drop to the certificate."""
    files = {"numerals.py": BROKEN, "tests/__init__.py": "", "tests/test_numerals.py": CASE}

    def ask(name: str, environment: dict[str, str], dockerfile: str = "") -> Ask:
        fields = {"test_command": "python -m unittest tests.test_numerals", "environment": environment}
        tests = ["test_nineteen (tests.test_numerals.Numerals)"]
        return Ask(name, files | ({"Dockerfile": dockerfile} if dockerfile else {}), tests, [SIGNS], fields)

    described, wanted = f"FROM {IMAGE}\nWORKDIR /srv/app\nCOPY . .\n", {"dockerfile": "Dockerfile"}
    asks = [
        ask("named", {"image": IMAGE}),
        ask("built", wanted, described),
        ask("nowhere", {"image": "localhost:1/nobody/nothing"}),
        ask("failing", wanted, f"FROM {IMAGE}\nRUN exit 4\n"),
    ]
    ended = mended(tmp_path, asks, environments_bytes=0)
    assert {name: one.outcome for name, one in ended.items()} == {
        "named": "certified",
        "built": "certified",
        "nowhere": "refused",
        "failing": "refused",
    }
    assert "could not be pulled" in ended["nowhere"].reason
    assert "`RUN exit 4`" in ended["failing"].reason

    async def tidied() -> dict[str, Image]:
        """The next start makes room: nothing is in use yet."""
        state = ended["built"].state.resolve()
        sandbox = Docker(str(state))
        assert await sandbox.built()
        await Environments(state / "environments", structs.replace(SETTINGS, environments_bytes=0), sandbox).tidy()
        return await sandbox.built()

    assert anyio.run(tidied) == {}


async def poll(is_so: Callable[[], object]) -> None:
    with anyio.fail_after(30):
        while not is_so():  # noqa: ASYNC110  processes of an engine's ring no bell
            await anyio.sleep(0.02)
