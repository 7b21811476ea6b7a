"""The views that learning stands on: what fixes and rungs brought, and that nothing in them grows without an end."""

from typing import Any

import pytest
from msgspec import msgpack

from daemon import events as e
from daemon.policy.memory import shown
from daemon.views import Views, fix_database
from daemon.views.odds import at_least, difference, interval
from tests.fakes.told import Told

DAY_S = fix_database.DAY_S


def learned(fix: str = "f-1", signature: str = "v2:c.e", project: str = "other") -> e.FixLearned:
    return e.FixLearned(job="r-0", fix=fix, signature=signature, before="x", after="y", pattern="[]", project=project)


def tried(fix: str = "f-1", job: str = "r-000001", **fields: Any) -> e.FixTried:  # noqa: ANN401  whatever it has
    return e.FixTried(job=job, run=f"{job}.1", fix=fix, **fields)


def job(told: Told, number: int, *facts: e.Fact, outcome: e.JobOutcome = "certified") -> None:
    """One job with these facts in it, from accepted to settled."""
    name = f"r-{number:06d}"
    told.accepted(name).opened(f"{name}.1").claimed(f"{name}.1").tell(*facts)
    told.settled(f"{name}.1", outcome).tell(e.JobSettled(job=name, outcome=outcome))


def test_a_fix_counts_how_often_it_was_offered_tried_and_worked() -> None:
    told = Told().tell(learned())
    asked = e.Recalled(job="r-000001", run="r-000001.1", fixes=["f-1"], by="exact")
    job(told, 1, asked, tried(worked=False), tried(worked=True, how="replayed"))
    document = told.views.fix_database.document(5)
    [fix] = document["best_fixes"].values()
    assert (fix["offered"], fix["tried"], fix["worked"], fix["worked_in"]) == (2, 2, 1, ["shop"])
    assert (document["offered"], document["reuse_rate"], document["reuse_rate_without_model"]) == (1, 1.0, 1.0)
    assert document["reuse_rate_across_projects"] == 1.0


def test_what_models_are_told_of_a_fix_is_what_became_of_its_tries() -> None:
    """Not how often it was on a list: nobody may have tried it, nor has the job that asks."""
    told = Told().tell(learned())
    for number in range(1, 51):
        name = f"r-{number:06d}"
        job(told, number, e.Recalled(job=name, run=f"{name}.1", fixes=["f-1"], shown=["f-1"] if number > 40 else []))
    assert told.views.fix_database.fixes["f-1"].offered == 50
    told.accepted("r-000051").tell(e.Recalled(job="r-000051", run="r-000051.1", fixes=["f-1"], shown=["f-1"]))
    last = told.views.jobs.open["r-000051"]
    assert [(fix.tried, fix.worked) for fix in shown(last, told.views.fix_database)] == [(0, 0)]
    told.tell(tried(worked=True, how="replayed"), tried(worked=True), *(tried(worked=False) for _ in range(3)))
    assert [(fix.tried, fix.worked) for fix in shown(last, told.views.fix_database)] == [(5, 2)]


def test_a_fix_is_on_probation_until_it_worked_in_a_second_project() -> None:
    told = Told().tell(learned(project="shop"), learned("f-2", project="other"))
    job(told, 1, tried("f-1", worked=True), tried("f-2", worked=True))
    fixes = told.views.fix_database.fixes
    assert (fixes["f-1"].standing, fixes["f-2"].standing) == ("probation", "active")


def test_a_poisoned_fix_sinks_and_is_banned() -> None:
    told = Told().tell(learned("f-good"), learned("f-bad"))
    job(told, 1, tried("f-good", worked=True), *(tried("f-bad", worked=False) for _ in range(3)))
    database = told.views.fix_database
    assert database.known_best(2) == ["f-good", "f-bad"]
    told.tell(*(tried("f-bad", worked=False) for _ in range(100)))
    assert database.fixes["f-bad"].standing == "banned"
    assert database.known_best(2) == ["f-good"]


