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
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import peek

PATIENCE_S = 270.0  # for all: five minutes are promised, and what is in hand at the end has to be put down
KNOWN_ANSWERS_S = 120.0  # for the first part, which takes ten seconds on an idle machine
FEWEST_EXAMPLES = 24
LOOK_S = 0.5
UNREAD = ("no_answer", "unreadable_answer")
NOBODY = {  # why nobody will answer, and what to do about it
    "models_down": "`ollama serve` starts the server, `ollama pull {}` fetches the model",
    "model_missing": "models = [...] in settings.toml names another one",
    "bad_key": "the key of a hosted model stands in the environment, see settings.example.toml",
}
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
    ours = {"run_backoff_s": 0, "attempts_per_run": 2, "job_model_calls": 2, "memory_holdout": 1, "drain_s": 2} | ours
    return dict(os.environ) | {f"MENDD_{name.upper()}": str(value) for name, value in ours.items()}


def lived(
    home: Path,
    drops: Iterable[Mapping[str, Any]],
    until: float,
    is_enough: Callable[[Path], bool] = lambda _: False,
    **settings: object,
) -> Seen:
    """A daemon that has worked on these drops, to its end, to the deadline, or until its state shows enough."""
    ideas = home / "queue" / "ideas"
    ideas.mkdir(parents=True)
    for number, drop in enumerate(drops):
        (ideas / f"{number:03}.json").write_text(json.dumps(drop), encoding="utf-8")
    began = time.monotonic()
    command = [sys.executable, "-m", "daemon", "once"]
    with (home / "said.txt").open("wb") as said:
        process = subprocess.Popen(  # noqa: S603  our own daemon
            command, cwd=peek.HOUSE, env=environment(home, **settings), stdout=said, stderr=said
        )
        while process.poll() is None:
            if time.monotonic() > until or is_enough(home / "state"):
                process.terminate()
                process.wait()
            time.sleep(LOOK_S)
    return seen(home / "state", time.monotonic() - began)


def seen(state: Path, seconds: float) -> Seen:
    """What stands in the log of a state, as far as its lines are whole: a daemon may be writing."""
    texts = [path.read_bytes() for path in sorted((state / "log").glob("*.jsonl"))]
    facts = [json.loads(line) for text in texts for line in text[: text.rfind(b"\n") + 1].splitlines()]
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
    """The shipped ones, with paths that a daemon elsewhere can follow: unhealthy ones first, the rest mixed.

    A slow model comes to a few of them only, and these should not be the hardest ones, or the easiest.
    """
    found = []
    for path in sorted((peek.HOUSE / "examples").glob("*.json")):
        drop = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(drop, dict) and drop.get("kind") == "repair":
            found.append(drop | {"repo": str(peek.HOUSE / drop["repo"]), "instance_id": path.stem})
    found.sort(key=lambda drop: (not is_unhealthy(drop["instance_id"]), zlib.crc32(drop["instance_id"].encode())))
    return found[:most]


def is_unhealthy(name: str) -> bool:
    """Whether an example has to be refused."""
    return name.startswith("unhealthy_")


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
    became = "refused" if refused else "taken" if known.of("EditsApplied") else "not come to"
    words = f"an edit of a test was {became}; a replay {'is the same' if same else 'differs'}"
    return Finding("structure", refused and same, words)


def lines_of(name: str) -> list[str]:
    """The lines of a file of the doctor's project, without what numbers them."""
    return [line.strip() for line in PROJECT[name].splitlines() if line.strip()]


