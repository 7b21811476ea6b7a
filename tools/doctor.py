"""Is it the house or the model? `python tools/doctor.py` looks at both in less than five minutes, in its own state.

First a small project of its own is mended with known answers, one of them forbidden: that shows what the house does,
whatever the model is. Then examples/ are given to the model that the settings name: that shows what the model does.
Nothing is written where your daemon works, and nothing that mends an example stands here.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import peek

HOUSE = Path(__file__).resolve().parent.parent
PATIENCE_S = 285.0  # for all: five minutes are promised
KNOWN_ANSWERS_S = 120.0  # for the first part, which takes ten seconds on an idle machine
FEWEST_EXAMPLES = 24
READABLE_BUT = ("no_answer", "unreadable_answer", "edit_did_not_land", "syntax")
PROJECT = {
    "ages.py": "def oldest(ages):\n    return min(ages)\n",
    "test_ages.py": "from ages import oldest\n\n\ndef test_oldest():\n    assert oldest([3, 71, 20]) == 71\n\n\n"
    "def test_one():\n    assert oldest([5]) == 5\n",
}
EDIT = "FILE: {}\nLINES: {}\nREASONING: so\nORIGINAL:\n```\n{}\n```\nREPLACEMENT:\n```\n{}\n```\n"
FORBIDDEN = EDIT.format("test_ages.py", "5-5", "    assert oldest([3, 71, 20]) == 71", "    assert True")
RIGHT = EDIT.format("ages.py", "2-2", "    return min(ages)", "    return max(ages)")
NAME = "doctor"
Fact = dict[str, Any]


class Seen(NamedTuple):
    """What a daemon did: its facts, its calls to models, its state."""

    facts: list[Fact]
    calls: list[dict[str, Any]]
    state: Path
    seconds: float

    def of(self, *types: str) -> list[Fact]:
        """The facts of these types."""
        return [fact for fact in self.facts if fact["type"] in types]

    def blob(self, name: str) -> str:
        """A blob's text."""
        return blob(self.state, name)


class Finding(NamedTuple):
    """Whether one of the five fires, and what was seen."""

    name: str
    fires: bool
    words: str


# Daemons of its own


def environment(home: Path, **settings: object) -> dict[str, str]:
    """Your settings, but for the folders and for what makes a check short."""
    ours = {"queue_dir": home / "queue", "state_dir": home / "state", "search_s": 0, "base_runs": 1} | settings
    ours = {"run_backoff_s": 0, "attempts_per_run": 2, "job_model_calls": 2, "memory_holdout": 1} | ours
    return dict(os.environ) | {f"MENDD_{name.upper()}": str(value) for name, value in ours.items()}


def lived(home: Path, drops: Iterable[Mapping[str, Any]], until: float, **settings: object) -> Seen:
    """A daemon that has worked on these drops, to its end or to the deadline."""
    ideas = home / "queue" / "ideas"
    ideas.mkdir(parents=True)
    for number, drop in enumerate(drops):
        (ideas / f"{number:03}.json").write_text(json.dumps(drop), encoding="utf-8")
    began = time.monotonic()
    command = [sys.executable, "-m", "daemon", "once"]
    with (home / "said.txt").open("wb") as said:
        process = subprocess.Popen(  # noqa: S603  our own daemon
            command, cwd=HOUSE, env=environment(home, **settings), stdout=said, stderr=said
        )
        try:
            process.wait(max(1.0, until - began))
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
    return seen(home / "state", time.monotonic() - began)


def seen(state: Path, seconds: float) -> Seen:
    """What stands in the log of a state."""
    lines = [line for path in sorted((state / "log").glob("*.jsonl")) for line in path.read_bytes().splitlines()]
    facts = [json.loads(line) for line in lines]
    names = [fact["call"] for fact in facts if fact["type"] == "Proposed" and fact.get("call")]
    return Seen(facts, [json.loads(blob(state, name)) for name in names], state, seconds)


def blob(state: Path, name: str) -> str:
    """A blob's text."""
    return zlib.decompress((state / "blobs" / name[:2] / name).read_bytes()).decode(errors="replace")


