"""Ideas from the drop to the project, over HTTP and in a real sandbox: each ends as its story says."""

import json
import os
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from uv import find_uv_bin

from daemon import events as e
from tests.fakes import wheels
from tests.fakes.ideas import ADDER, Ask, changes, home, plan, writing
from tests.fakes.repairs import Told, git, told, whole
from tests.fakes.sandboxes import need, place

TESTS = "tests/test_adder.py"
ACCEPTANCE = {"tests/test_given.py": "from adder import total\n\n\ndef test_nothing():\n    assert total([]) == 0\n"}
UNPARSABLE = ADDER | {"adder/__init__.py": "def total(:\n"}
UNDECLARED = ADDER | {"adder/__init__.py": "import sortedcontainers\n\n" + ADDER["adder/__init__.py"]}
CANNOT_FAIL = ADDER | {TESTS: ADDER[TESTS].replace("assert (total([1, 2]), total([5], 2)) == (3, 3)", "total([1, 2])")}
NO_TESTS = {path: text for path, text in ADDER.items() if path != TESTS}
CALLS_HOME = NO_TESTS | {
    "adder/__init__.py": "import urllib.request\n\nurllib.request.urlopen('http://203.0.113.1/')\n\n"
    + ADDER["adder/__init__.py"]
}
NOBODY_HAS = CALLS_HOME | {"requirements.txt": "nobody-has-this-9d1\n"}
MANY = "".join(whole(f"adder/f{number}.py", "x = 1") for number in range(10_000))

FIRST_TIME = Ask("First time", [changes(ADDER)], fields={"acceptance_tests": ACCEPTANCE})
FOUR_TIMES = Ask(
    "Four times",
    [
        changes(UNPARSABLE),
        changes(UNDECLARED),
        changes(CANNOT_FAIL, UNDECLARED),
        changes(ADDER, CANNOT_FAIL),
    ],
)
NEVER = Ask("Never", [changes(NO_TESTS)])
HOSTILE = Ask(
    "Hostile",
    [
        whole("../../escaped.py", "x = 1"),
        whole("con/../../x", "x = 1"),
        MANY,
        whole("tests/test_given.py", "def test_nothing():\n    assert True"),
        changes(CALLS_HOME),
        changes(NOBODY_HAS, CALLS_HOME),
    ],
    plans=[plan(ADDER, "nobody-has-this-9d1")],
    fields={"acceptance_tests": ACCEPTANCE},
)
# Seven calls are the base run, plan included; two more are a plan and files on the first rung.
SETTINGS: dict[str, Any] = {"base_runs": 1, "attempts_per_run": 6, "runs_abreast": 1, "job_model_calls": 9}


@pytest.fixture
def folder() -> Iterator[Path]:
    need("bubblewrap")
    with place() as folder:
        yield folder


def failures(seen: Told) -> list[str]:
    return [fact.failure for fact in seen.of(e.AttemptFailed)]


def check_first_time(seen: Told, projects: Path, folder: Path) -> None:
    assert (seen.outcome, seen.proof.score, failures(seen)) == ("certified", 100, [])
    assert git(projects / "first_time", "log", "--format=%an %s") == "mendd Attempt 1: 100 points\n"
    assert runs_on_its_own(projects / "first_time", folder)


def check_four_times(seen: Told, projects: Path) -> None:
    assert (seen.outcome, seen.proof.score, seen.proof.kind) == ("certified", 100, "idea")
    assert failures(seen) == ["syntax", "low_score", "low_score"]
    assert [fact.score for fact in seen.of(e.ProjectMeasured)] == [53, 75, 100]
    undeclared, cannot_fail = seen.of(e.ProjectMeasured)[:2]
    assert any("sortedcontainers" in finding for finding in undeclared.findings)
    assert any("the tests cannot fail" in finding for finding in cannot_fail.findings)
    assert (cannot_fail.lint_by, cannot_fail.measured != "") == ("own checks", True)
    log = git(projects / "four_times", "log", "--format=%an %s")
    assert log == "mendd Attempt 4: 100 points\nmendd Attempt 3: 75 points\nmendd Attempt 2: 53 points\n"


def check_never(seen: Told, prompts: list[str]) -> None:
    assert (seen.outcome, "budget is spent: 9 of 9 model calls" in seen.reason) == ("failed", True)
    assert [fact.rung for fact in seen.of(e.RunOpened)] == ["", "C1"]
    assert failures(seen) == ["low_score", *["edit_did_not_land"] * 5, "same_answer"]
    assert len(seen.of(e.ProjectMeasured)) == 1, "the same project is not measured twice"
    mine = [prompt for prompt in prompts if " title>\nNever\n" in prompt]
    assert sum("Now write the plan." in prompt for prompt in mine) == 2
    assert "there are none" in mine[2], "the findings are told"
    assert all("HOW TO GO ABOUT IT" in prompt and "there are none" in prompt for prompt in mine[-2:])