def files(folder: Path) -> dict[str, bytes]:
    """All files of a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# The model


def first_model() -> str:
    """Who is asked: the first of the ladder, as the daemon reads its settings."""
    command = [sys.executable, "-m", "daemon", "settings"]
    told = subprocess.run(command, cwd=peek.HOUSE, capture_output=True, text=True, check=False).stdout  # noqa: S603  our own
    ladder = told.partition("models = ")[2]
    return str(json.JSONDecoder().raw_decode(ladder)[0][0]) if ladder else "a model"


def nobody_answers(state: Path) -> bool:
    """Whether a model is out of reach, and all that needs none has come to an end."""
    so_far = seen(state, 0.0)
    names = {fact["job"]: fact["drop"]["instance_id"] for fact in so_far.of("JobAccepted")}
    settled = {fact["job"] for fact in so_far.of("JobSettled")}
    waits = any(is_unhealthy(name) and job not in settled for job, name in names.items())
    return bool(names) and not waits and bool(out_of_reach(so_far))


def out_of_reach(asked: Seen) -> list[Fact]:
    """What says that there is nobody to ask; nothing once there was."""
    faults = [fact for fact in asked.of("WorldFaulted") if fact["fault"] in NOBODY]
    return [] if asked.of("Proposed") else faults


def verdict(asked: Seen, name: str) -> Iterator[str]:
    """What the model is worth on the examples, as far as it came."""
    refused = {fact["job"] for fact in asked.of("RunRefused")}
    accepted = {fact["job"]: fact["drop"]["instance_id"] for fact in asked.of("JobAccepted")}
    unhealthy = {job for job, instance in accepted.items() if is_unhealthy(instance)}
    settled = {fact["job"] for fact in asked.of("JobSettled")}
    yield f"examples: {len(settled)} of {len(accepted)} came to an end in {peek.span(asked.seconds)}"
    yield f"          {len(refused & unhealthy)} of {len(unhealthy)} unhealthy ones refused before a token was spent"
    if wrongly := sorted(accepted[job] for job in refused - unhealthy):
        yield f"          refused though healthy: {', '.join(wrongly)}"
    if asked.of("Proposed"):
        yield f"this model: {worth(asked)} ({name}, {counted(asked)})"
        return
    faults = out_of_reach(asked) or asked.of("WorldFaulted")
    why = peek.clean(faults[-1]["message"]) if faults else "no healthy example came so far; allow more --seconds"
    remedy = NOBODY.get(faults[-1].get("fault", ""), "") if faults else ""
    yield f"this model: {name} has not answered: {why}{f'; {remedy.format(name)}' if remedy else ''}"


def worth(asked: Seen) -> str:
    """How readable, how green, how fast. A call's own time is what counts: before it, others may have been served."""
    answers = asked.of("Proposed")
    unread = {(fact["run"], fact["attempt"]) for fact in asked.of("AttemptFailed") if fact["failure"] in UNREAD}
    readable = sum((fact["run"], fact["attempt"]) not in unread for fact in answers)
    judged = judged_of(asked)
    green = len({fact["job"] for fact in asked.of("Certified")} & judged)
    share = f"{green / len(judged):.0%} green" if judged else "none judged in time"
    calls = [call["answer"] for call in asked.calls]
    seconds = sum(call.get("seconds", 0.0) for call in calls)
    speed = f"{sum(call.get('tokens_out', 0) for call in calls) / seconds:.0f} tokens/s" if seconds else "no time told"
    return f"{readable / len(answers):.0%} readable answers, {share}, {speed}"


def counted(asked: Seen) -> str:
    """Of how much that is said."""
    answers = asked.of("Proposed")
    jobs = len({fact["job"] for fact in answers})
    left = jobs - len(judged_of(asked))
    unjudged = f", {left} of them not judged in time" if left else ""
    lost = sum(fact["failure"] in ("edit_did_not_land", "syntax") for fact in asked.of("AttemptFailed"))
    missed = f", {peek.many(lost, 'answer')} with edits that did not land" if lost else ""
    return f"{peek.many(len(answers), 'answer')} to {peek.many(jobs, 'example')}{unjudged}{missed}"


def judged_of(asked: Seen) -> set[str]:
    """The jobs that a model answered, and that came to an end."""
    return {fact["job"] for fact in asked.of("Proposed")} & {fact["job"] for fact in asked.of("JobSettled")}


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
        findings = list(five(known, peek.HOUSE))
        for finding in findings:
            print(
                f"{'fires ' if finding.fires else 'SILENT'}  {finding.name:13}  {peek.clean(finding.words)}", flush=True
            )
        is_well = all(finding.fires for finding in findings)
        if not options.house_only:
            asked = lived(home / "asked", examples(options.examples), began + options.seconds, nobody_answers)
            is_well = is_well and bool(asked.of("Proposed"))
            print(f"looked for {peek.span(time.monotonic() - began)}")
            print("\n".join(verdict(asked, peek.clean(first_model()))))
        return 0 if is_well else 1
    finally:
        if options.keep:
            print(f"kept: {home}")
        else:
            shutil.rmtree(home, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
