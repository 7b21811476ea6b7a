"""Single edits: what is offered, in which order, and that a splice changes nothing around itself."""

import ast
import os
import sys
from pathlib import Path
from subprocess import run

import pytest

from daemon.inside.search.candidates import Candidate, candidates, distinct
from daemon.inside.search.evidence import Evidence
from daemon.inside.search.templates import HINTS, TEMPLATES

PYTHONS = [sys.executable, *filter(None, os.environ.get("INSIDE_PYTHONS", "").split(":"))]
HERE = Path(__file__).parents[3] / "daemon" / "inside" / "search"
NOTHING = Evidence()


def offered(text: str, line: int, evidence: Evidence = NOTHING) -> list[Candidate]:
    found = candidates({"m.py": text}, {"m.py": {line: 1.0}}, evidence)
    return list(distinct(found, {"m.py": text}, evidence))


def texts(text: str, line: int, evidence: Evidence = NOTHING) -> list[str]:
    return [each.applied(text) for each in offered(text, line, evidence)]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("return a < b", "return a <= b"),
        ("return a + b", "return a - b"),
        ("return a and b", "return a or b"),
        ("return not a", "return a"),
        ("return a[b]", "return a[b - 1]"),
        ("return a[b]", "return a.get(b, 0)"),
        ("return f(a, b)", "return f(b, a)"),
        ("return f(a)", "return f(a, b)"),
        ("return f(a)", "return a"),
        ("return f(a[1:], b)", "return f(a[1:], b[1:])"),
        ("return (a, b)", "return (b, a)"),
        ("return (a, 1)", "return (a, 1, b)"),
        ("return []", "return [[]]"),
        ("return any(a)", "return all(a)"),
        ("return a - b * 2", "return (a - b) * 2"),
        ("return a", "return max(0, a)"),
        ("return a", "return a ** 2"),
        ("return sorted(a)", "return sorted(a, reverse=True)"),
        ("return sorted(a, key=lambda c: (c[1], c[0]))", "return sorted(a, key=lambda c: (-c[1], c[0]))"),
        ("return max(c for c in a)", "return max((c for c in a), default=0)"),
        ("return [x for x in a if x]", "return [x for x in a]"),
        ("return [x for x in a]", "return [x for x in a if x]"),
        ("return a if b else 0", "return 0 if b else a"),
        ("return True", "return not a"),
        ("return 'a, b'.split(',')", "return 'a, b'.split(', ')"),
        ("return '{a}'", "return f'{a}'"),
        ("raise TypeError(a)", "raise ValueError(a)"),
        ("a.strip()", "a = a.strip()"),
        ("a = a.sort()", "a.sort()"),
        ("a = b", "a += b"),
        ("yield a", "yield from a"),
    ],
)
def test_offers(before: str, after: str) -> None:
    program = "def g(a, b):\n    {}  # as it is\n"
    assert program.format(after) in texts(program.format(before), 2)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (
            "def g(a, xs=[]):\n    return xs\n",
            "def g(a, xs=None):\n    if xs is None:\n        xs = []\n    return xs\n",
        ),
        ("def g(a):\n    if a:\n        a()\n        return 1\n", "def g(a):\n    if a:\n        a()\n    return 1\n"),
        ("def g(a):\n    if a.b:\n        return 1\n", "def g(a):\n    if a is not None and a.b:\n        return 1\n"),
        ("def g(a):\n    return a.b\n", "def g(a):\n    if not a:\n        return None\n    return a.b\n"),
        ("class C:\n    def g(self, a):\n        return a\n", "class C:\n    def g(self, a):\n        return not a\n"),
    ],
)
def test_offers_statements(before: str, after: str) -> None:
    assert any(after in texts(before, line + 1) for line in range(before.count("\n")))


