"""What no search may offer, however green it makes the tests: a patch that blinds, skips or answers them by heart.

Two trees are compared, before and after; positions, costs and verdicts are nobody's business here.
"""

import ast
from collections import Counter
from typing import Any, Callable, Dict, Iterator, List, NamedTuple, Tuple

from .evidence import Evidence
from .source import ENDS

SMALL = 2  # numbers up to this, of either sign, are in every message and in every program
LEAVING = {
    "exit",
    "quit",
    "_exit",
    "abort",
    "kill",
    "skip",
    "skipTest",
    "xfail",
    "importorskip",
    "eval",
    "exec",
    "__import__",
    "system",
    "popen",
}
OUTSIDE = {"pytest", "_pytest", "unittest", "nose", "subprocess", "socket", "ctypes", "gc", "multiprocessing"}
BROAD = ("Exception", "BaseException")
ACTING = (ast.Call, ast.Await, ast.Yield, ast.YieldFrom)  # a statement of anything else is only a value


class Marks(NamedTuple):
    """What is counted of a tree, in one walk; `shape` is the tree in words, the same for the same program."""

    signs: "Counter[str]"
    literals: "Counter[str]"
    shape: List[Any]
    tree: ast.AST


def marks(tree: ast.AST) -> Marks:
    """Walk a tree once: it is done for every candidate."""
    signs: List[str] = []
    literals: List[str] = []
    shape: List[Any] = []
    left: List[Any] = [tree]
    while left:
        node = left.pop()
        if isinstance(node, ast.AST):
            kind = node.__class__
            shape.append(kind.__name__)
            if kind in SIGNS:
                signs += SIGNS[kind](node)
            elif isinstance(node, ast.Constant):
                literals += _literal(node)
            left += [getattr(node, field, None) for field in kind._fields]
        elif isinstance(node, list):
            shape.append(len(node))
            left += node
            if len(node) > 1 and any(isinstance(each, ENDS) for each in node[:-1]):
                signs.append("!the rest of a block is never reached")
        elif node is not None:
            shape.append(repr(node))
        else:
            shape.append(None)
    return Marks(Counter(signs), Counter(literals), shape, tree)


def refused(old: Marks, new: Marks, evidence: Evidence) -> str:
    """Why a change is not even tried; empty when nothing speaks against it."""
    if new.signs["assert"] < old.signs["assert"]:
        return "an assert is deleted"
    if new.signs["raised again"] < old.signs["raised again"]:
        return "an exception is swallowed"
    for sign in new.signs - old.signs:
        if sign.startswith("!"):
            return sign[1:]
    for value in new.literals - old.literals:
        said = value in evidence.literals or f"-{value}" in evidence.literals
        if said and _by_heart(value, old.tree, new.tree):
            return "an expected value is hard-coded"
    return ""


# What is counted of a node; a sign that begins with ! may not become more.


def _asserted(node: ast.Assert) -> Iterator[str]:
    yield "assert"
    if isinstance(node.test, ast.Constant):
        yield "!an assert is made empty"


def _raised(node: ast.Raise) -> Iterator[str]:
    if node.exc is None:
        yield "raised again"


def _called(node: ast.Call) -> Iterator[str]:
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    if name in LEAVING:
        yield f"!{name} is called"


def _done(node: ast.Expr) -> Iterator[str]:
    if not isinstance(node.value, ACTING):
        yield "!a statement does nothing any more"


def _imported(node: Any) -> Iterator[str]:
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
    yield from (f"!{module} is imported" for module in modules if module.partition(".")[0] in OUTSIDE)


def _captured(node: Any) -> Iterator[str]:
    if node.pattern is None:
        yield "!a case takes anything"


def _caught(node: ast.ExceptHandler) -> Iterator[str]:
    names = {getattr(each, "id", "") for each in getattr(node.type, "elts", [node.type])}
    if node.type is None or names & set(BROAD):
        yield "!every exception is caught"
    if all(isinstance(each, (ast.Pass, ast.Continue)) or _says_nothing(each) for each in node.body):
        yield "!an exception is swallowed"


SIGNS: Dict[Any, Callable[[Any], Iterator[str]]] = {
    ast.Assert: _asserted,
    ast.Raise: _raised,
    ast.Call: _called,
    ast.Expr: _done,
    ast.Import: _imported,
    ast.ImportFrom: _imported,
    ast.ExceptHandler: _caught,
    getattr(ast, "MatchAs", None): _captured,  # since Python 3.10
}


def _says_nothing(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _literal(node: Any) -> Iterator[str]:
    """A value that is written out, but for one that means nothing in particular."""
    value = node.value
    if not isinstance(value, (bool, type(None), type(...))):
        short = isinstance(value, (str, bytes)) and len(value) <= 1
        if not short and not (isinstance(value, (int, float)) and abs(value) <= SMALL):
            yield repr(value)


def _by_heart(value: str, before: ast.AST, after: ast.AST) -> bool:
    """Whether a value newly answers, or is newly compared with; another number in a formula is a formula."""
    return _answers(after)[value] > _answers(before)[value] and _shape(before) != _shape(after)


def _answers(tree: ast.AST) -> Dict[str, int]:
    found: Counter[str] = Counter()
    for node in ast.walk(tree):
        places: Tuple[Any, ...] = ()
        if isinstance(node, (ast.Return, ast.Yield)):
            places = (node.value,)
        elif isinstance(node, ast.Compare):
            places = (node.left, *node.comparators)
        elif isinstance(node, ast.IfExp):
            places = (node.body, node.orelse)
        unsigned = (getattr(each, "operand", each) for each in places)
        found.update(repr(each.value) for each in unsigned if isinstance(each, ast.Constant))
    return found


def _shape(tree: ast.AST) -> str:
    """A tree without its values: a constant that stays a constant is a correction of it."""
    return " ".join(type(node).__name__ for node in ast.walk(tree))
