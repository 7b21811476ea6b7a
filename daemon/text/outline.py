"""A file → the part of it that is shown: all of it, or its outline with the bodies that matter, lines numbered.

A small model loses more by a long file than by an outline; the numbers are those of the file, so that an answer can
name them. A file that this Python cannot parse is parted into windows instead.
"""

import ast
from collections.abc import Iterable, Sequence
from functools import lru_cache

from msgspec import Struct

from daemon.text import tokens
from daemon.text.objections import parsed

WINDOW_LINES = 40
HEAD_LINES = 6  # of a signature or a statement: what follows is its body or a table
_Function = ast.FunctionDef | ast.AsyncFunctionDef


class Block(Struct, frozen=True):
    """A function, what is a class's own, or one statement of a module: its lines (from 1), and its first ones."""

    name: str
    lines: tuple[int, ...]
    head: tuple[int, ...]
    is_function: bool = False


class View(Struct, frozen=True):
    """What is shown of a file."""

    text: str
    shown: int
    cost: int
    names: tuple[str, ...] = ()


def lines_of(text: str) -> list[str]:
    """The lines as editors count them: a form feed ends none."""
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def cost(text: str) -> int:
    """The tokens of a piece of a prompt, rather too many than too few."""
    return tokens.most(text) - tokens.FRAME


def whole(lines: Sequence[str]) -> View:
    """All of a file."""
    text = numbered(lines, range(1, len(lines) + 1))
    return View(text, len(lines), cost(text))


def outline(lines: Sequence[str], blocks: Sequence[Block], wanted: Sequence[Block], room: int) -> View | None:
    """The heads of all blocks and the whole of the wanted ones, the first of them first, as far as there is room.

    Where the heads leave no room for any body they go, and the bodies stand alone. None: not even one fits.
    """
    costs = _line_costs(tuple(lines))
    heads = {number for block in blocks for number in block.head}
    for base in (heads, set[int]()):
        shown, names = set(base), []
        spent = sum(costs[number - 1] for number in base) + GAP_COST * len(blocks)
        for block in wanted:
            further = [number for number in block.lines if number not in shown]
            price = sum(costs[number - 1] for number in further) + GAP_COST
            if spent + price <= room:
                shown.update(further)
                names.append(block.name)
                spent += price
        if names or (not wanted and base and spent <= room):  # heads alone tell where to ask
            text = numbered(lines, sorted(shown))
            return View(text, len(shown), cost(text), tuple(names))
    return None


@lru_cache(maxsize=2)  # the same file is tried with less room, and then with more
def _line_costs(lines: tuple[str, ...]) -> list[int]:
    return [cost(f"{number}| {line}\n") for number, line in enumerate(lines, 1)]


def numbered(lines: Sequence[str], shown: Iterable[int]) -> str:
    """Lines with their numbers, and a word wherever some are left out."""
    parts = []
    last = 0
    for number in shown:
        if number > last + 1:
            parts.append(_gap(last + 1, number - 1))
        parts.append(f"{number}| {lines[number - 1]}")
        last = number
    if last < len(lines):
        parts.append(_gap(last + 1, len(lines)))
    return "\n".join(parts)


def _gap(first: int, last: int) -> str:
    return f"(lines {first}-{last} are not shown)"


GAP_COST = cost(f"{_gap(10000, 20000)}\n")


def blocks(text: str) -> list[Block]:
    """The blocks of a file, in its order."""
    try:
        body = parsed(text).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        count = len(lines_of(text))
        return [
            Block("", tuple(range(start, min(start + WINDOW_LINES, count + 1))), ())
            for start in range(1, count + 1, WINDOW_LINES)
        ]
    return [block for node in body for block in _blocks(node, "")]


def _blocks(node: ast.stmt, within: str) -> list[Block]:
    first = min([node.lineno, *(decorator.lineno for decorator in getattr(node, "decorator_list", []))])
    lines = tuple(range(first, (node.end_lineno or node.lineno) + 1))
    if isinstance(node, _Function):
        head = [number for number in lines if number < max(node.body[0].lineno, node.lineno + 1)]
        return [Block(f"{within}{node.name}", lines, tuple(head[:HEAD_LINES]), is_function=True)]
    if isinstance(node, ast.ClassDef):
        name = f"{within}{node.name}"
        inner = [block for part in node.body for block in _blocks(part, f"{name}.")]
        nested = [block for block in inner if block.name != f"{name}."]
        taken = {number for block in nested for number in block.lines}
        own = tuple(number for number in lines if number not in taken)
        return [Block(name, own, tuple(n for n in own if n <= node.body[0].lineno)[:HEAD_LINES]), *nested]
    return [Block(within, lines, lines[:HEAD_LINES] if not within else ())]
