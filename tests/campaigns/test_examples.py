"""All examples through the real daemon, in one start, with no model: what is mended, what is refused, what is left.

Memory is on, as it is for everybody: what one example teaches may mend the next.
"""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from daemon import events as e
from tests.fakes.daemon_process import ROOT, DaemonProcess
from tests.fakes.repairs import Told, told

pytestmark = pytest.mark.campaign

FEWEST_CERTIFIED = 20
DEADLINE_S = 1800.0
REFUSALS = {
    "unhealthy_already_green": "already_green",
    "unhealthy_environment": "environment",
    "unhealthy_flaky": "flaky",
    "unhealthy_cheating": "environment",
}
SETTINGS: dict[str, Any] = {
    "world": "real",
    "workers": 6,
    "ollama_url": "http://127.0.0.1:9",  # nobody answers there
    "fault_backoff_s": 1.0,
    "fault_backoff_max_s": 2.0,
    "gate_runs": 3,  # two runs of tossed coins agree too often
}


def dropped(daemon: DaemonProcess) -> Iterator[str]:
    """Drop every repair among the examples; their names."""
    for file in sorted((ROOT / "examples").glob("*.json")):
        drop = json.loads(file.read_text())
        if isinstance(drop, dict) and drop["kind"] == "repair":
            daemon.drop(file.name, drop | {"repo": str(ROOT / drop["repo"]), "title": file.stem})
            yield file.stem


def verdict(seen: Told) -> str:
    return next((fact.verdict for fact in seen.of(e.RunRefused)), "")


def why_not(seen: Told) -> str:
    found = [fact for fact in seen.of(e.NothingFound) if fact.proposer == "templates"]
    return "; ".join(f"{fact.tried} tried in {fact.seconds:.0f} s {fact.why}" for fact in found) or seen.outcome


def test_the_examples_without_a_model(tmp_path: Path, tell: Callable[[str], None]) -> None:
    """Most are certified, each certificate holds, the unhealthy are refused; the rest wait for a model and say so."""
    with DaemonProcess(tmp_path, **SETTINGS) as daemon:
        names = list(dropped(daemon))
        daemon.start("once").wait(DEADLINE_S)
        seen = told(daemon)
        certified = {name for name in names if seen[name].outcome == "certified"}
        waiting = set(names) - certified - REFUSALS.keys()
        for name in sorted(waiting):
            tell(f"{name:20} not found: {why_not(seen[name])}")
        with ThreadPoolExecutor(2) as threads:
            places = {name: daemon.state / "results" / seen[name].job / "certificate.json" for name in certified}
            answers = dict(
                zip(places, threads.map(lambda place: daemon.ask("verify", place), places.values()), strict=True)
            )
        tell(f"{len(certified)} certified and verified, {len(waiting)} wait, {len(REFUSALS)} refused")
        assert {name: verdict(seen[name]) for name in REFUSALS} == REFUSALS
        assert {name: answer.stdout for name, answer in answers.items() if answer.returncode} == {}
        assert [name for name in waiting if seen[name].outcome or not seen[name].of(e.NothingFound)] == []
        assert len(certified) >= FEWEST_CERTIFIED
