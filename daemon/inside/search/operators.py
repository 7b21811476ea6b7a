"""Families that change an operator, its operands, or a constant: where one character is most often wrong.

Every generator takes a node and its source and yields splices; what a family costs stands in `templates.py`.
"""

import ast
from typing import Any, Dict, Iterator, List, Tuple

from . import fragments
from .fragments import BINARY, COMPARISONS, UNARY, Code, binary, compare, joined, negated
from .source import Source, Splice, index_of, kind_of
from .vocabulary import SEPARATORS

# For each operator the ones that it is taken for, the likeliest first.
COMPARED: Dict[str, Tuple[str, ...]] = {
    "<": ("<=", ">", ">=", "!=", "=="), "<=": ("<", ">=", ">", "==", "!="),
    ">": (">=", "<", "<=", "!=", "=="), ">=": (">", "<=", "<", "==", "!="),
    "==": ("!=", ">=", "<=", "<", ">", "in", "is"), "!=": ("==", "<", ">", "<=", ">=", "not in"),
    "is": ("is not", "=="), "is not": ("is", "!="), "in": ("not in", "=="), "not in": ("in", "!="),
}  # fmt: skip
CALCULATED: Dict[str, Tuple[str, ...]] = {
    "+": ("-", "*", "|", "%"), "-": ("+", "*", "%", "//"), "*": ("+", "**", "/", "//", "-", "%"),
    "/": ("//", "*", "%", "-"),
    "//": ("/", "%", "*", "-"), "%": ("//", "/", "*", "-"), "**": ("*", "+", "//"), "@": ("*",),
    "&": ("|", "^", "%", "+"), "|": ("&", "^", "+"), "^": ("&", "|", "**", "<<"), "<<": (">>", "*"), ">>": ("<<", "//"),
}  # fmt: skip
NEUTRAL: Dict[type, str] = {
    ast.Add: "0",
    ast.Sub: "0",
    ast.Mult: "1",
    ast.FloorDiv: "1",
    ast.Div: "1",
}  # as an operand, says nothing
STEP = 0.12  # each less likely operator of a row costs this much more
FAR_STRINGS = 12  # literals of the file that are tried in the place of one


def comparisons(node: ast.Compare, source: Source) -> Iterator[Splice]:
    """`a < b` → `a <= b`."""
    operands = [node.left, *node.comparators]
    for place, operator in enumerate(node.ops):
        start, end = source.span(operands[place])[1], source.span(operands[place + 1])[0]
        between, old = source.slice(start, end), COMPARISONS[type(operator)]
        if between.count(old) != 1 or "#" in between:
            continue
        for likely, other in enumerate(COMPARED[old]):
            yield Splice(start, end, between.replace(old, other), likely * STEP)


def compared_the_other_way(node: ast.Compare, source: Source) -> Iterator[Splice]:
    """`a in b` → `b in a`, `a - 1 < b` → `b < a - 1`."""
    if len(node.ops) == 1:
        left, right = source.code(node.left), source.code(node.comparators[0])
        yield source.replace(node, compare(right, COMPARISONS[type(node.ops[0])], left))


def calculations(node: ast.BinOp, source: Source) -> Iterator[Splice]:
    """`a + b` → `a - b`; not what only drops an operand."""
    one = any(isinstance(each, ast.Constant) and each.value == 1 for each in (node.left, node.right))
    if kind_of(node.left) == "text" and isinstance(node.op, ast.Mod):
        return
    left, right = source.code(node.left), source.code(node.right)
    for likely, other in enumerate(CALCULATED[BINARY[type(node.op)]]):
        if not (one and other in ("*", "/", "//", "**")):
            yield source.replace(node, binary(left, other, right), likely * STEP)


def augmentations(node: ast.AugAssign, source: Source) -> Iterator[Splice]:
    """`n ^= m` → `n &= m`."""
    target, value = source.said(node.target), source.said(node.value)
    for likely, other in enumerate(CALCULATED[BINARY[type(node.op)]]):
        yield source.rewrite(node, f"{target} {other}= {value}", likely * STEP)


