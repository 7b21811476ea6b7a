"""Killed in the middle of an escalation: every rung is climbed once, and the budget is kept to a call."""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from daemon import events as e
from daemon.events import AnyFact
from daemon.policy.ladder import LADDER
from tests.fakes.daemon_process import DaemonProcess, repair

SETTINGS: dict[str, Any] = {"attempts_per_run": 1, "runs_abreast": 5, "run_backoff_s": 0.0, "deaths_per_run": 100}
SCRIPT = "fail; fail; fail; stall 0.02, fail, stall 0.02, fail"
OFTEN, ONCE = (5, 12, 30), (9,)  # proposals on rungs; the last is about where somebody advises
CALLS = 34  # some of them on the rungs after that one
BASE_RUNS = 3


def killed_on_the_way(home: Path, killed_at: Sequence[int], **settings: object) -> list[AnyFact]:
    """All that happened to one job that nothing mends, through lives that ended on its rungs."""
    with DaemonProcess(home, **SETTINGS | settings) as daemon:
        daemon.drop("job.json", repair("shop", SCRIPT))
        for life, proposals in enumerate(killed_at, 1):
            daemon.start()
            daemon.wait_until(partial(has_proposed, daemon, life, BASE_RUNS + proposals))
            daemon.kill()
        daemon.start("once").wait()
        return list(daemon.facts())


def has_proposed(daemon: DaemonProcess, life: int, least: int) -> bool:
    """The former life may have come so far already, while nobody looked."""
    return len(daemon.facts_of(e.DaemonStarted)) == life and len(daemon.facts_of(e.Proposed)) >= least


def once_each(facts: list[AnyFact], kind: type[AnyFact], *fields: str) -> bool:
    seen = Counter(tuple(getattr(fact, field) for field in fields) for fact in facts if isinstance(fact, kind))
    return set(seen.values()) == {1}


def run_on(facts: list[AnyFact], rung: str) -> str:
    return next(fact.run for fact in facts if isinstance(fact, e.RunOpened) and fact.rung == rung)


def test_no_rung_is_lost_and_none_is_climbed_twice(tmp_path: Path) -> None:
    facts = killed_on_the_way(tmp_path, OFTEN)
    assert len([fact for fact in facts if isinstance(fact, e.DaemonStarted)]) == len(OFTEN) + 1
    assert [fact.rung for fact in facts if isinstance(fact, e.RunOpened)][BASE_RUNS:] == [rung.id for rung in LADDER]
    assert once_each(facts, e.RunOpened, "run")
    assert once_each(facts, e.RunSettled, "run")
    assert once_each(facts, e.Proposed, "run", "attempt")
    assert once_each(facts, e.Advised, "run")
    assert [fact.run for fact in facts if isinstance(fact, e.Advised)] == [run_on(facts, "A5")]
    assert once_each(facts, e.JobSettled, "job")


def test_a_budget_is_kept_to_a_call(tmp_path: Path) -> None:
    facts = killed_on_the_way(tmp_path, ONCE, job_model_calls=CALLS)
    asked = [fact for fact in facts if isinstance(fact, e.Proposed) and fact.proposer == "model"]
    advised = [fact for fact in facts if isinstance(fact, e.Advised)]
    [settled] = [fact for fact in facts if isinstance(fact, e.JobSettled)]
    assert (len(asked) + len(advised), len(advised)) == (CALLS, 1)
    assert f"the job's budget is spent: {CALLS} of {CALLS} model calls" in settled.reason
