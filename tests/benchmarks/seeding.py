"""Right programs → programs with one known bug each, and the same bug under other names: labels true by construction.

Each bug is one change at one place. It is run here, with every call, before it counts: a change that changes nothing
is no bug, and calls that fail in different ways are different failures.
"""

import ast
import builtins
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from copy import deepcopy
from random import Random
from types import FrameType
from typing import Any

from msgspec import Struct

from tests.benchmarks.programs import Program

PRINTS_NOTHING = ("endless", "at import")  # of the program's own work
STEPS = 3_000  # lines that a program may run: a bug that loops is no failure that prints anything
WORDS = [
    f"{one}_{other}" for one in ("amber", "cedar", "fjord", "linen") for other in ("box", "cup", "jar", "tin", "sack")
]
Edit = Callable[[], None]


class Bug(Struct, frozen=True):
    """A program with one bug, how it fails, the calls that fail so, and what they should have returned."""

    id: str
    name: str
    source: str
    failure: str  # "wrong value", or the type of the error
    line: str  # that raised it
    calls: list[tuple[str, str]]


def bugs(program: Program, most: int, makers: "Makers | None" = None) -> list[Bug]:
    """Bugs of a program that differ by what is raised and where; wrong values are told apart by nothing but names."""
    right = {call: outcome(program.source, program.name, call) for call in program.calls}
    found: dict[tuple[str, str], Bug] = {}
    for number, source in enumerate(mutants(program.source, makers or MAKERS)):
        groups: dict[tuple[str, str], list[tuple[str, str]]] = {}
        for call, (_, _, expected) in right.items():
            failure, line, value = outcome(source, program.name, call)
            if failure or value != expected:
                groups.setdefault((failure or "wrong value", line), []).append((call, expected))
        for (failure, line), calls in groups.items():
            key = (failure, line)
            if len(calls) > 1 and failure not in PRINTS_NOTHING and (key not in found):
                found[key] = Bug(f"{program.name}-{number}-{failure}", program.name, source, failure, line, calls)
    kinds: dict[str, list[Bug]] = {}
    for bug in found.values():
        kinds.setdefault(bug.failure, []).append(bug)
    turns = [kind[place] for place in range(most) for kind in kinds.values() if place < len(kind)]
    return turns[:most]


def mutants(source: str, makers: "Makers") -> Iterator[str]:
    """The source with one change each."""
    places = len(list(_edits(ast.parse(source), makers)))
    for place in range(places):
        tree = ast.parse(source)
        list(_edits(tree, makers))[place]()
        with suppress(ValueError):  # a piece of an f-string that is no text any more cannot be said
            yield ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _edits(tree: ast.Module, makers: "Makers") -> Iterator[Edit]:
    for node in ast.walk(tree):
        for maker in makers:
            yield from maker(node)


def _set(node: ast.AST, field: str, value: Any) -> Edit:  # noqa: ANN401  whatever the field holds
    return lambda: setattr(node, field, value)


