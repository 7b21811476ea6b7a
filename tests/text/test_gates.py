"""Every verdict of the gates, as pure functions of outcomes."""

import pytest
from msgspec import structs

from daemon.text.gates import Held, NotPassed, Passed, Refused, flaky, green, passing, red
from daemon.text.outcomes import Cause, Ended, Frame, Outcome, Outcomes, Status

TARGET, OTHER = "tests/test_a.py::test_target", "tests/test_a.py::test_other"
FILE = "tests/test_a.py"
IN_TEST, IN_SOURCE = Frame(FILE, 3, "test_target"), Frame("shop/cart.py", 9, "total")
WRONG = Cause("AssertionError", "assert 1 == 2", frames=[IN_TEST], ends_here=True)
PASSED = Outcome("passed")
FAILED = Outcome("failed", WRONG, detail="E  assert 1 == 2", phase="call")
STATUS_OF_FAILURE = 1


def session(  # noqa: PLR0913  each is one thing that a session can be
    tests: dict[str, Outcome] | None = None,
    *,
    uncollected: dict[str, Outcome] | None = None,
    collected: list[str] | None = None,
    ended: Ended | None = None,
    running: str = "",
    problems: list[str] | None = None,
    meddling: list[str] | None = None,
) -> Outcomes:
    tests, uncollected = tests or {}, uncollected or {}
    failed = any(outcome.fails for outcome in (tests | uncollected).values())
    ended = ended or Ended(STATUS_OF_FAILURE if failed else 0)
    return Outcomes(
        "pytest",
        ended,
        tests,
        uncollected,
        collected=list(tests) if collected is None else collected,
        running=running,
        exit_status=None if running or ended.is_cut_short else ended.status,
        problems=problems or [],
        meddling=meddling or [],
        own=["shop", "tests"],
    )


RED = session({TARGET: FAILED, OTHER: PASSED})


def held(before: Outcomes = RED, targets: tuple[str, ...] = (TARGET,)) -> Held:
    verdict = red([before], targets)
    assert isinstance(verdict, Held), verdict
    return verdict


def refused(*sessions: Outcomes, targets: tuple[str, ...] = (TARGET,)) -> Refused:
    verdict = red(sessions, targets)
    assert isinstance(verdict, Refused), verdict
    return verdict


# Red


def test_red_holds_when_a_target_fails() -> None:
    verdict = held()
    assert (verdict.failing, verdict.baseline) == ([TARGET], [OTHER])
    assert verdict.signature.startswith("v2:")
    assert "assert 1 == 2" in verdict.message
    assert "tests/test_a.py:3 in test_target" in verdict.message


def test_without_named_targets_all_that_fails_is_one() -> None:
    assert held(targets=()).failing == [TARGET]
    assert refused(session({OTHER: PASSED}), targets=()).verdict == "already_green"


def test_already_green() -> None:
    assert refused(session({TARGET: PASSED})).verdict == "already_green"
    assert refused(session({TARGET: Outcome("xpassed")})).verdict == "already_green"


def test_a_green_session_that_does_not_hold_together_is_not_called_green() -> None:
    verdict = refused(session({TARGET: PASSED}, problems=["the report has no end"]))
    assert (verdict.verdict, "no end" in verdict.cause) == ("environment", True)


def test_a_target_that_passes_beside_one_that_fails_is_in_the_baseline() -> None:
    verdict = held(targets=(TARGET, OTHER))
    assert (verdict.targets, verdict.failing, verdict.baseline) == ([TARGET, OTHER], [TARGET], [OTHER])


def broken_file(cause: Cause, status: Status = "error") -> Outcomes:
    return session({OTHER: PASSED}, uncollected={FILE: Outcome(status, cause)})


NUMPY = Cause("ModuleNotFoundError", "No module named 'numpy'", name="numpy", frames=[IN_SOURCE])
LONELY = Cause("gaierror", "[Errno -3] Temporary failure in name resolution", frames=[IN_SOURCE])


