"""`python -m tests.benchmarks.context_recall ROWS REPOS`: at which place is the file that the gold patch edits?

ROWS is a file of SWE-bench rows (JSON Lines), REPOS a folder of clones, `owner/name` each. A row is measured on its
tree at `base_commit` with `test_patch` applied; where that commit is not at hand, on the tag `stand-in/<instance id>`
if the clone has one (the nearest earlier release), and told apart. Nothing is run, so frames and coverage are missing:
this is the ranking's floor. `patch` is read only to judge. The table goes to docs/context.md (`--dry` only prints it).

The peer is BM25 as it is usually meant: lower-cased words of path and text, the issue as the query, the same files.
"""

import argparse
import io
import json
import math
import os
import re
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from platform import machine, python_version
from statistics import mean, median
from time import perf_counter
from typing import Any

from msgspec import Struct

from daemon.text import context, relevance
from tests.benchmarks.measure import put_between, tell

PAGE = Path(__file__).parents[2] / "docs" / "context.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
BUDGETS = (4_000, 8_000, 16_000)
PLACES = (1, 3, 5, 10)
ABLATIONS: dict[str, frozenset[str]] = {
    "all static signals": frozenset(),
    "without the words of tests": frozenset(("tests",)),
    "without `imported`": frozenset(("imported",)),
    "without `named`": frozenset(("named",)),
    "without `stem`": frozenset(("stem",)),
    "without `central`": frozenset(("central",)),
}


class Measured(Struct, frozen=True):
    """One row: at which place each ranking has the worst of the gold files, and what it cost."""

    instance: str
    is_exact: bool
    files: int
    indexed: int
    places: dict[str, int]
    shown: dict[int, bool]
    index_ms: float
    select_ms: float
    plain_ms: float


def measured(row: Mapping[str, Any], clone: Path) -> Measured | None:
    """The row's figures, or None where its tree is not at hand."""
    found = tree(row, clone)
    if found is None:
        return None
    files, is_exact = found
    gold = re.findall(r"^\+\+\+ b/(\S+)", row["patch"], re.MULTILINE)
    began = perf_counter()
    indexed = relevance.index(files)
    index_ms = 1000 * (perf_counter() - began)
    evidence = evidence_of(row, files)
    began = perf_counter()
    context.select(evidence, files, indexed, BUDGETS[-1])
    select_ms = 1000 * (perf_counter() - began)
    began = perf_counter()
    peer = plain(row["problem_statement"], {path: files[path] for path in indexed.paths})
    plain_ms = 1000 * (perf_counter() - began)
    places = {"plain BM25": worst(gold, peer)}
    for name, without in ABLATIONS.items():
        given = evidence_of(row, files, with_words="tests" not in without)
        ranked = context.rank(given, files, indexed, without=without)
        places[name] = worst(gold, [one.path for one in ranked])
    shown = {
        budget: set(gold) <= {file.path for file in context.select(evidence, files, indexed, budget).files}
        for budget in BUDGETS
    }
    return Measured(
        row["instance_id"], is_exact, len(files), len(indexed.paths), places, shown, index_ms, select_ms, plain_ms
    )


def evidence_of(row: Mapping[str, Any], files: Mapping[str, str], *, with_words: bool = True) -> context.Evidence:
    """What is known before anything has run."""
    failing = row["FAIL_TO_PASS"]
    failing = json.loads(failing) if isinstance(failing, str) else failing
    patched = [path for path in re.findall(r"^\+\+\+ b/(\S+)", row["test_patch"], re.MULTILINE) if path in files]
    tests = [path for path in patched if path.endswith(".py")]
    return context.Evidence(problem=row["problem_statement"], failing=failing if with_words else [], tests=tests)


def worst(gold: Sequence[str], ranking: Sequence[str]) -> int:
    """The place of the gold file that comes last, from 1; 0 where one is missing."""
    places = {path: place for place, path in enumerate(ranking, 1)}
    return 0 if any(path not in places for path in gold) else max(places[path] for path in gold)


# Trees


def tree(row: Mapping[str, Any], clone: Path) -> tuple[dict[str, str], bool] | None:
    """The text files of the row's tree with its tests, and whether it is that of `base_commit`."""
    for commit, is_exact in ((row["base_commit"], True), (f"stand-in/{row['instance_id']}", False)):
        if clone.is_dir() and git(clone, "cat-file", "-e", f"{commit}^{{tree}}", may_fail=True) is not None:
            return with_tests(row["test_patch"], clone, commit), is_exact
    return None


