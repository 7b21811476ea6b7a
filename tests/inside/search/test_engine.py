"""The search as a whole: little broken programs, a judge in this process, and what is found."""

from textwrap import dedent

import pytest

from daemon.inside.search.engine import Budget, Found, search
from daemon.text.proposal import WEAKLY_TESTED
from tests.inside.search.in_process import InProcess

ENOUGH = Budget(seconds=20.0, candidates=3000)
BROKEN = {
    "boundary": (
        "def first(xs):\n    return [x for x in xs if x < 3]\n",
        ["m.first([1, 2, 3, 4]) == [1, 2, 3]", "m.first([]) == []"],
    ),
    "missing import": ("def root(x):\n    return math.sqrt(x)\n", ["m.root(9) == 3"]),
    "slip of the finger": ("def total(prices):\n    return sum(price)\n", ["m.total([1, 2]) == 3"]),
    "one more argument": (
        "def down(xs):\n    return sorted(xs)\n",
        ["m.down([1, 3, 2]) == [3, 2, 1]", "m.down([]) == []"],
    ),
    "one more element": (
        "VOWELS = ('a', 'i', 'o', 'u')\nE = 'e'\n\ndef vowels(text):\n    return [c for c in text if c in VOWELS]\n",
        ["m.vowels('hello') == ['e', 'o']", "m.vowels('dry') == []"],
    ),
    "forgotten return": ("def double(x):\n    y = 2 * x\n", ["m.double(2) == 4", "m.double(0) == 0"]),
    "shared default": (
        "def add(x, xs=[]):\n    xs.append(x)\n    return xs\n",
        ["m.add(1) == [1] and m.add(2) == [2]", "m.add(1, [0]) == [0, 1]"],
    ),
    "result thrown away": (
        "def clean(text):\n    text.strip()\n    return text\n",
        ["m.clean(' a ') == 'a'", "m.clean('b') == 'b'"],
    ),
    "sorted in place": (
        "def least(xs):\n    ordered = xs.sort()\n    return ordered[0]\n",
        ["m.least([3, 1]) == 1", "m.least([2]) == 2"],
    ),
    "a truth that depends": (
        "def closed(text):\n    deep = 0\n    for c in text:\n        deep += 1 if c == '(' else -1\n    return True\n",
        ["not m.closed('((')", "m.closed('()')", "m.closed('')", "not m.closed('(()')"],
    ),
    "a name of outside": (
        "def counter():\n    n = 0\n    def step():\n        n += 1\n        return n\n    return step\n",
        ["m.counter()() == 1"],
    ),
    "nothing in there": (
        "def name(user):\n    if user.name:\n        return user.name\n    return 'nobody'\n",
        ["m.name(None) == 'nobody'", "m.name(type('U', (), {'name': 'x'})) == 'x'"],
    ),
    "out of range": (
        "def clamp(x):\n    y = x - 1\n    return y\n",
        ["m.clamp(0) == 0", "m.clamp(5) == 4", "m.clamp(-7) == 0"],
    ),
}


def found(program: str, asserts: list[str], budget: Budget = ENOUGH) -> Found:
    tests = "".join(f"def test_{at}():\n    assert {each}\n" for at, each in enumerate(asserts))
    judge = InProcess({"m.py": program}, "import m\n" + tests)
    return search(judge.sources, judge.baseline(), judge, budget)


@pytest.mark.parametrize("name", BROKEN)
def test_mends(name: str) -> None:
    assert found(*BROKEN[name]).plausible


TWO_BUGS = dedent("""\
    def low(xs):
        return max(xs)

    def high(xs):
        return min(xs)
    """)


def test_two_bugs_take_two_edits() -> None:
    asserts = ["m.low([1, 2]) == 1", "m.high([1, 2]) == 2", "m.low([3]) == 3"]
    both = found(TWO_BUGS, asserts).plausible[0]
    assert len(both.edits) == 2
    assert both.changes["m.py"] == TWO_BUGS.replace("max", "MAX").replace("min", "max").replace("MAX", "min")


def test_what_helps_a_little_is_told() -> None:
    partial = found(TWO_BUGS, ["m.low([1, 2]) == 1", "m.high([1, 2]) == 'no'"], Budget(5.0, 60)).partial
    assert partial is not None
    assert partial.fixed == ("test_0",)


@pytest.mark.parametrize(
    ("budget", "why"),
    [
        (ENOUGH, "there is nothing left to try"),
        (Budget(20.0, 3), "it may try 3 of them"),
        (Budget(0.0, 3000), "its 0 s are used up"),
    ],
)
def test_says_why_it_ended(budget: Budget, why: str) -> None:
    assert found("def f():\n    return 0\n", ["m.f() == 'no'"], budget).ended == why


def test_the_same_seed_finds_the_same() -> None:
    once, again = (found(*BROKEN["boundary"]) for _ in range(2))
    assert once.tried == again.tried
    assert [(each.edits, each.number) for each in once.plausible] == [
        (each.edits, each.number) for each in again.plausible
    ]


def test_goes_on_where_it_stopped() -> None:
    program, asserts = BROKEN["out of range"]
    whole = found(program, asserts)
    first = whole.plausible[0].number
    early = found(program, asserts, Budget(20.0, first - 1))
    assert not early.plausible
    late = found(program, asserts, Budget(20.0, 3000, start_at=early.next_at))
    assert late.plausible[0].edits == whole.plausible[0].edits


def test_other_patches_that_are_as_good_are_told() -> None:
    weak = found("def double(x):\n    return x + 1\n", ["m.double(2) == 4"])
    assert weak.ambiguous
    assert weak.plausible[0].covering_tests < WEAKLY_TESTED


SHARED = dedent("""\
    class Account:
        def __init__(self, history=[]):
            self.history = history

        def deposit(self, amount):
            self.history.append(amount)
            return amount
    """)


def test_what_a_call_does_is_not_taken_away_to_please_a_test() -> None:
    """… and new lines below a head are covered by whoever runs the body, not by the import, which runs the head."""
    best = found(SHARED, ["m.Account().deposit(5) and m.Account().history == []", "m.Account().deposit(3) == 3"])
    assert not [each for each in best.plausible if "        amount\n" in each.changes["m.py"]]
    assert "history=None" in best.plausible[0].changes["m.py"]
    assert best.plausible[0].covering_tests == 2


GUARDED = dedent("""\
    def double(x):
        if x > 100:
            return x
        return x * 2
    """)


def test_a_guard_is_covered_by_whoever_comes_to_it() -> None:
    """Of nine tests eight do not come into the branch that is mended, and vouch for nothing there."""
    best = found(GUARDED, ["m.double(101) == 202", *(f"m.double({x}) == {2 * x}" for x in range(8))])
    inside = [each for each in best.plausible if all(edit.line == 3 for edit in each.edits)]
    assert inside
    assert {each.covering_tests for each in inside} == {1}


def test_an_expected_value_is_not_learned_by_heart() -> None:
    program = "LUCKY = 71\n\ndef f(x):\n    return x * 3\n"
    assert all(
        "71" not in each.changes["m.py"].partition("def")[2] for each in found(program, ["m.f(2) == 71"]).plausible
    )