def _names(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and not hasattr(builtins, node.id):
        yield _set(node, "id", f"{node.id}_")
    if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
        yield _set(node, "attr", f"{node.attr}s")


def _constants(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield _set(node, "value", node.value + 1)
        yield _set(node, "value", None)
        yield _set(node, "value", str(node.value))
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield _set(node, "value", f"{node.value}_")
        yield _set(node, "value", 7)
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.List | ast.Dict | ast.Constant):
        yield _set(node, "value", ast.Tuple([], ast.Load()))
        yield _set(node, "value", ast.Constant(None))


def _operators(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        other = {ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.Eq: ast.NotEq, ast.In: ast.NotIn}
        if kind := other.get(type(node.ops[0])):
            yield _set(node, "ops", [kind()])
    if isinstance(node, ast.BinOp):
        yield _set(node, "op", ast.Sub() if isinstance(node.op, ast.Add) else ast.Add())
        yield _set(node, "right", ast.Constant(0))
        yield _set(node, "left", ast.Call(ast.Name("str", ast.Load()), [node.left], []))


def _shapes(node: ast.AST) -> Iterator[Edit]:
    if isinstance(node, ast.Return) and node.value is not None:
        yield _set(node, "value", None)
    if isinstance(node, ast.Call) and node.args:
        yield _set(node, "args", node.args[:-1])
        yield _set(node, "args", [*node.args, ast.Constant(1)])
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and not isinstance(node.slice, ast.Slice):
        yield _set(node, "slice", ast.BinOp(deepcopy(node.slice), ast.Mult(), ast.Constant(9)))
        yield _set(node, "slice", ast.Constant("missing"))
    if isinstance(node, ast.For):
        yield _set(node, "iter", ast.Call(ast.Name("len", ast.Load()), [node.iter], []))


def _slips(node: ast.AST) -> Iterator[Edit]:
    """Slips of another sort: a call not made, arguments in the wrong order, a list of one, a test turned round."""
    for field, old in ast.iter_fields(node):
        if isinstance(old, ast.Call):
            yield _set(node, field, old.func)
    if isinstance(node, ast.Call):
        if len(node.args) > 1:
            yield _set(node, "args", [node.args[1], node.args[0], *node.args[2:]])
        for place, argument in enumerate(node.args):
            if not isinstance(argument, ast.Starred | ast.GeneratorExp):
                listed = ast.List([argument], ast.Load())
                yield _set(node, "args", [*node.args[:place], listed, *node.args[place + 1 :]])
    if isinstance(node, ast.If | ast.While | ast.IfExp):
        yield _set(node, "test", ast.UnaryOp(ast.Not(), node.test))


def _losses(node: ast.AST) -> Iterator[Edit]:
    """A statement is missing, or what is looked at is not the thing but its first part or its value."""
    body = getattr(node, "body", None)
    if isinstance(body, list) and len(body) > 1:
        for place, statement in enumerate(body):
            if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
                yield _set(node, "body", [*body[:place], *body[place + 1 :]])
    for field in ("value", "iter", "left", "test"):
        old = getattr(node, field, None)
        if isinstance(old, ast.Name):
            yield _set(node, field, ast.Subscript(old, ast.Constant(0), ast.Load()))
            yield _set(node, field, ast.Attribute(old, "value", ast.Load()))


Makers = tuple[Callable[[ast.AST], Iterator[Edit]], ...]
MAKERS: Makers = (_names, _constants, _operators, _shapes)
HELD_OUT_MAKERS: Makers = (*MAKERS, _slips, _losses)


def outcome(source: str, name: str, call: str) -> tuple[str, str, str]:
    """The type of the error and the line that it was raised on, or the value."""
    left = [STEPS]

    def count(_: FrameType, event: str, __: Any) -> Any:  # noqa: ANN401  what the interpreter asks for
        left[0] -= event == "line"
        if left[0] < 0:
            raise TimeoutError
        return count

    space: dict[str, Any] = {}
    try:
        exec(compile(source, "<bug>", "exec"), space)  # noqa: S102  our own programs
    except Exception:  # noqa: BLE001  a bug may raise anything
        return "at import", "", ""
    before = sys.gettrace()
    sys.settrace(count)
    try:
        value = eval(f"{name}({call})", space)  # noqa: S307  our own programs
    except TimeoutError:
        return "endless", "", ""
    except Exception as error:  # noqa: BLE001  a bug may raise anything
        trace = error.__traceback__
        lines = []
        while trace:
            if trace.tb_frame.f_code.co_filename == "<bug>":
                lines.append(trace.tb_lineno)
            trace = trace.tb_next
        return type(error).__name__, source.splitlines()[lines[-1] - 1].strip() if lines else "", ""
    finally:
        sys.settrace(before)
    return "", "", repr(value)


def renamed(source: str, dice: Random) -> str:
    """The program with other names for its variables; functions, methods and attributes keep theirs."""
    tree = ast.parse(source)
    stored = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}
    stored |= {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)} - {"self"}
    fresh = dict(zip(sorted(stored), dice.sample(WORDS, len(stored)), strict=True))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            node.id = _fresh(node.id, fresh)
        if isinstance(node, ast.arg):
            node.arg = fresh.get(node.arg, node.arg)
    return ast.unparse(tree) + "\n"


def _fresh(name: str, fresh: dict[str, str]) -> str:
    """A misspelled name stays misspelled."""
    return f"{fresh[name[:-1]]}_" if name.endswith("_") and name[:-1] in fresh else fresh.get(name, name)
