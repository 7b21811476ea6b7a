"""Families around names, calls and containers: the wrong variable, the wrong argument, one element too few.

Every generator takes a node and its source and yields splices; what a family costs stands in `templates.py`.
"""

import ast
import difflib
from typing import Any, Iterator, List, Tuple

from .fragments import ATOM, CONDITIONAL, OR, Code, binary, call, joined, trailed
from .operators import values_of
from .source import COMPREHENSIONS, FUNCTIONS, Source, Splice, index_of, is_name, kind_of
from .vocabulary import COMMON_ARGUMENTS, EMPTY_VALUES, MISTAKEN, MORE_ARGUMENTS, TRAILERS, WRAPS

NAMES = 12  # of those in scope
ATTRIBUTES = 25


def unlike(one: str, other: str) -> float:
    """0 for the same name, 1 for names without a letter in common."""
    return 1.0 - difflib.SequenceMatcher(None, one, other).ratio()


def ranked_names(node: ast.AST, source: Source, like: str = "") -> List[Tuple[str, float]]:
    """The variables in scope with how unlikely each is to be meant: near ones and similar ones first."""
    near = {each.id for each in ast.walk(source.statement(node)) if isinstance(each, ast.Name)}
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
    """`f(a, b)` → `f(b, a)`, `f(a)`, `f(b)`; what stands between them stays."""
    spans = [source.span(each) for each in node.args]
    codes = [source.code(each).within(CONDITIONAL) for each in node.args]
    if _shares_parentheses(node, source):
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
    if _shares_parentheses(node, source) or not parts:
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
    if _shares_parentheses(node, source):
        return
    name = getattr(node.func, "id", getattr(node.func, "attr", ""))
    known = MORE_ARGUMENTS.get(name, ())
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
    """`f(x)` → `x`, `x.strip()` → `x`."""
    for argument in node.args:
        if not isinstance(argument, (ast.Starred, ast.GeneratorExp)):
            yield source.replace(node, source.code(argument), 0.0 if len(node.args) == 1 else 0.3)
    if isinstance(node.func, ast.Attribute) and not node.args:
        yield source.replace(node, source.code(node.func.value))


def wrapped(node: Any, source: Source) -> Iterator[Splice]:
    """`x` → `str(x)`, `[x]`, `x[1:]`: what a value may have to become before it is handed on."""
    for value in _handed_on(node):
        code, kind = source.code(value), kind_of(value) or source.scope(node).kind(getattr(value, "id", ""))
        shared = isinstance(node, ast.Call) and _shares_parentheses(node, source)
        if shared or (isinstance(value, ast.Constant) and isinstance(value.value, bool)):
            continue
        for place, function in enumerate(WRAPS[kind]):
            if getattr(getattr(value, "func", None), "id", "") != function:
                yield source.replace(value, call(function, code), 0.03 * place)
        for place, trailer in enumerate(TRAILERS[kind]):
            yield source.replace(value, trailed(code, trailer), 0.05 * place)
        yield source.replace(value, Code(f"[{code.within(CONDITIONAL)}]"), 0.1)
        yield source.replace(value, Code(f"({code.within(CONDITIONAL)},)"), 0.5)


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
        for text, detail in (
            ("** 2", 0.2),
            ("// 2", 0.3),
            ("* 2", 0.3),
            ("/ 2", 0.4),
            ("% 2", 0.5),
            ("% 10", 0.6),
            ("* -1", 0.5),
            ("+ 2", 0.5),
            ("- 2", 0.5),
        ):
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


def elements(node: Any, source: Source) -> Iterator[Splice]:
    """`(a, b)` → `(b, a)`, `d[j, k]` → `d[k, j]`."""
    parts, spans = node.elts, [source.span(each) for each in node.elts]
    for left in range(len(parts)):
        for right in range(left + 1, len(parts)):
            between = source.slice(spans[left][1], spans[right][0])
            text = source.said(parts[right]) + between + source.said(parts[left])
            yield Splice(spans[left][0], spans[right][1], text, 0.2 * (right - left - 1))


