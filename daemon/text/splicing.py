"""Places in a source where a term stands, and the source with another term in its place; the rest stays to the byte.

A place is found by the tree and replaced by its span. What was put there is read back: a replacement that would mean
something else where it stands is not made.
"""

import ast
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from daemon.text import terms
from daemon.text.bindings import imported
from daemon.text.terms import LIST, Refused, Term

NODES_SEEN = 60_000  # of one file
WINDOW = 6  # statements in a row


class Site(NamedTuple):
    """One expression, or statements in a row, as a term, and the lines of the outermost statement around."""

    nodes: tuple[ast.expr | ast.stmt, ...]
    term: Term
    lines: tuple[int, int]


def sites(tree: ast.Module, wanted: Term, lines: Sequence[int]) -> Iterator[Site]:
    """The places that could be what is wanted, the most suspicious first; without lines all, from the top."""
    label = wanted[0] if isinstance(wanted, tuple) else ""
    found: list[tuple[ast.expr | ast.stmt, ...]] = (
        list(_windows(tree, len(wanted) - 1))
        if label == LIST
        else [(node,) for node in _nodes(tree) if type(node).__name__ == label]
    )
    rank = {line: place for place, line in reversed(list(enumerate(lines)))}
    ranked = [
        (place, _lines(nodes)[1] - _lines(nodes)[0], nodes[0].lineno, nodes[0].col_offset, number)
        for number, nodes in enumerate(found)
        if (place := _place(nodes, rank)) is not None
    ]
    for *_, number in sorted(ranked):
        nodes = found[number]
        try:
            term = tuple(terms.of(node) for node in nodes)
        except Refused:
            continue
        yield Site(nodes, (LIST, *term) if label == LIST else term[0], _around(tree, nodes))


def _around(tree: ast.Module, nodes: Sequence[ast.expr | ast.stmt]) -> tuple[int, int]:
    first, last = _lines(nodes)
    inside = [node for node in tree.body if _start(node)[0] <= last and (node.end_lineno or node.lineno) >= first]
    return _lines(inside)


def _nodes(tree: ast.Module) -> Iterator[ast.expr | ast.stmt]:
    """All expressions and statements; not those inside of f-strings, whose places some versions tell wrongly."""
    waiting: list[ast.AST] = [tree]
    for _ in range(NODES_SEEN):
        if not waiting:
            return
        node = waiting.pop()
        if isinstance(node, ast.expr | ast.stmt):
            yield node
        if not isinstance(node, ast.JoinedStr):
            waiting += ast.iter_child_nodes(node)


def _windows(tree: ast.Module, length: int) -> Iterator[tuple[ast.expr | ast.stmt, ...]]:
    """Statements in a row, so many."""
    if not 0 < length <= WINDOW:
        return
    for node in (tree, *_nodes(tree)):
        bodies = [getattr(node, field, None) for field in ("body", "orelse", "finalbody")]
        bodies += [handler.body for handler in getattr(node, "handlers", ())]
        for body in bodies:
            if isinstance(body, list):
                for first in range(len(body) - length + 1):
                    yield tuple(body[first : first + length])


def _lines(nodes: Sequence[ast.expr | ast.stmt]) -> tuple[int, int]:
    return _start(nodes[0])[0], nodes[-1].end_lineno or nodes[-1].lineno


def _start(node: ast.expr | ast.stmt) -> tuple[int, int]:
    decorators = getattr(node, "decorator_list", None)
    return (decorators[0].lineno, node.col_offset) if decorators else (node.lineno, node.col_offset)


def _place(nodes: Sequence[ast.expr | ast.stmt], rank: dict[int, int]) -> int | None:
    """How suspicious these lines are; None: not at all."""
    if not rank:
        return 0
    first, last = _lines(nodes)
    return min((place for line, place in rank.items() if first <= line <= last), default=None)


def names(tree: ast.Module, site: Site) -> list[str]:
    """The names of the innermost function around a site, the nearest first."""
    node = site.nodes[0]
    around = [one for one in ast.walk(tree) if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)]
    inside = [one for one in around if one.lineno <= node.lineno <= (one.end_lineno or 0)]
    scope: ast.AST = max(inside, key=lambda one: one.lineno, default=tree)
    known: dict[str, int] = {}
    for each in ast.walk(scope):
        name = each.id if isinstance(each, ast.Name) else each.arg if isinstance(each, ast.arg) else ""
        if name and name not in terms.BUILTIN:
            away = abs(getattr(each, "lineno", 0) - node.lineno)
            known[name] = min(away, known.get(name, away))
    return sorted(known, key=lambda name: (known[name], name))


