"""What is not even tried, however green it makes the tests."""

import ast
import sys

import pytest

from daemon.inside.search import verdicts
from daemon.inside.search.evidence import Evidence, gather
from daemon.inside.search.refusals import marks, refused
from daemon.inside.search.verdicts import Baseline

SAID = Evidence(literals=("'forty'", "42", "-7.5"))
PLAIN = "def f(x):\n    assert x\n    try:\n        y = 40 + x\n    except KeyError:\n        raise\n    return y\n"


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    assert x\n", ""),
        ("assert x", "assert True"),
        ("raise", "pass"),
        ("except KeyError", "except Exception"),
        ("except KeyError", "except"),
        ("return y", "return 42"),
        ("return y", "return -42"),
        ("return y", "return 42 if x == 1 else y"),
        ("return y", "return y if x == -42 else x"),
        ("return y", "return 'forty'"),
        ("return y", "return -7.5"),
        ("y = 40 + x", "y = eval('x')"),
        ("y = 40 + x", "exit()"),
        ("y = 40 + x", "40 + x"),
        ("    return y", "    import pytest\n    pytest.skip()"),
    ],
)
def test_refuses(old: str, new: str) -> None:
    assert refused(marks(ast.parse(PLAIN)), marks(ast.parse(PLAIN.replace(old, new))), SAID)


@pytest.mark.parametrize(
    ("old", "new"), [("40", "42"), ("return y", "return -1"), ("40 + x", "40 - x"), ("y = 40", "y = 7")]
)
def test_lets_corrections_pass(old: str, new: str) -> None:
    assert not refused(marks(ast.parse(PLAIN)), marks(ast.parse(PLAIN.replace(old, new))), SAID)


LOGGED = """\
def f(x):
    try:
        y = load(x)
    except KeyError:
        note(x)
        raise
    if y:
        return y
    note(y)
    return None
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("        raise\n", ""),
        ("        raise\n", "        return None\n        raise\n"),
        ("    if y:", "    return x\n    if y:"),
        ("    note(y)\n    return None\n", "    return None\n    note(y)\n"),
    ],
)
def test_neither_errors_nor_the_rest_of_a_block_are_passed_over(old: str, new: str) -> None:
    assert refused(marks(ast.parse(LOGGED)), marks(ast.parse(LOGGED.replace(old, new))), SAID)
    assert not refused(marks(ast.parse(LOGGED)), marks(ast.parse(LOGGED.replace("return y", "return x"))), SAID)


@pytest.mark.skipif(sys.version_info < (3, 10), reason="no match statement")
def test_a_case_does_not_come_to_take_anything() -> None:
    """`case Colour.RED` with another attribute is a correction; with a name alone it is a case for everything."""
    program = "def f(x, y):\n    match x:\n        case Colour.RED:\n            return 3\n    return y\n"
    before = marks(ast.parse(program))
    assert refused(before, marks(ast.parse(program.replace("Colour.RED", "y"))), SAID)
    assert not refused(before, marks(ast.parse(program.replace("RED", "BLUE"))), SAID)


def test_evidence_is_read_from_messages() -> None:
    test = verdicts.Test(
        "t", passed=False, seconds=0.0, executed={}, error="AssertionError: assert [3, 'x'] == 'forty'"
    )
    said = gather(Baseline([test], {}), {"src/shop/sums.py": "def total(): pass\nLIMIT = 3\n", "bad.py": "def ("})
    assert said.literals == ("3", "'x'", "'forty'")
    assert said.elsewhere == (("total", "shop.sums"), ("LIMIT", "shop.sums"))
