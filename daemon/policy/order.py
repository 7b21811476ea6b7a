"""In which order a job climbs the rungs: as they worked for its class of failure so far, for what they cost.

Thompson sampling: each rung's odds are drawn from what is known of it, and the best draw for its cost goes first. A
class of which little is known borrows from all classes, and with no evidence at all the order is the table's. Order
buys time and tokens; which failures are mended in the end it does not change.
"""

from collections.abc import Sequence

from daemon.policy.dice import Dice
from daemon.views.ladder import Cell, Ladder

ALWAYS_FIRST = "C1"  # it asks no model: nothing is cheaper
EVIDENCE_RUNS = 20  # on rungs, all classes together; with less the table knows better
BORROWED_RUNS = 6.0  # that all classes together count for in one class
TABLE_RUNS = 4.0  # that the table's order counts for in all classes
TABLE_FIRST, TABLE_FALLS = 0.25, 0.95  # how often the table believes that its first rung works, and each further one
COST_RUNS = 3.0  # with the average cost, until a rung's own is known
LEAST_COST_S = 1.0
EXPLORED = 0.05  # of the places go to any rung, so that none is forgotten for ever


def order(ladder: Ladder, signature: str, rungs: Sequence[str], seed: int) -> list[str]:
    """These rungs, which stand in the table's order, in the order in which they should be tried."""
    known = [cell for rung in rungs if (cell := ladder.rungs.get(rung))]
    if sum(cell.tried for cell in known) < EVIDENCE_RUNS:
        return list(rungs)
    dice, cells = Dice(seed), ladder.classes.get(signature.partition(".")[0], {})
    average_s = max(LEAST_COST_S, sum(cell.seconds for cell in known) / sum(cell.tried for cell in known))
    worth = {
        rung: _odds(ladder.rungs.get(rung, Cell()), cells.get(rung, Cell()), place, dice)
        / _cost_s(ladder.rungs.get(rung, Cell()), average_s)
        for place, rung in enumerate(rungs)
    }
    left = sorted(rungs, key=lambda rung: (rung != ALWAYS_FIRST, -worth[rung]))
    ordered: list[str] = []
    while left:
        explores = ordered and dice.uniform() < EXPLORED
        ordered.append(left.pop(dice.below(len(left)) if explores else 0))
    return ordered


def _odds(everywhere: Cell, here: Cell, place: int, dice: Dice) -> float:
    """A draw of how often a rung works for this class: what happened here, on top of what happened everywhere."""
    table = TABLE_FIRST * TABLE_FALLS**place
    mean = (everywhere.worked + TABLE_RUNS * table) / (everywhere.worked + everywhere.failed + TABLE_RUNS)
    return dice.beta(BORROWED_RUNS * mean + here.worked, BORROWED_RUNS * (1.0 - mean) + here.failed)


def _cost_s(cell: Cell, average_s: float) -> float:
    """What a run on it costs, a little believed to be like any other."""
    return max(LEAST_COST_S, (cell.seconds + COST_RUNS * average_s) / (cell.tried + COST_RUNS))
