"""Python syntax trees as plain nested tuples with holes: what patterns are made of, compared, matched and filled by.

A term is `(class, field, field, …)` of a tree's node, `("[]", …)` for a list, or a word: `i:` a name that the program
chose, `a:` one that it did not (a builtin, an attribute, a keyword), `c:` a constant, `k:` a flag of the grammar, `-`
nothing. A hole is a word, too: `?n` stands for an `i:`, `?a` for an `a:`, `?c` for a `c:`, `?e` for any expression,
`?s` for any statement, and `?r`, once in a list, for a run of its items. Trees of anybody's code come in here, and
terms of anybody's patterns: both are bounded.
"""

import ast
import builtins
import sys
from collections.abc import Iterator
from typing import Any, TypeAlias

from daemon.text.objections import parsed

Term: TypeAlias = "str | tuple[Term, ...]"
Bound = dict[str, Term]
DEPTH = 80  # of a term: deeper code is generated, and Python's own stack ends at a thousand
LIST = "[]"
NOTHING = "-"
_NOT_SAID = frozenset(("ctx", "type_comment", "type_ignores", "type_params"))  # `kind` says u"", which unparse needs
_CHOSEN = frozenset((("Name", "id"), ("arg", "arg"), ("FunctionDef", "name"), ("ClassDef", "name"),
    ("AsyncFunctionDef", "name"), ("ExceptHandler", "name"), ("Global", "names"), ("Nonlocal", "names")))  # fmt: skip
NODES: dict[str, type[ast.AST]] = {
    name: kind for name, kind in vars(ast).items() if isinstance(kind, type) and issubclass(kind, ast.AST)
}
EXPRESSIONS = frozenset(name for name, kind in NODES.items() if issubclass(kind, ast.expr))
STATEMENTS = frozenset(name for name, kind in NODES.items() if issubclass(kind, ast.stmt))
BUILTIN = frozenset(vars(builtins))


class Refused(ValueError):  # noqa: N818  it is a verdict on what was read, and no error of ours
    """Code or a pattern that nothing can be learned from, or made of; it says why."""


def read(source: str) -> ast.Module:
    """The tree of a module, or a refusal."""
    try:
        return parsed(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise Refused(f"it cannot be read as Python: {error!s:.100}") from None


def of(node: ast.AST, depth: int = 0) -> Term:
    """A tree as a term."""
    if depth > DEPTH:
        raise Refused(f"it is nested deeper than {DEPTH}")
    kind = type(node).__name__
    return (kind, *(_field(kind, field, getattr(node, field, None), depth) for field in fields(kind)))


def fields(kind: str) -> list[str]:
    """The fields of a node that its term has."""
    return [field for field in NODES[kind]._fields if field not in _NOT_SAID]


def _field(kind: str, field: str, value: object, depth: int) -> Term:
    match value:
        case ast.AST():
            return of(value, depth + 1)
        case list():
            return (LIST, *(_field(kind, field, item, depth + 1) for item in value))
        case _ if kind == "Constant" and field == "value":
            return f"c:{value!r}"
        case None:
            return NOTHING
        case str():
            chosen = (kind, field) in _CHOSEN and value not in BUILTIN
            return f"i:{value}" if chosen else f"a:{value}"
        case _:
            return f"k:{value!r}"


def code(term: Term) -> str:
    """A term without holes as Python, or a refusal."""
    try:
        return ast.unparse(ast.fix_missing_locations(_node(term)))
    except (AttributeError, TypeError, ValueError, KeyError, SyntaxError, RecursionError, MemoryError) as error:
        raise Refused(f"no code can be made of it: {error!s:.100}") from None


def _node(term: Term) -> Any:  # noqa: ANN401  a node, a list of them, or what a node's field holds
    if isinstance(term, str):
        kind, _, value = term.partition(":")
        if kind in ("c", "k"):
            return ... if value == "Ellipsis" else ast.literal_eval(value)
        if kind in ("i", "a") and all(part.isidentifier() for part in value.split(".")):
            return value
        if term == NOTHING:
            return None
        raise Refused(f"{term!s:.40} is nothing that a program could say")
    label, *parts = term
    if label == LIST:
        return [_node(part) for part in parts]
    made = NODES[str(label)](**dict(zip(fields(str(label)), map(_node, parts), strict=True)))
    if "ctx" in made._fields:
        made.ctx = ast.Load()  # type: ignore[attr-defined]  # whatever has this field
    return made


def words(term: Term) -> Iterator[str]:
    """The words of a term, in order."""
    if isinstance(term, str):
        yield term
    else:
        for part in term:
            yield from words(part)


def size(term: Term) -> int:
    """How many words it has."""
    return sum(1 for _ in words(term))


def is_hole(term: Term) -> bool:
    """Whether it stands for something else."""
    return isinstance(term, str) and term.startswith("?")


def kind_of(term: Term) -> str:
    """Which kind of hole could stand for it; "" if none could."""
    if isinstance(term, str):
        kinds = {"i:": "n", "a:": "a", "c:": "c"}
        return term[1:2] if is_hole(term) else kinds.get(term[:2], "")
    return "e" if term[0] in EXPRESSIONS else "s" if term[0] in STATEMENTS else ""


def match(pattern: Term, term: Term, bound: Bound) -> bool:
    """Whether a pattern is this term; its holes are bound then, and half bound if not."""
    if isinstance(pattern, str):
        if not is_hole(pattern):
            return pattern == term
        return kind_of(term) == pattern[1:2] and bound.setdefault(pattern, term) == term
    if isinstance(term, str) or len(term) < len(pattern):
        return False
    if run := next(filter(_is_run, pattern), None):
        first, rest = pattern.index(run), len(term) - len(pattern) + 1
        found = (LIST, *term[first : first + rest])
        term = (*term[:first], run, *term[first + rest :])
        if bound.setdefault(str(run), found) != found:
            return False
    pairs = zip(pattern, term, strict=False)
    return len(pattern) == len(term) and all(_is_run(part) or match(part, other, bound) for part, other in pairs)


def fill(pattern: Term, bound: Bound) -> Term:
    """A pattern with its holes filled; KeyError names one that is not bound."""
    if isinstance(pattern, str):
        return bound[pattern] if is_hole(pattern) else pattern
    filled = ((part, fill(part, bound)) for part in pattern)
    return tuple(item for part, new in filled for item in (new[1:] if _is_run(part) else (new,)))


def _is_run(term: Term) -> bool:
    return isinstance(term, str) and term.startswith("?r")


def shared(one: Term, other: Term, holes: dict[tuple[Term, Term], str]) -> Term:
    """The most special pattern that both are instances of; what differs is a hole, the same one each time it does."""
    if isinstance(one, tuple) and isinstance(other, tuple) and len(one) == len(other) and one[0] == other[0]:
        return tuple(shared(part, another, holes) for part, another in zip(one, other, strict=True))
    if one == other and not is_hole(one):
        return one
    kind = kind_of(one)
    if not kind or kind != kind_of(other):
        raise Refused("they have another shape")
    return holes.setdefault((one, other), f"?{kind}{len(holes)}")


def interned(term: Term) -> Term:
    """The same with one copy of each word."""
    return sys.intern(term) if isinstance(term, str) else tuple(interned(part) for part in term)
