"""Whole stories through the real process, the real log and the real folders, in the scripted world."""

import json
import re
from pathlib import Path

import pytest

from daemon import events as e
from tests.fakes.daemon_process import DaemonProcess, idea, repair

STORIES: dict[str, tuple[str, str, str]] = {
    # title: (script, outcome, what the reason says)
    "mended at once": ("fix", "certified", "by run"),
    "mended at the third attempt": ("no_answer, unreadable_answer, fix", "certified", "by run"),
    "every class of failure": (
        "edit_did_not_land, syntax, fail, other_failure, regression, timeout; fix",
        "certified",
        r"\.2",
    ),
    "mended on a rung": ("fail; fail; fail; fail; fail; fix", "certified", r"\.6"),
    "never mended": ("fail", "failed", "23 runs with 65 attempts failed"),
    "nothing to mend": ("green", "refused", "already_green"),
    "broken environment": ("broken", "refused", "environment"),
    "flaky": ("flaky", "refused", "flaky"),
    "the world stumbles": ("fault 3, fix", "certified", "by run"),
    "a hand stumbles": ("crash 2, fix", "certified", "by run"),
    "a hand always stumbles": ("crash 99, fix", "failed", "a step crashed 3 times"),
}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> DaemonProcess:
    """All stories played by one daemon, which has ended."""
    daemon = DaemonProcess(tmp_path_factory.mktemp("stories"))
    daemon.drop("stories.json", [repair("shop", script, title=title) for title, (script, _, _) in STORIES.items()])
    assert daemon.start("work", "--once").wait() == 1, daemon.said()
    return daemon


@pytest.mark.parametrize("title", STORIES)
def test_a_story_ends_as_told(played: DaemonProcess, title: str) -> None:
    _, outcome, reason = STORIES[title]
    [job] = [job for job in played.view("jobs")["last_settled"] if job["title"] == title]
    assert job["outcome"] == outcome
    assert re.search(reason, job["reason"])
    results = played.state / "results" / job["job"]
    assert title in (results / "report.md").read_text()
    assert (results / "certificate.json").exists() == (outcome == "certified")
    if outcome == "certified":
        assert json.loads((results / "certificate.json").read_text())["job"] == job["job"]
        assert (results / "patch.diff").read_text().startswith("--- a/")


def test_every_job_settles_exactly_once_and_every_run_too(played: DaemonProcess) -> None:
    accepted = [fact.job for fact in played.facts() if isinstance(fact, e.JobAccepted)]
    settled = [fact.job for fact in played.facts() if isinstance(fact, e.JobSettled)]
    opened = [fact.run for fact in played.facts() if isinstance(fact, e.RunOpened)]
    ended = [fact.run for fact in played.facts() if isinstance(fact, e.RunSettled)]
    assert sorted(accepted) == sorted(settled)
    assert sorted(opened) == sorted(ended)


def test_an_exhausted_job_has_climbed_all_twenty_rungs(played: DaemonProcess) -> None:
    [job] = [job for job in played.view("jobs")["last_settled"] if job["title"] == "never mended"]
    rungs = [fact.rung for fact in played.facts() if isinstance(fact, e.RunOpened) and fact.job == job["job"]]
    assert rungs[:3] == ["", "", ""]
    assert len(set(rungs[3:])) == 20


def test_never_more_than_three_runs_of_one_job_are_open(played: DaemonProcess) -> None:
    open_runs: dict[str, int] = {}
    for fact in played.facts():
        if isinstance(fact, e.RunOpened | e.RunSettled):
            open_runs[fact.job] = open_runs.get(fact.job, 0) + (1 if isinstance(fact, e.RunOpened) else -1)
            assert open_runs[fact.job] <= 3


def test_faults_cost_no_attempt(played: DaemonProcess) -> None:
    [job] = [job for job in played.view("jobs")["last_settled"] if job["title"] == "the world stumbles"]
    assert [run["attempts"] for run in job["runs"]] == [1]


def test_views_and_results_are_those_of_a_replay(played: DaemonProcess, tmp_path: Path) -> None:
    assert played.ask("replay", "--into", tmp_path).returncode == 0
    for folder in ("views", "results"):
        assert contents(played.state / folder) == contents(tmp_path / folder)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_log_can_be_asked(played: DaemonProcess) -> None:
    assert played.ask("check").stdout.startswith("whole: ")
    assert "JobAccepted" in played.ask("show", "r-000001").stdout
    assert "certified" in played.ask("explain", "r-000001").stdout
    unknown = played.ask("show", "r-999999")
    assert (unknown.returncode, "r-999999" in unknown.stderr) == (2, True)


def test_ideas_are_scored(tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path)
    daemon.drop("good.json", idea("Good", "score 70, score 89, score 90"))
    daemon.drop("lazy.json", idea("Lazy", "score 89"))
    assert daemon.start("work", "--once").wait() == 1
    outcomes = {job["title"]: job["outcome"] for job in daemon.view("jobs")["last_settled"]}
    assert outcomes == {"Good": "certified", "Lazy": "failed"}
    assert daemon.view("project_tracker")["last_heard_of"]["Good"]["last_score"] == 90


def test_once_says_whether_all_was_certified(tmp_path: Path) -> None:
    daemon = DaemonProcess(tmp_path)
    daemon.drop("a.json", repair("a"))
    assert daemon.start("once").wait() == 0
    daemon.drop("b.json", repair("b", "green"))
    assert daemon.start("once").wait() == 1
    daemon.drop("c.json", {"kind": "repair"})
    assert daemon.start("once").wait() == 1
    assert daemon.start("once").wait() == 0, "what was settled before is not its business"


def test_a_certificate_cancels_the_siblings_in_hand(tmp_path: Path) -> None:
    """Two of three rungs stall for an hour; the third one's certificate ends them."""
    with DaemonProcess(tmp_path) as daemon:
        daemon.drop("a.json", repair("a", "fail; fail; fail; stall 3600, fix; stall 3600, fix; fix"))
        assert daemon.start("work", "--once").wait() == 0
    outcomes = [fact.outcome for fact in daemon.facts() if isinstance(fact, e.RunSettled)]
    assert sorted(outcomes) == ["cancelled", "cancelled", "certified", "failed", "failed", "failed"]


def test_a_stop_puts_everything_down_and_the_next_life_takes_it_up(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path, drain_s=0.2) as daemon:
        daemon.drop("a.json", repair("a", "fail, fail, stall 3600, fix"))
        daemon.start().wait_until(lambda: len(daemon.facts_of(e.AttemptFailed)) == 2)
        assert daemon.stop() == 0
        assert isinstance(list(daemon.facts())[-1], e.DaemonStopped)
        daemon.start().wait_until(lambda: len(daemon.facts_of(e.RunClaimed)) == 2)
        assert daemon.stop() == 0
        attempts = [fact.attempt for fact in daemon.facts() if isinstance(fact, e.AttemptFailed)]
        assert attempts == [1, 2], "what was done is not done again"


def test_two_daemons_never_share_a_state(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.start().wait_until_said("ready")
        assert daemon.process is not None
        second = daemon.ask("run")
        assert second.returncode == 75
        assert f"pid {daemon.process.pid}" in second.stderr
