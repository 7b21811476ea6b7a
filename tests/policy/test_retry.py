"""What a job leads to: base runs with backoff, then the rungs a few at a time, then an end that says why."""

from daemon import events as e
from daemon import steps
from daemon.policy.ladder import LADDER, from_rung
from daemon.policy.retry import decide
from daemon.settings import Settings
from daemon.steps import Step
from daemon.views.ladder import Cell, Ladder
from tests.fakes.told import REPAIR, Told

SETTINGS = Settings()
JOB = "r-000001"


def decisions(told: Told) -> list[Step]:
    return decide(told.views.jobs.open[JOB], SETTINGS)


def failed_runs(count: int) -> Told:
    told = Told().accepted()
    for number in range(1, count + 1):
        told.opened(f"{JOB}.{number}").claimed(f"{JOB}.{number}").settled(f"{JOB}.{number}")
    return told


def test_an_accepted_job_gets_a_run_at_once() -> None:
    [step] = decisions(Told().accepted())
    assert step == steps.OpenRun(JOB, number=1, attempts=6, rung="", priority=5, earlier=0, delay_s=0.0)


def test_nothing_is_decided_while_a_base_run_is_open() -> None:
    assert decisions(Told().accepted().opened()) == []


def test_base_runs_follow_each_other_with_a_growing_wait() -> None:
    waits = [
        step.delay_s for count in (1, 2) for step in decisions(failed_runs(count)) if isinstance(step, steps.OpenRun)
    ]
    assert waits == [30.0, 60.0]


def test_after_three_failed_runs_the_job_escalates_three_rungs_at_a_time() -> None:
    opened = decisions(failed_runs(3))
    assert [step.rung for step in opened if isinstance(step, steps.OpenRun)] == ["C1", "C2", "C3"]
    assert [step.number for step in opened if isinstance(step, steps.OpenRun)] == [4, 5, 6]


def test_a_settled_rung_makes_room_for_the_next() -> None:
    told = failed_runs(3)
    for number, rung in ((4, "C1"), (5, "C2"), (6, "C3")):
        told.opened(f"{JOB}.{number}", rung=rung, attempts=2)
    told.settled(f"{JOB}.5")
    [step] = decisions(told)
    assert isinstance(step, steps.OpenRun)
    assert (step.rung, step.number) == ("C4", 7)


def test_a_certificate_cancels_the_siblings_and_settles_the_job() -> None:
    told = failed_runs(3)
    for number, rung in ((4, "C1"), (5, "C2"), (6, "C3")):
        told.opened(f"{JOB}.{number}", rung=rung, attempts=2)
    told.claimed(f"{JOB}.4").claimed(f"{JOB}.5").settled(f"{JOB}.5", "certified")
    assert decisions(told) == [
        steps.SettleRun(JOB, f"{JOB}.4", "cancelled", "the job is certified"),
        steps.SettleRun(JOB, f"{JOB}.6", "cancelled", "the job is certified"),
        steps.SettleJob(JOB, "certified", f"by run {JOB}.5"),
    ]


def test_a_refused_run_settles_the_job_for_no_other_prompt_would_help() -> None:
    told = Told().accepted().opened().claimed().settled(outcome="refused", reason="already_green: all pass")
    assert decisions(told) == [steps.SettleJob(JOB, "refused", "already_green: all pass")]


def test_a_cancelled_job_ends_with_all_its_runs() -> None:
    told = Told().accepted().opened().tell(e.CancelAsked(source="c.json", job=JOB))
    assert [type(step) for step in decisions(told)] == [steps.SettleRun, steps.SettleJob]


def test_all_twenty_rungs_failing_ends_in_one_clear_sentence() -> None:
    told = failed_runs(3)
    for number, rung in enumerate(LADDER, 4):
        told.opened(f"{JOB}.{number}", rung=rung.id, attempts=2).settled(f"{JOB}.{number}", reason="same_failure")
    [step] = decisions(told)
    assert isinstance(step, steps.SettleJob)
    assert (step.outcome, step.reason.startswith("23 runs with 0 attempts failed")) == ("failed", True)


def reopened(rung: str) -> Told:
    fact = e.JobReopened(
        source="again.json",
        job=JOB,
        kind="repair",
        project="shop",
        title="mend it",
        drop=REPAIR,
        runs_before=23,
        rung=rung,
    )
    return failed_runs(3).tell(e.JobSettled(job=JOB, outcome="failed"), fact)


def test_a_reopened_job_is_numbered_on_and_begins_anew() -> None:
    [step] = decisions(reopened(""))
    assert isinstance(step, steps.OpenRun)
    assert (step.number, step.rung, step.earlier) == (24, "", 0)


def test_a_job_reopened_at_a_rung_goes_up_from_there() -> None:
    opened = decisions(reopened("N4"))
    assert [step.rung for step in opened if isinstance(step, steps.OpenRun)] == ["N4", "N5"]


def test_the_ladder_has_twenty_rungs_on_four_levels() -> None:
    assert len({rung.id for rung in LADDER}) == 20
    assert [rung.level for rung in LADDER[::5]] == ["Conservative", "Moderate", "Aggressive", "Nuclear"]
    assert from_rung("") == LADDER


def test_the_rungs_are_climbed_in_the_order_in_which_they_have_worked() -> None:
    told = failed_runs(SETTINGS.base_runs)
    ladder = Ladder(rungs={rung.id: Cell(failed=50, tried=50, seconds=500.0) for rung in LADDER})
    ladder.rungs["A3"] = Cell(worked=50, tried=50, seconds=500.0)
    job = told.views.jobs.open[JOB]
    opened = [step.rung for step in decide(job, SETTINGS, ladder) if isinstance(step, steps.OpenRun)]
    assert opened[:2] == ["C1", "A3"], "what needs no model always goes first"
    assert decide(job, SETTINGS, ladder) == decide(job, SETTINGS, ladder)
