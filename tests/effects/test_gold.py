"""A gold patch that cannot be tested: it is told as one that is not green, with the cause, and no hand crashes."""

from pathlib import Path
from random import SystemRandom

import anyio
import msgspec
import pytest
from msgspec import structs

from daemon import events as e
from daemon import steps
from daemon.app import Clock
from daemon.blobs import Blobs
from daemon.drops import Environment, Repair
from daemon.effects.ramp import check_gold
from daemon.effects.repair import keep
from daemon.effects.workshop import Bench, Workshop
from daemon.effects.world import World
from daemon.settings import Settings
from daemon.text.gates import Held
from tests.fakes.repairs import write

GOLD = "--- /dev/null\n+++ b/made\n@@ -0,0 +1 @@\n+made = 1\n"
AT = ("r-000001", "r-000001.1", 1)


class Installed(Workshop):
    """An installation has left a folder in each tree, where the gold patch wants to put a file."""

    async def bench(self, job: str, drop: Repair) -> Bench:
        bench = await super().bench(job, drop)
        layer = bench.tree.folder / "layer"
        (layer / "made").mkdir(parents=True)
        return structs.replace(bench, environment=structs.replace(bench.environment, layer=str(layer)))


async def checked(
    folder: Path, drop: Repair, gold: str = GOLD, *, kind: type[Workshop] = Workshop, is_lost: bool = False
) -> e.Fact:
    """What is told of the patch; what is lost is what the red gate saw."""
    settings = Settings(state_dir=str(folder / "state"), sandbox="process")
    shop, blobs = kind(settings, {}), Blobs(folder / "state" / "blobs")
    world = World(settings, Clock(), SystemRandom(), blobs, folder, {})
    known = blobs.put(msgspec.json.encode({"a1": structs.replace(drop, gold_patch=gold)}))
    seen = "0" * 64 if is_lost else await keep(blobs, Held(["t"], ["t"], [], "s", "red"))
    try:
        [fact] = await check_gold(shop, steps.CheckGold(*AT, drop, seen, known, "a1"), world)
    finally:
        await shop.close()
    return fact


def why(fact: e.Fact) -> str:
    assert isinstance(fact, e.GoldChecked)
    assert not fact.passed
    return fact.message


@pytest.fixture
def drop(tmp_path: Path) -> Repair:
    return Repair(repo=str(write(tmp_path / "repo", {"shop.py": "x = 1\n"})), tests=["t"])


def test_a_patch_that_does_not_apply(tmp_path: Path, drop: Repair) -> None:
    other = "--- a/shop.py\n+++ b/shop.py\n@@ -1 +1 @@\n-y = 1\n+y = 2\n"
    assert "patch does not apply" in why(anyio.run(checked, tmp_path, drop, other))


def test_a_patch_for_a_path_that_is_no_file_here(tmp_path: Path, drop: Repair) -> None:
    assert "made is a folder" in why(anyio.run(lambda: checked(tmp_path, drop, kind=Installed)))


def test_what_the_red_gate_saw_is_lost(tmp_path: Path, drop: Repair) -> None:
    assert "is not there" in why(anyio.run(lambda: checked(tmp_path, drop, is_lost=True)))


def test_its_repository_is_gone(tmp_path: Path, drop: Repair) -> None:
    gone = structs.replace(drop, repo=str(tmp_path / "gone"))
    assert "there is no folder" in why(anyio.run(checked, tmp_path, gone))


def test_its_environment_cannot_be_had_any_more(tmp_path: Path, drop: Repair) -> None:
    elsewhere = structs.replace(drop, environment=Environment(image="mendd/nothing:1"))
    assert "needs Docker" in why(anyio.run(checked, tmp_path, elsewhere))
