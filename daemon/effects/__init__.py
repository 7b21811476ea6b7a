"""Step → facts: every hand that touches the world. Hands do not decide; what they find is for policy to answer."""

from collections.abc import Sequence
from functools import partial

from daemon import events as e
from daemon import steps
from daemon.disk import FAULTS
from daemon.drops import Idea
from daemon.effects import certify, certify_idea, ideas, ledger, propose, ramp, repair, scripted, unaided
from daemon.effects.workshop import Workshop
from daemon.effects.world import Fault, Hand, Hands, World
from daemon.events import Fact

FOR_IDEAS: Hands = {
    steps.PrepareWorkspace: ideas.prepare_workspace,
    steps.Propose: ideas.propose,
    steps.ApplyEdits: ideas.apply_edits,
    steps.MeasureProject: ideas.measure_project,
    steps.Certify: certify_idea.certify,
}


def scripted_hands() -> Hands:
    """The table of a world that plays what drops tell it to."""
    return ledger.HANDS | ramp.HANDS | scripted.Stage().hands()


def real_hands(shop: Workshop) -> Hands:
    """The table of the real world: which hand does which step."""
    at_work: Hands = {
        steps.PrepareEnvironment: repair.prepare_environment,
        steps.PrepareWorkspace: repair.prepare_workspace,
        steps.RunRedGate: repair.run_red_gate,
        steps.CheckGold: ramp.check_gold,
        steps.MeasureValues: unaided.measure_values,
        steps.Advise: propose.advise,
        steps.Propose: propose.propose,
        steps.ApplyEdits: repair.apply_edits,
        steps.RunGreenGate: repair.run_green_gate,
        steps.Minimise: unaided.minimise,
        steps.Certify: certify.certify,
    }
    return ledger.HANDS | ramp.HANDS | _paired(at_work, shop)


def _paired(mends: Hands, shop: Workshop) -> Hands:
    return {step: partial(_by_kind, mends.get(step), FOR_IDEAS.get(step), shop) for step in mends | FOR_IDEAS}


async def _by_kind(
    mends: Hand | None, writes: Hand | None, shop: Workshop, step: steps.OfRun, world: World
) -> Sequence[Fact]:
    """Repairs and ideas take the same steps with hands of their own."""
    hand = writes if isinstance(step.drop, Idea) else mends
    if hand is None:
        raise TypeError(f"{type(step).__name__} is no step of such a job")
    return await hand(shop, step, world)


async def perform(step: steps.Step, world: World) -> Sequence[Fact]:
    """Do a step; what the world does wrong comes back as a fact."""
    try:
        return await world.hands[type(step)](step, world)
    except Fault as fault:
        return [_faulted(step, fault.fault, fault.message)]
    except OSError as error:
        if error.errno not in FAULTS:
            raise
        return [_faulted(step, FAULTS[error.errno], str(error))]


def _faulted(step: steps.Step, fault: str, message: str) -> Fact:
    run = getattr(step, "run", "")
    return e.WorldFaulted(job=step.job, run=run, step=type(step).__name__, fault=fault, message=message)
