"""Who is next: priority, then first runs before further ones, then the longest waiting; and nobody starves."""

from hypothesis import given
from hypothesis import strategies as st

from daemon import events as e
from daemon.policy import schedule
from daemon.views.queue import STEP_BACK
from tests.fakes.told import Told


def in_order(told: Told) -> list[str]:
    """The runs as six workers would take them."""
    taken = []
    while (run := schedule.next_run(told.views.queue)) is not None:
        taken.append(run)
        told.claimed(run)
    return taken


def jobs(count: int, priority: int = 5) -> Told:
    told = Told()
    for number in range(1, count + 1):
        told.accepted(f"r-{number:06d}", priority).opened(f"r-{number:06d}.1")
    return told


def test_equals_are_served_in_the_order_in_which_they_came() -> None:
    assert in_order(jobs(4)) == [f"r-{number:06d}.1" for number in (1, 2, 3, 4)]


def test_priority_goes_first() -> None:
    told = jobs(2).accepted("r-000009", priority=9).opened("r-000009.1")
    assert in_order(told)[0] == "r-000009.1"


def test_first_runs_go_before_second_ones() -> None:
    told = jobs(1).claimed("r-000001.1").settled("r-000001.1").opened("r-000001.2")
    told.accepted("r-000002").opened("r-000002.1")
    assert in_order(told) == ["r-000002.1", "r-000001.2"]


def test_a_second_run_does_not_starve_behind_ever_new_jobs() -> None:
    told = jobs(1).claimed("r-000001.1").settled("r-000001.1").opened("r-000001.2")
    for number in range(2, STEP_BACK):
        told.accepted(f"r-{number:06d}").opened(f"r-{number:06d}.1")
        if schedule.next_run(told.views.queue) == "r-000001.2":
            return
        told.claimed(f"r-{number:06d}.1")
    raise AssertionError("it starved")


def test_a_delayed_run_stands_in_line_only_when_its_time_has_come() -> None:
    told = Told().accepted().opened(not_before=5_000.0)
    assert schedule.next_run(told.views.queue) is None
    assert schedule.sleep_s(told.views.queue, 4_999.0) == 1.0
    assert schedule.due(told.views.queue, 4_999.0) == []
    told.tell(e.RunDue(runs=schedule.due(told.views.queue, 5_000.0)))
    assert schedule.next_run(told.views.queue) == "r-000001.1"
    assert schedule.sleep_s(told.views.queue, 5_000.0) is None


def test_no_sleep_is_so_long_that_a_clock_that_jumps_leaves_a_run_lying() -> None:
    """Whoever sleeps counts no time while the machine is suspended: the time is looked at again and again."""
    told = Told().accepted().opened(not_before=5_000.0)
    assert schedule.sleep_s(told.views.queue, 0.0) == schedule.LONGEST_SLEEP_S
    assert schedule.sleep_s(told.views.queue, 9_000.0) == 0.0


def test_a_parked_run_gives_its_place_to_others_and_comes_back() -> None:
    told = jobs(2).claimed("r-000001.1")
    told.tell(e.RunParked(job="r-000001", run="r-000001.1", fault="models_down", not_before=9_000.0))
    assert in_order(told) == ["r-000002.1"]
    told.tell(e.RunDue(runs=["r-000001.1"]))
    assert in_order(told) == ["r-000001.1"]


def test_runs_that_the_world_keeps_failing_do_not_keep_fresh_ones_from_their_first_turn() -> None:
    told = jobs(3).claimed("r-000001.1").claimed("r-000002.1")
    for run in ("r-000001.1", "r-000002.1"):
        told.tell(e.RunParked(job=run[:8], run=run, fault="models_down", not_before=9_000.0))
    told.tell(e.RunDue(runs=["r-000001.1", "r-000002.1"]))
    assert in_order(told) == ["r-000003.1", "r-000001.1", "r-000002.1"]


def test_nor_do_further_runs_keep_further_runs_from_theirs() -> None:
    told = jobs(3)
    for job in ("r-000001", "r-000002", "r-000003"):
        told.claimed(f"{job}.1").settled(f"{job}.1").opened(f"{job}.2")
    for run in ("r-000001.2", "r-000002.2"):
        told.claimed(run).tell(e.RunParked(job=run[:8], run=run, fault="models_down", not_before=9_000.0))
    told.tell(e.RunDue(runs=["r-000001.2", "r-000002.2"]))
    assert in_order(told) == ["r-000003.2", "r-000001.2", "r-000002.2"]


def test_a_cancelled_run_is_never_claimed() -> None:
    told = jobs(3).settled("r-000001.1", "cancelled").settled("r-000003.1", "cancelled")
    assert in_order(told) == ["r-000002.1"]


def test_after_a_death_everything_in_hand_stands_in_line_again() -> None:
    told = jobs(3)
    first = in_order(told)
    told.tell(e.DaemonStarted(pid=1, version="0"))
    assert in_order(told) == first


@given(st.lists(st.floats(min_value=1, max_value=1e6), max_size=60), st.floats(min_value=0, max_value=2e6))
def test_due_runs_are_exactly_those_whose_time_has_come(times: list[float], now: float) -> None:
    told = Told()
    for number, not_before in enumerate(times, 1):
        told.accepted(f"r-{number:06d}").opened(f"r-{number:06d}.1", not_before=not_before)
    due = {f"r-{number:06d}.1" for number, not_before in enumerate(times, 1) if not_before <= now}
    assert set(schedule.due(told.views.queue, now)) == due
