"""Where the bug may be: little coverages, and which line comes first."""

from daemon.inside.search import verdicts
from daemon.inside.search.suspicion import covering, ranked, suspicions
from daemon.inside.search.verdicts import Baseline


def ran(name: str, *lines: int, passed: bool = True, frames: tuple[int, ...] = ()) -> verdicts.Test:
    return verdicts.Test(name, passed, 0.0, {"m.py": set(lines)}, "", [("m.py", line) for line in frames])


def lines_of(baseline: Baseline, *failing: str) -> list[int]:
    return [line for _, _, line in ranked(suspicions(baseline, failing))]


def test_what_only_failing_tests_execute_comes_first() -> None:
    baseline = Baseline([ran("a", 1, 2), ran("b", 1, 3, passed=False)], {})
    assert lines_of(baseline) == [3, 1]


def test_what_runs_at_import_says_nothing() -> None:
    assert lines_of(Baseline([ran("b", 1, 3, passed=False)], {"m.py": {1}})) == [3]


def test_the_line_that_crashed_comes_before_its_neighbours() -> None:
    tests = [ran("a", 4, 5, 6), ran("b", 4, 5, 6, passed=False, frames=(4, 6))]
    assert lines_of(Baseline(tests, {})) == [6, 4, 5]


def test_where_a_test_was_stopped_that_never_ended_is_chance() -> None:
    hung = ran("b", 4, 5, 6, passed=False, frames=(6,))._replace(error="Hung: it takes too long")
    assert lines_of(Baseline([hung], {})) == [4, 5, 6]


def test_a_crash_at_import_has_only_its_frames() -> None:
    baseline = Baseline([ran("b", passed=False, frames=(7,))], {"m.py": {1, 7}})
    assert lines_of(baseline) == [7]


def test_the_asserts_of_a_test_tell_more_than_the_whole() -> None:
    parts = [ran("b#1", 1, 2), ran("b#2", 1, 3, passed=False)]
    whole = Baseline([ran("b", 1, 2, 3, passed=False)], {})
    assert lines_of(whole._replace(parts=parts)) == [3, 1]
    assert lines_of(whole) == [1, 2, 3]


def test_an_assert_that_executes_nothing_says_nothing() -> None:
    whole = Baseline([ran("a", 1), ran("b", 1, 2, passed=False)], {})
    parts = [ran("b#1", 1, 2, passed=False), verdicts.Test("b#2", passed=False, seconds=0.0, executed={})]
    assert suspicions(whole._replace(parts=parts)) == suspicions(whole)


def test_behind_a_first_edit_what_still_fails_counts() -> None:
    baseline = Baseline([ran("a", 1, passed=False), ran("b", 2, passed=False)], {})
    assert lines_of(baseline, "b") == [2]


def test_the_file_that_the_test_is_named_after_comes_first() -> None:
    executed = {"lib/cart.py": {1}, "lib/tax.py": {1}}
    test = verdicts.Test("tests/test_tax.py::test_a", passed=False, seconds=0.0, executed=executed)
    assert [path for _, path, _ in ranked(suspicions(Baseline([test], {})))] == ["lib/tax.py", "lib/cart.py"]


def test_tests_that_a_patch_answers_to() -> None:
    baseline = Baseline([ran("a", 1, 2), ran("b", 1, 3), ran("c", 4)], {})
    assert covering(baseline, "m.py", [2, 3]) == 2
