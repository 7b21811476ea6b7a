"""The search from outside: one command in a real sandbox, and reports that are read but not believed."""

import json
import os
from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace

from daemon.drops import Environment as Wanted
from daemon.drops import Repair
from daemon.effects.environment import Environments
from daemon.effects.sandbox.choice import choose
from daemon.effects.search import Report, Request, evidence_of, read, search
from daemon.effects.session import Session
from daemon.effects.trees import Source, Trees
from daemon.effects.workspace import Workspace
from daemon.settings import Settings
from daemon.text.context import Evidence
from daemon.text.outcomes import Frame

HOUSE = Path(__file__).parents[2]
SETTINGS = Settings()
OFFERED = Request(targets=[], mode="offers", offers=[{"a.py": "x"}])
TARGETS = ["test_pager.py::test_first_page", "test_pager.py::test_last_page"]


def searched(tmp_path: Path, *asked: tuple[Request, str]) -> list[Report]:
    """One search after another, each with its own command for the tests."""

    async def run() -> list[Report]:
        sandbox = (await choose(SETTINGS, str(tmp_path))).sandbox
        if sandbox.level == "process":  # as root it runs as somebody who may not even reach the interpreter
            assert not os.environ.get("REQUIRE_REAL_PARTS"), "bubblewrap or Docker has to be here"
            pytest.skip("needs bubblewrap or Docker")
        tree = Trees(tmp_path / "trees", {}).of_job("r-000001", Source(str(HOUSE / "examples" / "off_by_one")))
        environment = await Environments(tmp_path / "environments", SETTINGS, sandbox).of(Wanted(), tree)
        workspace = Workspace(tree, tmp_path / "workspaces" / "r-000001.1", SETTINGS.workspace_bytes)
        workspace.open()
        drop = Repair(repo="examples/off_by_one", tests=TARGETS)
        session = Session(drop, "r-000001", environment, workspace)
        try:
            sessions = [(one, replace(session, drop=replace(drop, test_command=command))) for one, command in asked]
            return [await search(request, each, sandbox, SETTINGS) for request, each in sessions]
        finally:
            workspace.close()
            await sandbox.close()

    return anyio.run(run)


def test_a_small_bug_is_mended_in_the_sandbox(tmp_path: Path) -> None:
    request = Request(targets=TARGETS, candidates=150)
    other, found = searched(tmp_path, (request, "make check"), (request, "python -m pytest"))
    assert "pytest, unittest" in other.error
    assert found.error == ""
    assert found.plausible
    assert list(found.plausible[0].changes) == ["pager.py"]
    assert found.tried >= found.plausible[0].number > 0
    assert {test.id for test in found.tests if not test.passed} == set(TARGETS)
    assert found.suspicious[0][0] == "pager.py"
    assert found.evidence()["executed_failing"][0].keys() == {"pager.py"}


@pytest.mark.parametrize(
    "odd",
    [
        {"plausible": [{"changes": {"../up.py": "x"}}]},
        {"plausible": [{"changes": {"/etc/x.py": "x"}}]},
        {"plausible": [{"changes": {".git/hooks/x.py": "x"}}]},
        {"plausible": [{"changes": {"conf.cfg": "x"}}]},
        {"plausible": [{"changes": {"a.py": "x" * 2**21}}]},
        {"partial": {"changes": {"../up.py": "x"}}},
        {"suspicious": [["a.py", -1, 0.5]]},
        {"plausible": [{"changes": "all"}]},
        {"tried": "many"},
        {"ended": "because " * 1000},
        {"tried": -1},
        {"plausible": [{"changes": {"a.py": "x"}, "number": -1}]},
        {"plausible": [{"changes": {"a.py": "x"}, "number": 1}]},
        [[[[]]]],
    ],
)
def test_an_odd_report_is_none(odd: object) -> None:
    report = read(json.dumps(odd).encode(), OFFERED)
    assert report.error
    assert report.plausible == []


def test_a_report_of_what_was_offered_is_one() -> None:
    held = {"plausible": [{"changes": {"a.py": "x"}, "number": 0}], "tried": 1}
    assert read(json.dumps(held).encode(), OFFERED).error == ""


@pytest.mark.parametrize("data", [b"", b"[" * 100_000, b'{"error": "\xff"}'], ids=["nothing", "too deep", "no text"])
def test_what_is_no_report_is_told(data: bytes) -> None:
    assert read(data, OFFERED).error == "the search left no report"


def test_what_was_seen_feeds_the_context() -> None:
    seen = [
        {"id": "a", "passed": False, "frames": [["a.py", 3]], "executed": {"a.py": [3]}},
        {"id": "b", "passed": True, "executed": {"a.py": [1]}},
    ]
    evidence = evidence_of(read(json.dumps({"tests": seen}).encode(), OFFERED), Evidence(problem="why"))
    assert evidence.executed_failing == [{"a.py": [3]}]
    assert evidence.executed_passing == [{"a.py": [1]}]
    assert evidence.tracebacks == [[Frame("a.py", 3, "")]]
