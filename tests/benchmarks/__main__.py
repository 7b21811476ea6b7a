"""`python -m tests.benchmarks`: measure, and write docs/benchmarks.md. Name some to measure only these.

Each benchmark is a module with a `TITLE`, a docstring that says how the contestants were set up (it goes into the
page), and `run(folder, rounds)`, which returns the rows of its table.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from types import ModuleType

from tests.benchmarks import (
    appends,
    candidates,
    doorbell,
    folds,
    jobs,
    quixbugs,
    repairs,
    replays,
    signatures,
    similar,
    simulation,
    starts,
)
from tests.benchmarks.measure import surroundings, table, tell
from tests.fakes.release_pairs import PAIRS

BENCHMARKS: dict[str, ModuleType] = {
    "appends": appends,
    "folds": folds,
    "starts": starts,
    "doorbell": doorbell,
    "jobs": jobs,
    "signatures": signatures,
    "similar": similar,
    "replays": replays,
    "simulation": simulation,
    "candidates": candidates,
    "repairs": repairs,
    "quixbugs": quixbugs,
}
PAGE = Path(__file__).parents[2] / "docs" / "benchmarks.md"
HEAD = """# Benchmarks

Written by `python -m tests.benchmarks` (about twenty minutes; the group `bench` brings the peers: `uv sync
--all-groups`). Name one or more of `appends`, `folds`, `starts`, `doorbell`, `jobs`, `signatures`, `similar`,
`replays`, `simulation`, `candidates`, `repairs`, `quixbugs` to measure only these and leave the other tables alone;
`quixbugs` needs `--quixbugs FOLDER`, where its set is, `candidates` the package index and the release pairs
(`tests/fakes/release_pairs.py`). `--rounds` says how often everybody has his turn (3), `--folder`
where the files go (a temporary folder, so mind what file system that is), `--dry` only prints.

Where a table says so, a figure is the median of several rounds in which the contestants take turns (A B A B) on the
same machine and file system. A ratio says how many times better mendd is, and only ratios should be compared between
machines. Run it on a machine that does nothing else.
"""


def main() -> int:
    """Measure what was named."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Measure the daemon and its peers.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(BENCHMARKS)}; by default all")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where the files go")
    parser.add_argument("--dry", action="store_true", help="print, and leave the page alone")
    parser.add_argument("--quixbugs", type=Path, help="the folder of that set; without it, it is left out")
    options = parser.parse_args()
    missing = {"quixbugs"} if not options.quixbugs else set()
    missing |= {"candidates"} if not PAIRS.exists() else set()
    if named := missing.intersection(options.names):
        parser.error(f"what {', '.join(named)} measures with is not at hand: --quixbugs FOLDER, {PAIRS}")
    if options.folder and not options.folder.is_dir():
        parser.error(f"there is no folder {options.folder}")
    if unknown := set(options.names) - BENCHMARKS.keys():
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # or every start would compile everything again
    folder = Path(tempfile.mkdtemp(prefix="mendd-benchmarks-", dir=options.folder))
    try:
        for name in options.names or [name for name in BENCHMARKS if name not in missing]:
            given = [options.quixbugs] if name == "quixbugs" else []
            found = BENCHMARKS[name].run(folder / name, options.rounds, *given)
            rows = found if isinstance(found, str) else table(found)
            measured = getattr(BENCHMARKS[name], "MEASURED", f"Medians of {options.rounds} rounds.")
            text = section(BENCHMARKS[name], f"{rows}\n\n{measured} {surroundings(folder)}.")
            tell(rows)
            if not options.dry:
                PAGE.write_text(with_section(PAGE.read_text() if PAGE.exists() else HEAD, name, text))
                tell(f"{PAGE} is up to date with {name}")
    finally:
        shutil.rmtree(folder)  # at the very end: ext4 is slow at new files for seconds after many were removed
    return 0


def section(benchmark: ModuleType, found: str) -> str:
    """A benchmark's part of the page."""
    return f"## {benchmark.TITLE}\n\n{benchmark.__doc__}\n{found}\n"


def with_section(page: str, name: str, text: str) -> str:
    """The page with this part in its place; parts that were not measured stay as they are."""
    parts = dict(re.findall(r"<!-- (\w+) -->\n(.*?)<!-- end -->\n", page, re.DOTALL)) | {name: text}
    names = dict.fromkeys([*BENCHMARKS, *parts])  # campaigns have their parts there, too
    marked = [f"<!-- {known} -->\n{parts[known]}<!-- end -->\n" for known in names if known in parts]
    return "\n".join([HEAD, *marked])


if __name__ == "__main__":
    sys.exit(main())