def fewer_elements(node: Any, source: Source) -> Iterator[Splice]:
    """`[a, b]` → `[a]`, `[b]`."""
    spans = [source.span(each) for each in node.elts]
    for place in range(1, len(spans)):
        yield Splice(spans[place - 1][1], spans[place][1], "", 0.1)
    if len(spans) > 1:
        yield Splice(spans[0][0], spans[1][0], "", 0.2)


def more_elements(node: Any, source: Source) -> Iterator[Splice]:
    """`[a]` → `[a, b]`, `[]` → `[[]]`, `[n]`."""
    if not isinstance(node.ctx, ast.Load) if hasattr(node, "ctx") else False:
        return
    start, end = source.span(node)
    if isinstance(node, ast.Tuple) and not source.said(node).startswith("("):
        return
    names = [(name, 0.1 + detail) for name, detail in ranked_names(node, source)]
    if not node.elts:
        empties = [("[]", 0.0), ("0", 0.4), ('""', 0.4), ("None", 0.5)] if isinstance(node, ast.List) else []
        for text, detail in [*empties, *names]:
            yield Splice(start + 1, end - 1, text, detail)
        return
    last, first = source.span(node.elts[-1])[1], source.span(node.elts[0])[0]
    strings = [(repr(each), 0.5) for each in _words_beside(node, source)]
    for text, detail in [*names, *strings]:
        yield Splice(last, last, f", {text}", 0.2 + detail)
        yield Splice(first, first, f"{text}, ", 0.4 + detail)


def empties(node: Any, source: Source) -> Iterator[Splice]:
    """`[]` → `{}`, `None`, `""`: nothing, of another kind."""
    if (
        (isinstance(node, ast.Constant) and node.value not in (None, ""))
        or getattr(node, "elts", None)
        or getattr(node, "keys", None)
    ):
        return
    if isinstance(source.parent(node), (ast.Expr, ast.JoinedStr)):
        return
    for place, text in enumerate(EMPTY_VALUES):
        if text != source.said(node):
            yield source.replace(node, Code(text), 0.1 * place)
    for name, detail in ranked_names(node, source)[:6]:
        yield source.replace(node, Code(name), 0.5 + detail)


def slices(node: ast.Subscript, source: Source) -> Iterator[Splice]:
    """`a[i:]` → `a[:i]`, `a[i]` → `a[i:]`: bounds dropped, added, moved."""
    value, index = source.code(node.value).within(ATOM), index_of(node)
    if isinstance(index, ast.Slice):
        lower, upper, step = (
            source.said(each) if each is not None else "" for each in (index.lower, index.upper, index.step)
        )
        shapes = [
            ("", upper, step),
            (lower, "", step),
            (upper, lower, step),
            (lower, upper, ""),
            (lower or "1", upper, step),
            (lower, upper or "-1", step),
        ]
        shapes += [(lower, upper, "-1"), (lower, upper, "2")] if not step else [(lower, upper, f"-{step}")]
        for place, (start, stop, stride) in enumerate(dict.fromkeys(shapes)):
            yield source.replace(node, Code(f"{value}[{start}:{stop}{':' + stride if stride else ''}]"), 0.1 * place)
        for name, detail in ranked_names(node, source)[:6]:
            yield source.replace(node, Code(f"{value}[{name}:{upper}]"), 0.4 + detail)
            yield source.replace(node, Code(f"{value}[{lower}:{name}]"), 0.4 + detail)
    elif isinstance(node.ctx, ast.Load):
        inner = source.said(index)
        yield source.replace(node, Code(f"{value}[{inner}:]"), 0.3)
        yield source.replace(node, Code(f"{value}[:{inner}]"), 0.3)
        yield source.replace(node, Code(value), 0.3)


