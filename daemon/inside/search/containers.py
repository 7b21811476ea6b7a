"""Families around containers: elements in the wrong order, one too few, a bound too far, an index that may be missing.

Every generator takes a node and its source and yields splices; what a family costs stands in `templates.py`.
"""

import ast
from typing import Any, Iterator, List

from .calls import ranked_names
from .fragments import ATOM, CONDITIONAL, Code, call, trailed
from .source import Source, Splice, index_of, is_name, kind_of
from .vocabulary import EMPTY_VALUES

WORDS = 8  # short strings of the same function that may be missing from a literal
LONGEST_WORD = 20  # characters; longer ones are prose


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


def _words_beside(node: ast.AST, source: Source) -> List[str]:
    """Short strings that this function uses beside."""
    words = [
        each.value
        for each in source.neighbourhood(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]
    return [word for word in dict.fromkeys(words) if is_name(word) and len(word) < LONGEST_WORD][:WORDS]