def test_a_replay_that_fails_its_gates_is_a_try_in_vain_and_sinks() -> None:
    """In the run that replayed it, and once, whatever else fails there or beside it."""
    told = Told().tell(learned())
    for number in range(1, 31):
        at: dict[str, Any] = {"job": (name := f"r-{number:06d}"), "run": f"{name}.1"}
        beside = e.AttemptFailed(job=name, run=f"{name}.2", attempt=1, failure="syntax", message="m")
        failed = e.AttemptFailed(**at, attempt=1, failure="regression", message="m")
        replay = e.Proposed(**at, attempt=1, prompt="", answer="a", proposer="learned", fix="f-1")
        told.accepted(name).opened(f"{name}.1").opened(f"{name}.2").claimed(f"{name}.1")
        told.tell(e.Recalled(**at, fixes=["f-1"]), replay, beside, failed, failed)
        told.settled(f"{name}.1").settled(f"{name}.2").tell(e.JobSettled(job=name, outcome="failed"))
    fix = told.views.fix_database.fixes["f-1"]
    assert (fix.tried, fix.worked, told.views.fix_database.tried) == (30, 0, 30)
    assert fix.failures > 20


def test_a_fix_from_another_box_has_to_show_itself_here() -> None:
    told = Told().tell(learned(), e.FixLearned(job="x", fix="f-2", signature="v2:c.e", before="x", after="y", box="b"))
    told.tell(e.FixLearned(job="r-9", fix="f-1", signature="v2:c.e", before="x", after="y"))
    fixes = told.views.fix_database.fixes
    assert (fixes["f-1"].successes, fixes["f-1"].taught, fixes["f-2"].successes) == (2.0, 2, 0.0)


def test_what_turned_out_red_later_weighs_three_failures() -> None:
    told = Told().tell(learned(), tried(worked=True), tried(worked=False, reverted=True))
    assert told.views.fix_database.fixes["f-1"].failures == fix_database.REVERTED_WEIGHT


def test_one_project_cannot_praise_a_fix_twice_on_a_day() -> None:
    told = Told().tell(learned())
    job(told, 1, *(tried(worked=True) for _ in range(50)))
    fix = told.views.fix_database.fixes["f-1"]
    assert fix.worked == 50
    assert fix.successes <= 2


def test_old_tries_are_forgotten_by_half_in_ninety_days() -> None:
    database = Views().fix_database
    fold = fix_database.FOLD
    fold[e.FixLearned](database, learned())
    fold[e.FixTried](database, tried(worked=False))
    fold[e.FixTried](database, e.FixTried(at=90.0 * DAY_S, job="r", run="r.1", fix="f-1", worked=True))
    assert database.fixes["f-1"].failures == pytest.approx(0.5 * fix_database.FORGOTTEN_PER_TRY)


def test_whether_memory_helps_is_told_from_jobs_that_were_held_out() -> None:
    told = Told().tell(learned())
    for number in range(1, 41):
        held_out, name = number % 2 == 0, f"r-{number:06d}"
        asked = e.Recalled(job=name, run=f"{name}.1", fixes=["f-1"], by="coarse", held_out=held_out)
        proposed = e.Proposed(job=name, run=f"{name}.1", attempt=1, prompt="p", answer="a", tokens_in=10)
        outcome: e.JobOutcome = "failed" if held_out and number % 4 else "certified"
        job(told, number, asked, *([proposed] if held_out else []), outcome=outcome)
    told.tell(e.Recalled(job="r-000099", run="r-000099.1", fixes=[]))
    found = told.views.fix_database.document(5)["does_memory_help"]
    assert (found["with_memory"]["certified"], found["held_out"]["certified"]) == (20, 10)
    assert (found["with_memory"]["tokens_per_job"], found["held_out"]["tokens_per_job"]) == (0, 10)
    apart, low, high = found["difference"]
    assert 0 < low < apart == 0.5 < high < 1


def test_a_forgotten_fix_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fix_database, "FIXES_KEPT", 10)
    told = Told().tell(*(learned(f"f-{number}") for number in range(300)))
    told.tell(tried("f-0", worked=True))
    database = told.views.fix_database
    assert len(database.fixes) <= 20
    assert "f-299" in database.document(100)["best_fixes"]
    assert len(database.by_coarse["v2:c"]) <= fix_database.PER_COARSE
    assert len(database.by_exact["e"]) <= fix_database.PER_EXACT


