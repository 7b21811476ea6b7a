"""A settled job in the forms that others read: SWE-bench's predictions, and mini-swe-agent's trajectories.

A prediction is one line of `predictions.jsonl`. A trajectory is `<job>.traj.json`: its messages are what was asked and
answered, so that mini-swe-agent's inspector shows one page an attempt; its last message is how it ended.
"""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from daemon import __version__
from daemon.drops import Repair
from daemon.steps import Attempt
from daemon.views.jobs import Job, Run

FORMAT = "mini-swe-agent-1.1"
SUBMITTED = "Submitted"  # as mini-swe-agent says it; all else is said in our own words
Text = Callable[[str], str]  # a blob's name → its text


def prediction(instance: str, model: str, patch: str) -> bytes:
    """One line for SWE-bench's harness. An empty patch is a row too: it says that nothing was found."""
    row = {"instance_id": instance, "model_name_or_path": model, "model_patch": patch}
    return msgspec.json.encode(row) + b"\n"


def prediction_of(job: Job, text: Text) -> bytes:
    """The line of a job."""
    return prediction(instance_of(job), _model(job), _patch(job, text))


def instance_of(job: Job) -> str:
    """The name under which others know the job."""
    return (isinstance(job.drop, Repair) and job.drop.instance_id) or job.id


def trajectory(job: Job, text: Text) -> bytes:
    """All runs of a job, as one conversation."""
    patch = _patch(job, text)
    status = SUBMITTED if job.outcome == "certified" else job.outcome or "open"
    attempts = [each for run in job.runs.values() for each in run.rounds()]
    document = {
        "info": {
            "model_stats": {"instance_cost": 0.0, "api_calls": sum(bool(attempt.answer) for attempt in attempts)},
            "config": {"agent_type": "mendd", "model": {"model_name": _model(job)}},
            "mendd_version": __version__,
            "exit_status": status,
            "submission": patch,
        },
        "messages": list(_messages(job, text, {"exit_status": status, "submission": patch})),
        "trajectory_format": FORMAT,
        "instance_id": instance_of(job),
    }
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"


def _messages(job: Job, text: Text, end: dict[str, str]) -> Iterator[dict[str, Any]]:
    problem = job.drop.problem if isinstance(job.drop, Repair) else job.drop.description
    yield {"role": "system", "content": f"{job.title}\n\n{problem}".strip()}
    for run in job.runs.values():
        yield {"role": "user", "content": "\n".join(_opening(run)), "extra": {"run": run.id}}
        if run.advice:
            yield from _round(run, run.advice, text)
        for attempt in run.attempts:
            yield from _round(run, attempt, text)
            yield _verdict(run, attempt)
    yield {"role": "exit", "content": job.reason or job.outcome, "extra": end}


def _opening(run: Run) -> Iterator[str]:
    yield f"Run {run.number}{f', rung {run.rung}' if run.rung else ''}: proposer {run.proposer} {run.model}".rstrip()
    if run.red:
        yield f"Red: {run.red}"
    if run.reason and not run.attempts:
        yield run.reason


def _round(run: Run, attempt: Attempt, text: Text) -> Iterator[dict[str, Any]]:
    about = {"run": run.id, "attempt": attempt.number}
    if attempt.prompt:
        yield {"role": "user", "content": text(attempt.prompt), "extra": about}
    if attempt.answer:
        told = {"tokens": attempt.tokens, "seconds": attempt.seconds, "files": attempt.files}
        yield {"role": "assistant", "content": text(attempt.answer), "extra": about | told}


def _verdict(run: Run, attempt: Attempt) -> dict[str, Any]:
    verdict = f"{attempt.failure}: {attempt.message}" if attempt.failure else attempt.verdict
    about = {"run": run.id, "attempt": attempt.number, "fixed": attempt.fixed, "broken": attempt.broken}
    return {"role": "user", "content": verdict, "extra": about}


def _model(job: Job) -> str:
    """Who answered: the run that was certified, or else the last one."""
    run = job.certified_run() or next(reversed(job.runs.values()), None)
    name = run and (run.model or run.proposer)
    return f"mendd+{name}" if name else "mendd"


def _patch(job: Job, text: Text) -> str:
    run = job.certified_run()
    return text(run.patch) if run and run.patch else ""