def with_known_answers(home: Path, until: float) -> Seen:
    """The doctor's own project, mended with answers that are known."""
    project = home / "project"
    project.mkdir(parents=True)
    for name, text in PROJECT.items():
        (project / name).write_text(text)
    answers = home / "answers.jsonl"
    rows = [{"instance": NAME, "answer": FORBIDDEN, "attempt": 1}, {"instance": NAME, "answer": RIGHT, "attempt": 2}]
    answers.write_text("".join(json.dumps(row) + "\n" for row in rows))
    drop = {"kind": "repair", "repo": str(project), "tests": ["test_ages.py::test_oldest"], "instance_id": NAME}
    return lived(home, [drop], until, answers_from="script", answers_path=answers, models="known")


def examples(most: int) -> list[dict[str, Any]]:
    """The shipped ones, healthy and unhealthy, with the paths that a daemon elsewhere can follow."""
    found = []
    for path in sorted((HOUSE / "examples").glob("*.json")):
        drop = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(drop, dict) and drop.get("kind") == "repair":
            found.append(drop | {"repo": str(HOUSE / drop["repo"]), "instance_id": path.stem})
    found.sort(key=lambda drop: not drop["instance_id"].startswith("unhealthy_"))
    return found[:most]


# The five


def five(known: Seen, house: Path) -> Iterator[Finding]:
    """Skills, orchestration, tools, context, structure."""
    yield skills(known)
    yield orchestration(known)
    yield tools(known)
    yield context(known)
    yield structure(known, house)


def skills(known: Seen) -> Finding:
    """Whether what the house knows of debugging stands in the prompts."""
    names = sorted({name for call in known.calls for name in call["manifest"].get("skills", [])})
    return Finding("skills", bool(names), f"in the prompts: {', '.join(names) or 'none'}")


def orchestration(known: Seen) -> Finding:
    """Whether the second prompt tells what became of the first answer, and whether that was used."""
    second = next((fact for fact in known.of("Proposed") if fact["attempt"] == 2), None)  # noqa: PLR2004  the second
    told = next((fact["message"] for fact in known.of("AttemptFailed")), "")
    words = " ".join(told.split())[:60]
    reached = second is not None and bool(words) and words in " ".join(known.blob(second["prompt"]).split())
    certified = bool(known.of("Certified"))
    return Finding(
        "orchestration",
        reached and certified,
        f"attempt 2 {'was' if reached else 'was not'} told: {words or 'nothing'}",
    )


def tools(known: Seen) -> Finding:
    """Whether tests went red, an edit was applied, and tests went green, in the sandbox."""
    steps = ("RedGateHeld", "EditsApplied", "GreenGatePassed", "Certified")
    missing = [step for step in steps if not known.of(step)]
    level = next((fact.get("sandbox", "?") for fact in known.of("EnvironmentReady")), "none")
    refused = next((fact["cause"] for fact in known.of("RunRefused")), "")
    words = f"missing: {', '.join(missing)} {refused}" if missing else "red, applied, green, certified"
    return Finding("tools", not missing, f"{words}; sandbox {level}")


def context(known: Seen) -> Finding:
    """Whether whole files were shown, inside the budget, with a manifest."""
    manifests = [call["manifest"]["context"] for call in known.calls]
    shown = sorted({row["path"] for manifest in manifests for row in manifest["shown"]})
    inside = all(manifest["tokens"] <= manifest["budget"] for manifest in manifests)
    whole = all(row["form"] == "whole" for manifest in manifests for row in manifest["shown"])
    whole &= all(line in known.blob(fact["prompt"]) for fact in known.of("Proposed") for line in lines_of("ages.py"))
    fires = bool(manifests) and inside and whole and "ages.py" in shown
    form, room = " whole" if whole else "", "inside" if inside else "over"
    return Finding(
        "context",
        fires,
        f"{', '.join(shown) or 'nothing'} shown{form}, {room} the budget",
    )