def check_hostile(seen: Told, projects: Path) -> None:
    whys = ["leads out of the project", "leads out of the project", "was cut off", "is an acceptance test"]
    no, unread, low = "edit_did_not_land", "unreadable_answer", "low_score"
    assert (seen.outcome, failures(seen)) == ("failed", [no, no, unread, no, low, low, low])
    for why, failed in zip(whys, seen.of(e.AttemptFailed), strict=False):
        assert why in failed.message
    at_import, nobody_has = seen.of(e.ProjectMeasured)[:2]
    assert any("reaches for" in finding or "urlopen" in finding for finding in at_import.findings), at_import.findings
    assert any("nobody-has-this-9d1" in finding for finding in nobody_has.findings), nobody_has.findings
    assert not list(projects.parent.parent.rglob("escaped.py"))
    assert not list(projects.parent.parent.rglob("x"))


def test_each_idea_ends_as_its_story_says(folder: Path) -> None:
    installable = wheels.pack(folder / "wheels")
    with writing(folder, [FIRST_TIME, FOUR_TIMES, NEVER, HOSTILE], wheels_dir=installable, **SETTINGS) as (
        daemon,
        server,
    ):
        assert daemon.start("once").wait(480.0) == 1
        seen, projects = told(daemon), daemon.state / "projects"
        prompts = ["\n".join(message["content"] for message in chat["messages"]) for chat in server.chats]
    check_first_time(seen["First time"], projects, folder)
    check_four_times(seen["Four times"], projects)
    check_never(seen["Never"], prompts)
    check_hostile(seen["Hostile"], projects)
    assert sorted(path.name for path in projects.iterdir()) == ["first_time", "four_times"]
    tracked = daemon.view("project_tracker")["last_heard_of"]["Four times"]
    assert (tracked["last_score"], tracked["folder"]) == (100, str(projects / "four_times"))


@pytest.mark.campaign
def test_an_idea_that_is_killed_between_its_steps_goes_on_and_its_project_runs_on_its_own(folder: Path) -> None:
    ask = Ask("Killed", [changes(ADDER)], fields={"acceptance_tests": ACCEPTANCE})
    with writing(folder, [ask]) as (daemon, server):
        for fact in (e.Planned, e.ProjectMeasured):
            daemon.start().wait_until(partial(daemon.facts_of, fact), 120.0)
            daemon.kill()
        assert daemon.start("once").wait(120.0) == 0
        [seen] = told(daemon).values()
        plans = [chat for chat in server.chats if "Now write the plan." in chat["messages"][-1]["content"]]
    done = [type(fact).__name__ for fact in seen.facts if isinstance(fact, e.OfRun)]
    once = ["Planned", "Proposed", "EditsApplied", "ProjectMeasured", "Certified", "RunSettled"]
    assert [name for name in done if name not in ("RunOpened", "RunClaimed", "WorkspaceReady")] == once
    assert len(plans) == 1
    assert f"the project lies in {daemon.state}/projects/killed" in seen.report
    assert runs_on_its_own(daemon.state / "projects" / "killed", folder)
    assert seen.patch.decode().count("+++ b/") == len({**ADDER, **ACCEPTANCE})
    asked = daemon.ask("prompts", "--rung", "M2", "--job", seen.job).stdout
    assert all(words in asked for words in ("THE PLAN", "improve the best attempt", "The package is called killed."))
    verified = daemon.ask("verify", daemon.state / "results" / seen.job / "certificate.json").stdout
    assert verified.endswith("ok       answer 1 gives the same tree\nit holds\n"), verified


def runs_on_its_own(project: Path, folder: Path) -> bool:
    """Whether a clone of it can be installed and tested as its own page says."""
    git(folder, "clone", "--quiet", str(project), "clone")
    page = (folder / "clone" / "README.md").read_text()
    commands = "\n".join(line.strip() for line in page.splitlines() if line.startswith("    "))
    path = f"{Path(find_uv_bin()).parent}:{os.environ['PATH']}"
    offline = {
        "UV_FIND_LINKS": str(wheels.pack(folder / "links")),
        "UV_OFFLINE": "1",
        "UV_CACHE_DIR": str(folder / "uv"),
    }
    ran = subprocess.run(
        ["sh", "-e", "-c", commands],
        cwd=folder / "clone",
        env={name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"} | offline | {"PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode == 0 and "2 passed" in ran.stdout


def test_without_a_model_an_idea_waits_and_says_what_would_help(tmp_path: Path) -> None:
    with home(tmp_path, "http://127.0.0.1:9", [Ask("Waits", [])], publish_every_ms=20) as daemon:
        assert daemon.start("once").wait() == 1
        [job] = [fact.job for fact in daemon.facts() if isinstance(fact, e.JobAccepted)]
        assert "ollama serve" in daemon.said()
        assert "ollama serve" in daemon.ask("explain", job).stdout
        assert "ollama serve" in json.dumps(daemon.view("queue"))
    assert not [fact for fact in daemon.facts() if isinstance(fact, e.AttemptFailed)], "waiting costs no attempt"
