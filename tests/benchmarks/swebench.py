"""`python -m tests.benchmarks.swebench ROWS REPOS HOME`: known bugs with known fixes, through the whole real daemon.

ROWS is a file of SWE-bench rows (JSON Lines) with what is known of their health, REPOS a folder of clones, `owner/name`
each, HOME where the daemon lives: who starts it again there goes on. Each row is dropped with its gold edits as
recorded answers, so that whatever is not certified is the fault of the daemon, of the environment, or of the row. A row
whose `base_commit` is not at hand is taken from the tag `stand-in/<instance id>` of the clone and told apart. Every
certificate is then verified by a process of its own. The table goes to docs/instances.md (`--dry` only prints it).

What a repository's tests need stands in `swebench_environments.toml`, beside this file. Nothing of the rows does.
"""

import argparse
import json
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from daemon import events as e
from tests.benchmarks.measure import put_between, tell
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.instances import answer, drop, script
from tests.fakes.repairs import Told, told

PAGE = Path(__file__).parents[2] / "docs" / "instances.md"
BEGIN, END = "<!-- measured: begin -->", "<!-- measured: end -->"
ENVIRONMENTS = Path(__file__).with_name("swebench_environments.toml")
HOURS_S = 6 * 3600.0
CAUSE_CHARACTERS = 300
Row = Mapping[str, Any]
REAL: dict[str, Any] = {
    "world": "real",
    "models": "recorded",
    "answers_from": "script",
    "base_runs": 1,
    "attempts_per_run": 1,
    "search_s": 0,  # the recorded answer is what is asked here, not the templates
    "sandbox_timeout_s": 1800.0,
}


# What is dropped


def rows_of(file: Path) -> list[Row]:
    """The rows of a file."""
    return [json.loads(text) for text in file.read_text().splitlines()]


def at_hand(rows: Sequence[Row], repos: Path) -> list[Row]:
    """Those whose tree is there."""
    return [row for row in rows if commit_of(row, repos / row["repo"])]


def settings(rows: Sequence[Row], repos: Path, answers: Path) -> dict[str, Any]:
    """Those of a daemon that is given these rows, and these answers."""
    clones = {name: (repos / name).resolve() for name in {row["repo"] for row in rows}}
    named = ",".join(f"{name}={clone}" for name, clone in sorted(clones.items()))
    return REAL | {"answers_path": answers, "repos": named}


def asked(row: Row, clone: Path) -> dict[str, object]:
    """The row as a drop, in the environment that it needs."""
    known = tomllib.loads(ENVIRONMENTS.read_text())
    wanted = dict(known[row["repo"]].get(row["version"]) or known[row["repo"]]["any"])
    wanted |= known["instances"].get(row["instance_id"], {})
    tests = wanted.pop("tests", None)
    command = wanted.pop("test_command", "pytest {files}")
    wanted.setdefault("python", row["health"]["python"])
    wanted["install"] = [line.replace("VERSION ", f"{row['version']}.0 ") for line in wanted.get("install", [])]
    files = [path for path in re.findall(r"^\+\+\+ b/(\S+\.py)$", row["test_patch"], re.MULTILINE) if _is_test(path)]
    labels = [path.removeprefix("tests/").removesuffix(".py").replace("/", ".") for path in files]
    made = drop(row, wanted, command.format(files=" ".join(files), labels=" ".join(labels)))
    return made | {"base_commit": commit_of(row, clone)} | ({"tests": tests} if tests else {})


def _is_test(path: str) -> bool:
    name = path.rpartition("/")[2]
    return name.startswith("test") or name.endswith("_test.py")


def commit_of(row: Row, clone: Path) -> str:
    """The row's commit, its stand-in where it is not at hand, "" where that is not either."""
    for commit in (row["base_commit"], f"stand-in/{row['instance_id']}"):
        words = ["git", "-C", str(clone), "cat-file", "-e", f"{commit}^{{tree}}"]
        if clone.is_dir() and subprocess.run(words, capture_output=True, check=False).returncode == 0:
            return str(commit)
    return ""


# What comes out


def line(row: Row, seen: Told, verified: str) -> str:
    """A row of the table."""
    requested = seen.of(e.EnvironmentReady)
    attempts = len(seen.of(e.Proposed))
    seconds = sum(fact.seconds for fact in seen.of(e.RedGateHeld))
    seconds += sum(fact.seconds for fact in seen.of(e.GreenGatePassed))
    made = max((fact.seconds for fact in requested), default=0.0)
    accepted = next(iter(seen.of(e.JobAccepted)), None)
    commit = getattr(getattr(accepted, "drop", None), "base_commit", "")
    cells = [
        row["instance_id"],
        row["health"]["class"],
        "release" if str(commit).startswith("stand-in/") else "exact",
        python_of(seen),
        seen.outcome or "open",
        str(attempts),
        f"{made:.0f}",
        f"{seconds:.1f}",
        verified,
        cause_of(seen),
    ]
    return f"| {' | '.join(cells)} |"


