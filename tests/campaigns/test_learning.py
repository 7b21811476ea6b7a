"""Learning for real: what was learned from the examples, on other programs with the same classes of bugs.

First pass: the examples that have a variant, mended by a model that knows the answer. Second pass: their variants, with
no model that knows anything, in three arms: with that memory, held out from it, and with memory that a trusted box has
poisoned. The search by templates is off: it would mend most of these, and hide what memory is worth.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from daemon import certificate as c
from daemon import events as e
from daemon import exchange
from daemon.exits import Exit
from daemon.reading import facts_in
from daemon.settings import Settings
from daemon.state import State
from daemon.text.pattern import fix_name, learn
from daemon.text.terms import Refused
from tests.fakes.certified import Certified
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.ollama_server import OllamaServer
from tests.fakes.repairs import REAL, Told, told, whole
from tests.fakes.sandboxes import need

HOUSE = Path(__file__).parents[2]
VARIANTS, GOLD = HOUSE / "tests/examples/variants", HOUSE / "tests/examples/gold"
SETTINGS: dict[str, Any] = REAL | {
    "sandbox": "bubblewrap",
    "base_runs": 1,
    "attempts_per_run": 1,
    "job_model_calls": 1,
    "models_abreast": 4,
}
WITHIN_S = 900.0


def pairs() -> dict[str, str]:
    """Variant → its example."""
    found = re.findall(r"^\| `(\w+)` \| `(\w+)` \|", (VARIANTS / "README.md").read_text(), re.MULTILINE)
    return dict(found)


class Playing:
    """A model that knows the answer to some jobs, by their titles; to all others it has nothing to say."""

    def __init__(self, answers: Mapping[str, str]) -> None:
        self.answers = answers

    def __call__(self, body: Mapping[str, Any]) -> str:
        prompt = "\n".join(message["content"] for message in body["messages"])
        return next((answer for name, answer in self.answers.items() if f"[{name}]" in prompt), "I do not know.")


def drop(folder: Path, name: str) -> dict[str, Any]:
    """The drop of an example or of a variant, with its repository where it says; the title is its name."""
    path = VARIANTS / name / "drop.json"
    asked: dict[str, Any] = json.loads((path if path.exists() else HOUSE / "examples" / f"{name}.json").read_text())
    tree = folder / name
    shutil.copytree(HOUSE / asked["repo"], tree, ignore=shutil.ignore_patterns("__pycache__", "drop.json"))
    return asked | {"repo": str(tree), "title": name, "problem": f"[{name}] {asked.get('problem', '')}"}


def golden(folder: Path, name: str) -> str:
    """The gold patch, as a model would say it."""
    tree = folder / f"{name}-mended"
    shutil.copytree(HOUSE / "examples" / name, tree, ignore=shutil.ignore_patterns("__pycache__"))
    alone = os.environ | {"GIT_CEILING_DIRECTORIES": str(folder)}
    patch = (GOLD / f"{name}.diff").read_text()
    subprocess.run(["git", "apply", "-"], cwd=tree, env=alone, input=patch.encode(), check=True)
    changed = re.findall(r"^\+\+\+ b/(\S+)", patch, re.MULTILINE)
    return "".join(whole(path, (tree / path).read_text()) for path in changed)


class Arm(Struct):
    """A second pass, and what is to be told of it."""

    name: str
    jobs: dict[str, Told]
    state: Path

    def replayed(self) -> list[str]:
        """The variants that a replay mended with no model."""
        held = {name: job for name, job in self.jobs.items() if job.outcome == "certified"}
        return [name for name, job in held.items() if not asked_a_model(job)]

    def offered(self) -> list[str]:
        """The variants for which memory had anything at all, and gave it."""
        return [name for name, job in self.jobs.items() if any(f.fixes and not f.held_out for f in job.of(e.Recalled))]

    def row(self) -> str:
        """For a table."""
        jobs, calls = len(self.jobs), sum(map(asked_a_model, self.jobs.values()))
        tried = sum(fact.tried for job in self.jobs.values() for fact in job.of(e.NothingFound))
        certified = sum(job.outcome == "certified" for job in self.jobs.values())
        shares = (len(self.offered()), len(self.replayed()), certified)
        return f"| {self.name} | {' | '.join(f'{part} of {jobs}' for part in shares)} | {calls} | {tried} |"


COLUMNS = "| arm | offered | mended by replay, no model | certified | model calls | replays in vain |"


def asked_a_model(job: Told) -> int:
    return sum(fact.proposer == "model" for fact in job.of(e.Proposed))


def worked(home: Path, names: Sequence[str], answers: Mapping[str, str], **settings: Any) -> dict[str, Told]:  # noqa: ANN401  any setting
    """Let a daemon at this home work on these until all has settled."""
    with (
        OllamaServer(Playing(answers), parallel=4) as server,
        DaemonProcess(home, **SETTINGS | {"ollama_url": server.url} | settings) as daemon,
    ):
        for name in names:
            daemon.drop(f"{name}.json", drop(home / "repos", name))
        daemon.start("once").wait(WITHIN_S)
        return {name: job for name, job in told(daemon).items() if name in names}


@pytest.fixture(scope="module")
def taught(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home of a daemon that was taught by the examples, each without memory of the others."""
    need("bubblewrap")
    home = tmp_path_factory.mktemp("taught")
    examples = sorted(set(pairs().values()))
    answers = {name: golden(home / "gold", name) for name in examples}
    jobs = worked(home, examples, answers, memory_holdout=1.0)
    assert {name: job.outcome for name, job in jobs.items()} == dict.fromkeys(examples, "certified")
    return home


