"""startup.sh as its user meets it: help, mistakes, a machine without Python, one drop on the spot."""

import fcntl
import os
import shutil
import subprocess
import sys
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
    result = startup(house=tmp_path, environment={"PATH": str(tmp_path / "bin"), "PYTHON": ""})
    assert (result.returncode, "Python 3.11 or newer" in result.stderr) == (69, True)


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    """A house that needs no package, and whose daemon only says that it is there; with a space in its path."""
    house = tmp_path / "a house"
    for folder in ("requirements", "daemon"):
        (house / folder).mkdir(parents=True)
    shutil.copy(HOUSE / "startup.sh", house)
    (house / "requirements" / "run.txt").touch()
    (house / "daemon" / "__main__.py").write_text("import sys\nprint('runs in', sys.prefix)\n")
    return house


def test_a_python_is_taken_by_its_path_whatever_that_holds_and_wherever_one_stands(bare: Path) -> None:
    (bare / "my python").symlink_to(os.path.realpath(sys.executable))
    (bare / "cd" / bare.name).mkdir(parents=True)
    told = {"PYTHON": str(bare / "my python"), "PATH": f"{_programs(bare)}", "CDPATH": str(bare / "cd")}
    result = startup(cwd=bare.parent, house=Path(bare.name), environment=told)
    assert result.stdout == f"runs in {bare / '.venv'}\n", result.stderr


def test_a_venv_that_a_kill_left_half_made_is_made_anew(bare: Path) -> None:
    """With uv its Python stands there first, and for itself it is the machine's: packages would be installed there."""
    startup(house=bare)
    (bare / ".venv" / "pyvenv.cfg").unlink()
    (bare / ".venv" / ".installed-run").unlink()
    result = startup(house=bare)
    assert result.stdout == f"runs in {bare / '.venv'}\n", result.stderr


def test_two_at_once_install_one_after_the_other(bare: Path) -> None:
    """The second one waits, and finds all done."""
    if not shutil.which("flock"):
        pytest.skip("nothing to wait with")
    with open(bare / "startup.sh", "rb") as script:  # noqa: PTH123  a descriptor to lock
        fcntl.flock(script, fcntl.LOCK_EX)
        with subprocess.Popen(["/bin/bash", bare / "startup.sh"], stderr=subprocess.PIPE, text=True) as second:
            assert second.stderr
            assert "waiting for another startup.sh" in second.stderr.readline()
            assert not (bare / ".venv").exists()
            fcntl.flock(script, fcntl.LOCK_UN)
            _, said = second.communicate()
    assert (second.returncode, (bare / ".venv" / ".installed-run").exists()) == (0, True), said


def test_what_is_installed_is_open_to_all_whatever_the_umask(bare: Path) -> None:
    """As root, tests run as somebody else, and need the programs in it."""
    command = f"umask 077; exec /bin/bash '{bare}/startup.sh'"
    assert subprocess.run(["/bin/sh", "-c", command], capture_output=True, check=False).returncode == 0
    assert {(bare / ".venv" / part).stat().st_mode & 0o777 for part in (".", "bin", "lib")} == {0o755}


def _programs(house: Path) -> Path:
    """A folder with what the script needs, and no Python in it."""
    (house / "bin").mkdir()
    for program in ("dirname", "cmp", "cp", "rm"):
        (house / "bin" / program).symlink_to(shutil.which(program) or program)
    return house / "bin"


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
