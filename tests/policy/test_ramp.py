"""The ramp: phases one at a time, health first, honest denominators, and an end that says what stood in the way."""

from pathlib import Path

import pytest

from daemon import events as e
from daemon import steps
from daemon.drops import Repair
from daemon.policy import next_step
from daemon.settings import Settings
from tests.fakes.ramps import Climb

NAMES = ["a1", "a2", "b1", "b2", "b3"]


@pytest.fixture
def climb(tmp_path: Path) -> Climb:
    return Climb(tmp_path, NAMES, [1, 3, 5])


def test_a_phase_opens_its_instances_and_waits_for_their_health(climb: Climb) -> None:
    assert climb.go() == ["PhaseOpened", "JobAccepted"]
    assert climb.go() == []
    assert [row.job for row in climb.ramp.within(5)] == ["r-000001", "", "", "", ""]


def test_nothing_is_spent_on_an_instance_before_its_phase_is_released(climb: Climb) -> None:
    climb.go()
    run = climb.run_of("a1")
    red = e.RedGateHeld(job="r-000001", run=run, failing=["t"], passing=1, signature="s", message="red")
    job = climb.told.tell(red).views.jobs.open["r-000001"]
    parked = next_step(job, job.runs[run], Settings())
    assert isinstance(parked, steps.ParkRun)
    assert parked.fault == "waits for the health of phase 1"
    climb.go()
    assert climb.ramp.phases[0].is_released
    assert not isinstance(next_step(job, job.runs[run], Settings()), steps.ParkRun)


def test_a_released_phase_lets_its_parked_runs_stand_in_line(climb: Climb) -> None:
    climb.go()
    climb.red("a1")
    assert climb.told.views.queue.ready == []
    assert climb.go() == ["PhaseReleased"]
    assert [run for _, _, run in climb.told.views.queue.ready] == ["r-000001.1"]


def to_phase_two(climb: Climb) -> None:
    climb.go()
    climb.red("a1")
    climb.go()
    climb.certified("a1")
    assert climb.go() == ["PhaseSettled", "PhaseOpened", "JobAccepted", "JobAccepted"]


def fall_short_in_phase_two(climb: Climb) -> None:
    """One fails there, and one cannot be judged."""
    to_phase_two(climb)
    climb.red("a2")
    climb.refused("b1")
    climb.go()
    climb.failed("a2")
    climb.go()


def waiting(climb: Climb) -> tuple[int, str, float | None]:
    """What the view tells of those that wait for the world."""
    row = climb.told.views.ramp.document(9)["ramps"][0]["phases"][-1]
    return row["waiting"], row["first_waits_for"], row["first_waits_until"]


def test_who_waits_for_the_world_is_told_and_who_waits_for_the_others_is_not(climb: Climb) -> None:
    climb.go()
    climb.red("a1")
    assert waiting(climb) == (0, "", None)
    climb.go()
    run = climb.run_of("a1")
    climb.told.tell(e.RunParked(job=climb.row("a1").job, run=run, fault="models_down", not_before=60.0))
    assert waiting(climb) == (1, "models_down", 60.0)
    climb.told.tell(e.RunDue(runs=[run]))
    assert waiting(climb) == (0, "", None)
    climb.certified("a1")
    climb.go()
    run = climb.run_of("a2")
    climb.told.tell(e.RunParked(job=climb.row("a2").job, run=run, fault="no room", not_before=90.0))
    climb.red("b1")
    assert waiting(climb) == (1, "no room", 90.0), "its health is not known yet"


def test_who_was_certified_counts_and_is_not_run_again(climb: Climb) -> None:
    to_phase_two(climb)
    climb.red("a2", "b1")
    climb.go()
    climb.certified("a2", "b1")
    climb.go()
    assert [(phase.solved, len(phase.viable)) for phase in climb.ramp.phases[:2]] == [(1, 1), (3, 3)]
    assert climb.ramp.phases[2].size == 5


def test_who_cannot_be_judged_is_named_and_is_in_no_denominator(climb: Climb) -> None:
    to_phase_two(climb)
    climb.red("a2")
    assert climb.go() == []
    climb.refused("b1")
    assert climb.go() == ["PhaseReleased"]
    assert climb.ramp.phases[1].viable == ["a1", "a2"]
    assert climb.ramp.phases[1].excluded == {"b1": "environment: no such package"}


