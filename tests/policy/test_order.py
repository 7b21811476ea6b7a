"""The order of the rungs: the table's without evidence, what worked first with it, and the same each time."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from daemon.policy.ladder import LADDER
from daemon.policy.order import EVIDENCE_RUNS, EXPLORED, order
from daemon.views.ladder import Cell, Ladder

RUNGS = [rung.id for rung in LADDER]
HERE = "v2:here.exact"


def cell(worked: int, tried: int, seconds: float = 30.0) -> Cell:
    return Cell(float(worked), float(tried - worked), tried, worked, seconds * tried)


def ladder(rungs: dict[str, Cell], here: dict[str, Cell] | None = None) -> Ladder:
    return Ladder({rung: cell(0, 1) for rung in RUNGS} | rungs, {"v2:here": here or {}})


def firsts(known: Ladder, place: int = 1) -> Counter[str]:
    """Which rung comes at a place, over many seeds."""
    return Counter(order(known, HERE, RUNGS, seed)[place] for seed in range(200))


def test_without_evidence_it_is_the_tables_order() -> None:
    assert order(Ladder(), HERE, RUNGS, 1) == RUNGS
    little = Ladder({"N5": cell(EVIDENCE_RUNS - 1, EVIDENCE_RUNS - 1)})
    assert order(little, HERE, RUNGS, 1) == RUNGS


def test_what_worked_everywhere_goes_first_after_the_one_that_costs_nothing() -> None:
    known = ladder({"A3": cell(40, 50)})
    assert firsts(known, 0) == {"C1": 200}
    assert firsts(known)["A3"] > 150


def test_what_worked_for_this_class_beats_what_worked_for_others() -> None:
    known = ladder({"A3": cell(20, 60), "M4": cell(10, 60)}, {"M4": cell(9, 10), "A3": cell(0, 10)})
    assert firsts(known).most_common(1)[0][0] == "M4"


def test_what_costs_ten_times_as_much_has_to_work_much_more_often() -> None:
    known = ladder({"M1": cell(20, 50, 20.0), "N1": cell(30, 50, 200.0)})
    assert firsts(known)["M1"] > 150


def test_exploration_is_bounded() -> None:
    """Where all is known and one rung is far the best, it loses its place about as often as is explored."""
    known = ladder({rung: cell(0, 500) for rung in RUNGS} | {"M2": cell(480, 500)}, {"M2": cell(480, 500)})
    assert 200 - firsts(known)["M2"] <= 3 * EXPLORED * 200


def test_the_seed_decides() -> None:
    known = ladder({rung: cell(1, 4) for rung in RUNGS})
    assert order(known, HERE, RUNGS, 5) == order(known, HERE, RUNGS, 5)
    assert len({tuple(order(known, HERE, RUNGS, seed)) for seed in range(20)}) > 10


@given(st.lists(st.sampled_from(RUNGS), unique=True), st.integers(), st.integers(0, 50))
def test_every_rung_is_tried_once(rungs: list[str], seed: int, tried: int) -> None:
    known = ladder({rung: cell(tried // 2, tried) for rung in RUNGS})
    assert sorted(order(known, HERE, rungs, seed)) == sorted(rungs)