def assignments(node: Any, source: Source) -> Iterator[Splice]:
    """`n += m` → `n = m`, and back."""
    value = source.said(node.value)
    if isinstance(node, ast.AugAssign):
        yield source.rewrite(node, f"{source.said(node.target)} = {value}")
    elif len(node.targets) == 1 and not isinstance(node.targets[0], (ast.Tuple, ast.List)):
        yield source.rewrite(node, f"{source.said(node.targets[0])} += {value}")
        yield source.rewrite(node, f"{source.said(node.targets[0])} -= {value}", 0.4)


def connectives(node: ast.BoolOp, source: Source) -> Iterator[Splice]:
    """`a and b` → `a or b`."""
    other = "or" if isinstance(node.op, ast.And) else "and"
    yield source.replace(node, joined(other, *map(source.code, node.values)))


def fewer_conditions(node: ast.BoolOp, source: Source) -> Iterator[Splice]:
    """`a and b` → `a`, `b`."""
    codes = [source.code(value) for value in node.values]
    word = "and" if isinstance(node.op, ast.And) else "or"
    for place in range(len(codes)):
        rest = codes[:place] + codes[place + 1 :]
        yield source.replace(node, rest[0] if len(rest) == 1 else joined(word, *rest))


def swapped_operands(node: ast.BinOp, source: Source) -> Iterator[Splice]:
    """`a - b` → `b - a`; for numbers that add up the same either way, no change."""
    numbers = "number" in (kind_of(node.left), kind_of(node.right))
    if not (isinstance(node.op, (ast.Add, ast.Mult)) and numbers):
        yield source.replace(node, binary(source.code(node.right), BINARY[type(node.op)], source.code(node.left)))


def fewer_operands(node: ast.BinOp, source: Source) -> Iterator[Splice]:
    """`a + b` → `a`, `b`."""
    yield source.replace(node, source.code(node.left), 0.0 if isinstance(node.right, ast.Constant) else 0.5)
    yield source.replace(node, source.code(node.right), 0.0 if isinstance(node.left, ast.Constant) else 0.6)


def regrouped(node: ast.BinOp, source: Source) -> Iterator[Splice]:
    """`a * b + c` → `a * (b + c)`, and back."""
    operator = BINARY[type(node.op)]
    if isinstance(node.left, ast.BinOp):
        a, b, c = map(source.code, (node.left.left, node.left.right, node.right))
        yield source.replace(node, binary(a, BINARY[type(node.left.op)], binary(b, operator, c)))
    if isinstance(node.right, ast.BinOp):
        a, b, c = map(source.code, (node.left, node.right.left, node.right.right))
        yield source.replace(node, binary(binary(a, operator, b), BINARY[type(node.right.op)], c))


def negations(node: Any, source: Source) -> Iterator[Splice]:
    """A condition → its opposite."""
    for condition in conditions_of(node):
        if not isinstance(condition, ast.Constant) and not isinstance(condition, ast.UnaryOp):
            yield source.replace(condition, negated(source.code(condition)))


def dropped_signs(node: ast.UnaryOp, source: Source) -> Iterator[Splice]:
    """`not a` → `a`, `-a` → `a`."""
    yield source.replace(node, source.code(node.operand))


def added_signs(node: Any, source: Source) -> Iterator[Splice]:
    """A returned or passed value → its negative; in a sort key, which is a lambda's value, each of its parts."""
    for value in _parts_of(node.body) if isinstance(node, ast.Lambda) else values_of(node):
        if not isinstance(value, (ast.Constant, ast.UnaryOp)) and kind_of(value) in ("", "number"):
            yield source.replace(value, Code("-" + source.code(value).within(UNARY), UNARY))
        if kind_of(value) in ("", "truth") and isinstance(node, ast.Return) and not isinstance(value, ast.Constant):
            yield source.replace(value, negated(source.code(value)), 0.1)


def off_by_one(node: Any, source: Source) -> Iterator[Splice]:
    """`a[i]` → `a[i - 1]`, `range(n)` → `range(n + 1)`, `x < n` → `x < n - 1`."""
    for value, detail in _counted(node):
        if kind_of(value) not in ("", "number") or isinstance(value, ast.Constant):
            continue
        for operator in "+-":
            yield source.replace(value, binary(source.code(value), operator, Code("1")), detail)