def second_pass(taught: Path, home: Path, name: str, **settings: Any) -> Arm:  # noqa: ANN401  any setting
    """An arm that begins with what was taught."""
    if not home.exists():
        shutil.copytree(taught / "state", home / "state", ignore=shutil.ignore_patterns("run", "trees", "workspaces"))
    return Arm(name, worked(home, list(pairs()), {}, **settings), home / "state")


def poisoned(taught: Path, home: Path) -> list[str]:
    """Take over wrong edits that a trusted box has signed, for the very failures that are coming; their names."""
    liar = Certified.make(home / "liar")
    known = [fact for facts in facts_in(taught / "state") for fact in facts if isinstance(fact, e.FixLearned)]
    fixes = [
        exchange.Fix(
            fix=fix_name(text),
            job=liar.proof.job,
            project=f"liar {number}",
            signature=known[number % len(known)].signature,
            message=known[number % len(known)].message,
            before="x",
            after="y",
            pattern=text,
            certificate=liar.certificate.decode(),
        )
        for number, text in enumerate(wrong_edits())
    ]
    file, settings = home / "poison.json", Settings(state_dir=str(home / "state"))
    file.write_bytes(c.seal(c.canonical(exchange.Bundle(fixes=fixes)), liar.key, exchange.PAYLOAD_TYPE))
    assert exchange.import_fixes(file, [home / "liar" / "keys" / "ed25519.pub"], settings) == Exit.DONE
    return [fix.fix for fix in fixes]


def wrong_edits() -> list[str]:
    """Patterns that fit almost everywhere, and help nowhere."""
    swaps = [
        ("return one", "return other"),
        ("one = two", "one = None"),
        ("one(two)", "two(one)"),
        ("return one", "return"),
    ]
    signs = [
        ("+", "*"),
        ("-", "//"),
        ("*", "-"),
        ("<", "is"),
        (">", "is not"),
        ("==", "is"),
        ("<=", "is"),
        (">=", "is"),
    ]
    sides = [f"    if one.size {sign} two.size:\n        return three" for pair in signs for sign in pair]
    edits = [(f"    {one}", f"    {other}") for one, other in swaps]
    edits += list(zip(sides[::2], sides[1::2], strict=True))
    found = []
    for before, after in edits:
        with suppress(Refused):
            whole_of = "def f(one, other, two, three):\n{}\n    print(one)\n"
            found.append(learn({"a.py": (whole_of.format(before), whole_of.format(after))}).text)
    return list(dict.fromkeys(found))


@pytest.mark.campaign
def test_memory_mends_variants_of_what_it_has_seen_and_poison_does_no_harm(
    taught: Path, tmp_path: Path, tell: Callable[[str], None]
) -> None:
    memory = second_pass(taught, tmp_path / "memory", "with memory", memory_holdout=0.0)
    held_out = second_pass(taught, tmp_path / "held", "held out", memory_holdout=1.0)
    home = tmp_path / "poisoned"
    shutil.copytree(taught / "state", home / "state", ignore=shutil.ignore_patterns("run", "trees", "workspaces"))
    wrong = poisoned(taught, home)
    sick = second_pass(taught, home, f"with memory, and {len(wrong)} wrong fixes", memory_holdout=0.0)
    tell("\n".join([COLUMNS, "| --- " * COLUMNS.count("|", 1) + "|", *(arm.row() for arm in (held_out, memory, sick))]))
    tell(f"not by replay: {sorted(pairs().keys() - set(memory.replayed()))}\n")
    made = [fact for job in sick.jobs.values() for fact in job.of(e.FixTried) if fact.fix in wrong]
    tell(f"wrong fixes replayed: {len(made)} times, {sum(fact.worked for fact in made)} of them were right\n")
    assert held_out.replayed() == []
    assert len(memory.replayed()) >= len(pairs()) // 2
    assert set(memory.replayed()) <= set(sick.replayed())
    assert [fix for fix in wrong if not sunk(sick.state, fix)] == []


def sunk(state: Path, fix: str) -> bool:
    """Whether it stands no better than when it came: what was tried in vain is believed even less."""
    views = State(state, Settings())
    views.catch_up()
    views.close()
    known = views.views.fix_database.fixes[fix]
    return known.standing != "active" and known.at_least() == 0.0