def structure(known: Seen, house: Path) -> Finding:
    """Whether the forbidden edit was refused, and whether a replay of the log writes the same bytes."""
    failed = known.of("AttemptFailed")
    refused = bool(failed) and failed[0]["attempt"] == 1 and failed[0]["failure"] == "edit_did_not_land"
    again = known.state.parent / "again"
    command = [sys.executable, "-m", "daemon", "replay", "--into", str(again)]
    told = subprocess.run(  # noqa: S603  our own daemon
        command, cwd=house, env=environment(known.state.parent), capture_output=True, check=False
    )
    same = told.returncode == 0 and all(
        files(again / part) == files(known.state / part) for part in ("results", "views")
    )
    words = (
        f"an edit of a test was {'refused' if refused else 'taken'}; a replay {'is the same' if same else 'differs'}"
    )
    return Finding("structure", refused and same, words)


def lines_of(name: str) -> list[str]:
    """The lines of a file of the doctor's project, without what numbers them."""
    return [line.strip() for line in PROJECT[name].splitlines() if line.strip()]


def files(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# The model


def verdict(asked: Seen, name: str) -> Iterator[str]:
    """What the model is worth on the examples, as far as it came."""
    answers = asked.of("Proposed")
    refused = {fact["job"] for fact in asked.of("RunRefused")}
    accepted = {fact["job"]: fact["drop"]["instance_id"] for fact in asked.of("JobAccepted")}
    unhealthy = {job for job, instance in accepted.items() if instance.startswith("unhealthy_")}
    settled = {fact["job"] for fact in asked.of("JobSettled")}
    yield f"examples: {len(settled)} of {len(accepted)} came to an end in {peek.span(asked.seconds)}"
    yield f"          {len(refused & unhealthy)} of {len(unhealthy)} unhealthy ones refused before a token was spent"
    if wrongly := sorted(accepted[job] for job in refused - unhealthy):
        yield f"          refused though healthy: {', '.join(wrongly)}"
    if not answers:
        faults = [fact["message"] for fact in asked.of("WorldFaulted")]
        why = peek.clean(faults[-1]) if faults else "no healthy example came so far; allow more --seconds"
        yield f"this model: {name} has not answered: {why}"
        return
    unread = sum(fact["failure"] in READABLE_BUT for fact in asked.of("AttemptFailed"))
    jobs = {fact["job"] for fact in answers}
    green = len({fact["job"] for fact in asked.of("Certified")} & jobs)
    seconds = sum(fact.get("seconds", 0.0) for fact in answers)
    tokens = sum(fact.get("tokens_out", 0) for fact in answers)
    speed = f"{tokens / seconds:.0f} tokens/s" if seconds else "no time measured"
    yield (
        f"this model: {1 - unread / len(answers):.0%} readable answers, {green / len(jobs):.0%} green, {speed}"
        f" ({name}, {len(answers)} answers to {len(jobs)} examples)"
    )


def main() -> int:
    """Look at the house, and then at the model."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=PATIENCE_S, help="for all of it")
    parser.add_argument("--examples", type=int, default=FEWEST_EXAMPLES + 4, help="how many are given to the model")
    parser.add_argument("--house-only", action="store_true", help="leave the model out")
    parser.add_argument("--keep", action="store_true", help="keep the folders, to look at")
    options = parser.parse_args()
    peek.speak()
    began = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="doctor-"))
    try:
        known = with_known_answers(home / "known", min(began + options.seconds, began + KNOWN_ANSWERS_S))
        findings = list(five(known, HOUSE))
        for finding in findings:
            print(
                f"{'fires ' if finding.fires else 'SILENT'}  {finding.name:13}  {peek.clean(finding.words)}", flush=True
            )
        if not options.house_only:
            model = peek.setting("models", "the default model")
            asked = lived(home / "asked", examples(options.examples), began + options.seconds)
            print("\n".join(verdict(asked, peek.clean(model))))
        print(f"looked for {peek.span(time.monotonic() - began)}")
        return 0 if all(finding.fires for finding in findings) else 1
    finally:
        if options.keep:
            print(f"kept: {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
