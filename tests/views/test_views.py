"""The views: what they say, that they stay bounded, and that they are made of nothing but facts."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import msgpack

from daemon import events as e
from daemon.events import Fact
from daemon.views import FOLDS, Views
from daemon.views import health as health_view
from daemon.views import jobs as jobs_view
from tests.fakes.told import Told


def documents(views: Views) -> bytes:
    return orjson.dumps(dict(views.documents(100)))


def test_each_view_has_its_fold_and_its_document() -> None:
    assert list(FOLDS) == list(Views.__struct_fields__)
    assert [name for name, _ in Views().documents(10)] == list(FOLDS)


def test_settled_jobs_leave_memory_after_a_while_but_stay_counted() -> None:
    told = Told()
    for number in range(1, 351):
        job = f"r-{number:06d}"
        told.accepted(job).opened(f"{job}.1").claimed(f"{job}.1").settled(f"{job}.1", "refused")
        told.tell(e.JobSettled(job=job, outcome="refused", reason="already_green"))
    jobs = told.views.jobs
    assert (len(jobs.open), jobs.outcomes) == (0, {"refused": 350})
    assert jobs_view.SETTLED_KEPT <= len(jobs.settled) <= 2 * jobs_view.SETTLED_KEPT
    assert "r-000350" in jobs.settled
    assert told.views.queue.waiting == {}
    assert told.views.queue.ready == []
    assert told.views.project_tracker.project_of == {}


def test_the_memory_of_sources_is_bounded_and_keeps_the_last() -> None:
    told, kept = Told(), jobs_view.SOURCES_KEPT
    for number in range(3 * kept):
        told.tell(e.ErrorReported(source=str(number), project="p", signature="v1:0", message="m"))
    sources = told.views.jobs.sources
    assert kept <= len(sources) <= 2 * kept
    assert "0" not in sources
    assert str(3 * kept - 1) in sources


def test_health_counts_by_minute_and_forgets_what_is_long_ago() -> None:
    health = Views().health
    fold = health_view.FOLD[e.JobSettled]
    for minute in range(500):
        fold(health, e.JobSettled(seq=1, at=60.0 * minute, job="r-000001", outcome="certified"))
    assert len(health.minutes) == health_view.MINUTES_KEPT
    assert min(health.minutes) == 500 - health_view.MINUTES_KEPT
    assert health.minutes[499].settled == {"certified": 1}


def test_an_unclean_end_is_a_restart_and_a_clean_one_is_not() -> None:
    started = e.DaemonStarted(pid=1, version="0")
    told = Told().tell(started, e.DaemonStopped(reason="SIGTERM"), started, started)
    assert sum(minute.restarts for minute in told.views.health.minutes.values()) == 1
    assert [life.reason for life in told.views.health.lives] == ["SIGTERM", "", ""]


def test_a_failure_counts_once_a_job_however_many_runs_saw_it() -> None:
    told = Told().accepted()
    for number in (1, 2):
        run = f"r-000001.{number}"
        told.opened(run).claimed(run)
        told.tell(e.RedGateHeld(job="r-000001", run=run, failing=["t"], passing=1, signature="v1:a", message="boom"))
        told.settled(run)
    assert told.views.fix_database.signatures["v1:a"].seen == 1


@pytest.mark.parametrize("worked", [1, 0])
def test_the_reuse_rate_is_the_share_of_certified_jobs_in_which_a_remembered_fix_held(worked: int) -> None:
    told = Told().accepted().opened().claimed()
    told.tell(
        e.FixLearned(job="r-000000", fix="f-1", signature="v1:a", before="x", after="y"),
        e.FixTried(job="r-000001", run="r-000001.1", fix="f-1", worked=bool(worked)),
    )
    told.settled(outcome="certified").tell(e.JobSettled(job="r-000001", outcome="certified"))
    document = told.views.fix_database.document(10)
    assert document["reuse_rate"] == float(worked)
    assert document["best_fixes"]["f-1"]["worked"] == worked


def test_a_project_is_one_row_with_its_last_word() -> None:
    told = Told().accepted().opened().claimed().settled(reason="exhausted")
    told.tell(e.JobSettled(job="r-000001", outcome="failed", reason="23 runs"))
    row = told.views.project_tracker.document(10)["last_heard_of"]["shop"]
    assert (row["accepted"], row["open"], row["outcomes"], row["last_reason"]) == (1, 0, {"failed": 1}, "23 runs")


def test_the_queue_says_what_waits_and_why() -> None:
    told = Told().accepted().opened().claimed()
    told.tell(e.RunParked(job="r-000001", run="r-000001.1", fault="models_down: refused", not_before=2_000_000.0))
    [row] = told.views.queue.document(10)["delayed"]
    assert (row["why"], row["not_before"]) == ("models_down: refused", 2_000_000.0)


def test_how_long_the_line_waits_is_not_told_of_those_who_do_not_stand_in_it() -> None:
    told = Told().accepted().opened(not_before=2_000_000.0)
    assert told.views.queue.document(10)["oldest_ready_since"] is None
    told.accepted("r-000002").opened("r-000002.1")
    assert told.views.queue.document(10)["oldest_ready_since"] == told.views.queue.waiting["r-000002.1"].opened_at


lives = st.lists(
    st.sampled_from(["accept", "claim", "fail", "fault", "park", "due", "settle", "die", "stop", "cancel"]), max_size=60
)


def live(told: Told, words: list[str]) -> None:  # noqa: C901  one case a word
    """Facts as a daemon could have recorded them: each word does what it can in the present state."""
    for word in words:
        queue, jobs = told.views.queue, told.views.jobs
        running, ready = list(queue.running), [run for run, s in queue.waiting.items() if not s.not_before]
        delayed = [run for run, s in queue.waiting.items() if s.not_before]
        match word:
            case "accept":
                job = f"r-{jobs.accepted + 1:06d}"
                told.accepted(job).opened(f"{job}.1", not_before=3_000_000.0 if jobs.accepted % 3 == 0 else 0.0)
            case "claim" if ready:
                told.claimed(ready[0])
            case "fail" if running:
                told.tell(_of(running[0], e.AttemptFailed, attempt=1, failure="syntax", message="m"))
            case "fault" if running:
                told.tell(_of(running[-1], e.WorldFaulted, step="Propose", fault="f", message="m"))
            case "park" if running:
                told.tell(_of(running[-1], e.RunParked, fault="f", not_before=4_000_000.0))
            case "due" if delayed:
                told.tell(e.RunDue(runs=delayed))
            case "settle" if running:
                told.settled(running[0]).tell(e.JobSettled(job=running[0].partition(".")[0], outcome="failed"))
            case "die":
                told.tell(e.DaemonStarted(pid=1, version="0"))
            case "stop" if told.views.health.lives:
                told.tell(e.DaemonStopped(reason="SIGTERM"))
            case "cancel" if jobs.open:
                told.tell(e.CancelAsked(source="c", job=next(iter(jobs.open))))


def _of(run: str, fact_type: type[e.OfRun], **fields: Any) -> Fact:  # noqa: ANN401  whatever the fact has
    return fact_type(job=run.partition(".")[0], run=run, **fields)


@given(lives)
def test_views_survive_being_frozen_and_thawed_at_any_moment(words: list[str]) -> None:
    """A snapshot in the middle and the facts after it give the same bytes as all facts from zero."""
    told, again = Told(), Told()
    live(told, words)
    half = len(told.facts) // 2
    again.tell(*told.facts[:half])
    again.thaw(msgpack.decode(msgpack.encode(again.views), type=Views))
    again.tell(*told.facts[half:])
    assert documents(again.views) == documents(told.views)
    assert msgpack.encode(again.views) == msgpack.encode(told.views)


@given(lives)
def test_every_open_run_is_in_exactly_one_place(words: list[str]) -> None:
    told = Told()
    live(told, words)
    queue, jobs = told.views.queue, told.views.jobs
    open_runs = {run.id: run.state for job in jobs.open.values() for run in job.open_runs()}
    assert {run for run, state in open_runs.items() if state == "running"} == set(queue.running)
    assert {run for run, state in open_runs.items() if state == "waiting"} == set(queue.waiting)
    found = {entry[2] for entry in queue.ready if queue.stands_ready(entry)}
    delayed = {entry[1] for entry in queue.later if queue.is_delayed(entry)}
    assert found | delayed == set(queue.waiting)
    assert not found & delayed
