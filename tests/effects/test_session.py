"""What a test session shows to its program, at every level: walls fix the targets' own files, limits cannot."""

from pathlib import Path
from typing import Any

import anyio
import pytest

from daemon.drops import Repair
from daemon.effects.environment import Environment
from daemon.effects.sandbox import HOLDS, Command, Level, Mount, Ran
from daemon.effects.session import Session
from daemon.effects.trees import Source, Trees
from daemon.effects.workspace import Workspace
from daemon.settings import Settings
from tests.fakes.repairs import write
from tests.fakes.sandboxes import LEVELS


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
