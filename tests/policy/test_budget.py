"""Budgets are asked before a model is, from facts alone: what is spent is spent, whatever died meanwhile."""

from typing import Any

import pytest

from daemon import events as e
from daemon import steps
from daemon.events import Fact
from daemon.policy import next_step, retry
from daemon.policy.known import NOTHING
from daemon.settings import Settings
from daemon.steps import Step
from daemon.views.jobs import Today
from tests.fakes.told import Told

AT: dict[str, Any] = {"job": "r-000001", "run": "r-000001.1"}
RED = e.RedGateHeld(**AT, failing=["t"], passing=3, signature="v1:x", message="boom")
RECALLED = e.Recalled(**AT, fixes=[])
NO_OTHERS = [e.NothingFound(**AT, proposer=proposer) for proposer in ("learned", "templates")]
DAY_S = 86_400


def asked(attempt: int) -> list[Fact]:
    return [
        e.Proposed(**AT, attempt=attempt, prompt="p", answer="a", tokens_in=100, tokens_out=10, cost_usd=0.25),
        e.AttemptFailed(**AT, attempt=attempt, failure="syntax", message="no", seconds=5.0),
    ]


def told(times: int) -> Told:
    facts = [fact for attempt in range(1, times + 1) for fact in asked(attempt)]
    return Told().accepted().opened(attempts=20).claimed().tell(RED, RECALLED, *NO_OTHERS, *facts)


def after(times: int, settings: Settings) -> Step | None:
    views = told(times).views
    job = views.jobs.open["r-000001"]
    return next_step(job, job.runs["r-000001.1"], settings, NOTHING._replace(today=views.jobs.today))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        (Settings(job_model_calls=2), "2 of 2 model calls"),
        (Settings(job_tokens=200), "220 of 200 tokens"),
        (Settings(job_s=10.0), "10 of 10 seconds"),
        (Settings(job_usd=0.4), "0.5 of 0.4 USD"),
    ],
)
def test_a_job_whose_budget_is_spent_asks_no_more(settings: Settings, why: str) -> None:
    assert isinstance(after(1, settings), steps.Propose)
    step = after(2, settings)
    assert isinstance(step, steps.SettleRun)
    assert (step.outcome, why in step.reason) == ("failed", True)


def test_a_job_whose_budget_is_spent_climbs_no_ladder() -> None:
    views = told(2).settled().views
    [step] = retry.decide(views.jobs.open["r-000001"], Settings(job_model_calls=2))
    assert isinstance(step, steps.SettleJob)
    assert (step.outcome, "budget is spent" in step.reason) == ("failed", True)


@pytest.mark.parametrize(
    "settings",
    [Settings(day_model_calls=2), Settings(day_tokens=200), Settings(day_s=10.0), Settings(day_usd=0.4)],
)
def test_a_day_whose_budget_is_spent_ends_at_midnight_and_costs_no_attempt(settings: Settings) -> None:
    assert isinstance(after(1, settings), steps.Propose)
    step = after(2, settings)
    assert isinstance(step, steps.ParkRun)
    assert step.until % DAY_S == 0
    assert "day_budget" in step.fault


def test_another_day_begins_with_the_first_run_that_is_taken_up() -> None:
    views = told(2).views
    views.jobs.today.begin(views.jobs.today.day * DAY_S + DAY_S)
    assert views.jobs.today == Today(views.jobs.today.day)


def test_what_needs_no_model_is_asked_whatever_is_spent() -> None:
    views = Told().accepted().opened().claimed().tell(RED, RECALLED).views
    views.jobs.today.begin(0.0)
    views.jobs.today.calls = 5
    job = views.jobs.open["r-000001"]
    step = next_step(job, job.runs["r-000001.1"], Settings(day_model_calls=1), NOTHING._replace(today=views.jobs.today))
    assert isinstance(step, steps.Propose)
    assert step.proposer == "learned"