def test_the_page_stays_small_however_much_is_remembered() -> None:
    told = Told().tell(*(learned(f"f-{number}", f"v2:{number}.{number}") for number in range(2_000)))
    assert len(told.views.fix_database.document(10_000)["best_fixes"]) <= 2 * fix_database.BEST_KEPT


def test_a_rung_counts_what_was_tried_on_it() -> None:
    told = Told()
    told.accepted()
    for number, (rung, outcome) in enumerate((("", "failed"), ("C2", "cancelled"), ("M1", "certified")), 1):
        run = f"r-000001.{number}"
        told.opened(run, rung=rung).claimed(run)
        told.tell(
            e.RedGateHeld(job="r-000001", run=run, failing=["t"], passing=1, signature="v2:c.e", message="m"),
            e.Proposed(job="r-000001", run=run, attempt=1, prompt="p", answer="a", tokens_out=7, seconds=2.0),
            e.AttemptFailed(job="r-000001", run=run, attempt=1, failure="syntax", message="m", seconds=1.0),
        )
        told.settled(run, outcome)  # type: ignore[arg-type]  # three outcomes that are some
    ladder = told.views.ladder
    assert {rung: (cell.certified, cell.tried) for rung, cell in ladder.rungs.items()} == {"base": (0, 1), "M1": (1, 1)}
    assert ladder.classes["v2:c"].keys() == {"base", "M1"}
    row = ladder.document(5)["rungs"]["M1"]
    assert (row["seconds_per_run"], row["tokens_per_run"]) == (3.0, 7.0)
    told.tell(e.JobSettled(job="r-000001", outcome="certified"))
    assert (ladder.trials, ladder.class_of) == ({}, {})


def test_a_run_that_the_world_failed_says_nothing_of_its_rung() -> None:
    """Nor a fault that was waited out, or done without, of a run that then went on to an end of its own."""
    told = Told().accepted()
    at: dict[str, Any] = {"job": "r-000001"}
    for number, mends in enumerate(("nothing", "a wait", "no advice"), 1):
        run = f"r-000001.{number}"
        told.opened(run, rung=f"L{number}").claimed(run)
        told.tell(e.Proposed(**at, run=run, attempt=1, prompt="p", answer="a"))
        told.tell(e.AttemptFailed(**at, run=run, attempt=1, failure="syntax", message="m"))
        told.tell(e.WorldFaulted(**at, run=run, step="Propose", fault="over_budget", message="m"))
        if mends == "a wait":
            told.tell(e.RunParked(**at, run=run, fault="over_budget", not_before=0.0)).claimed(run)
        if mends == "no advice":
            told.tell(e.Advised(**at, run=run, trouble="over_budget"))
        told.settled(run, "failed", "over_budget: m")
    rungs = told.views.ladder.rungs
    assert {rung: (cell.tried, cell.failed) for rung, cell in rungs.items()} == {"L2": (1, 1.0), "L3": (1, 1.0)}


def test_what_was_learned_survives_being_frozen_and_thawed() -> None:
    told = Told().tell(learned())
    job(told, 1, e.Recalled(job="r-000001", run="r-000001.1", fixes=["f-1"]), tried(worked=True))
    again = msgpack.decode(msgpack.encode(told.views), type=Views)
    assert again.fix_database == told.views.fix_database
    assert again.ladder == told.views.ladder


def test_odds_are_those_of_the_books() -> None:
    """Wilson's and Newcombe's own examples: 81 of 263, and 56 of 70 against 48 of 80."""
    assert interval(81, 263, 1.96) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert difference(56, 70, 48, 80) == pytest.approx((0.2, 0.0524, 0.3339), abs=1e-4)
    assert at_least(0, 0) == 0
    assert at_least(1, 1) < at_least(9, 9) < 1
    assert difference(1, 1, 0, 0) is None