def gets(node: Any, source: Source) -> Iterator[Splice]:
    """`d[k]` → `d.get(k)`, `d.get(k, 0)`; `d.get(k)` → `d[k]`."""
    if isinstance(node, ast.Subscript):
        if (
            isinstance(node.ctx, ast.Load)
            and not isinstance(index_of(node), ast.Slice)
            and kind_of(index_of(node)) != "number"
        ):
            value, key = source.code(node.value), source.code(index_of(node)).within(CONDITIONAL)
            for place, default in enumerate((", 0", "", ', ""', ", []", ", {}", f", {key}")):
                yield source.replace(node, trailed(value, f".get({key}{default})"), 0.1 * place)
    elif isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        value, key = source.code(node.func.value), source.code(node.args[0]).within(CONDITIONAL)
        yield source.replace(node, trailed(value, f"[{key}]"), 0.2)


def iterated(node: Any, source: Source) -> Iterator[Splice]:
    """`for x in xs` → `for x in xs[k:]`, `reversed(xs)`, `xs.items()`."""
    code, kind = source.code(node.iter), source.scope(node.iter).kind(getattr(node.iter, "id", ""))
    shapes = ["[1:]", "[:-1]", "[::-1]"] if kind not in ("dict", "set") else []
    methods = [".items()", ".values()", ".copy()"] if kind in ("dict", "") else []
    for place, trailer in enumerate([*shapes, *methods]):
        yield source.replace(node.iter, trailed(code, trailer), 0.1 * place)
    for place, function in enumerate(("sorted", "list", "reversed", "set", "enumerate")):
        yield source.replace(node.iter, call(function, code), 0.1 + 0.1 * place)
    for name, detail in ranked_names(node.iter, source)[:6]:
        if shapes and source.scope(node).kind(name) in ("", "number"):
            yield source.replace(node.iter, trailed(code, f"[{name}:]"), 0.2 + detail)
            yield source.replace(node.iter, trailed(code, f"[:{name}]"), 0.2 + detail)


def choices(node: ast.IfExp, source: Source) -> Iterator[Splice]:
    """`a if c else b` → `b if c else a`, `a`, `b`."""
    body, test, other = map(source.code, (node.body, node.test, node.orelse))
    text = f"{other.within(OR)} if {test.within(OR)} else {body.within(CONDITIONAL)}"
    yield source.replace(node, Code(text, CONDITIONAL))
    yield source.replace(node, body, 0.3)
    yield source.replace(node, other, 0.3)


def comprehended(node: Any, source: Source) -> Iterator[Splice]:
    """`[… for …]` → `{… for …}`, `{k: v for …}` → `{v: k for …}`."""
    inner = source.said(node)[1:-1]
    shapes = {ast.ListComp: ("{", "}"), ast.SetComp: ("[", "]")}
    if type(node) in shapes:
        left, right = shapes[type(node)]
        yield source.replace(node, Code(f"{left}{inner}{right}"))
    if isinstance(node, ast.DictComp):
        (start, middle), (again, end) = source.span(node.key), source.span(node.value)
        yield Splice(start, end, source.said(node.value) + source.slice(middle, again) + source.said(node.key))


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


def _parameters(function: str, source: Source) -> List[str]:
    """The names of a function's (or a class's) parameters, where this file defines it."""
    for each in source.nodes:
        if isinstance(each, FUNCTIONS) and each.name == function:
            names = [argument.arg for argument in [*each.args.args, *each.args.kwonlyargs]]
            return [name for name in names if name not in ("self", "cls")]
    return []


def _words_beside(node: ast.AST, source: Source) -> List[str]:
    """Short strings that this function uses beside."""
    place: ast.AST = source.function(node) or source.tree
    words = [each.value for each in ast.walk(place) if isinstance(each, ast.Constant) and isinstance(each.value, str)]
    return [word for word in dict.fromkeys(words) if len(word) < 20 and (is_name(word) or len(word) < 4)][:8]  # noqa: PLR2004  words, not prose


def _shares_parentheses(node: ast.Call, source: Source) -> bool:
    """Whether the only argument is a generator without parentheses of its own."""
    only = node.args[0] if len(node.args) == 1 else None
    return isinstance(only, ast.GeneratorExp) and source.span(only)[1] == source.span(node)[1]
