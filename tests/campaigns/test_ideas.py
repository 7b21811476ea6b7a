"""Fifteen projects, measured for real: twice the same, and as they were when the record was made.

`RECORD_MEASURED=1` writes the record anew, for when what is measured has changed on purpose.
"""

import os
from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec
import pytest

from daemon.effects.sandbox.choice import choose
from daemon.settings import Settings
from daemon.text.measured import Measured
from daemon.text.score import Score, score
from tests.fakes.projects import PAGES, measured, recorded
from tests.fakes.sandboxes import place

Say = Callable[[str], None]


def once(name: str) -> Measured:
    async def run(folder: Path) -> Measured:
        sandbox = (await choose(Settings(), str(folder))).sandbox
        try:
            return await measured(PAGES[name], sandbox, folder)
        finally:
            await sandbox.close()

    with place() as folder:
        return anyio.run(run, folder)


def costs(scored: Score) -> dict[str, int]:
    return {finding.criterion: finding.cost for finding in scored.findings}


@pytest.mark.campaign
@pytest.mark.parametrize("name", PAGES)
def test_a_project_scores_the_same_twice_and_as_it_is_expected_to(name: str, tell: Say) -> None:
    page, seen = PAGES[name], once(name)
    scored = score(seen)
    tell(f"{name:12} {scored.points:3}  {'; '.join(map(str, scored.findings))[:200]}")
    if os.environ.get("RECORD_MEASURED") == "1":
        page.recorded.parent.mkdir(exist_ok=True)
        page.recorded.write_bytes(msgspec.json.format(msgspec.json.encode(seen)) + b"\n")
    assert once(name) == seen
    assert costs(scored) == costs(score(recorded(page)))
    assert (scored.points, costs(scored)) == (page.score, page.findings)
