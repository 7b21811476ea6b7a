"""A phase of a ramp as files: its instances with all that was counted, and SWE-bench's predictions and run report.

Made of nothing but what the facts say, so that a replay writes the same bytes. Every instance names the facts that its
numbers come from. What must never enter: a clock, or a count of its own.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import msgspec
from msgspec import structs

from daemon.trajectory import prediction
from daemon.views.odds import CLAIM_Z, interval
from daemon.views.ramp import Instance, Phase, Ramp

WHO = "mendd"  # all of a run's predictions must have one name; who answered stands in each certificate
SCHEMA_VERSION = 2  # of SWE-bench's run report
Text = Callable[[str], str]  # a blob's name → its text


class Result(NamedTuple):
    """A phase as it settled; what happens afterwards changes nothing of it."""

    ramp: str
    title: str
    total: list[str]
    phase: Phase
    rows: list[Instance]


def result_of(ramp: Ramp) -> Result:
    """The phase that has just settled."""
    phase = ramp.phases[-1]
    rows = [structs.replace(row) for row in ramp.within(phase.size)]
    return Result(ramp.id, ramp.title, list(ramp.instances), structs.replace(phase), rows)


def files_of(result: Result, text: Text) -> Iterator[tuple[str, bytes]]:
    """Each file's name and content."""
    yield f"phase_{result.phase.number}_instances.json", _written(instances(result, text))
    yield "predictions.jsonl", b"".join(prediction(row.name, WHO, _of_blob(row.patch, text)) for row in result.rows)
    yield f"{WHO}.{result.ramp}.json", _written(run_report(result))


def instances(result: Result, text: Text) -> dict[str, Any]:
    """The phase and each of its instances."""
    phase, viable = result.phase, len(result.phase.viable)
    return {
        "ramp": result.ramp,
        "title": result.title,
        "phase": phase.number,
        "size": phase.size,
        "target": phase.target,
        "viable": viable,
        "solved": phase.solved,
        "success_rate": phase.solved / viable if viable else None,
        "interval_95": interval(phase.solved, viable, CLAIM_Z) if viable else (0.0, 1.0),
        "reason": phase.reason,
        "excluded": phase.excluded,
        "seconds": phase.settled_at - phase.opened_at,
        "facts": phase.facts,
        "instances": [_instance(row, phase, text) for row in result.rows],
    }


def _instance(row: Instance, phase: Phase, text: Text) -> dict[str, Any]:
    return {
        "instance_id": row.name,
        "job": row.job,
        "repository": row.project,
        "viable": row.name in phase.viable,
        "verified": row.outcome == "certified",
        "outcome": row.outcome,
        "attempts_made": row.attempts,
        "runs": row.runs,
        "feedback_history": row.feedback,
        "red_gate_message": row.red or row.cause,
        "green_gate_message": row.green,
        "patch": _of_blob(row.patch, text),
        "certificate": row.certificate,
        "error": row.cause or row.error,
        "seconds": row.busy_s,
        "tokens": row.tokens,
        "facts": row.facts,
    }


def run_report(result: Result) -> dict[str, Any]:
    """SWE-bench's run report, as its harness writes one; what could not be judged here counts as an error."""
    rows = result.rows
    ids = {
        "completed": _named(row for row in rows if row.patch),
        "incomplete": sorted({*result.total} - {row.name for row in rows}),
        "empty_patch": _named(row for row in rows if not row.patch and row.health != "excluded"),
        "submitted": _named(rows),
        "resolved": _named(row for row in rows if row.outcome == "certified"),
        "unresolved": _named(row for row in rows if row.patch and row.outcome != "certified"),
        "infra_failure": _named(row for row in rows if row.health == "excluded"),
        "ambiguous_failure": [],
        "error": _named(row for row in rows if row.health == "excluded"),
    }
    counted = [name for name in ids if name != "incomplete"]
    numbers = {"total_instances": len(result.total)} | {f"{name}_instances": len(ids[name]) for name in counted}
    lists = {f"{name}_ids": names for name, names in ids.items()}
    return numbers | lists | {"failure_reasons": result.phase.excluded, "schema_version": SCHEMA_VERSION}


def _named(rows: Iterable[Instance]) -> list[str]:
    return sorted(row.name for row in rows)


def _of_blob(name: str, text: Text) -> str:
    return text(name) if name else ""


def _written(document: dict[str, Any]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