def python_of(seen: Told) -> str:
    """The Python that the drop asked for."""
    accepted = next(iter(seen.of(e.JobAccepted)), None)
    environment = getattr(getattr(accepted, "drop", None), "environment", None)
    return getattr(environment, "python", "")


def cause_of(seen: Told) -> str:
    """Why it was not certified, on one line."""
    if seen.outcome == "certified":
        return ""
    failed = [fact.message for fact in seen.of(e.AttemptFailed)]
    words = " ".join((failed[-1] if failed else seen.reason).split())
    return words.replace("|", "\\|")[:CAUSE_CHARACTERS]


def table(rows: Sequence[Row], seen: Mapping[str, Told], verified: Mapping[str, str]) -> str:
    """All rows that were dropped, and their sum."""
    here = [row for row in rows if row["instance_id"] in seen]
    head = ["instance", "known as", "tree", "Python", "outcome", "asked", "installed, s", "gates, s", "verify", "cause"]
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    lines += [line(row, seen[row["instance_id"]], verified.get(row["instance_id"], "")) for row in here]
    certified = sum(seen[row["instance_id"]].outcome == "certified" for row in here)
    held = sum(verified.get(row["instance_id"]) == "holds" for row in here)
    total = f"{len(here)} rows: {certified} certified, of which {held} verified; {len(here) - certified} not."
    return "\n".join([*lines, "", total])


def certificates(daemon: DaemonProcess, seen: Mapping[str, Told], abreast: int) -> Iterator[tuple[str, str]]:
    """What `verify` says of each certificate; what it said before is remembered beside the certificate."""

    def verify(name: str) -> tuple[str, str]:
        path = daemon.state / "results" / seen[name].job / "certificate.json"
        known = daemon.home / "verified" / seen[name].job
        if not known.exists():
            known.parent.mkdir(exist_ok=True)
            asked = daemon.ask("verify", path)
            known.write_text(f"{asked.returncode}\n{asked.stdout}{asked.stderr}")
        status, _, said = known.read_text().partition("\n")
        differs = next((words for words in said.splitlines() if words.startswith("DIFFERS")), "it could not be asked")
        return name, "holds" if status == "0" else differs[:CAUSE_CHARACTERS].replace("|", "\\|")

    with ThreadPoolExecutor(abreast) as threads:
        yield from threads.map(verify, [name for name, each in seen.items() if each.outcome == "certified"])


def main() -> int:
    """Drop what is not dropped yet, wait, verify, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.swebench", description=__doc__)
    parser.add_argument("rows", type=Path)
    parser.add_argument("repos", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("--also", type=Path, nargs="*", default=[], help="homes of earlier starts, told as well")
    parser.add_argument("--only", default="", help="a regular expression for instance ids")
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--gate-runs", type=int, default=1, help="flakiness is not what is asked here")
    parser.add_argument("--dry", action="store_true", help="print, and leave the page alone")
    options = parser.parse_args()
    rows = rows_of(options.rows)
    chosen = [row for row in rows if re.search(options.only, row["instance_id"])]
    there = at_hand(chosen, options.repos)
    began = time.monotonic()
    answers = script(options.home / "answers.jsonl", {row["instance_id"]: answer(row["patch"]) for row in rows})
    shared = settings(rows, options.repos, answers) | {
        "workers": options.workers,
        "sandbox": options.sandbox,
        "gate_runs": options.gate_runs,
    }
    daemon = DaemonProcess(options.home, **shared)
    before = told(daemon) if (daemon.state / "log").exists() else {}
    for row in there:
        if row["instance_id"] not in before:
            daemon.drop(f"{row['instance_id']}.json", asked(row, options.repos / row["repo"]))
    with daemon:
        daemon.start("once").wait(HOURS_S)
    seen: dict[str, Told] = {}
    verified: dict[str, str] = {}
    for each in [*(DaemonProcess(home, **shared) for home in options.also), daemon]:
        here = told(each)
        seen |= here
        verified |= certificates(each, here, options.workers)
    missing = [row["instance_id"] for row in chosen if row not in there]
    text = f"{table(rows, seen, verified)}\n\n{time.monotonic() - began:.0f} s with {options.workers} workers."
    text += f" Not at hand: {', '.join(missing)}." if missing else ""
    tell(text)
    if not options.dry:
        put_between(PAGE, BEGIN, END, text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