# Replacing


def changed(source: str, site: Site, new: Term) -> str | None:
    """The source with this in place of the site; None where it would not mean that there."""
    mark, lines = _parted(source)
    first, last = site.lines
    piece = lines[first - 1 : last]  # what is read back, for a whole file may be long
    try:
        if isinstance(new, tuple) and new[0] == LIST:
            made = _with_statements(piece, site, new[1:])
        elif isinstance(site.nodes[0], ast.stmt):
            made = _with_statements(piece, site, (new,))
        else:
            made = _with_expression(piece, site, terms.code(new))
    except (Refused, UnicodeError):
        return None
    return made and mark + b"".join([*lines[: first - 1], made.encode(), *lines[last:]]).decode()


def _parted(source: str) -> tuple[str, list[bytes]]:
    """The mark before a source, and its lines as a tree counts them: in a text more would end one, not in bytes."""
    mark = "\ufeff" if source.startswith("\ufeff") else ""
    return mark, source.removeprefix(mark).encode().splitlines(keepends=True)


def _with_expression(piece: list[bytes], site: Site, code: str) -> str:
    """In parentheses it means what it should; without them it looks better, and often means the same."""
    [node] = site.nodes
    safe, plain = (_spliced(piece, site, _start(node), _end(node), text) for text in (f"({code})", code))
    meant = ast.dump(terms.read(safe))
    try:
        return plain if ast.dump(terms.read(plain)) == meant else safe
    except Refused:
        return safe


def _with_statements(piece: list[bytes], site: Site, new: Sequence[Term]) -> str | None:
    """Only what differs is written anew, so that comments and the layout of the rest survive."""
    old = site.term[1:] if isinstance(site.term, tuple) and site.term[0] == LIST else (site.term,)
    same = min(len(old), len(new))
    first = next((n for n in range(same) if old[n] != new[n]), same)
    last = next((n for n in range(same - first) if old[-1 - n] != new[-1 - n]), same - first)
    gone = site.nodes[first : len(old) - last]
    come = [terms.code(term) for term in new[first : len(new) - last]]
    indent = " " * site.nodes[0].col_offset
    code = "\n".join(come).replace("\n", f"\n{indent}")
    if gone and come:
        text = _spliced(piece, site, _start(gone[0]), _end(gone[-1]), code)
    elif come and first < len(old):
        place = _start(site.nodes[first])
        text = _spliced(piece, site, place, place, f"{code}\n{indent}")
    elif come:
        place = _end(site.nodes[-1])
        text = _spliced(piece, site, place, place, f"\n{indent}{code}")
    elif gone and last:
        text = _spliced(piece, site, _start(gone[0]), _start(site.nodes[len(old) - last]), "")
    elif gone and first:
        text = _spliced(piece, site, _end(site.nodes[first - 1]), _end(gone[-1]), "")
    else:
        return None
    terms.read(text)
    return text


def _end(node: ast.expr | ast.stmt) -> tuple[int, int]:
    return node.end_lineno or node.lineno, node.end_col_offset or node.col_offset


def _spliced(piece: list[bytes], site: Site, start: tuple[int, int], end: tuple[int, int], code: str) -> str:
    """The tree counts lines from 1 and columns in bytes."""
    first, last = start[0] - site.lines[0], end[0] - site.lines[0]
    before = [*piece[:first], piece[first][: start[1]]]
    after = [piece[last][end[1] :], *piece[last + 1 :]]
    return b"".join([*before, code.encode(), *after]).decode()


def with_imports(source: str, imports: Sequence[Term]) -> str:
    """The source with these imports below its docstring and its `from __future__`, unless they are there."""
    if not imports:
        return source
    tree = terms.read(source)
    known = set(imported(tree))
    code = "".join(f"{terms.code(term)}\n" for term in imports if term not in known)
    if not code:
        return source
    heads = [node for place, node in enumerate(tree.body) if _is_head(node, place)]
    after_line = max((node.end_lineno or 0 for node in heads), default=0)
    mark, lines = _parted(source)
    return mark + b"".join([*lines[:after_line], code.encode(), *lines[after_line:]]).decode()


def _is_head(node: ast.stmt, place: int) -> bool:
    docstring = place == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    return docstring or (isinstance(node, ast.ImportFrom) and node.module == "__future__")
