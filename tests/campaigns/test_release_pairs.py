"""Real bugs from the package index, mended with their real fixes as recorded answers: every healthy one is certified.

Needs the index, and the pairs beside the checkout. What a pair cannot show is refused with its cause before anybody was
asked.
"""

import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from msgspec.structs import replace

from daemon import events as e
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.instances import answer, script
from tests.fakes.release_pairs import Pair, drop, release_pairs, repository
from tests.fakes.repairs import Told, told

pytestmark = pytest.mark.campaign

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"  # on which the pairs are known to be healthy: 3.11
ABSENT = "2.6"
CORES = 2
DEADLINE_S = 1800.0


def wrong_with(pair: Pair, seen: Told, verified: dict[str, str]) -> str:
    """What is not as it should be; "" where all is."""
    asked = bool(seen.of(e.Proposed))
    if pair.refused:
        is_refused = seen.outcome == "refused" and seen.reason.startswith(pair.refused) and not asked
        return "" if is_refused else f"{seen.outcome}, {'asked' if asked else 'not asked'}: {seen.reason}"
    if seen.outcome != "certified":
        return f"{seen.outcome}: {seen.reason} {[failed.message for failed in seen.of(e.AttemptFailed)]}"
    return verified[seen.job]


def test_every_healthy_pair_of_releases_is_certified_and_every_other_one_refused(
    tmp_path: Path, tell: Callable[[str], None]
) -> None:
    """One start. A pair that wants a Python which is not here is refused by that Python's name."""
    pairs = release_pairs()
    began = time.monotonic()
    with ThreadPoolExecutor(CORES * 2) as threads:
        made = list(threads.map(lambda pair: repository(pair, tmp_path / "sources" / pair.title), pairs))
    downloaded_s = time.monotonic() - began
    absent = replace(pairs[-1], old="on an absent Python", refused=f"environment: the job wants Python {ABSENT}")
    answers = {pair.title: answer(diff) for pair, (_, diff) in zip(pairs, made, strict=True)}
    daemon = DaemonProcess(
        tmp_path / "home",
        world="real",
        models="recorded",
        answers_from="script",
        answers_path=script(tmp_path / "answers.jsonl", answers),
        workers=CORES * 2,
        memory_holdout=1.0,  # each for itself
        sandbox_timeout_s=1200.0,  # the longest session takes half a minute, of a processor of its own
        search_s=0,
        base_runs=1,
        attempts_per_run=1,
    )
    with daemon:
        for pair, (repo, _) in zip(pairs, made, strict=True):
            daemon.drop(f"{pair.title}.json", drop(pair, repo, PYTHON))
        daemon.drop("absent.json", drop(absent, made[-1][0], ABSENT))
        daemon.start("once").wait(DEADLINE_S)
        seen = told(daemon)
        mended_s = time.monotonic() - began - downloaded_s
        jobs = [each.job for each in seen.values() if each.outcome == "certified"]
        with ThreadPoolExecutor(CORES) as threads:
            said = threads.map(
                lambda job: daemon.ask("verify", daemon.state / "results" / job / "certificate.json"), jobs
            )
        verified = {job: "" if each.returncode == 0 else each.stdout for job, each in zip(jobs, said, strict=True)}
    problems = {pair.title: wrong_with(pair, seen[pair.title], verified) for pair in [*pairs, absent]}
    whole_s = time.monotonic() - began
    tell(
        f"{len(jobs)} of {len(pairs)} pairs certified and verified on Python {PYTHON}, "
        f"{sum(each.outcome == 'refused' for each in seen.values())} entries refused;\n"
        f"{downloaded_s:.0f} s to have the sources, {mended_s:.0f} s to mend, {whole_s:.0f} s in all"
    )
    assert {name: what for name, what in problems.items() if what} == {}
