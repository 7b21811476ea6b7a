"""Killed at any time: a short form of tests/campaigns/test_kills.py for every day."""

import random
from pathlib import Path

from tests.fakes.killing import Killing


def test_nothing_is_lost_or_done_twice_however_often_the_daemon_is_killed(tmp_path: Path) -> None:
    story = Killing(tmp_path, random.randrange(2**32))  # noqa: S311  pytest-randomly prints where it comes from
    story.go(kills=25)
    story.settle()
    story.check()