@pytest.mark.parametrize(
    ("before", "cause"),
    [
        (broken_file(NUMPY), "a package is missing: ModuleNotFoundError: No module named 'numpy'"),
        (session({TARGET: Outcome("error", NUMPY, phase="call")}), "a package is missing"),
        (broken_file(Cause("ImportError", "cannot import name 'Mapping' from 'collections'", name="collections")),
         "import failed"),
        (broken_file(Cause("ModuleNotFoundError", "No module 'shop._fast'", name="shop._fast", frames=[IN_SOURCE])),
         "not built: shop/cart.py imports its own shop._fast"),
        (broken_file(Cause("AttributeError", "module 'numpy' has no attribute 'bool'", frames=[IN_SOURCE])),
         "another version of numpy"),
        (broken_file(Cause("PluginValidationError", "unknown hook")), "collection failed: PluginValidationError"),
        (session({OTHER: PASSED}, uncollected={FILE: Outcome("skipped", detail="needs a database")}),
         "is skipped: needs a database"),
        (session({TARGET: Outcome("error", detail="fixture 'mocker' not found", phase="setup")}),
         "there is no fixture 'mocker'"),
        (session({TARGET: Outcome("skipped", Cause("Skipped", "needs a network"))}), "is skipped: Skipped: n"),
        (session({TARGET: Outcome("error", LONELY, phase="call")}), "the network is wanted, and the s"),
        (session({OTHER: PASSED}), "was not collected; did you mean tests/test_a.py::test_other?"),
        (session({"tests.test_a.TestA.test_first": PASSED}), "did you mean tests.test_a.TestA.test_first?"),
        (session({"exit status": PASSED}), "all that is known is the test 'exit status'"),
        (session(ended=Ended(5)), "was not collected"),
        (structs.replace(session(ended=Ended(0, output="3 passed in 0.01s")), collected=None),
         "left no report, whatever it printed: 3 passed"),
        (structs.replace(session(ended=Ended(4, output="usage: x\nERROR: unknown option --cov\n")), collected=None),
         "did not start: ERROR: unknown option --cov"),
        (structs.replace(session(ended=Ended(None, timed_out=True)), collected=None), "imported in the time allowed"),
        (structs.replace(session(ended=Ended(None, out_of_memory=True)), collected=None), "out of memory"),
        (session({}, collected=[OTHER, TARGET], running=OTHER, ended=Ended(None, timed_out=True)),
         f"time ran out in {OTHER} before {TARGET} ran"),
        (session({}, collected=[TARGET], running=TARGET, ended=Ended(None, out_of_memory=True)), "out of memory"),
    ],
)  # fmt: skip
def test_what_is_the_environments_fault_is_refused_with_its_cause(before: Outcomes, cause: str) -> None:
    verdict = refused(before)
    assert verdict.verdict == "environment"
    assert cause in verdict.cause


def test_one_target_that_wants_the_network_is_enough_to_refuse() -> None:
    """All targets have to turn green, and that one never will."""
    verdict = refused(session({TARGET: FAILED, OTHER: Outcome("failed", LONELY)}), targets=(TARGET, OTHER))
    assert verdict.cause.startswith("the network is wanted")


@pytest.mark.parametrize(
    "before",
    [
        broken_file(Cause("ImportError", "cannot import name 'total' from 'shop'", name="shop", frames=[IN_TEST])),
        broken_file(Cause("ModuleNotFoundError", "No module named 'shop.new'", name="shop.new", frames=[IN_TEST])),
        broken_file(Cause("AttributeError", "module 'shop' has no attribute 'new'", name="new", frames=[IN_TEST])),
        broken_file(Cause("NameError", "name 'x' is not defined", name="x", frames=[IN_SOURCE])),
        broken_file(Cause("SyntaxError", "invalid syntax", frames=[IN_SOURCE])),
        broken_file(Cause("ImportError", "partially initialized module", origin="shop/cart.py", frames=[IN_SOURCE])),
        session({TARGET: Outcome("error", Cause("KeyError", "'x'", frames=[IN_SOURCE]), phase="setup"), OTHER: PASSED}),
        session({OTHER: PASSED}, collected=[OTHER, TARGET], running=TARGET, ended=Ended(None, timed_out=True)),
        session({OTHER: PASSED}, collected=[OTHER, TARGET], running=TARGET, ended=Ended(None, signal=11)),
        session({TARGET: Outcome("xfailed", WRONG), OTHER: FAILED}, collected=[TARGET, OTHER]),
    ],
)
def test_what_comes_from_the_repository_is_red_for_the_right_reason(before: Outcomes) -> None:
    targets = (OTHER,) if OTHER in before.tests and before.tests[OTHER].fails else (TARGET,)
    assert held(before, targets).failing == list(targets)


@pytest.mark.parametrize(
    "before",
    [
        session({TARGET: FAILED}, collected=[TARGET, OTHER], running=OTHER, ended=Ended(None, timed_out=True)),
        session({TARGET: FAILED}, collected=[TARGET, OTHER], running=OTHER, ended=Ended(0)),
        structs.replace(RED, problems=["line 3 of the report was not written by the runner"]),
    ],
)
def test_tests_that_could_never_turn_green_are_refused(before: Outcomes) -> None:
    """What a bystander breaks would break every attempt as well."""
    verdict = refused(before)
    assert verdict.verdict == "environment"
    assert "no change could be judged" in verdict.cause


