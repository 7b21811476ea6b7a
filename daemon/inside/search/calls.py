"""Families around names and calls: the wrong variable, the wrong function, one argument too few.

Every generator takes a node and its source and yields splices; what a family costs stands in `templates.py`.
"""

import ast
import difflib
from typing import Any, Iterator, List, Tuple

from .fragments import CONDITIONAL, Code
from .source import FUNCTIONS, Source, Splice
from .vocabulary import COMMON_ARGUMENTS, MISTAKEN, MORE_ARGUMENTS

NAMES = 12  # of those in scope
ATTRIBUTES = 25


def unlike(one: str, other: str) -> float:
    """0 for the same name, 1 for names without a letter in common."""
    return 1.0 - difflib.SequenceMatcher(None, one, other).ratio()


def ranked_names(node: ast.AST, source: Source, like: str = "") -> List[Tuple[str, float]]:
    """The variables in scope with how unlikely each is to be meant: near ones and similar ones first."""
    near = {each.id for each in source.walk(source.statement(node)) if isinstance(each, ast.Name)}
    found = [(name, (0.0 if name in near else 0.15) + 0.4 * unlike(like, name)) for name in source.names(node)]
    return sorted(found, key=lambda each: each[1])[:NAMES]


def variables(node: ast.Name, source: Source) -> Iterator[Splice]:
    """`arr` → `counts`: another variable in scope."""
    if not isinstance(node.ctx, ast.Load):
        return
    scope, called = source.scope(node), isinstance(source.parent(node), ast.Call) and source.parent(node).func is node
    if called and node.id not in scope.bound:
        return
    kind = scope.kind(node.id)
    for name, detail in ranked_names(node, source, node.id):
        if name != node.id:
            other = scope.kind(name)
            yield source.replace(node, Code(name), detail + (0.4 if kind and other and kind != other else 0.0))
    for name in scope.module:
        if name not in (node.id, *scope.bound):
            yield source.replace(node, Code(name), 0.5 + 0.4 * unlike(node.id, name))


def attributes(node: ast.Attribute, source: Source) -> Iterator[Splice]:
    """`node.outgoing` → `node.incoming`: another attribute of this function, then of this file."""
    end = source.span(node)[1]
    start = end - len(node.attr.encode())
    scope = source.scope(node)
    for place, known in enumerate((scope.attributes, scope.everywhere)):
        for name in known[:ATTRIBUTES]:
            if name != node.attr:
                yield Splice(start, end, name, 0.3 * place + 0.5 * unlike(node.attr, name))


def mistaken(node: Any, source: Source) -> Iterator[Splice]:
    """`any(…)` → `all(…)`, `xs.append(…)` → `xs.extend(…)`."""
    name = node.id if isinstance(node, ast.Name) else node.attr
    end = source.span(node)[1]
    for place, other in enumerate(MISTAKEN.get(name, ())):
        yield Splice(end - len(name.encode()), end, other, 0.1 * place)


def other_functions(node: ast.Call, source: Source) -> Iterator[Splice]:
    """`f(a)` → `g(a)`, a function of the same file."""
    if isinstance(node.func, ast.Name):
        for name in source.scope(node).functions:
            if name != node.func.id:
                yield source.replace(node.func, Code(name), 0.6 * unlike(node.func.id, name))


def arguments(node: ast.Call, source: Source) -> Iterator[Splice]:
    """`f(a, b)` → `f(b, a)`; what stands between them stays."""
    spans = [source.span(each) for each in node.args]
    codes = [source.code(each).within(CONDITIONAL) for each in node.args]
    if shares_parentheses(node, source):
        return
    for left in range(len(codes)):
        for right in range(left + 1, len(codes)):
            between = source.slice(spans[left][1], spans[right][0])
            yield Splice(
                spans[left][0], spans[right][1], codes[right] + between + codes[left], 0.1 * (right - left - 1)
            )
    if len(codes) > 2:  # noqa: PLR2004  two rotate by swapping
        yield Splice(spans[0][0], spans[-1][1], ", ".join([*codes[1:], codes[0]]), 0.5)


def fewer_arguments(node: ast.Call, source: Source) -> Iterator[Splice]:
    """`f(a, b)` → `f(a)`, `f(b)`."""
    parts: List[ast.AST] = [*node.args, *(each.value for each in node.keywords)]
    if shares_parentheses(node, source) or not parts:
        return
    texts = [source.code(each).within(CONDITIONAL) for each in node.args]
    texts += [
        f"{each.arg}={source.said(each.value)}" if each.arg else f"**{source.said(each.value)}"
        for each in node.keywords
    ]
    for place in range(len(texts)):
        rest = ", ".join(texts[:place] + texts[place + 1 :])
        yield source.replace(node, Code(f"{source.said(node.func)}({rest})"), 0.1 if len(texts) > 1 else 0.4)


def more_arguments(node: ast.Call, source: Source) -> Iterator[Splice]:
    """`f(a)` → `f(a, b)`: what such functions take, the keywords of a function of this file, names in scope."""
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    known = MORE_ARGUMENTS.get(name, ())
    if shares_parentheses(node, source):
        start, end = source.span(node.args[0])
        for place, text in enumerate(known):
            yield Splice(start, end, f"({source.slice(start, end)}, {text})", 0.05 * place)
        return
    parameters = _parameters(name, source)
    names = [each for each, _ in ranked_names(node, source)]
    passed = {each.arg for each in node.keywords}
    offered = [(text, 0.0 + 0.05 * place) for place, text in enumerate(known)]
    for parameter in parameters:
        if parameter not in passed:
            offered += [
                (f"{parameter}={value}", 0.2 if value == parameter else 0.5) for value in [*names, *COMMON_ARGUMENTS]
            ]
    offered += [(each, 0.3) for each in names] + [(each, 0.5) for each in COMMON_ARGUMENTS]
    close = source.span(node)[1] - 1
    filled = bool(node.args or node.keywords)
    comma = "" if not filled or source.slice(source.span(node)[0], close).rstrip().endswith(",") else ", "
    for text, detail in offered:
        yield Splice(close, close, comma + text, detail)
    if node.args:
        start = source.span(node.args[0])[0]
        for each in [*names[:6], "0", "1"]:
            yield Splice(start, start, f"{each}, ", 0.5 if name != "range" else 0.1)


def unwrapped(node: ast.Call, source: Source) -> Iterator[Splice]:
    """`f(x)` → `x`, `x.strip()` → `x`; a function that calls itself mostly means it."""
    around = {above.name for above in source.around(node) if isinstance(above, FUNCTIONS)}
    far = 0.5 if getattr(node.func, "id", "") in around else 0.0
    for argument in node.args:
        if not isinstance(argument, (ast.Starred, ast.GeneratorExp)):
            yield source.replace(node, source.code(argument), far + (0.0 if len(node.args) == 1 else 0.3))
    if isinstance(node.func, ast.Attribute) and not node.args:
        yield source.replace(node, source.code(node.func.value))


def _parameters(function: str, source: Source) -> List[str]:
    """The names of a function's (or a class's) parameters, where this file defines it."""
    for each in source.nodes:
        if isinstance(each, FUNCTIONS) and each.name == function:
            names = [argument.arg for argument in [*each.args.args, *each.args.kwonlyargs]]
            return [name for name in names if name not in ("self", "cls")]
    return []


def shares_parentheses(node: ast.Call, source: Source) -> bool:
    """Whether the only argument is a generator without parentheses of its own."""
    only = node.args[0] if len(node.args) == 1 else None
    return isinstance(only, ast.GeneratorExp) and source.span(only)[1] == source.span(node)[1]
