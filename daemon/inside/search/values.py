"""Families that make a larger value of one: wrapped in a call, one more operand, a bound, a default.

Every generator takes a node and its source and yields splices; what a family costs stands in `templates.py`.
"""

import ast
from typing import Any, Iterator, List, Optional

from .calls import ranked_names, shares_parentheses
from .fragments import ATOM, CONDITIONAL, OR, Code, binary, call, joined, trailed
from .operators import values_of
from .source import COMPREHENSIONS, Source, Splice, kind_of
from .vocabulary import TRAILERS, WRAPS

ARITHMETIC = (
    ("** 2", 0.2), ("// 2", 0.3), ("* 2", 0.3), ("/ 2", 0.4), ("% 2", 0.5), ("% 10", 0.6), ("* -1", 0.5), ("+ 2", 0.5),
    ("- 2", 0.5),
)  # fmt: skip


def wrapped(node: Any, source: Source) -> Iterator[Splice]:
    """`x` → `str(x)`, `[x]`, `x[1:]`: what a value may have to become before it is handed on."""
    for value in _handed_on(node):
        code, kind = source.code(value), kind_of(value) or source.scope(node).kind(getattr(value, "id", ""))
        shared = isinstance(node, ast.Call) and shares_parentheses(node, source)
        if shared or (isinstance(value, ast.Constant) and isinstance(value.value, bool)):
            continue
        for place, function in enumerate(WRAPS[kind]):
            if getattr(getattr(value, "func", None), "id", "") != function:
                yield source.replace(value, call(function, code), 0.03 * place)
        for place, trailer in enumerate(TRAILERS[kind]):
            yield source.replace(value, trailed(code, trailer), 0.05 * place)
        yield source.replace(value, Code(f"[{code.within(CONDITIONAL)}]"), 0.1)
        yield source.replace(value, Code(f"({code.within(CONDITIONAL)},)"), 0.5)


def like_its_sibling(node: Any, source: Source) -> Iterator[Splice]:
    """`f(a[1:], b)` → `f(a[1:], b[1:])`: what is done to one argument, operand or element is done to the other."""
    siblings = _siblings(node)
    for model in siblings:
        inner = _inner(model)
        if inner is None:
            continue
        (start, end), (since, until) = source.span(model), source.span(inner)
        left, right = source.slice(start, since), source.slice(until, end)
        for other in siblings:
            if other is not model and isinstance(other, (ast.Name, ast.Attribute, ast.Subscript)):
                rank = source.code(model).rank
                yield source.replace(other, Code(f"{left}{source.said(other)}{right}", rank))


def extended(node: Any, source: Source) -> Iterator[Splice]:
    """`e` → `e - v`, `e ** 2`: one more operand."""
    for value in _operands(node):
        kind = kind_of(value) or source.scope(node).kind(getattr(value, "id", ""))
        if kind in ("list", "dict", "set", "text", "truth") or isinstance(value, (ast.Constant, *COMPREHENSIONS)):
            continue
        code = source.code(value)
        for name, detail in ranked_names(node, source):
            if source.scope(node).kind(name) in ("", "number"):
                for place, operator in enumerate("-+*"):
                    yield source.replace(value, binary(code, operator, Code(name)), 0.1 * place + detail)
        for text, detail in ARITHMETIC:
            operator, operand = text.split()
            yield source.replace(value, binary(code, operator, Code(operand, ATOM)), detail)


def concatenated(node: Any, source: Source) -> Iterator[Splice]:
    """`return [a]` → `return rest + [a]`: one more part."""
    for value in values_of(node):
        if kind_of(value) in ("number", "truth", "dict") or isinstance(value, ast.Constant):
            continue
        for name, detail in ranked_names(node, source):
            if source.scope(node).kind(name) in ("", "list", "text"):
                for code in (Code(name), Code(f"[{name}]")):
                    yield source.replace(
                        value, binary(code, "+", source.code(value)), detail + (0.3 if code.text != name else 0.0)
                    )
                    yield source.replace(
                        value, binary(source.code(value), "+", code), detail + (0.2 if code.text != name else 0.0)
                    )


def bounded(node: Any, source: Source) -> Iterator[Splice]:
    """`n = e` → `n = max(n, e)`, `max(0, e)`."""
    targets = [each.id for each in getattr(node, "targets", []) if isinstance(each, ast.Name)]
    for value in _operands(node):
        if kind_of(value) not in ("", "number") or isinstance(value, ast.Constant):
            continue
        names = [name for name, _ in ranked_names(node, source)]
        bounds = [*targets, *(each for each in ("0", "1")), *(name for name in names if name not in targets)]
        for place, bound in enumerate(bounds):
            if bound not in ("0", "1") and source.scope(node).kind(bound) not in ("", "number"):
                continue
            for function in ("max", "min"):
                yield source.replace(value, call(function, Code(bound), source.code(value)), 0.1 * min(place, 6))


def choices(node: ast.IfExp, source: Source) -> Iterator[Splice]:
    """`a if c else b` → `b if c else a`, `a`, `b`."""
    body, test, other = map(source.code, (node.body, node.test, node.orelse))
    text = f"{other.within(OR)} if {test.within(OR)} else {body.within(CONDITIONAL)}"
    yield source.replace(node, Code(text, CONDITIONAL))
    yield source.replace(node, body, 0.3)
    yield source.replace(node, other, 0.3)


def alternatives(node: Any, source: Source) -> Iterator[Splice]:
    """`x` → `x or default`: for a value that may be nothing."""
    for value in _handed_on(node):
        if isinstance(value, ast.Constant) or kind_of(value) not in ("", "text"):
            continue
        for place, default in enumerate(('""', "[]", "0", "{}", "None")):
            yield source.replace(value, joined("or", source.code(value), Code(default)), 0.1 * place)


def _handed_on(node: Any) -> List[ast.expr]:
    if isinstance(node, (ast.BinOp, ast.Compare)):
        return _operands(node)
    return [node.iter] if isinstance(node, (ast.For, ast.comprehension)) else values_of(node)


def _operands(node: Any) -> List[ast.expr]:
    if isinstance(node, ast.BinOp):
        return [node.left, node.right]
    return [node.left, *node.comparators] if isinstance(node, ast.Compare) else values_of(node)


def _siblings(node: Any) -> List[ast.expr]:
    """The parts of a node that often look alike."""
    if isinstance(node, ast.Call):
        return list(node.args)
    return list(node.elts) if isinstance(node, (ast.Tuple, ast.List)) else _operands(node)


def _inner(model: ast.expr) -> Optional[ast.expr]:
    """What a call, an index, an attribute or a sum is about."""
    if isinstance(model, ast.Call):
        if not model.args and isinstance(model.func, ast.Attribute):
            return model.func.value
        return model.args[0] if len(model.args) == 1 and isinstance(model.func, ast.Name) else None
    if isinstance(model, ast.BinOp):
        return model.left if isinstance(model.right, ast.Constant) else None
    return model.value if isinstance(model, (ast.Subscript, ast.Attribute)) else None
