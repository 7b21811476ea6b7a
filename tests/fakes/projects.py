"""Fifteen small projects for one idea, made by hand: good, lazy, and each broken in one known way.

A page of `tests/ideas/projects/` says in its first line what is wrong, then which project it is like, the score and the
findings that it must get, and the files in which it differs. No file of theirs is a file here, for they are broken on
purpose. What was once measured of each stands beside them and is judged in every run of the tests.
"""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec
from msgspec import Struct

from daemon.effects.environment import Environments
from daemon.effects.project import Limits, empty_tree, measure
from daemon.effects.sandbox import Sandbox
from daemon.effects.sandbox.bubblewrap import Bubblewrap
from daemon.effects.trees import Trees
from daemon.settings import Settings
from daemon.text.measured import Measured
from daemon.text.project import Project

HERE = Path(__file__).parent.parent / "ideas"
ENTRY_POINT = "python -m word_counter FILE"
ACCEPTANCE_TESTS = {
    "tests/test_acceptance.py": (
        "from word_counter import count\n\n\n"
        "def test_words() -> None:\n    assert count('a b  c').words == 3\n\n\n"
        "def test_lines() -> None:\n    assert count('a\\nb').lines == 2\n\n\n"
        "def test_characters() -> None:\n    assert count('a\\nb\\n').characters == 4\n"
    )
}
LIMITS = Limits(import_s=3.0)


class Page(Struct, frozen=True):
    """One project, and what is expected of it."""

    name: str
    what: str
    score: int
    findings: dict[str, int]
    files: dict[str, str]

    @property
    def project(self) -> Project:
        """As it is measured."""
        return Project(job="i-000001", files=self.files, entry_point=ENTRY_POINT, acceptance_tests=ACCEPTANCE_TESTS)

    @property
    def recorded(self) -> Path:
        """Where stands what was once measured of it."""
        return HERE / "measured" / f"{self.name}.json"


def read_page(path: Path) -> Page:
    """A project of the folder."""
    head, *parts = re.split(r"^==> (.+) <==\n", path.read_text(), flags=re.MULTILINE)
    what, like, score, *findings = head.splitlines()
    base = like.removeprefix("like ")
    files = {} if base == "nothing" else dict(read_page(path.with_name(f"{base}.txt")).files)
    for name, text in zip(parts[::2], parts[1::2], strict=True):
        if name.endswith(" (gone)"):
            del files[name.removesuffix(" (gone)")]
        else:
            files[name] = text
    costs = {criterion: int(cost) for _, cost, criterion in (line.split(" ", 2) for line in findings)}
    return Page(path.stem, what, int(score.removeprefix("score ")), costs, files)


PAGES = {path.stem: read_page(path) for path in sorted((HERE / "projects").glob("*.txt"))}


def recorded(page: Page) -> Measured:
    """What was once measured of it."""
    return msgspec.json.decode(page.recorded.read_bytes(), type=Measured)


async def measured(page: Page, sandbox: Sandbox, folder: Path, limits: Limits = LIMITS) -> Measured:
    """Measure it, now and here."""
    return await measure(page.project, **_parts(folder, page.name, sandbox), limits=limits)


def in_walls(folder: Path, work: Callable[[Sandbox], Awaitable[Measured]]) -> Measured:
    """Do it with the quickest sandbox that has walls."""

    async def run() -> Measured:
        sandbox = Bubblewrap(str(folder))
        try:
            return await work(sandbox)
        finally:
            await sandbox.close()

    return anyio.run(run)


def of_files(folder: Path, files: dict[str, str], entry_point: str = "python -m shop", **more: Any) -> Measured:  # noqa: ANN401  a project's other fields
    """Measure these files, now and here."""

    async def work(sandbox: Sandbox) -> Measured:
        project = Project(job="i-000001", files=files, entry_point=entry_point, **more)
        return await measure(project, **_parts(folder, "scratch", sandbox), limits=Limits(entry_s=0.5))

    return in_walls(folder, work)


def _parts(folder: Path, scratch: str, sandbox: Sandbox) -> dict[str, Any]:
    """What measuring needs besides a project and its limits."""
    settings = Settings(workspace_bytes=2**26)
    return {
        "tree": empty_tree(Trees(folder / "trees", {}), folder),
        "folder": folder / "workspaces" / scratch,
        "environments": Environments(folder / "environments", settings, sandbox),
        "sandbox": sandbox,
        "settings": settings,
    }
