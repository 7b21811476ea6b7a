"""Every branch of the stories, as pure functions of told facts."""

from typing import Any

import pytest
from msgspec import structs

from daemon import events as e
from daemon import steps
from daemon.events import Fact
from daemon.policy import next_step, recall
from daemon.policy.known import Known
from daemon.settings import Settings
from daemon.steps import Step
from tests.fakes.told import Told

SETTINGS = Settings()
AT: dict[str, Any] = {"job": "r-000001", "run": "r-000001.1"}
RED = e.RedGateHeld(**AT, failing=["t"], passing=3, signature="v1:x", message="boom")
RECALLED = e.Recalled(**AT, fixes=[])
PROPOSED = e.Proposed(**AT, attempt=1, prompt="p", answer="a")
AGAIN = e.Proposed(**AT, attempt=2, prompt="p", answer="b")
APPLIED = e.EditsApplied(**AT, attempt=1, files=["a.py"], diff="d")
SEARCHED = e.Proposed(**AT, attempt=1, prompt="", answer="a", proposer="templates")
GREEN = e.GreenGatePassed(**AT, attempt=1, fixed=1, kept=3)
FAILED = e.AttemptFailed(**AT, attempt=1, failure="same_failure", message="still boom")
CERTIFIED = e.Certified(**AT, attempt=1, certificate="c", patch="p")


def after(*facts: Fact, attempts: int = 6) -> Step | None:
    with_memory = [each for fact in facts for each in ((fact, RECALLED) if fact is RED else (fact,))]
    told = Told().accepted().opened(attempts=attempts).claimed().tell(*with_memory)
    job = told.views.jobs.open["r-000001"]
    return next_step(job, job.runs["r-000001.1"], SETTINGS)


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        ([], steps.PrepareEnvironment),
        ([e.EnvironmentReady(**AT, key="k")], steps.PrepareWorkspace),
        ([e.WorkspaceReady(**AT, base="b")], steps.RunRedGate),
        ([RED], steps.Propose),
        ([RED, PROPOSED], steps.ApplyEdits),
        ([RED, PROPOSED, APPLIED], steps.RunGreenGate),
        ([RED, PROPOSED, APPLIED, FAILED], steps.Propose),
        ([RED, FAILED], steps.Propose),
        ([RED, PROPOSED, APPLIED, GREEN], steps.Minimise),
        ([RED, PROPOSED, APPLIED, GREEN, e.Minimised(**AT, attempt=1)], steps.Certify),
        ([RED, SEARCHED, APPLIED, GREEN], steps.Certify),
        ([RED, PROPOSED, APPLIED, CERTIFIED], steps.SettleRun),
        ([e.RunRefused(**AT, verdict="flaky", cause="it depends")], steps.SettleRun),
    ],
)
def test_a_repair_goes_on_with(facts: list[Fact], step: type[Step]) -> None:
    assert isinstance(after(*facts), step)


def test_a_failed_attempt_is_followed_by_the_next_until_none_is_left() -> None:
    second = after(RED, PROPOSED, FAILED, attempts=2)
    assert isinstance(second, steps.Propose)
    assert second.attempt == 2
    last = after(
        RED, PROPOSED, FAILED, AGAIN, e.AttemptFailed(**AT, attempt=2, failure="syntax", message="no"), attempts=2
    )
    assert isinstance(last, steps.SettleRun)
    assert (last.outcome, "2 of 2 attempts" in last.reason, "syntax" in last.reason) == ("failed", True, True)


def test_a_refusal_says_its_cause() -> None:
    step = after(e.RunRefused(**AT, verdict="environment", cause="no module named numpy"))
    assert isinstance(step, steps.SettleRun)
    assert (step.outcome, step.reason) == ("refused", "environment: no module named numpy")


def test_a_run_that_nobody_holds_has_no_next_step() -> None:
    job = Told().accepted().opened().views.jobs.open["r-000001"]
    assert next_step(job, job.runs["r-000001.1"], SETTINGS) is None


def test_the_same_state_gives_the_same_step() -> None:
    assert after(RED, PROPOSED) == after(RED, PROPOSED)


FAULT = e.WorldFaulted(**AT, step="Propose", fault="models_down", message="connection refused")


def test_a_fault_parks_the_run_and_costs_no_attempt() -> None:
    step = after(RED, FAULT)
    assert isinstance(step, steps.ParkRun)
    assert step.delay_s == SETTINGS.fault_backoff_s


