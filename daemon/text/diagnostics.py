"""What can be said of a file by looking at its tree alone: the few mistakes that are mistakes nearly always.

Said to a model beside the file, so each must be true of the line that it names. What only a run can tell never enters.
"""

import ast
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise

from daemon.text import terms
from daemon.text.bindings import unbound
from daemon.text.terms import Refused

MOST = 20  # of all files: a prompt has better things to show
MUTABLE = (ast.List, ast.Dict, ast.Set)
ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)
BODIES = ("body", "orelse", "finalbody")
ALWAYS_THERE = frozenset(("__file__", "__path__", "__class__"))


def diagnostics(files: Mapping[str, str], paths: Iterable[str]) -> str:
    """One line for each finding in these files, as path:line: what."""
    found: list[str] = []
    for path in paths:
        try:
            tree = terms.read(files[path])
        except (Refused, KeyError):
            continue
        found += [f"{path}:{line}: {what}" for line, what in sorted({*_unbound(tree), *_odd(tree)})]
    return "\n".join(found[:MOST])


def _unbound(tree: ast.Module) -> Iterator[tuple[int, str]]:
    names = set(unbound(tree)) - ALWAYS_THERE
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in names:
            yield node.lineno, f"the name {node.id} is bound nowhere in this module"


def _odd(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.arguments(defaults=defaults, kw_defaults=others):
                for default in (*defaults, *others):
                    if isinstance(default, MUTABLE):
                        yield default.lineno, "a default that can be changed is made once, and shared by all calls"
            case ast.Compare(ops=operators, comparators=values):
                for operator, value in zip(operators, values, strict=True):
                    if isinstance(operator, ast.Is | ast.IsNot) and _is_a_value(value):
                        yield node.lineno, "`is` compares identity, and this is a value: `==` compares values"
            case ast.Assert(test=ast.Tuple(elts=[_, *_])):
                yield node.lineno, "an assertion of a tuple always holds"
            case _:
                yield from _never_run(node)


def _is_a_value(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) in (int, float, str, bytes)


def _never_run(node: ast.AST) -> Iterator[tuple[int, str]]:
    for field in BODIES:
        body = getattr(node, field, None)
        if isinstance(body, list):
            for before, after in pairwise(body):
                if isinstance(before, ENDS):
                    yield after.lineno, f"this never runs: line {before.lineno} has left the block before"
