"""Environments and test sessions, for real: a project that needs nothing, and what cannot be had."""

import os
from pathlib import Path

import anyio
import pytest

from daemon.drops import Environment as Wanted
from daemon.drops import Repair
from daemon.effects.environment import EnvironmentRefused, Environments, Plan, plan_of
from daemon.effects.sandbox import HOLDS, Sandbox
from daemon.effects.sandbox.choice import choose
from daemon.effects.session import Session
from daemon.effects.trees import Source, Tree, Trees
from daemon.effects.workspace import Workspace
from daemon.settings import Settings
from daemon.text.outcomes import Outcomes

HOUSE = Path(__file__).parents[2]
SETTINGS = Settings()
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