def test_what_is_conditional_is_kept_or_dropped_not_disabled() -> None:
    """Nobody is to read `if False:`; either half of a choice can stay for good instead."""
    program = "def g(a, b):\n    if a:\n        b()\n    else:\n        a()\n    return b\n"
    found = texts(program, 2)
    assert not [text for text in found if "if False" in text or "if True" in text]
    assert {f"def g(a, b):\n    {kept}\n    return b\n" for kept in ("b()", "a()")} <= set(found)
    choice = program.replace("    else", "    elif b:\n        b(a)\n    else")
    assert program in texts(choice, 4)


def test_names_that_were_meant() -> None:
    said = Evidence(errors=("NameError: name 'price' is not defined", "NameError: name 'sqrt' is not defined"))
    program = "def g(prices):\n    return sqrt(price)\n"
    assert program.replace("price)", "prices)") in texts(program, 2, said)[:3]
    assert "from math import sqrt\n" + program in texts(program, 2, said)[:3]


def test_names_of_the_repositorys_other_files() -> None:
    said = Evidence(errors=("NameError: name 'total' is not defined",), elsewhere=(("total", "shop.sums"),))
    assert texts("def g(a):\n    return total(a)\n", 2, said)[0].startswith("from shop.sums import total\n")


def test_positions_are_bytes() -> None:
    program = 'def g(größe):\n    return "ÄÖÜ" if größe < 3 else größe\n'
    assert program.replace("<", "<=") in texts(program, 2)


def test_line_ends_stay_as_they_are() -> None:
    program = "def g(a):\r\n    return a < 3\r\n"
    assert program.replace("<", "<=") in texts(program, 2)


def test_nothing_twice_and_nothing_that_changes_nothing() -> None:
    program = "def g(a, b):\n    if a == 0:\n        return b\n    return g(b, a % b)\n"
    trees = [ast.dump(ast.parse(text)) for text in texts(program, 4)]
    assert len(set(trees)) == len(trees)
    assert ast.dump(ast.parse(program)) not in trees


def test_the_most_suspicious_line_comes_first() -> None:
    program = "def g(a, b):\n    c = a + 1\n    d = b + 2\n    return c + d\n"
    found = candidates({"m.py": program}, {"m.py": {2: 0.2, 3: 1.0, 4: 0.2}}, NOTHING)
    assert {each.line for each in found[:20]} == {3}


def test_priors_can_be_weighed_anew() -> None:
    program, lines = "def g(a, b):\n    return f(a + b)\n", {"m.py": {2: 1.0}}
    usual = candidates({"m.py": program}, lines, NOTHING)[0].template
    assert candidates({"m.py": program}, lines, NOTHING, {"unwrap-call": 0.01})[0].template == "unwrap-call" != usual


def test_what_runs_at_import_is_as_suspicious_as_its_use() -> None:
    program = "LIMIT = 10\n\ndef g(a):\n    return a < LIMIT\n"
    assert program.replace("10", "11") in texts(program, 4)


def test_a_file_that_is_no_python_is_left_alone() -> None:
    assert offered("def g(:\n", 1) == []


def test_every_family_has_a_name_of_its_own_and_a_price() -> None:
    names = [template.name for template in TEMPLATES]
    assert len(set(names)) == len(names)
    assert all(0.0 < template.prior < 3.0 for template in TEMPLATES)
    assert {name for _, factors in HINTS for name in factors} <= set(names)


LOADED = """\
import importlib.util, sys
spec = importlib.util.spec_from_file_location("mendd_search", sys.argv[1] + "/__init__.py",
                                              submodule_search_locations=[sys.argv[1]])
sys.modules["mendd_search"] = package = importlib.util.module_from_spec(spec)
spec.loader.exec_module(package)
from mendd_search import engine
from mendd_search.candidates import candidates, distinct
from mendd_search.evidence import Evidence
text = open(sys.argv[1] + "/fragments.py").read()
found = candidates({"m.py": text}, {"m.py": {line: 0.5 for line in range(40, 48)}}, Evidence())
print(len(found) > 500, len(list(distinct(found[:200], {"m.py": text}, Evidence()))) > 50)
"""


