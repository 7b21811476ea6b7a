"""Real bugs between two releases of a package: the old one's sources, the new one's tests, and the fix as a diff.

    [pair, *_] = release_pairs()
    repo, diff = repository(pair, folder)
    daemon.drop("x.json", drop(pair, repo, "3.11"))

The pairs lie beside the checkout, in ../shared/pypi_pairs (or below $SHARED), and nothing of them stands here; the
sources come from the package index. `release_pairs.toml` says what a pair's own row does not.
"""

import json
import os
import subprocess
import tarfile
import tomllib
from pathlib import Path
from shutil import copyfile, rmtree

import msgspec
import pytest
from msgspec import Struct

from daemon.effects.interpreters import uv_program
from tests.fakes.daemon_process import ROOT
from tests.fakes.repairs import commit, git

SHARED = Path(os.environ.get("SHARED") or ROOT.parent / "shared")
PAIRS = SHARED / "pypi_pairs" / "pairs.jsonl"
BESIDES = Path(__file__).with_suffix(".toml")
TEST_FOLDERS = ("tests", "test")
BACKENDS = ("setuptools", "wheel", "flit-core", "hatchling", "hatch-vcs", "setuptools-scm", "poetry-core")


class Pair(Struct, frozen=True):
    """One pair, as its row says it and `release_pairs.toml` adds to it."""

    name: str
    old: str
    new: str
    changed_src: list[str]
    test_files: list[str]
    f2p: list[str]
    requirements: list[str] = []
    exclude_newer: str | None = None
    install: list[str] = []
    refused: str = ""  # what is expected instead of a certificate

    @property
    def title(self) -> str:
        """How it is called here."""
        return f"{self.name} {self.old}"

    @property
    def package(self) -> Path:
        """The folder in which the bug is."""
        [package] = {Path(*Path(path).parts[: 2 if path.startswith("src/") else 1]) for path in self.changed_src}
        return package


def release_pairs() -> list[Pair]:
    """All of them. Skips the test where they are not at hand and need not be."""
    if not PAIRS.exists():
        missing = f"{PAIRS} is not there"
        if os.environ.get("REQUIRE_REAL_PARTS") == "1":
            pytest.fail(missing)
        pytest.skip(missing)
    besides = tomllib.loads(BESIDES.read_text())
    rows = map(json.loads, PAIRS.read_text().splitlines())
    return [msgspec.convert(row | besides.get(f"{row['name']} {row['old']}", {}), Pair) for row in rows]


def repository(pair: Pair, folder: Path) -> tuple[Path, str]:
    """The old release with the new one's tests, and what the new one did to the package, as a diff."""
    repo, new = _sources(pair.name, pair.old, folder), _sources(pair.name, pair.new, folder)
    for path in [path for path in new.rglob("*") if path.is_file() and _is_of_tests(path.relative_to(new))]:
        target = repo / path.relative_to(new)
        target.parent.mkdir(parents=True, exist_ok=True)
        copyfile(path, target)
    commit(repo)
    rmtree(repo / pair.package)
    (new / pair.package).rename(repo / pair.package)
    git(repo, "add", "--all", "--force", str(pair.package))
    diff = git(repo, "diff", "--cached", "--no-renames", "--inter-hunk-context=400")  # few and large edits
    git(repo, "reset", "--quiet", "--hard")
    return repo, diff


def drop(pair: Pair, repo: Path, python: str) -> dict[str, object]:
    """The pair as somebody might drop it."""
    return {
        "kind": "repair",
        "repo": str(repo),
        "title": pair.title,
        "tests": pair.f2p,
        "test_command": f"pytest {' '.join(pair.test_files)}",
        "environment": {
            "python": python,
            "requirements": pair.requirements,
            "install": pair.install,
            "as_of": pair.exclude_newer or "",
        },
        "problem": f"What {pair.name} {pair.new} mended.",
    }


def _sources(name: str, version: str, folder: Path) -> Path:
    """A source distribution, unpacked."""
    into = folder / f"{name}-{version}"
    into.mkdir(parents=True)
    pip = [str(uv_program()), "tool", "run", *(word for backend in BACKENDS for word in ("--with", backend)), "pip"]
    # pip asks each one for its metadata: with the backends at hand that takes a second, and else many.
    download = ["download", "--quiet", "--no-deps", "--no-build-isolation", "--no-binary", ":all:", "--dest", str(into)]
    subprocess.run([*pip, *download, f"{name}=={version}"], check=True, capture_output=True)
    [archive] = into.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(into, filter="data")
    [unpacked] = (path for path in into.iterdir() if path.is_dir())
    return unpacked


def _is_of_tests(path: Path) -> bool:
    return path.parts[0] in TEST_FOLDERS or path.name == "conftest.py"
