"""A failing test taken apart into its asserts, only to tell where the bug is: most of its asserts may hold.

The test runs once, with every assert in a shell that notes how it ended and goes on. What is believed of a candidate
is always the whole test.
"""

import ast
from types import CodeType, FunctionType
from typing import Any, Callable, List, Optional

from .swap import codes_of, first_line

SHELL = "__mendd_assert__"
RAISES = {"raises", "warns", "assertRaises", "assertRaisesRegex", "assertWarns"}
MOST_PARTS = 100  # of one test; more of them say no more


class Shell:
    """`with` this around an assert: what it raises is noted, and no more."""

    def __init__(self, ended: Callable[[Optional[BaseException]], None]) -> None:
        self._ended = ended
        self.parts = 0

    def __enter__(self) -> None:
        self.parts += 1

    def __exit__(self, _kind: object, error: Optional[BaseException], _trace: object) -> bool:
        self._ended(error)
        return isinstance(error, Exception) and self.parts < MOST_PARTS


def in_shells(function: Any) -> Optional[CodeType]:
    """The code of a test function with each of its asserts in a shell; None where there is nothing to gain."""
    code = getattr(function, "__code__", None)
    if not isinstance(function, FunctionType) or not isinstance(code, CodeType) or code.co_freevars:
        return None
    try:
        with open(code.co_filename, "rb") as file:
            tree = ast.parse(file.read(), code.co_filename)
        found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and _is_of(node, code)]
        if len(found) != 1 or not _wrap(found[0]):
            return None
        made = compile(ast.fix_missing_locations(tree), code.co_filename, "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return None
    wrapped = codes_of(made).get((code.co_name, code.co_firstlineno))
    return wrapped if wrapped is not None and not wrapped.co_freevars else None


def _is_of(node: ast.FunctionDef, code: CodeType) -> bool:
    return node.name == code.co_name and first_line(node) == code.co_firstlineno


def _wrap(function: ast.FunctionDef) -> bool:
    """Put the asserts in shells; whether there may be several of them to tell apart."""
    found: List[int] = []
    function.body = _wrapped(function.body, found, 1)
    return sum(found) > 1


def _wrapped(body: List[Any], found: List[int], weight: int) -> List[Any]:
    """The statements, with shells. What stands in a loop counts as several."""
    made = []
    for node in body:
        if _asserts(node):
            found.append(weight)
            call = ast.Name(SHELL, ast.Load())
            made.append(ast.copy_location(ast.With([ast.withitem(ast.copy_location(call, node), None)], [node]), node))
            continue
        if isinstance(node, (ast.For, ast.While, ast.With, ast.If, ast.Try)):
            more = 2 if isinstance(node, (ast.For, ast.While)) else 1
            for block in ("body", "orelse", "finalbody"):
                if getattr(node, block, None):
                    setattr(node, block, _wrapped(getattr(node, block), found, weight * more))
        made.append(node)
    return made


def _asserts(node: Any) -> bool:
    if isinstance(node, ast.Assert):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        name = getattr(node.value.func, "attr", "")
        return isinstance(name, str) and name.startswith("assert")
    if isinstance(node, ast.With):
        calls = [item.context_expr for item in node.items]
        names = [
            getattr(call.func, "attr", getattr(call.func, "id", "")) for call in calls if isinstance(call, ast.Call)
        ]
        return any(name in RAISES for name in names)
    return False
