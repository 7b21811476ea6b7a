"""The doctor: what it finds in a sound house, and what it says of models. Run the whole by hand: it takes a minute."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.fakes.tool import TOOLS


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(TOOLS))
    spec = importlib.util.spec_from_file_location("doctor", TOOLS / "doctor.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "doctor", module)
    spec.loader.exec_module(module)
    return module


def fact(kind: str, **fields: Any) -> dict[str, Any]:  # noqa: ANN401  a fact's
    return {"type": kind, "job": "r-000001", "run": "r-000001.1"} | fields


ACCEPTED = fact("JobAccepted", drop={"instance_id": "off_by_one"})
ANSWERED = fact("Proposed", attempt=1, tokens_out=90, seconds=60.0)  # most of it, others were served
SETTLED = fact("JobSettled")
CALL = {"answer": {"tokens_out": 90, "seconds": 10.0}}


@pytest.mark.parametrize(
    ("facts", "words"),
    [
        ([fact("Certified", attempt=1)], "100% readable answers, 100% green, 9 tokens/s"),
        ([fact("AttemptFailed", attempt=1, failure="unreadable_answer")], "0% readable answers, 0% green, 9 tokens/s"),
        ([fact("AttemptFailed", attempt=1, failure="same_failure")], "100% readable answers, 0% green, 9 tokens/s"),
        (
            [ANSWERED | {"attempt": 2}, fact("AttemptFailed", attempt=1, failure="no_answer")],
            "50% readable answers, 0% green, 9 tokens/s",
        ),
    ],
)
def test_it_says_of_a_model_how_readable_how_green_how_fast(
    doctor: ModuleType, tmp_path: Path, facts: list[dict[str, Any]], words: str
) -> None:
    told = list(doctor.verdict(doctor.Seen([ACCEPTED, ANSWERED, *facts, SETTLED], [CALL], tmp_path, 10.0), "small"))
    assert told[-1].startswith(f"this model: {words}")


def test_an_example_that_was_not_judged_in_time_is_neither_green_nor_not(doctor: ModuleType, tmp_path: Path) -> None:
    told = list(doctor.verdict(doctor.Seen([ACCEPTED, ANSWERED], [CALL], tmp_path, 10.0), "small"))
    assert "100% readable answers, none judged in time, 9 tokens/s" in told[-1]
    assert told[-1].endswith("(small, 1 answer to 1 example, 1 of them not judged in time)")


def test_a_model_that_is_not_there_is_told_with_the_reason(doctor: ModuleType, tmp_path: Path) -> None:
    facts = [ACCEPTED, fact("WorldFaulted", fault="models_down", message="nobody listens at 127.0.0.1:11434")]
    told = list(doctor.verdict(doctor.Seen(facts, [], tmp_path, 10.0), "small"))
    assert told[-1] == (
        "this model: small has not answered: nobody listens at 127.0.0.1:11434; "
        "`ollama serve` starts the server, `ollama pull small` fetches the model"
    )


def test_it_waits_for_the_unhealthy_examples_though_nobody_answers(doctor: ModuleType, tmp_path: Path) -> None:
    unhealthy = fact("JobAccepted", job="r-000002", drop={"instance_id": "unhealthy_flaky"})
    facts = [ACCEPTED, unhealthy, fact("WorldFaulted", fault="models_down", message="nobody listens")]
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "1.jsonl").write_text("".join(json.dumps(each) + "\n" for each in facts) + '{"half')
    assert not doctor.nobody_answers(tmp_path)
    with (tmp_path / "log" / "2.jsonl").open("w") as log:
        log.write(json.dumps(fact("JobSettled", job="r-000002")) + "\n")
    assert doctor.nobody_answers(tmp_path)


def test_a_house_in_which_nothing_happened_is_silent_in_all(doctor: ModuleType, tmp_path: Path) -> None:
    nothing = doctor.Seen([], [], tmp_path / "state", 0.0)
    findings = [doctor.skills(nothing), doctor.orchestration(nothing), doctor.tools(nothing), doctor.context(nothing)]
    assert [finding.name for finding in findings if finding.fires] == []
    structure = doctor.structure(nothing, Path(__file__).parents[2])
    assert (structure.fires, structure.words) == (False, "an edit of a test was not come to; a replay differs")


def test_it_has_enough_examples_the_unhealthy_ones_first(doctor: ModuleType) -> None:
    found = doctor.examples(28)
    assert len(found) >= doctor.FEWEST_EXAMPLES
    assert [drop["instance_id"].startswith("unhealthy_") for drop in found[:5]] == [True] * 4 + [False]
    assert all(Path(drop["repo"]).is_dir() for drop in found)
    assert json.dumps(found)
