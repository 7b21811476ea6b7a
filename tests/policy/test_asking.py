"""What a rung wants to see is had before a model is asked for edits: once each, counted, and not at any price."""

from typing import Any

import pytest

from daemon import events as e
from daemon import steps
from daemon.events import Fact
from daemon.policy import next_step
from daemon.policy.known import NOTHING
from daemon.policy.trouble import ADVISOR_FAULTS
from daemon.settings import Settings
from daemon.steps import Step
from tests.fakes.told import Told

AT: dict[str, Any] = {"job": "r-000001", "run": "r-000001.1"}
RED = e.RedGateHeld(**AT, failing=["t"], passing=3, signature="v2:x.y", message="boom", evidence="seen")
RECALLED = e.Recalled(**AT, fixes=[])
ADVISED = e.Advised(**AT, prompt="p", answer="it is line 3", model="large", tokens_in=90, tokens_out=10)
SETTINGS = Settings(models=("small", "large", "anthropic/haiku"))
LOCAL = Settings(models=("small", "large"))


def told(rung: str, *facts: Fact) -> Told:
    return Told().accepted().opened(rung=rung, attempts=2).claimed().tell(RED, RECALLED, *facts)


def after(rung: str, *facts: Fact, settings: Settings = SETTINGS) -> Step | None:
    views = told(rung, *facts).views
    job = views.jobs.open["r-000001"]
    return next_step(job, job.runs["r-000001.1"], settings, NOTHING._replace(today=views.jobs.today))


def test_an_advisor_is_asked_first_and_then_the_small_model_that_sees_what_it_said() -> None:
    advised = after("A5")
    assert isinstance(advised, steps.Advise)
    assert (advised.model, advised.attempt) == ("anthropic/haiku", 0)
    asked = after("A5", ADVISED)
    assert type(asked) is steps.Propose
    assert (asked.model, asked.attempt, asked.diagnosis) == ("small", 1, "it is line 3")


def test_without_a_hosted_model_the_largest_local_one_advises() -> None:
    advised = after("A5", settings=LOCAL)
    assert isinstance(advised, steps.Advise)
    assert advised.model == "large"


def test_a_second_attempt_is_not_advised_again() -> None:
    failed = e.AttemptFailed(**AT, attempt=1, failure="same_failure", message="still boom")
    asked = after("A5", ADVISED, e.Proposed(**AT, attempt=1, prompt="p", answer="a"), failed)
    assert type(asked) is steps.Propose
    assert (asked.attempt, asked.diagnosis) == (2, "it is line 3")


def test_advice_counts_in_the_budgets_of_the_job_and_of_the_day_and_costs_no_attempt() -> None:
    views = told("A5", ADVISED).views
    assert (views.jobs.today.calls, views.jobs.today.tokens) == (1, 100)
    assert views.jobs.open["r-000001"].runs["r-000001.1"].attempts == []
    for limit in (Settings(job_model_calls=1), Settings(job_tokens=100)):
        step = after("A5", ADVISED, settings=limit)
        assert isinstance(step, steps.SettleRun)
        assert "the job's budget is spent" in step.reason
    assert isinstance(after("A5", ADVISED, settings=Settings(day_model_calls=1)), steps.ParkRun)


def test_what_a_rung_brought_counts_the_call_of_its_advisor() -> None:
    proposed = e.Proposed(**AT, attempt=1, prompt="p", answer="a", tokens_in=50)
    views = told("A5", ADVISED, proposed).settled().views
    cell = views.ladder.rungs["A5"]
    assert (cell.tried, cell.calls, cell.tokens) == (1, 2, 150)


@pytest.mark.parametrize(
    ("fault", "times"), [("over_budget", 1), ("models_down", ADVISOR_FAULTS)], ids=["lasting", "again"]
)
def test_an_advisor_who_cannot_be_had_is_done_without(fault: str, times: int) -> None:
    faulted = e.WorldFaulted(**AT, step="Advise", fault=fault, message="it is not to be had")
    step = after("A5", *[faulted] * times)
    assert isinstance(step, steps.GoWithout)
    assert step.trouble == f"{fault}: it is not to be had"
    asked = after("A5", *[faulted] * times, e.Advised(**AT, trouble=step.trouble))
    assert type(asked) is steps.Propose
    assert asked.diagnosis == ""


def test_an_advisor_who_is_busy_is_waited_for() -> None:
    faulted = e.WorldFaulted(**AT, step="Advise", fault="models_busy", message="later")
    assert isinstance(after("A5", faulted), steps.ParkRun)


def test_values_are_measured_once_for_a_job() -> None:
    step = after("C4")
    assert isinstance(step, steps.MeasureValues)
    assert step.evidence == "seen"
    asked = after("C4", e.ValuesMeasured(**AT, values="a table"))
    assert isinstance(asked, steps.Propose)
    assert asked.values == "a table"


def test_values_that_nobody_could_see_are_not_looked_for_again() -> None:
    asked = after("C4", e.ValuesMeasured(**AT, why="no test executes anything"))
    assert isinstance(asked, steps.Propose)
    assert asked.values == ""


@pytest.mark.parametrize("rung", ["", "C2", "M1", "N1"])
def test_other_rungs_ask_for_edits_at_once(rung: str) -> None:
    nobody = [e.NothingFound(**AT, proposer=proposer) for proposer in ("learned", "templates")]
    step = after(rung, *nobody)
    assert type(step) is steps.Propose
    assert (step.proposer, step.diagnosis, step.values) == ("model", "", "")
