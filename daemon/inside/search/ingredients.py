"""Families that put what stands elsewhere in the same function in the place of an expression.

The nearest expressions come first, and few of them: pools of a whole file explode. What a family costs stands in
`templates.py`.
"""

import ast
from typing import Any, Dict, Iterator, List, Tuple

from .calls import ranked_names
from .fragments import Code
from .source import Source, Splice, kind_of

NEAR = 40  # expressions of the same function that are tried in one place
LONGEST = 60  # characters of an ingredient
EXPRESSIONS = (
    ast.Call,
    ast.BinOp,
    ast.Subscript,
    ast.Attribute,
    ast.Compare,
    ast.UnaryOp,
    ast.BoolOp,
    ast.Tuple,
    ast.List,
)


def variables_for_expressions(node: Any, source: Source) -> Iterator[Splice]:
    """`get(d, k) + 1` → `distance + 1`: a variable holds already what is worked out."""
    if not _replaceable(node, source):
        return
    for name, detail in ranked_names(node, source):
        yield source.replace(node, Code(name), detail + (0.0 if isinstance(source.parent(node), ast.BinOp) else 0.2))


def expressions(node: Any, source: Source) -> Iterator[Splice]:
    """An expression → another of the same function."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        return
    if not isinstance(node, (ast.Name, ast.Constant)) and not _replaceable(node, source):
        return
    kind, line = kind_of(node), getattr(node, "lineno", 0)
    own = source.said(node)
    found: Dict[str, Tuple[Code, float]] = {}
    for each in source.neighbourhood(node):
        if (
            isinstance(each, EXPRESSIONS)
            and hasattr(each, "lineno")
            and isinstance(getattr(each, "ctx", ast.Load()), ast.Load)
        ):
            code = source.code(each)
            alike = kind == kind_of(each) or not kind or not kind_of(each)
            if len(code.text) <= LONGEST and "\n" not in code.text and code.text != own and alike:
                far = 0.02 * min(abs(each.lineno - line), 20) + 0.01 * len(code.text)
                found.setdefault(code.text, (code, far if type(each) is type(node) else far + 0.3))
    nearest: List[Tuple[Code, float]] = sorted(found.values(), key=lambda each: each[1])
    for code, detail in nearest[:NEAR]:
        yield source.replace(node, code, detail)


def _replaceable(node: Any, source: Source) -> bool:
    """Whether a node is a value that is read, and not the whole of a call that is made for its effect."""
    parent = source.parent(node)
    stored = not isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
    return (
        not stored
        and not isinstance(parent, (ast.Expr, ast.JoinedStr, ast.keyword, ast.Slice))
        and hasattr(node, "lineno")
    )
