"""What a certificate teaches, and what it does not."""

import pytest

from daemon import events as e
from daemon import steps
from daemon.drops import Repair
from daemon.effects.lessons import lessons
from daemon.text.gates import Held
from daemon.text.outcomes import Cause, Outcome

BEFORE = "def total(cart):\n    return sum(cart.prices)\n"


@pytest.mark.parametrize(
    ("value", "times"), [("sum(cart.prices) + 77", 1), ("8675309", 0), ("-4321", 0), ("'all in'", 0)]
)
def test_a_change_that_says_what_the_test_expects_is_not_remembered(value: str, times: int) -> None:
    """A value in what the red gate saw is the test's, unless the code had it before."""
    said = {"t": "assert 3 == 8675309", "u": "'none' != 'all in'", "v": "assert 0 == -4321"}
    failed = {name: Outcome("failed", cause=Cause("AssertionError", words)) for name, words in said.items()}
    held = Held(["t"], ["t"], [], "v2:c.e", "m", failed=failed)
    drop = Repair(repo="/repos/shop", tests=["t"])
    step = steps.Certify("r-1", "r-1.1", 1, drop, 1, "model", "tiny", "", "", attempts=[steps.Attempt(1, "model")])
    changed = {"shop/cart.py": (BEFORE, f"def total(cart):\n    return {value}\n")}
    taught = [fact for fact in lessons(step, held, changed, "", "") if isinstance(fact, e.FixLearned)]
    assert len(taught) == times
