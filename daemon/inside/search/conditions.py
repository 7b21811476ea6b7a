"""Families that put together conditions from what is in scope: guards, bounds, and truths that were constants.

The pool of conditions is bounded; what a family costs stands in `templates.py`.
"""

import ast
from typing import Any, Iterator, List, NamedTuple, Set

from .fragments import ATOM, Code, call, compare, joined, negated
from .operators import conditions_of
from .source import Source, Splice

NAMES = 8  # of those in scope; beyond them the pairs explode
POOL = 120  # conditions that are tried in one place
SIZED = ("list", "dict", "set", "text")


class Condition(NamedTuple):
    """A condition that could be meant here, and how far-fetched it is."""

    code: Code
    detail: float


def guards(node: Any, source: Source) -> Iterator[Splice]:
    """`a.b is c` → `a is None or a.b is c`, `a and a.b`: what is taken apart there, is there."""
    for condition in conditions_of(node):
        whole = source.code(condition)
        for base in _taken_apart(node, condition, source):
            yield source.replace(condition, joined("or", compare(base, "is", Code("None")), whole), 0.0)
            yield source.replace(condition, joined("and", compare(base, "is not", Code("None")), whole), 0.0)
            yield source.replace(condition, joined("or", negated(base), whole), 0.2)
            yield source.replace(condition, joined("and", base, whole), 0.1)


def more_conditions(node: Any, source: Source) -> Iterator[Splice]:
    """`a` → `a or not b`, `a and b > 0`."""
    for condition in conditions_of(node):
        whole = source.code(condition)
        for other in pool(node, source):
            if other.code.text != whole.text:
                yield source.replace(condition, joined("or", whole, other.code), other.detail)
                yield source.replace(condition, joined("and", whole, other.code), other.detail)


def other_conditions(node: Any, source: Source) -> Iterator[Splice]:
    """`while True:` → `while queue:`, `if a:` → `if len(b) > 1:`."""
    for condition in conditions_of(node):
        cheap = 0.0 if isinstance(condition, ast.Constant) else 0.4
        for other in pool(node, source):
            yield source.replace(condition, other.code, cheap + other.detail)


def returned_truths(node: ast.Return, source: Source) -> Iterator[Splice]:
    """`return True` → `return depth == 0`."""
    value = node.value
    if value is None:
        return
    constant = isinstance(value, ast.Constant) and isinstance(value.value, bool)
    if constant:
        for other in pool(node, source):
            yield source.replace(value, other.code, other.detail)
    elif isinstance(value, (ast.Compare, ast.BoolOp)) or (
        isinstance(value, ast.UnaryOp) and isinstance(value.op, ast.Not)
    ):
        for other in pool(node, source):
            yield source.replace(value, joined("and", source.code(value), other.code), 0.4 + other.detail)
            yield source.replace(value, joined("or", source.code(value), other.code), 0.5 + other.detail)


def filters(node: Any, source: Source) -> Iterator[Splice]:
    """`[x for x in xs]` → `[x for x in xs if x]`."""
    last = node.generators[-1]
    end = source.span(last.ifs[-1] if last.ifs else last.iter)[1]
    end += _closing(source, end, source.span(node)[1])
    targets = [each.id for each in ast.walk(last.target) if isinstance(each, ast.Name)]
    for name in targets:
        meant = [
            Code(name),
            negated(Code(name)),
            compare(Code(name), "is not", Code("None")),
            compare(Code(name), ">", Code("0")),
        ]
        for place, code in enumerate(meant):
            yield Splice(end, end, f" if {code.text}", 0.2 * place)
        for other in source.names(node)[:NAMES]:
            for operator in ("!=", "==", "<", ">", "in", "not in"):
                yield Splice(end, end, f" if {name} {operator} {other}", 0.8)


def unfiltered(node: Any, source: Source) -> Iterator[Splice]:
    """`[x for x in xs if x]` → `[x for x in xs]`."""
    for generator in node.generators:
        if generator.ifs:
            start = source.span(generator.iter)[1]
            end = source.span(generator.ifs[-1])[1]
            start += _closing(source, start, end)
            yield Splice(start, end, "")


