"""Killed at any time: hundreds of `kill -9` at random instants over jobs of all outcomes, while drops arrive."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.killing import Killing

pytestmark = pytest.mark.campaign

KILLS = 320


def test_nothing_is_lost_or_done_twice_over_hundreds_of_kills(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """Every job settles once per opening, every drop is taken once, and the views equal a replay from zero."""
    seed = random.randrange(2**32)  # noqa: S311  pytest-randomly prints where it comes from
    tell(f"seed {seed}")
    began = time.monotonic()
    story = Killing(tmp_path, seed)
    story.go(KILLS)
    story.settle()
    story.check()
    tell(
        f"{story.kills} kills ({story.supervised_kills} under the supervisor) and {story.own_deaths} deaths by script\n"
        f"over {len(story.ends)} jobs, {len(story.reopened)} opened again, {len(story.cancelled)} cancelled,\n"
        f"{sum(story.rejected.values())} entries rejected; {story.starts_from_snapshot} starts from a snapshot;\n"
        f"{story.reader.reads} views read whole; {time.monotonic() - began:.0f} s"
    )
    assert story.kills >= KILLS
    assert len(story.ends) >= 60