@pytest.mark.parametrize(
    ("fault", "message"),
    [("over_budget", "1.00 USD are spent"), ("context_truncated", "a window of 8192 tokens is too small")],
)
def test_a_fault_that_no_waiting_mends_ends_the_run(fault: str, message: str) -> None:
    step = after(RED, e.WorldFaulted(**AT, step="Propose", fault=fault, message=message))
    assert isinstance(step, steps.SettleRun)
    assert (step.outcome, step.reason) == ("failed", f"{fault}: {message}")


def test_what_needs_no_model_is_asked_first_and_costs_no_attempt() -> None:
    given_up: list[Fact] = []
    asked = []
    for _ in range(3):
        step = after(RED, *given_up)
        assert isinstance(step, steps.Propose)
        assert step.attempt == 1
        asked.append(step.proposer)
        given_up.append(e.NothingFound(**AT, proposer=step.proposer))
    assert asked == ["learned", "templates", "model"]
    over = after(RED, *given_up)
    assert isinstance(over, steps.SettleRun)
    assert "nobody has anything more to suggest" in over.reason


def test_memory_is_asked_once_when_the_failure_is_known_and_a_share_is_held_out() -> None:
    told = Told().accepted().opened().claimed().tell(RED)
    job = told.views.jobs.open["r-000001"]
    lesson = e.FixLearned(
        job="r-000000", fix="f-1", signature="v1:x", before="a", after="b", pattern="p", message="boom"
    )
    told.tell(lesson)
    views = told.views
    known = Known(views.jobs.today, views.fix_database, recall.index(views.fix_database))
    for share, held_out in ((0.0, False), (1.0, True)):
        step = next_step(job, job.runs["r-000001.1"], Settings(memory_holdout=share), known)
        assert isinstance(step, steps.Remember)
        assert (step.fixes, step.held_out) == (["f-1"], held_out)
    told.tell(e.Recalled(**AT, fixes=["f-1"]))
    asked = next_step(job, job.runs["r-000001.1"], SETTINGS, known)
    assert isinstance(asked, steps.Propose)
    assert [fix.fix for fix in asked.replayed] == ["f-1"]


def test_a_change_that_failed_before_is_not_tested_again() -> None:
    applied = e.EditsApplied(**AT, attempt=1, files=["a.py"], diff="d", tree="t", meaning="m")
    again = e.EditsApplied(**AT, attempt=2, files=["a.py"], diff="e", tree="u", meaning="m")
    step = after(RED, PROPOSED, applied, FAILED, AGAIN, again)
    assert isinstance(step, steps.FailAttempt)
    assert (step.attempt, step.failure, "same_failure: still boom" in step.message) == (2, "same_answer", True)


def test_what_one_run_saw_at_the_red_gate_need_not_be_seen_twice() -> None:
    told = Told().accepted().opened().claimed().tell(structs.replace(RED, evidence="all-of-it"), FAILED).settled()
    other: dict[str, Any] = {"job": "r-000001", "run": "r-000001.2"}
    told.opened("r-000001.2").claimed("r-000001.2")
    told.tell(e.EnvironmentReady(**other, key="k"), e.WorkspaceReady(**other, base="b"))
    job = told.views.jobs.open["r-000001"]
    step = next_step(job, job.runs["r-000001.2"], SETTINGS)
    assert isinstance(step, steps.RunRedGate)
    assert step.known == "all-of-it"


def test_faults_back_off_up_to_a_ceiling() -> None:
    delays = []
    for times in range(1, 10):
        step = after(RED, *[FAULT] * times)
        assert isinstance(step, steps.ParkRun)
        delays.append(step.delay_s)
    assert delays[:3] == [5.0, 10.0, 20.0]
    assert delays[-1] == SETTINGS.fault_backoff_max_s


def test_nothing_is_uncounted_so_even_faults_end() -> None:
    step = after(RED, *[FAULT] * SETTINGS.faults_per_run)
    assert isinstance(step, steps.SettleRun)
    assert "connection refused" in step.reason


def test_after_a_success_the_fault_is_forgotten() -> None:
    assert isinstance(after(FAULT, RED), steps.Propose)


def test_a_crashed_step_is_done_again_three_times_at_most() -> None:
    crash = e.StepCrashed(**AT, step="Propose", error="KeyError: 'x'")
    assert isinstance(after(RED, crash), steps.Propose)
    step = after(RED, *[crash] * SETTINGS.crashes_per_run)
    assert isinstance(step, steps.SettleRun)
    assert "KeyError" in step.reason


def test_a_run_that_keeps_killing_the_daemon_is_given_up() -> None:
    told = Told().accepted().opened().claimed()
    for _ in range(SETTINGS.deaths_per_run):
        told.tell(e.DaemonStarted(pid=1, version="0")).claimed()
    job = told.views.jobs.open["r-000001"]
    step = next_step(job, job.runs["r-000001.1"], SETTINGS)
    assert isinstance(step, steps.SettleRun)
    assert "died" in step.reason