def pool(node: ast.AST, source: Source) -> List[Condition]:
    """The conditions that the names in scope allow, the plainest first."""
    statement = source.statement(node)
    scope = source.scope(node)
    near = {each.id for each in source.walk(statement) if isinstance(each, ast.Name)}
    names = sorted(source.names(node), key=lambda name: (name not in near, -scope.bound.get(name, 0)))[:NAMES]
    found: List[Condition] = []
    for name in names:
        code, kind = Code(name), scope.kind(name)
        far = 0.0 if name in near else 0.15
        found.append(Condition(negated(code), far if kind != "number" else far + 0.3))
        found.append(Condition(code, far + 0.1 if kind != "number" else far + 0.3))
        if kind in ("", "number"):
            found += [
                Condition(compare(code, op, Code("0")), far + 0.15 + 0.05 * at)
                for at, op in enumerate(("==", ">", "<", "!=", "<=", ">="))
            ]
            found += [Condition(compare(code, op, Code("1")), far + 0.6) for op in ("==", ">", "<", "<=")]
        if kind in ("", *SIZED):
            length = call("len", code)
            found += [
                Condition(compare(length, op, Code(to)), far + 0.4)
                for op, to in (("==", "0"), (">", "1"), ("<=", "1"), ("==", "1"), ("<", "2"))
            ]
        if kind == "":
            found.append(Condition(compare(code, "is", Code("None")), far + 0.1))
            found.append(Condition(compare(code, "is not", Code("None")), far + 0.2))
    found += _pairs(names, near, source.scope(node).kinds)
    found += [Condition(code, 0.5) for code in _said_elsewhere(node, source)]
    return sorted(found, key=lambda each: each.detail)[:POOL]


def _pairs(names: List[str], near: Set[str], kinds: Any) -> Iterator[Condition]:
    for left in names:
        for right in names:
            if left == right:
                continue
            far = 0.5 + 0.2 * ((left not in near) + (right not in near))
            left_kind, right_kind = kinds.get(left, ""), kinds.get(right, "")
            if right_kind in (*SIZED, "") and left_kind not in SIZED[:3]:
                yield Condition(compare(Code(left), "in", Code(right)), far)
                yield Condition(compare(Code(left), "not in", Code(right)), far)
            if (left < right and left_kind in ("", right_kind)) or right_kind == "":
                for operator in ("==", "!=", "<", "<=", ">", ">="):
                    yield Condition(compare(Code(left), operator, Code(right)), far)


def _said_elsewhere(node: ast.AST, source: Source) -> List[Code]:
    """The conditions that this function already tests somewhere."""
    said = [
        condition
        for each in source.neighbourhood(node)
        for condition in conditions_of(each)
        if not isinstance(condition, ast.Constant)
    ]
    codes = {source.said(condition): source.code(condition) for condition in said if hasattr(condition, "lineno")}
    return [each for code in codes.values() for each in (code, negated(code)) if "\n" not in each.text]


def _taken_apart(node: Any, condition: ast.expr, source: Source) -> List[Code]:
    """What the condition, or the first statement that it guards, looks into."""
    places = (
        [condition, *(getattr(node, "body", None) or [])[:2]] if isinstance(node, (ast.If, ast.While)) else [condition]
    )
    bases = [
        each.value
        for place in places
        for each in source.walk(place)
        if isinstance(each, (ast.Attribute, ast.Subscript))
    ]
    plain = [base for base in bases if isinstance(base, (ast.Name, ast.Attribute)) and source.said(base) != "self"]
    return list({source.said(base): Code(source.said(base), ATOM) for base in plain}.values())


def _closing(source: Source, start: int, end: int) -> int:
    """How many bytes of closing parentheses follow that belong to what just ended, inside of the same node."""
    text, opened = source.slice(start, end), 0
    rest = text[:-1] if text[-1:] in ")]}" else text
    while opened < len(rest) and rest[opened] in ") \n\t":
        opened += 1
    return opened if ")" in rest[:opened] else 0