def test_reruns_that_disagree_on_a_target_are_refused() -> None:
    verdict = refused(RED, session({TARGET: PASSED, OTHER: PASSED}))
    assert (verdict.verdict, TARGET in verdict.cause) == ("flaky", True)


def test_a_bystander_that_flakes_is_left_out_of_the_baseline() -> None:
    again = session({TARGET: FAILED, OTHER: FAILED})
    verdict = red([RED, again], [TARGET])
    assert isinstance(verdict, Held)
    assert (verdict.baseline, verdict.flaky) == ([], [OTHER])


ODD = {  # ids in two sessions of the same test
    "an address": ("a::t[<F at 0x7f01>]", "a::t[<F at 0x7f02>]"),
    "the time of day": ("a::t[23:59:59 2026-11-20]", "a::t[00:00:01 2026-11-21]"),
    "the day as others write it": ("a::t[11-20-2026 23:59]", "a::t[11-21-2026 00:00]"),
    "where the tree was": ("a::t[/one/place/seen.txt]", "a::t[/another/seen.txt]"),
}


@pytest.mark.parametrize("name", ODD)
def test_what_no_other_session_has_in_its_ids_makes_no_test_flaky_or_broken(name: str) -> None:
    one, other = ODD[name]
    assert flaky([session({one: PASSED}), session({other: PASSED})]) == []
    before = held(session({TARGET: FAILED, one: PASSED}))
    assert green(before, session({TARGET: PASSED, other: PASSED})) == Passed([TARGET], 1)
    assert not_passed(session({TARGET: PASSED, other: FAILED}), before).broken == [one]
    assert not_passed(session({TARGET: PASSED}), before).broken == [one]


def test_of_several_ids_that_look_alike_none_may_vanish() -> None:
    at_ten, at_noon, later = "a::t[10:00]", "a::t[12:00]", "a::t[13:00]"
    before = held(session({TARGET: FAILED, at_ten: PASSED, at_noon: PASSED}))
    assert isinstance(green(before, session({TARGET: PASSED, at_noon: PASSED, later: PASSED})), Passed)
    assert not_passed(session({TARGET: PASSED, at_noon: PASSED}), before).broken == [at_ten]


def test_a_target_that_was_cut_at_the_space_in_its_time_is_found() -> None:
    ids = held(session({TARGET: FAILED, "a::t[10:00:00 2026-11-20]": FAILED}), ("a::t[23:24:56", TARGET)).ids
    assert ids == ["a::t[10:00:00 2026-11-20]", TARGET]


# Green

GREEN = session({TARGET: PASSED, OTHER: PASSED})


def not_passed(after: Outcomes, before: Held | None = None) -> NotPassed:
    verdict = green(before or held(), after)
    assert isinstance(verdict, NotPassed), verdict
    return verdict


def test_green() -> None:
    verdict = green(held(), GREEN)
    assert verdict == Passed([TARGET], 1)


def test_a_test_that_failed_before_and_still_does_is_no_regression() -> None:
    third = "tests/test_a.py::test_third"
    before = held(session({TARGET: FAILED, OTHER: PASSED, third: FAILED}))
    assert isinstance(green(before, session({TARGET: PASSED, OTHER: PASSED, third: FAILED})), Passed)


@pytest.mark.parametrize(
    ("target", "passes"),
    [
        (Outcome("passed"), True),
        (Outcome("xpassed"), True),
        (Outcome("xfailed", marked=True), False),  # whatever it is marked with, it failed another way before
        (Outcome("xfailed"), False),  # pytest.xfail() can be called by the code under repair
        (Outcome("skipped"), False),
        (Outcome("failed", WRONG), False),
        (Outcome("error", WRONG), False),
    ],
)
def test_which_status_of_a_target_is_a_fix(target: Outcome, *, passes: bool) -> None:
    assert isinstance(green(held(), session({TARGET: target, OTHER: PASSED})), Passed) == passes


@pytest.mark.parametrize("expected", [Outcome("xfailed", marked=True), Outcome("xpassed", marked=True)])
def test_what_was_expected_to_fail_before_may_do_so_again(expected: Outcome) -> None:
    """Also in the file that is the target, where it stands beside what is to be fixed."""
    for target in (TARGET, FILE):
        before = held(session({TARGET: FAILED, OTHER: expected}), (target,))
        after = session({TARGET: PASSED, OTHER: Outcome("xfailed", marked=True)})
        assert green(before, after) == Passed([target], 1)
        assert passing(before, after) == {TARGET, OTHER}


def test_only_what_was_expected_to_fail_before_counts_as_passing() -> None:
    after = session({TARGET: Outcome("xfailed", marked=True), OTHER: Outcome("xfailed", marked=True)})
    assert passing(held(), after) == set()


