"""startup.sh as its user meets it: help, mistakes, a machine without Python, one drop on the spot."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent


def startup(
    *arguments: str | Path, cwd: Path = HOUSE, house: Path = HOUSE, environment: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/bash", house / "startup.sh", *arguments],
        cwd=cwd,
        env=os.environ | (environment or {}),
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_names_every_way_to_use_it() -> None:
    result = startup("--help")
    assert result.returncode == 0
    assert all(word in result.stdout for word in ("FILE.json", "--once", "test", "campaign", "bench"))
    assert "set -euo" not in result.stdout


def test_an_unknown_option_is_told_and_nothing_starts() -> None:
    result = startup("--onec")
    assert (result.returncode, "--onec" in result.stderr) == (2, True)


def test_a_machine_without_python_is_told_what_is_missing(tmp_path: Path) -> None:
    shutil.copy(HOUSE / "startup.sh", tmp_path)
    (tmp_path / "bin").mkdir()
    for program in ("dirname", "cmp"):
        (tmp_path / "bin" / program).symlink_to(shutil.which(program) or program)
    result = startup(house=tmp_path, environment={"PATH": str(tmp_path / "bin")})
    assert (result.returncode, "Python 3.11 or newer" in result.stderr) == (69, True)


@pytest.fixture
def elsewhere(tmp_path: Path) -> dict[str, str]:
    return {"MENDD_QUEUE_DIR": str(tmp_path / "queue"), "MENDD_STATE_DIR": str(tmp_path / "state")}


def test_one_drop_on_the_spot_from_any_folder(tmp_path: Path, elsewhere: dict[str, str]) -> None:
    shutil.copy(HOUSE / "examples" / "off_by_one.json", tmp_path / "mine.json")
    result = startup("--once", "mine.json", cwd=tmp_path, environment={"MENDD_WORLD": "scripted"} | elsewhere)
    assert result.returncode == 0, result.stderr
    assert "r-000001/patch.diff" in result.stderr
    assert (tmp_path / "state" / "results" / "r-000001" / "certificate.json").exists()
    assert (tmp_path / "mine.json").exists(), "the file stays its owner's"


def test_a_file_that_is_not_there_starts_nothing(tmp_path: Path, elsewhere: dict[str, str]) -> None:
    result = startup("--once", tmp_path / "none.json", environment=elsewhere)
    assert (result.returncode, "no such file" in result.stderr) == (2, True)
    assert not (tmp_path / "state").exists()
