"""Pieces of expressions that know how tightly they bind, so that what is put together needs no second look.

Only text and precedence live here: nothing of files, positions, or which edit is a good one.
"""

import ast
from typing import Any, Dict, NamedTuple, Type

LOOSE, CONDITIONAL, OR, AND, NOT, COMPARE = range(6)
SUM, PRODUCT, UNARY, POWER, AWAIT, ATOM = 10, 11, 12, 13, 14, 15

BINARY: Dict[Type[ast.operator], str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**",
    ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>", ast.MatMult: "@",
}  # fmt: skip
COMPARISONS: Dict[Type[ast.cmpop], str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip
RANKS = {
    "|": 6, "^": 7, "&": 8, "<<": 9, ">>": 9, "+": SUM, "-": SUM,
    "*": PRODUCT, "/": PRODUCT, "//": PRODUCT, "%": PRODUCT, "@": PRODUCT, "**": POWER,
}  # fmt: skip


class Code(NamedTuple):
    """An expression's text, and the rank of its outermost operator."""

    text: str
    rank: int = ATOM

    def within(self, rank: int) -> str:
        """The text as an operand where at least this rank is needed."""
        return self.text if self.rank >= rank else f"({self.text})"


def binary(left: Code, operator: str, right: Code) -> Code:
    """`left operator right`."""
    rank = RANKS[operator]
    if operator == "**":
        return Code(f"{left.within(AWAIT)} ** {right.within(UNARY)}", rank)
    return Code(f"{left.within(rank)} {operator} {right.within(rank + 1)}", rank)


def compare(left: Code, operator: str, right: Code) -> Code:
    """`left operator right`, a truth."""
    return Code(f"{left.within(COMPARE + 1)} {operator} {right.within(COMPARE + 1)}", COMPARE)


def joined(operator: str, *operands: Code) -> Code:
    """`a and b`, `a or b`."""
    rank = OR if operator == "or" else AND
    return Code(f" {operator} ".join(operand.within(rank + 1) for operand in operands), rank)


def negated(condition: Code) -> Code:
    """`not condition`."""
    return Code(f"not {condition.within(NOT)}", NOT)


def call(function: str, *arguments: Code) -> Code:
    """`function(arguments)`."""
    return Code(f"{function}({', '.join(argument.within(CONDITIONAL) for argument in arguments)})")


def trailed(value: Code, trailer: str) -> Code:
    """`value.name`, `value[index]`, `value()`."""
    return Code(value.within(ATOM) + trailer)


def rank_of(node: ast.AST, text: str) -> int:  # noqa: PLR0911  a line for each kind of node
    """How tightly an expression of the source binds."""
    if isinstance(node, ast.BinOp):
        return RANKS[BINARY[type(node.op)]]
    if isinstance(node, ast.BoolOp):
        return OR if isinstance(node.op, ast.Or) else AND
    if isinstance(node, ast.UnaryOp):
        return NOT if isinstance(node.op, ast.Not) else UNARY
    if isinstance(node, ast.Compare):
        return COMPARE
    if isinstance(node, (ast.IfExp, ast.Lambda)):
        return CONDITIONAL
    if isinstance(node, ast.Await):
        return AWAIT
    if isinstance(node, ast.Tuple):
        return ATOM if text.startswith("(") and text.endswith(")") else LOOSE
    return LOOSE if isinstance(node, (ast.Yield, ast.YieldFrom, ast.Starred, ast.NamedExpr)) else ATOM


def rank_needed(parent: Any, child: ast.AST) -> int:  # noqa: PLR0911  a line for each kind of node
    """How tightly an expression must bind to stand in this child's place without parentheses."""
    if isinstance(parent, ast.BinOp):
        rank = RANKS[BINARY[type(parent.op)]]
        if isinstance(parent.op, ast.Pow):
            return AWAIT if child is parent.left else UNARY
        return rank if child is parent.left else rank + 1
    if isinstance(parent, ast.UnaryOp):
        return NOT if isinstance(parent.op, ast.Not) else UNARY
    if isinstance(parent, ast.BoolOp):
        return (OR if isinstance(parent.op, ast.Or) else AND) + 1
    if isinstance(parent, (ast.Compare, ast.Starred)):
        return COMPARE + 1
    if isinstance(parent, (ast.Attribute, ast.Await)):
        return ATOM
    if isinstance(parent, (ast.Subscript, ast.Call)):
        return (
            ATOM if child is getattr(parent, "value", None) or child is getattr(parent, "func", None) else CONDITIONAL
        )
    if isinstance(parent, ast.IfExp):
        return CONDITIONAL if child is parent.orelse else OR
    return OR if isinstance(parent, ast.comprehension) else CONDITIONAL
