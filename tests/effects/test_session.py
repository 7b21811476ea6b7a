"""What a test session shows to its program, at every level: walls fix the targets' own files, limits cannot."""

from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec import structs

from daemon.drops import Environment as Wanted
from daemon.drops import Repair
from daemon.effects.environment import Environment, Environments
from daemon.effects.sandbox import HOLDS, Command, Level, Mount, Ran
from daemon.effects.session import Session
from daemon.effects.trees import Source, Trees
from daemon.effects.workspace import Workspace
from daemon.settings import Settings
from daemon.text.outcomes import Outcomes
from tests.fakes.repairs import write
from tests.fakes.sandboxes import LEVELS, make, need, place


class Watching:
    """A sandbox that runs nothing and remembers what it was asked."""

    def __init__(self, level: Level) -> None:
        self.level: Level = level
        self.asked: list[Command] = []

    async def available(self) -> str:
        return ""

    async def run(self, command: Command) -> Ran:
        self.asked.append(command)
        ended: dict[str, Any] = {
            "status": 0,
            "signal": None,
            "timed_out": False,
            "out_of_memory": False,
            "truncated": False,
        }
        return Ran(**ended, stdout=b"", stderr=b"", seconds=0.0, level=self.level)

    async def sweep(self) -> int:
        return 0

    async def close(self) -> None:
        return None


@pytest.mark.parametrize("level", LEVELS)
def test_a_session_asks_no_more_of_a_level_than_it_holds(tmp_path: Path, level: Level) -> None:
    repo = write(tmp_path / "repo", {"shop.py": "x = 1\n", "test_shop.py": "def test_x():\n    assert False\n"})
    tree = Trees(tmp_path / "trees", {}).of_job("r-000001", Source(str(repo)))
    workspace = Workspace(tree, tmp_path / "workspace", 2**20)
    drop = Repair(repo=str(repo), tests=["test_shop.py::test_x"])
    environment = Environment("own", "own", "/usr/bin/python3")
    sandbox = Watching(level)
    workspace.open()
    try:
        anyio.run(Session(drop, "r-000001", environment, workspace).run, sandbox, Settings())
    finally:
        workspace.close()
    [command] = sandbox.asked
    judged = Mount(str(tree.files / "test_shop.py"), f"{command.cwd}/test_shop.py")
    if "elsewhere" in HOLDS[level]:
        assert judged in command.mounts
    else:
        assert all(mount.place == mount.source for mount in command.mounts)


BYSTANDER = "from shop import total\n\ndef test_none():\n    assert total([]) == 0\n"
REWRITING = f"""import os

def total(prices):
    open('tests/conftest.py', 'a').write('x = 1')
    open('tests/test_changed.py', 'w').write('')
    os.remove('tests/test_gone.py')
    os.remove('tests/test_pipe.py')
    os.mkfifo('tests/test_pipe.py')
    open('tests/test_same.py', 'w').write({BYSTANDER!r})
    open('tests/seen.txt', 'a').write('no program')
    return sum(prices)
"""
REPOSITORY = {
    "shop.py": REWRITING,
    "test_shop.py": "from shop import total\n\ndef test_x():\n    assert total([1]) == 1\n",
    "tests/conftest.py": "",
    "tests/seen.txt": "nothing\n",
    **{f"tests/test_{name}.py": BYSTANDER for name in ("changed", "gone", "pipe", "same", "untouched")},
}
REWRITTEN = [f"tests/{name}.py" for name in ("conftest", "test_changed", "test_gone", "test_pipe")]


@pytest.mark.parametrize("level", ["bubblewrap", "process"])
def test_a_program_that_judges_and_was_rewritten_is_found_out_with_walls_and_without(level: Level) -> None:
    need(level)
    with place() as folder:
        outcomes = anyio.run(session, folder, level)
    assert outcomes.tests["test_shop.py::test_x"].passes
    assert outcomes.meddling == [f"{name} was rewritten while the tests ran" for name in REWRITTEN]


async def session(folder: Path, level: Level) -> Outcomes:
    """A real session, by the system's interpreter, which every level shows."""
    repo, settings, sandbox = write(folder / "repo", REPOSITORY), Settings(sandbox=level), make(level)
    tree = Trees(folder / "trees", {}).of_job("r-000001", Source(str(repo)))
    own = await Environments(folder / "environments", settings, sandbox).of(Wanted(), tree)
    workspace = Workspace(tree, folder / "workspaces" / "r-000001.1", 2**20)
    drop = Repair(repo=str(repo), tests=["test_shop.py::test_x"], test_command="pytest test_shop.py")
    ours = Session(drop, "r-000001", structs.replace(own, python="/usr/bin/python3"), workspace)
    workspace.open()
    try:
        return await ours.run(sandbox, settings)
    finally:
        workspace.close()
        await sandbox.close()
