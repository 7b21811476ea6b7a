"""Predictions and trajectories have the shapes that SWE-bench's harness and mini-swe-agent's inspector read."""

import json
from typing import Any

import pytest

from daemon import trajectory as t
from daemon.drops import Idea, Repair
from daemon.drops import Job as Drop
from daemon.steps import Attempt
from daemon.views.jobs import Job, Run

TEXTS = {"p1": "please", "a1": "no idea", "p2": "again, please", "a2": "FILE: sum.py", "diff": "--- a/sum.py\n"}
REPAIR = Repair(repo="/repos/sum", tests=["t"], problem="1 + 2 is wrong", instance_id="sum__sum-1", gold_patch="secret")


def job(outcome: str = "certified", drop: Drop = REPAIR) -> Job:
    failed = Run("r-000007.1", 1, 6, model="small:7b", red="assert 1 == 3", outcome="failed", reason="no answer landed")
    failed.attempts.append(
        Attempt(
            1,
            prompt="p1",
            answer="a1",
            tokens_in=100,
            tokens_out=10,
            failure="unreadable_answer",
            message="no edit in it",
        )
    )
    mended = Run("r-000007.2", 2, 6, rung="M1", model="large:30b", outcome=outcome)
    mended.patch = "diff" if outcome == "certified" else ""
    mended.attempts.append(
        Attempt(1, prompt="p2", answer="a2", tokens_in=200, tokens_out=20, files=["sum.py"], fixed=1)
    )
    runs = {run.id: run for run in (failed, mended)}
    return Job("r-000007", "repair", "sum", "mend sum", drop, 5, 1.0, runs, outcome=outcome)


def pages(document: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """As the inspector turns messages into pages: each answer begins one."""
    found: list[list[dict[str, Any]]] = [[]]
    for message in document["messages"]:
        if message.get("extra", {}).get("actions") or message["role"] == "assistant":
            found.append([])
        found[-1].append(message)
    return found


def test_a_prediction_is_a_line_as_swe_bench_wants_it() -> None:
    line = t.prediction_of(job(), TEXTS.__getitem__)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line) == {
        "instance_id": "sum__sum-1",
        "model_name_or_path": "mendd+large:30b",
        "model_patch": "--- a/sum.py\n",
    }


def test_what_was_not_mended_is_an_empty_prediction() -> None:
    assert json.loads(t.prediction_of(job("failed"), TEXTS.__getitem__))["model_patch"] == ""


def test_a_trajectory_opens_in_the_inspector_with_one_page_an_answer() -> None:
    document = json.loads(t.trajectory(job(), TEXTS.__getitem__))
    assert document["trajectory_format"] == "mini-swe-agent-1.1"
    assert document["instance_id"] == "sum__sum-1"
    assert all(isinstance(message["content"], str) for message in document["messages"])
    first, second, third = pages(document)
    assert [message["role"] for message in first] == ["system", "user", "user"]
    assert [message["content"] for message in second][:2] == ["no idea", "unreadable_answer: no edit in it"]
    assert [message["content"] for message in third][:2] == ["FILE: sum.py", "green"]


def test_a_trajectory_ends_as_mini_swe_agents_do() -> None:
    document = json.loads(t.trajectory(job(), TEXTS.__getitem__))
    end = {"exit_status": "Submitted", "submission": "--- a/sum.py\n"}
    assert document["messages"][-1]["role"] == "exit"
    assert document["messages"][-1]["extra"] == end
    assert end.items() <= document["info"].items()
    assert document["info"]["model_stats"] == {"instance_cost": 0.0, "api_calls": 2}
    assert document["info"]["config"]["model"]["model_name"] == "mendd+large:30b"


def test_what_failed_says_so() -> None:
    document = json.loads(t.trajectory(job("failed"), TEXTS.__getitem__))
    assert (document["info"]["exit_status"], document["info"]["submission"]) == ("failed", "")


def test_the_gold_patch_is_in_none_of_them() -> None:
    assert b"secret" not in t.trajectory(job(), TEXTS.__getitem__) + t.prediction_of(job(), TEXTS.__getitem__)


@pytest.mark.parametrize("runs", [True, False])
def test_an_idea_has_a_trajectory_too(runs: bool) -> None:  # noqa: FBT001  both are cases of one thing
    idea = job(drop=Idea(title="sum", description="adds two numbers"))
    if not runs:
        idea.runs.clear()
    document = json.loads(t.trajectory(idea, TEXTS.__getitem__))
    assert document["instance_id"] == "r-000007"
    assert "adds two numbers" in document["messages"][0]["content"]