BROKEN = [
    FAILED,
    Outcome("error", WRONG),
    Outcome("skipped"),
    Outcome("xfailed"),
    Outcome("xfailed", marked=True),
    None,
]


@pytest.mark.parametrize("bystander", BROKEN)
def test_what_passed_before_must_pass_again(bystander: Outcome | None) -> None:
    """A test that is skipped now, or gone, is as broken as one that fails."""
    after = {TARGET: PASSED} | ({OTHER: bystander} if bystander else {})
    verdict = not_passed(session(after))
    assert (verdict.failure, verdict.broken, verdict.fixed) == ("regression", [OTHER], [TARGET])


def test_none_collected_is_no_pass() -> None:
    verdict = not_passed(session(ended=Ended(5)))
    assert (verdict.failure, verdict.broken) == ("other_failure", [OTHER])


def test_the_same_failure_and_another_one() -> None:
    assert not_passed(RED).failure == "same_failure"
    moved = structs.replace(WRONG, message="assert 7 == 2", frames=[structs.replace(IN_TEST, line=9)])
    assert not_passed(session({TARGET: structs.replace(FAILED, cause=moved), OTHER: PASSED})).failure == "same_failure"
    other = Outcome("error", Cause("TypeError", "no", frames=[IN_SOURCE]))
    verdict = not_passed(session({TARGET: other, OTHER: PASSED}))
    assert verdict.failure == "other_failure"
    assert "TypeError: no" in verdict.message
    assert "shop/cart.py:9 in total" in verdict.message


def test_a_failing_target_tells_what_was_broken_as_well() -> None:
    verdict = not_passed(session({TARGET: FAILED, OTHER: FAILED}))
    assert (verdict.failure, verdict.broken) == ("same_failure", [OTHER])
    assert "1 test passed before and not any more" in verdict.message


def test_partial_success_is_counted() -> None:
    second = "tests/test_a.py::test_second"
    before = held(session({TARGET: FAILED, second: FAILED}), (TARGET, second))
    assert not_passed(session({TARGET: PASSED, second: FAILED}), before).fixed == [TARGET]


def test_a_syntax_error_is_named() -> None:
    cause = Cause("IndentationError", "unexpected indent", frames=[Frame("shop/cart.py", 4, "<module>")])
    verdict = not_passed(session(uncollected={FILE: Outcome("error", cause)}))
    assert verdict.failure == "syntax"
    assert "shop/cart.py:4" in verdict.message


def test_a_test_file_that_never_could_be_read_is_not_the_change() -> None:
    cause = Cause("SyntaxError", frames=[Frame("tests/test_old.py", 1, "<module>")])
    old = {"tests/test_old.py": Outcome("error", cause)}
    assert not_passed(session({TARGET: FAILED, OTHER: PASSED}, uncollected=old)).failure == "same_failure"
    assert isinstance(green(held(), session({TARGET: PASSED, OTHER: PASSED}, uncollected=old)), Passed)


@pytest.mark.parametrize(
    ("ended", "failure", "said"),
    [
        (Ended(None, timed_out=True), "timeout", f"stuck in {TARGET}"),
        (Ended(137, out_of_memory=True), "other_failure", f"out of memory in {TARGET}"),
        (Ended(None, signal=11), "other_failure", "killed by signal 11"),
        (Ended(0), "other_failure", "ended with status 0"),
    ],
)
def test_a_session_that_was_cut_short_is_no_pass(ended: Ended, failure: str, said: str) -> None:
    verdict = not_passed(session({OTHER: PASSED}, collected=[OTHER, TARGET], running=TARGET, ended=ended))
    assert verdict.failure == failure
    assert said in verdict.message


def test_a_pass_that_does_not_hold_together_is_none() -> None:
    assert "no end" in not_passed(structs.replace(GREEN, problems=["the report has no end"])).message
    assert "hook x in y" in not_passed(structs.replace(GREEN, meddling=["hook x in y"])).message
    assert not_passed(structs.replace(GREEN, exit_status=None)).failure == "other_failure"


def test_meddling_that_was_there_before_the_change_is_the_repositorys_own() -> None:
    before = held(structs.replace(RED, meddling=["hook x in conftest.py"]))
    assert isinstance(green(before, structs.replace(GREEN, meddling=["hook x in conftest.py"])), Passed)


def test_a_message_stays_small() -> None:
    long = Outcome("failed", structs.replace(WRONG, frames=[IN_TEST] * 20), detail="x" * 6000, output="y" * 2000)
    many = {f"{FILE}::test_{number}": long for number in range(500)}
    assert len(held(session(many), ()).message) < 20_000


def test_the_same_outcomes_give_the_same_verdict() -> None:
    assert held() == held()
    assert green(held(), RED) == green(held(), RED)
