"""Campaigns measure: what they measured goes to the terminal, not into the report of a failure."""

import sys
from collections.abc import Callable

import pytest


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str]) -> Callable[[str], None]:
    """Say something to the person who watches."""

    def say(words: str) -> None:
        with capsys.disabled():
            sys.stdout.write(f"\n{words}")
            sys.stdout.flush()

    return say