def constants(node: ast.Constant, source: Source) -> Iterator[Splice]:
    """`0` → `1`, `True` → `False`, `", "` → `","`."""
    if _is_docstring(node, source):
        return
    value = node.value
    others: List[Tuple[Any, float]] = []
    if isinstance(value, bool):
        others = [(not value, 0.0), (None, 0.6)]
    elif isinstance(value, (int, float)):
        near = [value + 1, value - 1, 0, 1, -value, 2, value * 2, value * 10, value / 10, value / 2, 100, float(value)]
        others = [(_tidy(other, value), 0.08 * place) for place, other in enumerate(near)] + [(None, 1.0)]
    elif value is None:
        others = [(other, 0.5) for other in (0, False, True, "")]
    elif isinstance(value, str):
        others = [(other, 0.1 + 0.1 * place) for place, other in enumerate(_other_strings(value))]
    same_file = [each for each in _literals(source) if type(each) is type(value)]
    others += [(other, 0.7) for other in same_file[:FAR_STRINGS]]
    neutral = NEUTRAL.get(type(getattr(source.parents[node], "op", None)))
    for other, detail in others:
        if repr(other) not in (repr(value), neutral):
            code = Code(repr(other), UNARY if str(other).startswith("-") else fragments.ATOM)
            yield source.replace(node, code, detail)


def conditions_of(node: Any) -> List[ast.expr]:
    """What a node branches on."""
    if isinstance(node, ast.comprehension):
        return list(node.ifs)
    return [node.test] if isinstance(node, (ast.If, ast.While, ast.IfExp, ast.Assert)) else []


def values_of(node: Any) -> List[ast.expr]:
    """What a node hands on: returned, yielded, assigned, passed."""
    if isinstance(node, (ast.Return, ast.Yield, ast.Assign, ast.AugAssign, ast.AnnAssign)):
        return [node.value] if node.value is not None else []
    if isinstance(node, ast.Call):
        return [each for each in node.args if not isinstance(each, ast.Starred)] + [
            each.value for each in node.keywords
        ]
    return []


def _parts_of(key: ast.expr) -> List[ast.expr]:
    return key.elts if isinstance(key, ast.Tuple) else [key]


def _counted(node: Any) -> Iterator[Tuple[ast.expr, float]]:
    """The places where people count, and how unlikely each is to be miscounted."""
    if isinstance(node, ast.Subscript):
        index = index_of(node)
        if isinstance(index, ast.Slice):
            yield from ((bound, 0.1) for bound in (index.lower, index.upper) if bound is not None)
        else:
            inner = index.elts if isinstance(index, ast.Tuple) else [index]
            yield from ((each, 0.1) for each in inner)
    elif isinstance(node, ast.Call):
        ranged = isinstance(node.func, ast.Name) and node.func.id == "range"
        yield from ((each, 0.0 if ranged else 0.3) for each in node.args if not isinstance(each, ast.Starred))
    elif isinstance(node, ast.Compare):
        yield from ((each, 0.3) for each in [node.left, *node.comparators])
    elif isinstance(node, ast.BinOp):
        yield from ((each, 0.6) for each in (node.left, node.right))
    else:
        yield from ((each, 0.4) for each in values_of(node))


def _tidy(other: Any, value: Any) -> Any:
    """A whole number stays whole where the constant was."""
    whole = isinstance(value, int) and isinstance(other, float) and other.is_integer() and other != value
    return int(other) if whole else other


def _other_strings(value: str) -> Iterator[str]:
    if value in SEPARATORS:
        yield from SEPARATORS
    else:
        yield from ("", value.strip(), value.lower(), value.upper(), value.capitalize(), value + " ", " " + value)
        yield from (value[1:], value[:-1])


def _literals(source: Source) -> List[Any]:
    found = [each.value for each in source.nodes if isinstance(each, ast.Constant) and not _is_docstring(each, source)]
    return list({repr(each): each for each in found}.values())


def _is_docstring(node: ast.Constant, source: Source) -> bool:
    return isinstance(source.parents[node], (ast.Expr, ast.JoinedStr))