def test_each_number_names_the_facts_that_it_is_counted_from(climb: Climb) -> None:
    to_phase_two(climb)
    row = climb.row("a1")
    facts = {fact.seq: fact for fact in climb.told.facts}
    kinds = {what: [type(facts[seq]).__name__ for seq in seqs] for what, seqs in row.facts.items()}
    assert (row.tokens, kinds["tokens"]) == (10, ["Proposed"])
    assert (row.attempts, kinds["attempts"]) == (1, ["GreenGatePassed"])
    assert (row.runs, kinds["runs"]) == (1, ["RunOpened"])
    assert kinds["seconds"] == ["RunClaimed", "RunParked", "RunClaimed", "RunSettled"]


def stopped(climb: Climb, failure: e.Failure = "other_failure") -> e.RampSettled:
    to_phase_two(climb)
    climb.red("a2", "b1")
    climb.go()
    climb.certified("a2")
    climb.failed("b1", failure)
    assert climb.go() == ["PhaseSettled", "RampSettled"]
    assert climb.ramp.settled
    return climb.ramp.settled


def test_below_its_target_it_stops_and_says_what_failed(climb: Climb) -> None:
    settled = stopped(climb)
    assert (settled.outcome, settled.failed, settled.repositories) == ("stopped", ["b1"], {"b": 1})
    assert settled.reason.startswith("phase 2 missed its target: 2 of 3 viable solved (67%")
    assert (settled.causes, settled.failures) == ({"model": 1}, {"other_failure": 1})
    assert settled.command == "python tools/ramp.py --again m-000001"


@pytest.mark.parametrize(
    ("failure", "cause"), [("edit_did_not_land", "orchestration"), ("same_failure", "model"), ("regression", "model")]
)
def test_the_class_of_the_failure_says_where_to_look(tmp_path: Path, failure: e.Failure, cause: str) -> None:
    assert stopped(Climb(tmp_path, NAMES, [1, 3]), failure).causes == {cause: 1}


def test_a_lower_target_is_enough(tmp_path: Path) -> None:
    climb = Climb(tmp_path, NAMES, [1, 3], targets=[1.0, 0.6])
    assert climb.ramp.targets == [1.0, 0.6]
    to_phase_two(climb)
    climb.red("a2", "b1")
    climb.go()
    climb.certified("a2")
    climb.failed("b1")
    climb.go()
    assert climb.ramp.settled
    assert climb.ramp.settled.outcome == "reached"


def test_a_phase_in_which_nothing_can_be_judged_stops_the_ramp(climb: Climb) -> None:
    climb.go()
    climb.refused("a1")
    climb.go()
    assert climb.ramp.settled
    assert (climb.ramp.settled.outcome, climb.ramp.settled.causes) == ("stopped", {"environment": 1})
    assert climb.ramp.settled.command == "python -m daemon explain r-000001"


def test_again_runs_only_what_failed_and_tells_what_is_new(climb: Climb) -> None:
    stopped(climb)
    climb.told.tell(e.RampReopened(source="s", ramp=climb.id, instances=climb.ramp.unsolved()))
    assert climb.go() == ["JobReopened"]
    climb.red("b1")
    assert climb.go() == ["PhaseReleased"]
    climb.certified("b1")
    assert climb.go()[:2] == ["PhaseSettled", "PhaseOpened"]
    climb.red("b2", "b3")
    climb.go()
    climb.certified("b2", "b3")
    climb.go()
    assert climb.ramp.settled
    assert (climb.ramp.settled.outcome, climb.ramp.settled.newly_solved) == ("reached", ["b1"])


def test_an_excluded_instance_can_be_admitted_again(climb: Climb) -> None:
    fall_short_in_phase_two(climb)
    climb.told.tell(e.RampReopened(source="s", ramp=climb.id, instances=["b1"]))
    assert climb.go() == ["JobReopened"]
    climb.red("b1")
    climb.go()
    assert climb.ramp.phases[1].viable == ["a1", "a2", "b1"]


def test_the_next_ramp_over_the_same_instances_tells_what_broke(climb: Climb) -> None:
    settled = stopped(climb)
    climb.accept("m-000002", ["a1", "b1"], [2])
    climb.go()
    climb.red("a1", "b1")
    climb.go()
    climb.failed("a1")
    climb.failed("b1")
    climb.go()
    assert climb.ramp.settled
    assert (climb.ramp.settled.newly_broken, climb.ramp.settled.repeated) == (["a1"], settled.failed)


