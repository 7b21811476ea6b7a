"""Loop fuel: every turn of a loop and every call costs a step, and who has none left is ended.

An endless loop then costs milliseconds instead of a time limit. Only for the filter: what is believed in the end ran as
it is written.
"""

import ast
import builtins
from typing import Any, Callable, List, NamedTuple

NAME = "__mendd_step__"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
LOOPS = (ast.For, ast.AsyncFor, ast.While)


class OutOfFuel(BaseException):
    """It would have gone on for long, perhaps for ever. No `except Exception` catches it."""


class Tank(NamedTuple):
    """Fill it before a test; what was used says how much a test needs."""

    step: Callable[[], None]
    fill: Callable[[int], None]
    left: Callable[[], int]


def tank() -> Tank:
    """A new one. Plain closures, for they are called at every turn."""
    steps = 0

    def step() -> None:
        nonlocal steps
        steps -= 1
        if steps < 0:
            raise OutOfFuel

    def fill(wanted: int) -> None:
        nonlocal steps
        steps = wanted

    return Tank(step, fill, lambda: steps)


def install(step: Callable[[], None]) -> None:
    """Let the code that was made by `fueled` find it; a global of everybody, so that no module has one more name."""
    setattr(builtins, NAME, step)


def fueled(tree: Any) -> Any:
    """The same program, in place, with a step at every turn and call."""
    for node in ast.walk(tree):
        if isinstance(node, LOOPS):
            node.body.insert(0, _step(node.body[0]))
        elif isinstance(node, FUNCTIONS):
            node.body.insert(1 if _is_docstring(node.body) else 0, _step(node.body[0]))
    return tree


def _step(beside: ast.stmt) -> ast.stmt:
    made = ast.Expr(ast.Call(ast.Name(NAME, ast.Load()), [], []))
    return ast.fix_missing_locations(ast.copy_location(made, beside))


def _is_docstring(body: List[ast.stmt]) -> bool:
    first = body[0]
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)
