"""Stands where hands are still to come: says exactly what is missing, and refuses before anything is spent."""

from collections.abc import Sequence

from daemon import events as e
from daemon import steps
from daemon.drops import Idea
from daemon.effects.world import Hands, World
from daemon.events import Fact

REPAIR = "this version has no hands for a repair yet: environment, workspace, sandbox, gates and proposers are missing"
IDEA = "this version has no hands for an idea yet: proposers, project environment and score are missing"


async def refuse(step: steps.OfRun, _: World) -> Sequence[Fact]:
    """Refuse a run whose hands are missing."""
    cause = IDEA if isinstance(step.drop, Idea) else REPAIR
    return [e.RunRefused(job=step.job, run=step.run, verdict="missing_hands", cause=cause)]


HANDS: Hands = dict.fromkeys(
    (
        steps.PrepareEnvironment,
        steps.PrepareWorkspace,
        steps.RunRedGate,
        steps.Propose,
        steps.ApplyEdits,
        steps.RunGreenGate,
        steps.MeasureProject,
        steps.Certify,
    ),
    refuse,
)
