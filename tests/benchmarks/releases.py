"""`python -m tests.benchmarks.releases HOME`: bugs that real releases mended, dropped where there is no model.

Each pair of releases (`tests/fakes/release_pairs.py`) is dropped as the newer one's tests over the older one's
sources, and the daemon looks for a patch with its templates alone. HOME is where it lives: who starts it again there
goes on. The release itself is only looked at afterwards, to judge: whether its own change passes the gate, at which
place the rankings have what it changed (`localisation.py`), and whether a certified patch does what the release does,
as far as the release's whole test suite tells. The table goes to docs/instances.md (`--dry` only prints it).
"""

import argparse
import os
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from platform import python_version
from shutil import rmtree
from typing import Any

import anyio
import msgspec
from msgspec import Struct, structs

from daemon import events as e
from daemon.blobs import Blobs
from daemon.drops import Repair
from daemon.effects.workshop import Workshop
from daemon.settings import Settings
from daemon.text import gates
from tests.benchmarks.localisation import ALL, LINES, Placed, placed_in
from tests.benchmarks.measure import put_between, tell
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.release_pairs import Pair, drop, release_pairs, repository
from tests.fakes.repairs import Told, git, told

PAGE = Path(__file__).parents[2] / "docs" / "instances.md"
BEGIN, END = "<!-- releases: begin -->", "<!-- releases: end -->"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"  # on which the pairs are known to be healthy: 3.11
DEADLINE_S = 7200.0
SEARCH_S = 120.0
SETTINGS: dict[str, Any] = {
    "world": "real",
    "search_s": SEARCH_S,
    "base_runs": 1,
    "memory_holdout": 1.0,  # each for itself
    "ollama_url": "http://127.0.0.1:9",  # nobody answers there
    "fault_backoff_s": 60.0,  # whoever waits for a model is done with here, and is not to be in the way
    "fault_backoff_max_s": 60.0,
}
Changes = dict[str, bytes | None]


class Judged(Struct, frozen=True):
    """What the release itself says: whether it passes the gate, and where a certified patch does otherwise."""

    is_healthy: bool
    unlike: list[str] | None = None  # tests of the release that tell the patch from it; None where there is no patch


def made(pair: Pair, folder: Path) -> tuple[Path, str]:
    """The pair's repository and the release's diff; made once."""
    kept = folder / pair.title / "release.diff"
    if not kept.exists():
        rmtree(kept.parent, ignore_errors=True)  # half made, if somebody began it
        repo, diff = repository(pair, folder / pair.title)
        (kept.with_suffix(".repo")).write_text(str(repo))
        kept.write_text(diff)
    return Path(kept.with_suffix(".repo").read_text()), kept.read_text()


def changes_of(repo: Path, diff: str) -> Changes:
    """What a diff makes of the files of a repository, which stays as it is."""
    git(repo, "apply", "--index", "-", given=diff.encode())
    names = git(repo, "diff", "--cached", "--name-only", "--no-renames", "-z").split("\0")[:-1]
    found = {name: (repo / name).read_bytes() if (repo / name).exists() else None for name in names}
    git(repo, "reset", "--quiet", "--hard")
    return found


async def judged(shop: Workshop, seen: Told, repo: Path, diff: str) -> Judged:
    """Ask the tests about the release, and all of its own about the patch."""
    asked = seen.of(e.JobAccepted)[0].drop
    assert isinstance(asked, Repair)
    red = seen.of(e.RedGateHeld)[-1]
    held = msgspec.json.decode(Blobs(seen.state / "blobs").get(red.evidence), type=gates.Held)
    bench = await shop.bench(seen.job, asked)
    release = changes_of(repo, diff)
    outcomes = await shop.tested(seen.job, red.run, asked, bench, release)
    is_healthy = not isinstance(gates.green(held, outcomes), gates.NotPassed)
    if seen.outcome != "certified":
        return Judged(is_healthy)
    whole = structs.replace(asked, test_command=f"pytest {asked.tests[0].partition('/')[0]}")
    sides = [
        await shop.tested(seen.job, red.run, whole, bench, each)
        for each in (changes_of(repo, seen.patch.decode()), release)
    ]
    passed = [{name for name, outcome in side.tests.items() if outcome.passes} for side in sides]
    return Judged(is_healthy, sorted(passed[0] ^ passed[1]))