def test_a_clean_stop_is_no_death() -> None:
    told = Told().tell(e.DaemonStarted(pid=1, version="0")).accepted().opened().claimed()
    for _ in range(SETTINGS.deaths_per_run):
        told.tell(e.DaemonStopped(reason="SIGTERM"), e.DaemonStarted(pid=1, version="0")).claimed()
    job = told.views.jobs.open["r-000001"]
    assert isinstance(next_step(job, job.runs["r-000001.1"], SETTINGS), steps.PrepareEnvironment)


IDEA_AT: dict[str, Any] = {"job": "i-000001", "run": "i-000001.1"}


def idea_after(*facts: Fact) -> Step | None:
    told = Told().accepted("i-000001").opened("i-000001.1").claimed("i-000001.1").tell(*facts)
    job = told.views.jobs.open["i-000001"]
    return next_step(job, job.runs["i-000001.1"], SETTINGS)


PLANNED = e.Planned(**IDEA_AT, attempt=1, prompt="p", answer="the plan", tokens_in=3)
IDEA_PROPOSED = e.Proposed(**IDEA_AT, attempt=1, prompt="p", answer="a")


@pytest.mark.parametrize(
    ("facts", "step"),
    [
        ([], steps.PrepareWorkspace),
        ([e.WorkspaceReady(**IDEA_AT, base="")], steps.Propose),
        ([PLANNED], steps.Propose),
        ([IDEA_PROPOSED], steps.ApplyEdits),
        ([IDEA_PROPOSED, e.EditsApplied(**IDEA_AT, attempt=1, files=["a.py"], diff="d")], steps.MeasureProject),
        ([IDEA_PROPOSED, e.ProjectMeasured(**IDEA_AT, attempt=1, score=90)], steps.Certify),
        ([IDEA_PROPOSED, e.ProjectMeasured(**IDEA_AT, attempt=1, score=89, findings=["lint: -11"])], steps.FailAttempt),
        ([e.Certified(**IDEA_AT, attempt=1, certificate="c", patch="p")], steps.SettleRun),
        ([e.RunRefused(**IDEA_AT, verdict="missing_hands", cause="none")], steps.SettleRun),
    ],
)
def test_an_idea_goes_on_with(facts: list[Fact], step: type[Step]) -> None:
    assert isinstance(idea_after(*facts), step)


def test_a_low_score_names_its_findings() -> None:
    step = idea_after(IDEA_PROPOSED, e.ProjectMeasured(**IDEA_AT, attempt=1, score=89, findings=["lint: -11"]))
    assert isinstance(step, steps.FailAttempt)
    assert (step.failure, "lint: -11" in step.message) == ("low_score", True)


def test_a_plan_goes_with_every_step_and_costs_no_attempt() -> None:
    asks = idea_after(PLANNED)
    assert isinstance(asks, steps.Propose)
    assert (asks.evidence, asks.attempt, asks.proposer) == ("the plan", 1, "model")
    lands = idea_after(PLANNED, IDEA_PROPOSED)
    assert isinstance(lands, steps.ApplyEdits)
    assert (lands.evidence, lands.changes) == ("the plan", "")


def test_a_plan_that_cannot_be_followed_is_a_failed_attempt_and_is_made_again() -> None:
    trouble = structs.replace(PLANNED, trouble="No file was found in the plan.")
    failed = e.AttemptFailed(**IDEA_AT, attempt=1, failure="unreadable_answer", message=trouble.trouble)
    step = idea_after(trouble, failed)
    assert isinstance(step, steps.Propose)
    assert (step.evidence, step.attempt) == ("", 2)
    assert [(one.answer, one.failure, one.tokens) for one in step.earlier] == [("", "unreadable_answer", 3)]


def test_a_project_that_came_before_is_not_measured_again() -> None:
    applied = e.EditsApplied(**IDEA_AT, attempt=1, files=["a.py"], diff="d", changes="c", tree="t")
    measured = e.ProjectMeasured(**IDEA_AT, attempt=1, score=20)
    low = e.AttemptFailed(**IDEA_AT, attempt=1, failure="low_score", message="score 20")
    again = structs.replace(IDEA_PROPOSED, attempt=2)
    lands = idea_after(PLANNED, IDEA_PROPOSED, applied, measured, low, again)
    assert isinstance(lands, steps.ApplyEdits)
    assert lands.changes == "c", "edits are made to what landed last"
    step = idea_after(PLANNED, IDEA_PROPOSED, applied, measured, low, again, structs.replace(applied, attempt=2))
    assert isinstance(step, steps.FailAttempt)
    assert (step.failure, "score 20" in step.message) == ("same_answer", True)
