"""Small faults that can be put into a program, to see whether its tests notice: a list of edits of its text.

Only the text is read, nothing is run. The same text has the same faults in the same order. A fault is one that a person
might make: another comparison, a number off by one, a condition the wrong way round, a result or a call left out.
"""

import ast
import warnings
from typing import Any, Iterator, List, NamedTuple, Optional, Set, Tuple

SHOWN = 60  # characters of the code that is told
COMPARED = {
    ast.Lt: ("<", "<="),
    ast.LtE: ("<=", "<"),
    ast.Gt: (">", ">="),
    ast.GtE: (">=", ">"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
COMPUTED = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "+"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
}
JOINED = {ast.And: ("and", "or"), ast.Or: ("or", "and")}
STARTS = {  # what a program begins with that is started, and not imported
    ast.dump(ast.parse(text, mode="eval").body) for text in ('__name__ == "__main__"', '"__main__" == __name__')
}
UNTOLD = (ast.JoinedStr, ast.Raise)  # places inside are not reliable before 3.12; what a message says is seldom tested


class Fault(NamedTuple):
    """The bytes start..end of a file become this text."""

    start: int
    end: int
    text: bytes
    line: int
    what: str

    def put_into(self, source: bytes) -> bytes:
        """The program with the fault."""
        return source[: self.start] + self.text + source[self.end :]


def faults(source: bytes) -> List[Fault]:
    """All faults, by their place. Texts are changed only where there is nothing else to change."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tree = ast.parse(source)
        text = _Text(source)
        left_out = _left_out(tree)
        nodes = list(_reached(tree, left_out))
        found = [fault for node in nodes for fault in _of(node, text)]
        found = found or [fault for node in nodes for fault in _of_text(node, text)]
        ordered = sorted(set(found))
        return [fault for fault in ordered if _compiles(fault.put_into(source))]


def main_lines(tree: ast.Module) -> Set[int]:
    """The lines that run only when the module is the program, or never."""
    lines: Set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and _is_guard(node):
            lines |= set(range(node.lineno, (_last(node.body[-1]) or node.lineno) + 1))
    return lines


class _Text:
    """A program's bytes, and where a node stands in them."""

    def __init__(self, source: bytes) -> None:
        self.source = source
        self._starts: List[int] = [0]
        for line in source.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))

    def start(self, node: Any) -> int:
        return int(self._starts[node.lineno - 1] + node.col_offset)

    def end(self, node: Any) -> int:
        return int(self._starts[node.end_lineno - 1] + node.end_col_offset)

    def of(self, node: Any) -> bytes:
        return self.source[self.start(node) : self.end(node)]

    def replaced(self, node: Any, new: bytes) -> Fault:
        old = self.of(node).decode("utf-8", "replace")
        what = f"{_short(old)} → {_short(new.decode('utf-8', 'replace'))}"
        return Fault(self.start(node), self.end(node), new, node.lineno, what)

    def between(self, before: Any, after: Any, words: Tuple[str, str]) -> Iterator[Fault]:
        """The operator between two operands, where it can be told for sure."""
        start, end = self.end(before), self.start(after)
        gap = self.source[start:end].decode("utf-8", "replace")
        if gap.count(words[0]) == 1 and "#" not in gap and gap.strip("() \\\n\t") == words[0]:
            at = start + len(gap[: gap.index(words[0])].encode())
            yield Fault(at, at + len(words[0]), words[1].encode(), before.end_lineno, f"{words[0]} → {words[1]}")


def _of(node: Any, text: _Text) -> Iterator[Fault]:
    """The faults that can be made at this node."""
    yield from _of_operator(node, text)
    if isinstance(node, ast.Return) and node.value is not None and not _is_none(node.value):
        yield text.replaced(node.value, b"None")
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield text.replaced(node, b"None")
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        new = not node.value if isinstance(node.value, bool) else node.value + 1
        yield text.replaced(node, repr(new).encode())
    elif isinstance(node, (ast.If, ast.While, ast.IfExp)) and not isinstance(node.test, (ast.Compare, ast.BoolOp)):
        yield text.replaced(node.test, b"(not (" + text.of(node.test) + b"))")


def _of_operator(node: Any, text: _Text) -> Iterator[Fault]:
    if isinstance(node, ast.Compare):
        operands = [node.left, *node.comparators]
        for before, operator, after in zip(operands, node.ops, operands[1:]):
            yield from text.between(before, after, COMPARED[type(operator)])
    elif isinstance(node, ast.BinOp) and type(node.op) in COMPUTED:
        yield from text.between(node.left, node.right, COMPUTED[type(node.op)])
    elif isinstance(node, ast.AugAssign) and type(node.op) in COMPUTED:
        old, new = COMPUTED[type(node.op)]
        yield from text.between(node.target, node.value, (old + "=", new + "="))
    elif isinstance(node, ast.BoolOp):
        yield from text.between(node.values[0], node.values[1], JOINED[type(node.op)])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield text.replaced(node, b"(" + text.of(node.operand) + b")")


def _of_text(node: Any, text: _Text) -> Iterator[Fault]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield text.replaced(node, b"'another text'")


def _reached(tree: ast.AST, left_out: Set[int]) -> Iterator[ast.AST]:
    """The nodes in which a fault says something about the tests."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if id(node) in left_out or isinstance(node, UNTOLD):
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))


def _left_out(tree: ast.Module) -> Set[int]:
    """Annotations, decorators, docstrings, names that only describe, and what runs only as the program."""
    found: Set[int] = set()
    for node in ast.walk(tree):
        parts: List[Optional[ast.AST]] = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        parts += getattr(node, "decorator_list", [])
        if isinstance(node, ast.If) and _is_guard(node):
            parts += [node.test, *node.body]
        if isinstance(node, ast.Assign) and all(
            isinstance(one, ast.Name) and one.id[:2] == "__" for one in node.targets
        ):
            parts.append(node)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            parts.append(node)
        found |= {id(part) for part in parts if part is not None}
    return found


def _is_guard(node: ast.If) -> bool:
    """`if __name__ == "__main__"`, and `if TYPE_CHECKING` above imports; nothing that only mentions them."""
    if isinstance(node.test, ast.Compare):
        return ast.dump(node.test) in STARTS
    name = getattr(node.test, "id", getattr(node.test, "attr", ""))
    return name == "TYPE_CHECKING" and all(isinstance(each, (ast.Import, ast.ImportFrom)) for each in node.body)


def _is_none(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value is None


def _last(node: Any) -> Optional[int]:
    last: Optional[int] = getattr(node, "end_lineno", None)
    return last


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN else line[: SHOWN - 1] + "…"


def _compiles(source: bytes) -> bool:
    try:
        compile(source, "<fault>", "exec")
    except (SyntaxError, ValueError, RecursionError):
        return False
    return True
