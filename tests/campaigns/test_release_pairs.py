"""Real bugs from the package index, mended with their real fixes as recorded answers: every healthy one is certified.

Needs the index and ten minutes, and is run by hand: `python -m pytest -m instances`. What a pair cannot show is refused
with its cause before anybody was asked.
"""

import subprocess
import sys
import tarfile
import time
import tomllib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copyfile, rmtree
from typing import Any

import pytest
from uv import find_uv_bin

from daemon import events as e
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.instances import answer, script
from tests.fakes.repairs import Told, commit, git, told

pytestmark = pytest.mark.instances

PAIRS: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("release_pairs.toml").read_text())["pair"]
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"  # on which the pairs are known to be healthy: 3.11
ABSENT = "2.6"
CORES = 2
DEADLINE_S = 900.0
TEST_FOLDERS = ("tests", "test")
BACKENDS = ("setuptools", "wheel", "flit-core", "hatchling", "hatch-vcs", "setuptools-scm", "poetry-core")


def title(pair: dict[str, Any]) -> str:
    return f"{pair['name']} {pair['old']}"


def sources(name: str, version: str, folder: Path) -> Path:
    """A source distribution, unpacked."""
    into = folder / f"{name}-{version}"
    into.mkdir(parents=True)
    pip = [find_uv_bin(), "tool", "run", *(word for backend in BACKENDS for word in ("--with", backend)), "pip"]
    # pip asks each one for its metadata: with the backends at hand that takes a second, and else many.
    download = ["download", "--quiet", "--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--dest", str(into)]
    subprocess.run([*pip, *download, f"{name}=={version}"], check=True, capture_output=True)
    [archive] = into.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")
    [unpacked] = (path for path in into.iterdir() if path.is_dir())
    return unpacked


def repository(pair: dict[str, Any], folder: Path) -> tuple[Path, str]:
    """The old release with the new one's tests, and what the new one did to the package, as a diff."""
    repo, new = sources(pair["name"], pair["old"], folder), sources(pair["name"], pair["new"], folder)
    for path in [path for path in new.rglob("*") if path.is_file() and is_of_tests(path.relative_to(new))]:
        target = repo / path.relative_to(new)
        target.parent.mkdir(parents=True, exist_ok=True)
        copyfile(path, target)
    commit(repo)
    rmtree(repo / pair["package"])
    (new / pair["package"]).rename(repo / pair["package"])
    git(repo, "add", "--all", "--force", pair["package"])
    diff = git(repo, "diff", "--cached", "--no-renames", "--inter-hunk-context=400")  # few and large edits
    git(repo, "reset", "--quiet", "--hard")
    return repo, diff


def is_of_tests(path: Path) -> bool:
    return path.parts[0] in TEST_FOLDERS or path.name == "conftest.py"


def drop(pair: dict[str, Any], repo: Path, python: str) -> dict[str, object]:
    environment = {
        "python": python,
        "requirements": ["pytest", *pair.get("requirements", [])],
        "install": pair.get("install", []),
        "as_of": pair.get("as_of", ""),
    }
    return {
        "kind": "repair",
        "repo": str(repo),
        "title": title(pair),
        "tests": pair["tests"],
        "test_command": f"pytest {' '.join(pair['files'])}",
        "environment": environment,
        "problem": f"What {pair['name']} {pair['new']} mended.",
    }


def wrong_with(pair: dict[str, Any], seen: Told, verified: dict[str, str]) -> str:
    """What is not as it should be; "" where all is."""
    asked = bool(seen.of(e.Proposed))
    if expected := pair.get("refused"):
        is_refused = seen.outcome == "refused" and seen.reason.startswith(expected) and not asked
        return "" if is_refused else f"{seen.outcome}, {'asked' if asked else 'not asked'}: {seen.reason}"
    if seen.outcome != "certified":
        return f"{seen.outcome}: {seen.reason} {[failed.message for failed in seen.of(e.AttemptFailed)]}"
    return verified[seen.job]


def test_every_healthy_pair_of_releases_is_certified_and_every_other_one_refused(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    """Six workers, one start. A pair that wants a Python which is not here is refused by that Python's name."""
    began = time.monotonic()
    with ThreadPoolExecutor(CORES * 2) as threads:
        made = list(threads.map(lambda pair: repository(pair, tmp_path / "sources" / title(pair)), PAIRS))
    downloaded_s = time.monotonic() - began
    absent = PAIRS[-1] | {"old": "on an absent Python", "refused": f"environment: the job wants Python {ABSENT}"}
    answers = {title(pair): answer(diff) for pair, (_, diff) in zip(PAIRS, made, strict=True)}
    daemon = DaemonProcess(
        tmp_path / "home",
        world="real",
        models="recorded",
        answers_from="script",
        answers_path=script(tmp_path / "answers.jsonl", answers),
        workers=6,
        gate_runs=2,  # some ids hold the time of day: two sessions show that these are no tests to keep
        search_s=0,
        base_runs=1,
        attempts_per_run=1,
    )
    with daemon:
        for pair, (repo, _) in zip(PAIRS, made, strict=True):
            daemon.drop(f"{title(pair)}.json", drop(pair, repo, PYTHON))
        daemon.drop("absent.json", drop(absent, made[-1][0], ABSENT))
        daemon.start("once").wait(DEADLINE_S)
        seen = told(daemon)
        mended_s = time.monotonic() - began - downloaded_s
        jobs = [each.job for each in seen.values() if each.outcome == "certified"]
        with ThreadPoolExecutor(CORES) as threads:
            said = threads.map(
                lambda job: daemon.ask("verify", daemon.state / "results" / job / "certificate.json"), jobs
            )
        verified = {job: "" if each.returncode == 0 else each.stdout for job, each in zip(jobs, said, strict=True)}
    problems = {title(pair): wrong_with(pair, seen[title(pair)], verified) for pair in [*PAIRS, absent]}
    whole_s = time.monotonic() - began
    tell(
        f"{len(jobs)} of {len(PAIRS)} pairs certified and verified on Python {PYTHON}, "
        f"{sum(each.outcome == 'refused' for each in seen.values())} entries refused;\n"
        f"{downloaded_s:.0f} s to have the sources, {mended_s:.0f} s to mend, {whole_s:.0f} s in all"
    )
    assert {name: what for name, what in problems.items() if what} == {}