@pytest.mark.parametrize("python", PYTHONS, ids=lambda python: Path(python).parent.parent.name)
def test_runs_in_the_targets_interpreter(python: str) -> None:
    told = run([python, "-B", "-c", LOADED, str(HERE)], capture_output=True, text=True, check=False)
    assert told.stdout == "True True\n", told.stderr


@pytest.mark.parametrize("path", sorted(HERE.glob("*.py")), ids=lambda path: path.name)
def test_is_written_for_old_interpreters(path: Path) -> None:
    """As far as a newer one can tell: Python 3.8 parses it."""
    ast.parse(path.read_text(), feature_version=(3, 8))


def test_the_page_about_the_search_names_every_family() -> None:
    page = (HERE.parents[2] / "docs" / "search.md").read_text()
    rows = [f"| {each.name} | {each.prior} | {(each.splices.__doc__ or '').splitlines()[0]} |" for each in TEMPLATES]
    assert [row for row in rows if row not in page] == []


def test_a_moved_text_says_what_it_said() -> None:
    """What stands in a text of several lines is no indentation, however it looks."""
    said = '        x = """one\n        two"""\n'
    program = f"def g(a):\n    if a:\n        a = 1\n{said}    return x\n"
    moved = [text for text in texts(program, 4) if "\n    x = " in text]
    assert moved
    assert all("        two" in text for text in moved)


def test_a_text_of_several_pieces_is_moved_whole() -> None:
    program = "def g(a):\n    if a:\n        a = 1\n{}    return a\n"
    inside = "        a(\n            'one '\n            f'two {a}'\n        )\n"
    outside = "    a(\n        'one '\n        f'two {a}'\n    )\n"
    assert program.format(outside) in texts(program.format(inside), 4)


@pytest.mark.parametrize("indent", ["\t", "  "])
def test_what_is_new_is_indented_as_its_file_is(indent: str) -> None:
    head, rest = "def g(a, b=[]):\n", "    return a.b\n"
    guard, fresh = "    if not a:\n        return None\n", "    if b is None:\n        b = []\n"
    program, guarded, freshened = (
        text.replace("    ", indent)
        for text in (head + rest, head + guard + rest, head.replace("[]", "None") + fresh + rest)
    )
    assert {guarded, freshened} <= {*texts(program, 1), *texts(program, 2)}


@pytest.mark.parametrize("statement", ["return a", "a.append(b)", "a = b"])
def test_a_file_keeps_its_line_ends(statement: str) -> None:
    program = f"def g(a, b=[]):\r\n    c = [a]\r\n    if b:\r\n        {statement}\r\n        c = b\r\n    return c\r\n"
    found = [text for line in range(1, 7) for text in texts(program, line)]
    assert any(text.count("\r\n") > program.count("\r\n") for text in found)
    assert not [text for text in found if "\n" in text.replace("\r\n", "")]


def test_what_is_awaited_is_taken_as_a_whole() -> None:
    found = texts("async def g(a):\n    b = await a.load()\n    return b\n", 2)
    assert any("(await a.load())[0]" in text for text in found)
    assert not any("await a.load()[0]" in text.replace("(await a.load())", "") for text in found)


@pytest.mark.parametrize(
    ("head", "rest"),
    [
        ("#!/usr/bin/env python\n# -*- coding: utf-8 -*-\n", "def g(a):\n    return math.floor(a)\n"),
        ("# Whose it is.\n#\n# And what it may be used for.\n", "\ndef g(a):\n    return math.floor(a)\n"),
        ("", "# What it does.\ndef g(a):\n    return math.floor(a)\n"),
    ],
)
def test_an_import_stands_below_what_heads_a_file(head: str, rest: str) -> None:
    evidence = Evidence(errors=("NameError: name 'math' is not defined",))
    assert texts(head + rest, (head + rest).count("\n"), evidence)[0] == f"{head}import math\n{rest}"
