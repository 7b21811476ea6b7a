"""Shows that the corpus is what its drops say: exactly the named tests fail, and the bug alone is why.

All broken trees are run in one session, and all mended ones in another: a process for each would take a minute. That
is why every module of the corpus needs a name of its own. What mends an example stands in gold/, where no proposer
looks; nothing of it may move to examples/.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from daemon import drops
from daemon.text import gates
from daemon.text.outcomes import Outcomes
from tests.fakes.sessions import session

HERE = Path(__file__).parent
HOUSE = HERE.parent.parent
FEWEST_EXAMPLES, FEWEST_VARIANTS = 24, 12
FEWEST_TESTS, MOST_TESTS = 5, 25
MOST_RUNS = 9  # of the flaky tests: two runs of six tossed coins agree once in 64


def repairs(files: list[Path]) -> dict[str, drops.Repair]:
    """The drops of these files that ask for a repair, by the name of their folder."""
    found = [json.loads(file.read_text()) for file in files]
    read = [drops.read("ideas", value) for value in found if isinstance(value, dict)]
    return {Path(drop.repo).name: drop for drop in read if isinstance(drop, drops.Repair)}


EXAMPLES = repairs(sorted((HOUSE / "examples").glob("*.json")))
VARIANTS = repairs(sorted((HERE / "variants").glob("*/drop.json")))
HEALTHY = {name: drop for name, drop in (EXAMPLES | VARIANTS).items() if not name.startswith("unhealthy_")}


def named(drop: drops.Repair) -> set[str]:
    """The ids of the failing tests as pytest tells them, whoever runs the tests."""
    dotted = re.compile(r"(\w+)\.(\w+)\.(\w+)")
    return {dotted.sub(r"\1.py::\2::\3", test) if drop.test_command else test for test in drop.tests}


def copied(drop: drops.Repair, folder: Path) -> Path:
    return shutil.copytree(HOUSE / drop.repo, folder, ignore=shutil.ignore_patterns("__pycache__", "drop.json"))


def mended(drop: drops.Repair, folder: Path) -> Path:
    tree = copied(drop, folder)
    gold = HERE / "gold" / f"{Path(drop.repo).name}.diff"
    alone = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder.parent)}
    subprocess.run(["git", "apply", str(gold)], cwd=tree, env=alone, check=True)
    return tree


def passing(of: Outcomes) -> dict[str, dict[str, bool]]:
    """Project → its tests, and whether they pass."""
    found: dict[str, dict[str, bool]] = {name: {} for name in HEALTHY}
    for test, outcome in of.tests.items():
        name, _, own = test.partition("/")
        found[name][own] = outcome.passes
    return found


def refusal(*runs: Outcomes, targets: list[str]) -> gates.Refused:
    verdict = gates.red(runs, targets)
    assert isinstance(verdict, gates.Refused)
    return verdict


def test_the_named_tests_fail_and_all_others_pass(tmp_path: Path) -> None:
    for name, drop in HEALTHY.items():
        copied(drop, tmp_path / "broken" / name)
    found = passing(session(tmp_path / "broken"))
    failing = {name: {test for test, passed in tests.items() if not passed} for name, tests in found.items()}
    assert failing == {name: named(drop) for name, drop in HEALTHY.items()}
    assert [name for name, tests in found.items() if not FEWEST_TESTS <= len(tests) <= MOST_TESTS] == []
    assert [name for name, tests in found.items() if len(failing[name]) * 2 >= len(tests)] == [], (
        "a wrong patch should have more to break than to mend"
    )


def test_with_the_gold_patches_all_tests_pass(tmp_path: Path) -> None:
    for name, drop in HEALTHY.items():
        mended(drop, tmp_path / "mended" / name)
    found = passing(session(tmp_path / "mended"))
    assert {name: [test for test, passed in tests.items() if not passed] for name, tests in found.items()} == {
        name: [] for name in HEALTHY
    }
    assert [name for name, drop in HEALTHY.items() if not named(drop) <= found[name].keys()] == []


@pytest.mark.campaign
@pytest.mark.parametrize("name", HEALTHY)
def test_each_stands_alone(name: str, tmp_path: Path) -> None:
    """By its own runner, in a process of its own, it comes to the same verdict: red holds, and gold is green."""
    drop = HEALTHY[name]
    runner = "run_unittest.py" if "unittest" in drop.test_command else "run_pytest.py"
    held = gates.red([session(copied(drop, tmp_path / "broken"), runner=runner)], drop.tests)
    assert isinstance(held, gates.Held)
    assert set(held.failing) == set(drop.tests)
    after = session(mended(drop, tmp_path / "mended"), runner=runner)
    assert isinstance(gates.green(held, after), gates.Passed)


def test_one_that_is_green_already(tmp_path: Path) -> None:
    drop = EXAMPLES["unhealthy_already_green"]
    assert refusal(session(copied(drop, tmp_path / "tree")), targets=drop.tests).verdict == "already_green"


def test_one_that_lacks_a_package(tmp_path: Path) -> None:
    drop = EXAMPLES["unhealthy_environment"]
    refused = refusal(session(copied(drop, tmp_path / "tree")), targets=drop.tests)
    assert refused.verdict == "environment"
    assert "acme_internal_ledger" in refused.cause


def test_one_that_tosses_coins(tmp_path: Path) -> None:
    drop = EXAMPLES["unhealthy_flaky"]
    tree = copied(drop, tmp_path / "tree")
    runs = [session(tree)]
    while not gates.flaky(runs) and len(runs) < MOST_RUNS:
        runs.append(session(tree))
    assert refusal(*runs, targets=drop.tests).verdict == "flaky"


def test_one_that_claims_to_pass(tmp_path: Path) -> None:
    """It prints what pytest prints and exits with 0, and yet nothing of it counts."""
    drop = EXAMPLES["unhealthy_cheating"]
    run = session(copied(drop, tmp_path / "tree"))
    assert run.ended.status == 0
    assert f"{drop.tests[0]} PASSED" in run.ended.output
    assert refusal(run, targets=drop.tests).verdict == "environment"


def test_there_are_enough() -> None:
    assert len(HEALTHY) - len(VARIANTS) >= FEWEST_EXAMPLES
    assert len(VARIANTS) >= FEWEST_VARIANTS


def test_every_folder_has_its_drop_and_every_drop_its_folder() -> None:
    folders = {path.name for path in (HOUSE / "examples").iterdir() if path.is_dir()}
    assert folders == EXAMPLES.keys()
    assert {path.name for path in (HERE / "variants").iterdir() if path.is_dir()} == VARIANTS.keys()
    assert {path.stem for path in (HERE / "gold").glob("*.diff")} == HEALTHY.keys()


def test_every_module_has_a_name_of_its_own() -> None:
    names = [
        path.parent.name if path.name == "__init__.py" else path.stem
        for drop in HEALTHY.values()
        for pattern in ("*.py", "*/__init__.py", "tests/*.py")
        for path in (HOUSE / drop.repo).glob(pattern)
        if path.name != "conftest.py"
    ]
    assert sorted(names) == sorted(set(names))


def test_nothing_that_mends_is_where_a_proposer_looks() -> None:
    for drop in (EXAMPLES | VARIANTS).values():
        assert drop.gold_patch == ""
        assert drop.hint == ""
    assert [path for path in (HOUSE / "examples").rglob("*") if path.suffix in (".diff", ".patch")] == []


def test_the_tables_tell_of_every_example_and_of_every_variant() -> None:
    told = (HOUSE / "examples" / "README.md").read_text()
    assert [name for name in EXAMPLES if f"| `{name}` |" not in told] == []
    pairs = dict(re.findall(r"^\| `(\w+)` \| `(\w+)` \|", (HERE / "variants" / "README.md").read_text(), re.MULTILINE))
    assert pairs.keys() == VARIANTS.keys()
    assert set(pairs.values()) <= EXAMPLES.keys()
