"""What a repair costs besides the model and the tests, and what its parts cost.

*A repair*: twelve small repairs, one after the other, through the real daemon in bubblewrap, each answered at once
over HTTP. From accepted to settled, less the time in which a model was asked and the time in which tests ran in the
sandbox, as their facts tell; what is left is the daemon's own. The tests are tiny, so the share is at its worst.

*A gate*: one test session of a small project (five tests) at each level of the sandbox, beside the same
`python -m pytest` in a plain process with no sandbox and no report. Where the interpreter lies in a home folder that
only root may enter, a plain process of nobody cannot run it, and has no row.

*A workspace*: opening one over a tree of 7,000 files, beside copying that tree.
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter

import anyio

from daemon import events as e
from daemon.drops import Environment, Repair
from daemon.effects.environment import Environments
from daemon.effects.sandbox import Level
from daemon.effects.session import Session
from daemon.effects.trees import Source, Trees
from daemon.effects.workspace import Workspace
from daemon.effects.world import Fault
from daemon.settings import Settings
from tests.benchmarks.measure import Row, take_turns, tell
from tests.fakes.repairs import Ask, edit, mended, write
from tests.fakes.sandboxes import make

TITLE = "A repair and its parts"
REPAIRS = 12
FILES, FOLDERS = 7_000, 100
SHOP = "def total(prices):\n    return sum(prices) + 1\n"
TESTS = "from shop import total\n\n" + "".join(
    f"def test_{number}():\n    assert total([{number}]) == {number + (number < 4)}\n\n" for number in range(5)
)
LEVELS: tuple[Level, ...] = ("docker", "bubblewrap", "process")


def run(folder: Path, rounds: int) -> list[Row]:
    """The shares, the sessions, the workspaces."""
    return [*_repair(folder / "repairs"), *_gates(folder / "gates", rounds), *_workspaces(folder / "trees", rounds)]


def _repair(folder: Path) -> list[Row]:
    tell(f"{TITLE}: {REPAIRS} repairs")
    folder.mkdir(parents=True)
    right = edit("shop.py", "2-2", "    return sum(prices) + 1", "    return sum(prices)")
    tests = "from shop import total\n\ndef test_total():\n    assert total([1]) == 1\n"
    asks = [
        Ask(f"shop{number}", {"shop.py": SHOP, "test_shop.py": tests}, ["test_shop.py::test_total"], [right])
        for number in range(REPAIRS)
    ]
    told = mended(folder, asks, workers=1, sandbox="bubblewrap", publish_every_ms=20)
    own, shares = [], []
    for one in told.values():
        seconds = sum(getattr(fact, "seconds", 0.0) for fact in one.facts if isinstance(fact, TESTED + ASKED))
        begun = next(fact.at for fact in one.facts if isinstance(fact, e.RunClaimed))
        whole = one.of(e.JobSettled)[-1].at - begun
        own.append(whole - seconds)
        shares.append((whole - seconds) / whole)
    return [
        Row("a repair outside model and tests", f"{1000 * median(own):.0f} ms", "of the daemon's own"),
        Row("its share", f"{median(shares):.0%}", "of the whole"),
    ]


TESTED = (e.RedGateHeld, e.GreenGatePassed, e.AttemptFailed, e.Minimised, e.Certified)
ASKED = (e.Proposed,)


def _gates(folder: Path, rounds: int) -> list[Row]:
    repo = write(folder / "repo", {"shop.py": SHOP, "test_shop.py": TESTS})
    for place in (folder, *folder.parents[:2]):
        place.chmod(0o755)  # the sandbox's user is another one than root
    ways: dict[str, Callable[[], float]] = {}
    for level in LEVELS:
        session = _session(folder, repo, level)
        try:
            session()
        except (Fault, AssertionError) as error:
            tell(f"  not at the level {level}, on this machine: {error}")
        else:
            ways[level] = session
    figures = take_turns(max(rounds, 5), plain=lambda: _plain(repo), **ways)
    plain = figures.pop("plain")
    return [
        Row(f"a session in {level}", f"{1000 * took:.0f} ms", f"{1000 * plain:.0f} ms plain", plain / took)
        for level, took in figures.items()
    ]


def _plain(repo: Path) -> float:
    began = perf_counter()
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly", "-p", "no:xdist"]
    subprocess.run([*command, "."], cwd=repo, capture_output=True, check=False)
    return perf_counter() - began


def _session(folder: Path, repo: Path, level: Level) -> Callable[[], float]:
    settings = Settings(sandbox=level)
    tree = Trees(folder / level / "trees", {}).of_job("r-000001", Source(str(repo)))
    drop = Repair(repo=str(repo), tests=["test_shop.py::test_0"])

    async def once() -> float:
        sandbox = make(level, owner=str(folder))
        environment = await Environments(folder / level / "environments", settings, sandbox).of(Environment(), tree)
        workspace = Workspace(tree, folder / level / "workspace", settings.workspace_bytes)
        try:
            began = perf_counter()
            workspace.open()
            outcomes = await Session(drop, "r-000001", environment, workspace).run(sandbox, settings)
            took = perf_counter() - began
        finally:
            workspace.close()
            await sandbox.close()
        if not outcomes.tests:
            raise AssertionError(f"{level}: {outcomes.problems}")
        return took

    return lambda: anyio.run(once)


def _workspaces(folder: Path, rounds: int) -> list[Row]:
    repo = folder / "repo"
    for number in range(FOLDERS):
        files = {f"pkg{number}/m{each}.py": f"x = {each}\n" * 40 for each in range(FILES // FOLDERS)}
        write(repo, files)
    tree = Trees(folder / "trees", {}).of_job("r-000001", Source(str(repo)))
    workspace = Workspace(tree, folder / "workspace", Settings().workspace_bytes)

    def opened() -> float:
        began = perf_counter()
        workspace.open()
        took = perf_counter() - began
        workspace.close()
        return took

    def copied() -> float:
        began = perf_counter()
        shutil.copytree(tree.files, folder / "copy")
        took = perf_counter() - began
        shutil.rmtree(folder / "copy")
        return took

    figures = take_turns(max(rounds, 5), ours=opened, copy=copied)
    ours, copy = figures["ours"], figures["copy"]
    return [Row("a workspace over 7,000 files", f"{1000 * ours:.1f} ms", f"{1000 * copy:.0f} ms to copy", copy / ours)]