def test_gold_is_judged_before_the_run_waits_and_a_bad_one_excludes(tmp_path: Path) -> None:
    climb = Climb(tmp_path, ["a1", "a2"], [2], gold_check=True)
    climb.go()
    climb.red("a1", "a2")
    assert climb.go() == [], "red alone is not health here"
    job = climb.told.views.jobs.open["r-000001"]
    run = climb.run_of("a1")
    check = next_step(job, job.runs[run], Settings())
    assert isinstance(check, steps.CheckGold)
    assert isinstance(check.drop, Repair)
    assert check.drop.gold_patch == "", "only the hand that judges reads it, from the blob"
    climb.told.tell(e.GoldChecked(job=job.id, run=run, passed=True, message="1 fixed"))
    other = climb.run_of("a2")
    climb.told.tell(e.GoldChecked(job="r-000002", run=other, passed=False, message="still red"))
    settle = next_step(
        climb.told.views.jobs.open["r-000002"], climb.told.views.jobs.open["r-000002"].runs[other], Settings()
    )
    assert isinstance(settle, steps.SettleRun)
    assert settle.outcome == "refused"
    climb.go()
    assert climb.ramp.phases[0].viable == ["a1"]
    assert "still red" in climb.ramp.phases[0].excluded["a2"]


@pytest.mark.parametrize("outcome", ["cancelled", "failed"])
def test_who_ends_before_the_gold_patch_was_judged_holds_nobody_back(tmp_path: Path, outcome: e.JobOutcome) -> None:
    climb = Climb(tmp_path, ["a1", "a2"], [2], gold_check=True)
    climb.go()
    climb.red("a1", "a2")
    climb.told.tell(e.GoldChecked(job="r-000001", run=climb.run_of("a1"), passed=True, message="1 fixed"))
    assert climb.go() == [], "a2 is not judged yet"
    climb.over("a2", climb.run_of("a2"), outcome)
    assert climb.go() == ["PhaseReleased"]
    assert climb.ramp.phases[0].viable == ["a1"]
    assert climb.ramp.phases[0].excluded == {"a2": f"it could not be judged: {outcome}"}


def test_given_up_it_cancels_its_jobs_and_ends(climb: Climb) -> None:
    climb.go()
    climb.told.tell(e.CancelAsked(source="s", job=climb.id))
    assert climb.go() == ["CancelAsked"]
    assert climb.told.views.jobs.open["r-000001"].cancel_asked
    climb.told.tell(e.JobSettled(job="r-000001", outcome="cancelled"))
    assert climb.go() == ["RampSettled"]
    assert climb.ramp.settled
    assert climb.ramp.settled.command == "python tools/ramp.py --again m-000001"


def test_given_up_before_its_health_was_known_it_can_go_on(climb: Climb) -> None:
    """In phase 2 one was red and one was not looked at yet: nothing has failed, and both are opened again."""
    to_phase_two(climb)
    climb.red("a2")
    climb.told.tell(e.CancelAsked(source="s", job=climb.id))
    assert climb.go() == ["CancelAsked", "CancelAsked"]
    climb.over("a2", climb.run_of("a2"), "cancelled")
    climb.over("b1", climb.run_of("b1"), "cancelled")
    assert climb.go() == ["RampSettled"]
    assert climb.ramp.settled
    assert (climb.ramp.settled.failed, climb.ramp.unsolved()) == ([], ["a2", "b1"])
    climb.told.tell(e.RampReopened(source="s", ramp=climb.id, instances=climb.ramp.unsolved()))
    assert climb.go() == ["JobReopened", "JobReopened"]
    climb.red("a2", "b1")
    assert climb.go() == ["PhaseReleased"]
    assert climb.ramp.phases[1].viable == ["a1", "a2", "b1"]


def test_who_was_excluded_stays_out_when_it_is_given_up_once_more(climb: Climb) -> None:
    """In phase 2 one failed and one could not be judged; opened again and given up, it knows that still."""
    fall_short_in_phase_two(climb)
    assert climb.ramp.unsolved() == ["a2"]
    climb.told.tell(e.RampReopened(source="s", ramp=climb.id, instances=["a2"]))
    climb.go()
    climb.told.tell(e.CancelAsked(source="s", job=climb.id))
    climb.go()
    climb.over("a2", climb.run_of("a2"), "cancelled")
    climb.go()
    assert climb.ramp.settled
    assert climb.ramp.unsolved() == ["a2"]


def test_what_a_torn_log_lost_is_opened_again(climb: Climb) -> None:
    """Of two jobs that a phase opened, the log lost the second: it is made again, under its own number."""
    to_phase_two(climb)
    lost = climb.told.facts.pop()
    assert isinstance(lost, e.JobAccepted)
    facts, climb.told.facts = climb.told.facts, []
    climb.told.thaw(type(climb.told.views)())
    climb.told.tell(*facts)
    assert climb.go() == ["JobAccepted"]
    assert climb.row("b1").job == lost.job