def with_tests(test_patch: str, clone: Path, commit: str) -> dict[str, str]:
    """The tree with the patch; where it does not fit a stand-in, its new lines stand at the end of the tests."""
    with tempfile.TemporaryDirectory() as folder:
        objects = git(clone, "rev-parse", "--path-format=absolute", "--git-path", "objects")
        own = {
            "GIT_INDEX_FILE": f"{folder}/index",
            "GIT_OBJECT_DIRECTORY": folder,
            "GIT_ALTERNATE_OBJECT_DIRECTORIES": (objects or b"").decode().strip(),
        }
        git(clone, "read-tree", commit, own=own)
        fits = git(clone, "apply", "--cached", "-", given=test_patch.encode(), own=own, may_fail=True) is not None
        made = (git(clone, "write-tree", own=own) or b"").decode().strip()
        files = dict(texts(git(clone, "archive", made, own=own) or b""))
    if not fits:
        for path, hunks in re.findall(r"^\+\+\+ b/(\S+)\n((?:[-+ @\\].*\n|\n)*)", test_patch, re.MULTILINE):
            new = re.findall(r"^\+(?!\+\+)(.*)$", hunks, re.MULTILINE)
            files[path] = "\n".join([files.get(path, ""), *new, ""])
    return files


def texts(archive: bytes) -> Iterable[tuple[str, str]]:
    """The files of a tar archive that are text."""
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            try:
                if file:
                    yield member.name, file.read().decode()
            except UnicodeDecodeError:
                continue


def git(
    clone: Path, *words: str, given: bytes = b"", own: Mapping[str, str] | None = None, may_fail: bool = False
) -> bytes | None:
    """What git says; None where it may fail and did."""
    environment = {**os.environ, **(own or {})}
    done = subprocess.run(
        ["git", "-C", clone, *words], input=given, env=environment, capture_output=True, check=not may_fail
    )
    return done.stdout if done.returncode == 0 else None


# The peer


def plain(query: str, files: Mapping[str, str]) -> list[str]:
    """BM25 with its textbook parameters."""
    counts = {path: Counter(re.findall(r"\w+", f"{path} {text}".lower())) for path, text in files.items()}
    lengths = {path: sum(found.values()) for path, found in counts.items()}
    average = mean(lengths.values())
    scores: dict[str, float] = {}
    for word in set(re.findall(r"\w+", query.lower())):
        having = [path for path, found in counts.items() if word in found]
        rarity = math.log(1 + (len(files) - len(having) + 0.5) / (len(having) + 0.5))
        for path in having:
            times = counts[path][word]
            scores[path] = scores.get(path, 0.0) + rarity * times * 2.2 / (
                times + 1.2 * (0.25 + 0.75 * lengths[path] / average)
            )
    return [path for path, _ in sorted(scores.items(), key=lambda one: (-one[1], one[0]))]


# The table


def table(rows: Sequence[Measured]) -> str:
    """Recall by ranking, on exact trees and on stand-ins."""
    parts = []
    for title, group in (
        ("at their base commit", [row for row in rows if row.is_exact]),
        ("on the nearest earlier release", [row for row in rows if not row.is_exact]),
        ("all", rows),
    ):
        if not group:
            continue
        lines = [f"| {len(group)} rows, {title} | {' | '.join(f'@{place}' for place in PLACES)} |"]
        lines.append("| --- |" + " --- |" * len(PLACES))
        lines += [
            f"| {name} | {' | '.join(recall(group, name, place) for place in PLACES)} |" for name in group[0].places
        ]
        shown = ", ".join(f"{share(row.shown[budget] for row in group)} in {budget:,} tokens" for budget in BUDGETS)
        lines += ["", f"The gold file is among those shown (beside the tests): {shown}."]
        parts.append("\n".join(lines))
    largest = max(rows, key=lambda row: row.indexed)
    indexing, selecting, peer = (
        median(figures) for figures in zip(*((row.index_ms, row.select_ms, row.plain_ms) for row in rows), strict=True)
    )
    parts.append(
        f"Indexing takes {indexing:.0f} ms (median; once per tree; {largest.index_ms:.0f} ms for the largest, "
        f"{largest.indexed:,} candidates of {largest.files:,} text files), a selection {selecting:.0f} ms (median; at "
        f"most {max(row.select_ms for row in rows):.0f} ms); plain BM25, index and query, {peer:.0f} ms."
    )
    return "\n\n".join(parts)


def recall(rows: Iterable[Measured], name: str, place: int) -> str:
    """The share of rows whose gold files are all among the first ones."""
    return share(0 < row.places[name] <= place for row in rows)


def share(hits: Iterable[bool]) -> str:
    """As people read it."""
    return f"{100 * mean(hits):.1f} %"


def main() -> int:
    """Measure what is at hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.context_recall", description=__doc__)
    parser.add_argument("rows", type=Path)
    parser.add_argument("repos", type=Path)
    parser.add_argument("--dry", action="store_true", help="print, and leave the page alone")
    parser.add_argument("--each", action="store_true", help="also print the places row by row")
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.rows.read_text().splitlines()]
    found = [one for row in rows if (one := measured(row, options.repos / row["repo"]))]
    if not found:
        parser.error("none of the rows' repositories is at hand")
    if options.each:
        tell("\n".join(f"{one.instance} {one.places} {one.shown}" for one in found))
    where = f"{os.cpu_count()} cores, {machine()}, Python {python_version()}"
    text = f"{len(found)} of {len(rows)} rows, {datetime.now(UTC):%Y-%m-%d}, {where}.\n\n{table(found)}"
    tell(text)
    if not options.dry:
        put_between(PAGE, BEGIN, END, text)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
