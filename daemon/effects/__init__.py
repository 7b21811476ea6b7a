"""Step → facts: every hand that touches the world. Hands do not decide; what they find is for policy to answer."""

from collections.abc import Sequence

from daemon import events as e
from daemon import steps
from daemon.disk import ROOM_ERRORS
from daemon.effects import ledger, missing, scripted
from daemon.effects.world import Fault, Hands, World
from daemon.events import Fact


def hands_of(world: str) -> Hands:
    """The table of a world: which hand does which step."""
    match world:
        case "scripted":
            return ledger.HANDS | scripted.Stage().hands()
        case _:
            return ledger.HANDS | missing.HANDS


async def perform(step: steps.Step, world: World) -> Sequence[Fact]:
    """Do a step; what the world does wrong comes back as a fact."""
    try:
        return await world.hands[type(step)](step, world)
    except Fault as fault:
        return [_faulted(step, fault.fault, fault.message)]
    except OSError as error:
        if error.errno not in ROOM_ERRORS:
            raise
        return [_faulted(step, "disk_full", str(error))]


def _faulted(step: steps.Step, fault: str, message: str) -> Fact:
    run = getattr(step, "run", "")
    return e.WorldFaulted(job=step.job, run=run, step=type(step).__name__, fault=fault, message=message)