async def all_judged(shop: Workshop, those: Sequence[tuple[Told, Path, str]], kept: Path) -> dict[str, Judged]:
    """By job; one after the other. What was judged before stands in the folder."""
    found = {}
    try:
        for seen, repo, diff in those:
            place = kept / f"{seen.of(e.JobAccepted)[0].title}.json"
            if not place.exists():
                place.write_bytes(msgspec.json.encode(await judged(shop, seen, repo, diff)))
            found[seen.job] = msgspec.json.decode(place.read_bytes(), type=Judged)
    finally:
        await shop.close()
    return found


# The table


def line(pair: Pair, seen: Told, placed: Placed | None, found: Judged | None) -> str:
    """A pair's row."""
    refused = next((f"refused: {fact.verdict}" for fact in seen.of(e.RunRefused)), "")
    failing = sum(len(fact.failing) for fact in seen.of(e.RedGateHeld)[-1:])
    health = refused or f"{failing} fail; the release {'mends them' if found and found.is_healthy else '**does not**'}"
    cells = [f"{pair.name} {pair.old} → {pair.new}", health]
    cells += [_places(placed, ALL), _places(placed, LINES), f"{placed.line:g}" if placed and placed.line else "none"]
    searched = [fact for fact in seen.of(e.NothingFound) if fact.proposer == "templates"]
    proposed = [fact for fact in seen.of(e.Proposed) if fact.proposer == "templates"]
    cells.append("; ".join(f"{fact.tried} in {fact.seconds:.0f} s {fact.why}".strip() for fact in searched[:1]))
    cells.append(("certified" if seen.outcome == "certified" else "not at the gate") if proposed else "no")
    cells.append(_equal(found))
    return f"| {' | '.join(cells)} |"


def _places(placed: Placed | None, ranking: str) -> str:
    return ", ".join(str(place or "none") for place in placed.files[ranking]) if placed else ""


def _equal(found: Judged | None) -> str:
    if found is None or found.unlike is None:
        return ""
    return f"no: {', '.join(found.unlike[:3])}" if found.unlike else "yes, by all of its tests"


def table(rows: Sequence[tuple[Pair, Told, Placed | None, Judged | None]]) -> str:
    """All pairs, and their sum."""
    head = ["pair", "health", "files", "lines' files", "line", "tried in vain", "mended", "as the release"]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}", *(line(*row) for row in rows)]
    held = [row for row in rows if row[1].of(e.RedGateHeld)]
    certified = [row for row in held if row[1].outcome == "certified"]
    equal = sum(found is not None and found.unlike == [] for _, _, _, found in certified)
    total = f"{len(rows)} pairs, {len(held)} of them to be mended: {len(certified)} certified without a model, "
    return "\n".join([*lines, "", f"{total}{equal} as the release does it."])


def main() -> int:
    """Drop what is not dropped yet, wait, judge, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.releases", description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--only", default="", help="a regular expression for names with the older version")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--dry", action="store_true", help="print, and leave the page alone")
    options = parser.parse_args()
    pairs = {pair.title: pair for pair in release_pairs() if re.search(options.only, pair.title)}
    with ThreadPoolExecutor(options.workers) as threads:
        there = threads.map(lambda pair: made(pair, options.home / "sources"), pairs.values())
        repos = dict(zip(pairs, there, strict=True))
    daemon = DaemonProcess(options.home, **SETTINGS, workers=options.workers, sandbox=options.sandbox)
    before = told(daemon) if (daemon.state / "log").exists() else {}
    for title in pairs.keys() - before.keys():
        daemon.drop(f"{title}.json", drop(pairs[title], repos[title][0], PYTHON))
    with daemon:
        daemon.start("once").wait(DEADLINE_S)
    seen = told(daemon)
    settings = Settings(state_dir=str(daemon.state), sandbox=options.sandbox, models=("none",))
    placed = anyio.run(placed_in, options.home, {title: diff for title, (_, diff) in repos.items()}, settings)
    places = {each.name: each for each in placed}
    (options.home / "judged").mkdir(exist_ok=True)
    held = [(seen[title], *repos[title]) for title in pairs if seen[title].of(e.RedGateHeld)]
    found = anyio.run(all_judged, Workshop(settings, {}), held, options.home / "judged")
    text = table([(pair, seen[title], places.get(title), found.get(seen[title].job)) for title, pair in pairs.items()])
    text += (
        f"\n\n{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {python_version()}, {options.workers} "
        f"workers, {SEARCH_S:.0f} s for each search; load average {os.getloadavg()[2]:.0f}."
    )
    tell(text)
    if not options.dry:
        put_between(PAGE, BEGIN, END, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
