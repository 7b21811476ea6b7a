"""Stands where hands are still to come: says exactly what is missing, and refuses before anything is spent."""

from collections.abc import Sequence

from daemon import events as e
from daemon import steps
from daemon.effects.workshop import Workshop
from daemon.effects.world import World
from daemon.events import Fact

IDEA = "this version has no hands for an idea yet: project environment and score are missing"


async def refuse(_: Workshop, step: steps.OfRun, __: World) -> Sequence[Fact]:
    """Refuse a run whose hands are missing."""
    return [e.RunRefused(job=step.job, run=step.run, verdict="missing_hands", cause=IDEA)]
