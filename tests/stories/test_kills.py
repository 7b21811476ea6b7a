"""Killed at any time: a short form of tests/campaigns/test_kills.py for every day."""

import json
import random
import time
from pathlib import Path

import anyio

from daemon import events as e
from daemon.letter import open_letter
from daemon.settings import Settings
from daemon.state import State
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.killing import Killing


def test_nothing_is_lost_or_done_twice_however_often_the_daemon_is_killed(tmp_path: Path) -> None:
    story = Killing(tmp_path, random.randrange(2**32))  # noqa: S311  pytest-randomly prints where it comes from
    story.go(kills=25)
    story.settle()
    story.check()


def test_a_retry_that_was_refused_just_before_a_death_ends_in_rejected(tmp_path: Path) -> None:
    """Why it was refused only the log knows: the next life must not take it for one that was accepted."""
    daemon = DaemonProcess(tmp_path)
    path = daemon.drop("retry.json", [{"job": "r-000007"}, {"job": "i-000008", "cancel": True}], "retries")
    letter = open_letter(path, "retries", Settings(), time.time())
    refused = e.DropRejected(
        source=letter.source, inlet="retries", name=path.name, field="job", expected="one", got="none", remedy="look"
    )
    state = State(daemon.state, Settings())
    state.catch_up()

    async def former_life() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(state.keep)
            await state.record(refused)
            tasks.cancel_scope.cancel()
        state.close()

    anyio.run(former_life)
    daemon.start("once").wait()
    assert [(fact.name, fact.entry) for fact in daemon.facts() if isinstance(fact, e.DropRejected)] == [
        ("retry.json", 0),
        ("retry.json", 1),
    ]
    assert json.loads((daemon.queue / "rejected" / "retry.json").read_bytes()) == [
        {"job": "r-000007"},
        {"job": "i-000008", "cancel": True},
    ]
    why = json.loads((daemon.queue / "rejected" / "retry.json.why.json").read_bytes())
    assert [problem["entry"] for problem in why["problems"]] == [0, 1]
    assert why["accepted"] == 0
