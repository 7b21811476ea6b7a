"""The whole hostile corpus against a real daemon, in containers and in namespaces, each level in one start."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.effects.sandbox import Level
from tests.fakes.sandboxes import need
from tests.repairs import hostile
from tests.repairs.siege import besieged

DEADLINE_S = 900.0
STUCK_S = 30.0  # for a session that never ends; every other one is far faster, even on a busy machine
LINES = 5  # jobs beside each other for the answers; more would wait for the same processors

pytestmark = pytest.mark.campaign


@pytest.mark.parametrize("level", ["docker", "bubblewrap"])
def test_the_corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: Level, tell: Callable[[str], None]) -> None:
    need(level)
    monkeypatch.setenv(hostile.VARIABLE, hostile.SECRET)
    at_gates = [*hostile.FORGED, *hostile.STOLEN, *hostile.EXHAUSTING]
    answers = [hostile.REFUSED, *(at_gates[start::LINES] for start in range(LINES))]
    begun = time.monotonic()
    problems = besieged(
        tmp_path, level, answers, hostile.REPOSITORIES, deadline_s=DEADLINE_S, sandbox_timeout_s=STUCK_S
    )
    took_s = time.monotonic() - begun
    tell(f"{level}: {len(hostile.ANSWERS)} answers and {len(hostile.REPOSITORIES)} repositories in {took_s:.0f} s")
    assert problems == []
