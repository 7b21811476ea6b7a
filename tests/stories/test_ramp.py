"""A ramp in a real daemon, killed on the way: right numbers, files that others read, and the same again by replay."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types

from daemon import events as e
from daemon.text.shown import many
from tests.fakes.daemon_process import DaemonProcess, repair

SIZES = [1, 3, 6]
LISTS = (
    "completed",
    "empty_patch",
    "submitted",
    "resolved",
    "unresolved",
    "infra_failure",
    "ambiguous_failure",
    "error",
)
PROPERTIES: dict[str, Any] = {  # of SWE-bench's run report, as its harness writes one without an engine to ask
    **{f"{name}_ids": {"type": "array", "items": {"type": "string"}} for name in (*LISTS, "incomplete")},
    **{f"{name}_instances": {"type": "integer"} for name in (*LISTS, "total")},
    "failure_reasons": {"type": "object"},
    "schema_version": {"const": 2},
}
RUN_REPORT = {"properties": PROPERTIES, "required": list(PROPERTIES), "additionalProperties": False}


def row(number: int, script: str = "fail, fix") -> dict[str, Any]:
    return repair(f"shop{number}", script, instance_id=f"i{number}", title=f"i{number}")


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> DaemonProcess:
    """Six instances in three phases; the third cannot be judged, and two others kill the daemon once each."""
    daemon = DaemonProcess(tmp_path_factory.mktemp("ramp"), restart_backoff_s=0.01)
    scripts = {2: "broken", 3: "die 1, fail, fix", 5: "die 1, fix"}
    rows = [row(number, scripts.get(number, "fail, fix")) for number in range(6)]
    daemon.drop("ramp.json", {"kind": "ramp", "title": "six", "instances": rows, "phases": SIZES})
    assert daemon.start("once").wait() == 0, "it reached its end; who could not be judged is no failure"
    return daemon


def test_it_reaches_its_end_with_the_right_numbers(climbed: DaemonProcess) -> None:
    settled = [
        (fact.solved, fact.viable) for fact in climbed.facts_of(e.PhaseSettled) if isinstance(fact, e.PhaseSettled)
    ]
    assert settled == [(1, 1), (2, 2), (5, 5)]
    [end] = climbed.facts_of(e.RampSettled)
    assert isinstance(end, e.RampSettled)
    assert end.outcome == "reached"
    assert len(climbed.facts_of(e.DaemonStarted)) == 3, "it was killed twice"


def test_each_instance_ran_once_however_often_the_daemon_died(climbed: DaemonProcess) -> None:
    assert len(climbed.facts_of(e.JobAccepted)) == 6
    assert len(climbed.facts_of(e.JobSettled)) == 6


def test_its_results_are_there_and_each_number_names_its_facts(climbed: DaemonProcess) -> None:
    told = json.loads((climbed.state / "results" / "ramp" / "m-000001" / "phase_3_instances.json").read_bytes())
    assert (told["success_rate"], told["viable"], list(told["excluded"])) == (1.0, 5, ["i2"])
    first = told["instances"][0]
    assert first["verified"]
    assert (first["attempts_made"], first["feedback_history"][0]["failure"]) == (2, "same_failure")
    assert first["patch"].startswith("--- a/mended.py")
    kinds = {fact.seq: type(fact).__name__ for fact in climbed.facts()}
    assert {what: [kinds[seq] for seq in seqs] for what, seqs in first["facts"].items()} == {
        "opened": ["JobAccepted"],
        "runs": ["RunOpened"],
        "red": ["RedGateHeld"],
        "attempts": ["AttemptFailed", "GreenGatePassed"],
        "certified": ["Certified"],
        "settled": ["JobSettled"],
        "seconds": ["RunClaimed", "RunParked", "RunClaimed", "RunSettled"],
    }


def test_every_number_is_counted_from_the_facts_that_it_names(climbed: DaemonProcess) -> None:
    """Each phase's file, counted again: nothing but the log and the numbers of facts in the file."""
    facts = {fact.seq: fact for fact in climbed.facts()}
    for path in (climbed.state / "results" / "ramp" / "m-000001").glob("phase_*.json"):
        told = json.loads(path.read_bytes())
        named = {what: facts[seqs[-1]] for what, seqs in told["facts"].items()}
        assert told["seconds"] == named["settled"].at - named["opened"].at
        certified = [row for row in told["instances"] if "certified" in row["facts"]]
        assert told["success_rate"] == len(certified) / len(getattr(named["released"], "viable", ()))
        for row in told["instances"]:
            mine = {what: [facts[seq] for seq in seqs] for what, seqs in row["facts"].items()}
            assert row["runs"] == len(mine["runs"])
            assert row["attempts_made"] == len(mine.get("attempts", ()))
            assert row["tokens"] == sum(fact.tokens_in + fact.tokens_out for fact in _answers(mine.get("tokens", ())))
            spans = zip(mine["seconds"][::2], mine["seconds"][1::2], strict=True)
            assert row["seconds"] == pytest.approx(sum(last.at - first.at for first, last in spans))


def _answers(facts: Iterable[e.AnyFact]) -> list[e.Proposed]:
    return [fact for fact in facts if isinstance(fact, e.Proposed)]


def test_predictions_and_report_are_those_that_the_benchmark_reads(climbed: DaemonProcess) -> None:
    folder = climbed.state / "results" / "ramp" / "m-000001"
    report = json.loads((folder / "mendd.m-000001.json").read_bytes())
    Draft202012Validator(RUN_REPORT).validate(report)
    assert (report["resolved_ids"], report["error_ids"]) == (["i0", "i1", "i3", "i4", "i5"], ["i2"])
    predictions = [json.loads(line) for line in (folder / "predictions.jsonl").read_text().splitlines()]
    assert [sorted(each) for each in predictions] == [["instance_id", "model_name_or_path", "model_patch"]] * 6
    assert [each["instance_id"] for each in predictions if not each["model_patch"]] == ["i2"]


def test_a_replay_writes_the_same_bytes(climbed: DaemonProcess, tmp_path: Path) -> None:
    assert climbed.ask("replay", "--into", tmp_path).returncode == 0
    for part in ("results", "views"):
        assert files(tmp_path / part) == files(climbed.state / part)


def test_one_command_traces_every_number(climbed: DaemonProcess) -> None:
    """What the files say stands there too, each number with its facts, and `show` tells these."""
    explained = climbed.ask("explain", "m-000001").stdout
    shown = climbed.ask("show", "m-000001").stdout
    known = {int(line.split()[0]) for line in shown.splitlines()}
    assert "phase 3 (6): 5 of 5 viable solved (100%" in explained
    assert "i2 = r-000003 refused" in explained
    told = json.loads((climbed.state / "results" / "ramp" / "m-000001" / "phase_3_instances.json").read_bytes())
    for each in [told, *told["instances"]]:
        for what, seqs in each["facts"].items():
            assert set(seqs) <= known, what
    for row in told["instances"]:
        [start] = [place for place, line in enumerate(explained.splitlines()) if f" = {row['job']} " in line]
        here = "\n".join(explained.splitlines()[start : start + 5])
        told = f"{many(row['attempts_made'], 'attempt')}, {many(row['tokens'], 'token')}, {row['seconds']:.1f} s"
        assert told in here
        assert f"seconds {row['seconds']:.1f}: " in here
