"""One file of the repository, parsed: where its nodes stand, what is in scope, and how a splice of it is written.

Positions are byte offsets into the UTF-8 text, as the parser counts columns. A splice changes nothing around itself, so
that formatting and comments stay. Which splice is worth trying is never said here.
"""

import ast
import keyword
import re
import sys
import warnings
from io import StringIO
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Sequence, Set, Tuple, Union

from .evidence import Evidence
from .fragments import CONDITIONAL, Code, rank_needed, rank_of

Function = Union[ast.FunctionDef, ast.AsyncFunctionDef]
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITIONS = (*FUNCTIONS, ast.ClassDef)
LOOPS = (ast.For, ast.AsyncFor, ast.While)
ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)
BLOCKS = ("body", "orelse", "finalbody")
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
INNER_POSITIONS_LIE = sys.version_info < (3, 12)  # those inside of f-strings
NEWLINE = re.compile(rb"\r\n|\n|\r")
OUR_END = re.compile(r"(?<!\r)\n")
OUR_STEP = "    "
KINDS_OF_CONSTANTS: Dict[type, str] = {bool: "truth", int: "number", float: "number"}
KINDS_OF_NODES: Dict[type, str] = {
    ast.List: "list", ast.ListComp: "list", ast.Dict: "dict", ast.DictComp: "dict", ast.Set: "set", ast.SetComp: "set",
    ast.JoinedStr: "text", ast.Compare: "truth", ast.BoolOp: "truth", ast.BinOp: "number",
}  # fmt: skip
KINDS_OF_CALLS = {
    "list": "list", "sorted": "list", "dict": "dict", "defaultdict": "dict", "Counter": "dict", "set": "set",
    "frozenset": "set", "str": "text", "len": "number", "sum": "number", "int": "number", "float": "number",
    "abs": "number", "round": "number", "deque": "list", "Queue": "list",
}  # fmt: skip
KINDS_OF_METHODS = {
    "append": "list", "extend": "list", "add": "set", "setdefault": "dict", "items": "dict", "strip": "text",
    "split": "text", "lower": "text", "upper": "text", "startswith": "text",
}  # fmt: skip


class Splice(NamedTuple):
    """Bytes start to end become the text; the detail is what it costs beside its template."""

    start: int
    end: int
    text: str
    detail: float = 0.0


class Source:
    """A parsed file. Raises SyntaxError or ValueError when it cannot be parsed."""

    def __init__(self, path: str, text: str, evidence: Evidence) -> None:
        self.path, self.text, self.evidence = path, text, evidence
        self.data = text.encode("utf-8", "surrogatepass")
        self.tree = parsed(text)
        self.starts = [0] + [match.end() for match in NEWLINE.finditer(self.data)]
        self.parents: Dict[ast.AST, ast.AST] = {}
        self.nodes: List[ast.AST] = []
        self._descend(self.tree)
        self.functions = [
            (self.before(node), self.after(node))
            for node in self.nodes
            if isinstance(node, FUNCTIONS) and self.indent(node) is not None
        ]  # the lines of those that have theirs for themselves
        first = NEWLINE.search(self.data)
        self._end = first[0].decode() if first is not None else "\n"
        blocks = filter(None, (getattr(node, "body", None) for node in self.tree.body))
        self.step = next(filter(None, (self.indent(block[0]) for block in blocks)), OUR_STEP)
        self._scopes: Dict[ast.AST, Scope] = {}
        self._walks: Dict[ast.AST, List[ast.AST]] = {}

    def _descend(self, node: ast.AST) -> None:
        for child in ast.iter_child_nodes(node):
            self.parents[child] = node
            if hasattr(child, "lineno") or isinstance(child, ast.comprehension):
                self.nodes.append(child)
            if not (INNER_POSITIONS_LIE and isinstance(child, ast.JoinedStr)):
                self._descend(child)

    # Where things stand

    def span(self, node: Any) -> Tuple[int, int]:
        """The bytes of a node."""
        return (
            self.starts[node.lineno - 1] + node.col_offset,
            self.starts[node.end_lineno - 1] + node.end_col_offset,
        )

    def slice(self, start: int, end: int) -> str:
        """The text between two byte offsets."""
        return self.data[start:end].decode("utf-8", "surrogatepass")

    def said(self, node: ast.AST) -> str:
        """The text of a node."""
        return self.slice(*self.span(node))

    def code(self, node: ast.AST) -> Code:
        """An expression of the source as an ingredient."""
        text = self.said(node)
        return Code(text, rank_of(node, text))

    def parent(self, node: ast.AST) -> Any:
        """The node around, without the wrappers that old parsers put around an index."""
        found = self.parents.get(node)
        return self.parents.get(found) if type(found).__name__ == "Index" and found is not None else found

    def around(self, node: ast.AST) -> Iterator[ast.AST]:
        """All nodes around, innermost first."""
        above = self.parents.get(node)
        while above is not None:
            yield above
            above = self.parents.get(above)

    def statement(self, node: ast.AST) -> Any:
        """The statement that a node belongs to, itself if it is one."""
        while not isinstance(node, ast.stmt) and node in self.parents:
            node = self.parents[node]
        return node

    def function(self, node: ast.AST) -> Optional[Function]:
        """The innermost function around."""
        return next((above for above in self.around(node) if isinstance(above, FUNCTIONS)), None)

    def walk(self, node: ast.AST) -> List[ast.AST]:
        """A node and all below it, remembered: every family asks for it of the same few."""
        if node not in self._walks:
            self._walks[node] = list(ast.walk(node))
        return self._walks[node]

    def neighbourhood(self, node: ast.AST) -> List[ast.AST]:
        """All nodes of the function around, or of the file."""
        return self.walk(self.function(node) or self.tree)

    def loop(self, node: ast.AST) -> Optional[ast.AST]:
        """The innermost loop around, inside of the same function."""
        for above in self.around(node):
            if isinstance(above, LOOPS):
                return above
            if isinstance(above, DEFINITIONS):
                return None
        return None

    def block(self, statement: ast.stmt) -> Tuple[List[ast.stmt], int]:
        """The list of statements that this one stands in, and where."""
        above = self.parents[statement]
        for field in BLOCKS:
            block = getattr(above, field, None)
            if isinstance(block, list) and statement in block:
                return block, block.index(statement)
        return [statement], 0

    def header(self, statement: Any) -> range:
        """The lines of a statement without those of its body."""
        body = getattr(statement, "body", None)
        if isinstance(body, list) and body and isinstance(statement, ast.stmt):
            return range(statement.lineno, max(statement.lineno, body[0].lineno - 1) + 1)
        return range(statement.lineno, statement.end_lineno + 1)

    def indent(self, statement: Any) -> Optional[str]:
        """The white space before a statement that has its lines for itself; None for one that shares them."""
        start, end = self.span(statement)
        before = self.slice(self.starts[statement.lineno - 1], start)
        after = self.slice(end, self.after(statement)).strip()
        return before if not before.strip() and (not after or after.startswith("#")) else None

    def before(self, statement: Any) -> int:
        """Where the lines of a statement begin, its decorators included."""
        decorators = getattr(statement, "decorator_list", [])
        first: int = min([statement.lineno] + [each.lineno for each in decorators])
        return self.starts[first - 1]

    def after(self, statement: ast.AST) -> int:
        """Where the line after a statement begins."""
        line: int = getattr(statement, "end_lineno", 0)
        return self.starts[line] if line < len(self.starts) else len(self.data)

    # What can be done

    def ended(self, text: str) -> str:
        """A text with the line ends of this file."""
        return text if self._end == "\n" else OUR_END.sub(self._end, text)

    def replace(self, node: ast.AST, code: Code, detail: float = 0.0) -> Splice:
        """Another expression in the place of one."""
        start, end = self.span(node)
        parent = self.parent(node)
        if isinstance(node, ast.GeneratorExp) and isinstance(parent, ast.Call) and self.span(parent)[1] == end:
            return Splice(
                start, end, f"({code.within(CONDITIONAL)})", detail
            )  # the call's own parentheses are in its span
        if self.data[start - 1 : start] == b"(" and self.data[end : end + 1] == b")":
            return Splice(start, end, code.text, detail)
        return Splice(start, end, code.within(rank_needed(parent, node)), detail)

    def rewrite(self, statement: ast.AST, text: str, detail: float = 0.0) -> Splice:
        """Another text in the place of a whole node."""
        start, end = self.span(statement)
        return Splice(start, end, text, detail)

    def insert(self, statement: Any, text: str, detail: float = 0.0, *, below: bool = False) -> Iterator[Splice]:
        """New lines before (or below) a statement, at its indentation."""
        indent = self.indent(statement)
        if indent is None or self.data.startswith(b"elif", self.span(statement)[0]):
            return
        at = self.after(statement) if below else self.before(statement)
        lines = "".join(f"{indent}{line}\n" for line in text.split("\n"))
        unended = at and at == len(self.data) and not self.data.endswith((b"\n", b"\r"))
        yield Splice(at, at, "\n" + lines.rstrip("\n") if unended else lines, detail)

    # What is in scope

    def scope(self, node: ast.AST) -> "Scope":
        """The names that can be read at a node's function."""
        function = self.function(node)
        place: ast.AST = function if function is not None else self.tree
        if place not in self._scopes:
            self._scopes[place] = Scope(self, place)
        return self._scopes[place]

    def names(self, node: ast.AST) -> List[str]:
        """Variables that may be read here: those of comprehensions around, then the function's bound so far."""
        inner = [
            each.id
            for above in self.around(node)
            if isinstance(above, COMPREHENSIONS)
            for generator in above.generators
            for each in ast.walk(generator.target)
            if isinstance(each, ast.Name)
        ]
        scope = self.scope(node)
        line = getattr(self.statement(node), "lineno", 0)
        loop = self.loop(node)
        last = getattr(loop, "end_lineno", line) if loop is not None else line
        return _distinct(inner + [name for name, bound in scope.bound.items() if bound < line or line < bound <= last])


class Scope:
    """The names of one function (or of the module's top), with a guess of what kind of thing each holds."""

    def __init__(self, source: Source, place: ast.AST) -> None:
        self.bound: Dict[str, int] = {}
        self.kinds: Dict[str, str] = {}
        functions = [above for above in source.around(place) if isinstance(above, FUNCTIONS)]
        for owner in [place, *functions] if isinstance(place, FUNCTIONS) else [place]:
            self._bind(owner)
        self.functions = [node.name for node in source.tree.body if isinstance(node, FUNCTIONS)]
        self.module = _distinct(list(_stored(source.tree.body))) if place is not source.tree else []
        self.attributes = _distinct([each.attr for each in ast.walk(place) if isinstance(each, ast.Attribute)])
        self.everywhere = _distinct([each.attr for each in ast.walk(source.tree) if isinstance(each, ast.Attribute)])

    def _bind(self, owner: ast.AST) -> None:
        own = list(_own(owner))
        if isinstance(owner, FUNCTIONS):
            arguments = owner.args
            for each in [*getattr(arguments, "posonlyargs", []), *arguments.args, *arguments.kwonlyargs]:
                self.bound.setdefault(each.arg, owner.lineno)
            for rest in (arguments.vararg, arguments.kwarg):
                if rest is not None:
                    self.bound.setdefault(rest.arg, owner.lineno)
        for node in own:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                self.bound.setdefault(node.id, node.lineno)
        for node in own:
            self._learn(node)

    def _learn(self, node: ast.AST) -> None:
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            self.kinds.setdefault(node.targets[0].id, kind_of(node.value))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if isinstance(node.func.value, ast.Name) and node.func.attr in KINDS_OF_METHODS:
                name = node.func.value.id
                if self.kinds.get(name, "") == "":
                    self.kinds[name] = KINDS_OF_METHODS[node.func.attr]
        elif isinstance(node, (ast.For, ast.comprehension)) and isinstance(node.target, ast.Name):
            iterated = node.iter
            if isinstance(iterated, ast.Call) and getattr(iterated.func, "id", "") == "range":
                self.kinds[node.target.id] = "number"

    def kind(self, name: str) -> str:
        """What kind of thing a name seems to hold; empty when nothing is known."""
        return self.kinds.get(name, "")


def kind_of(node: ast.AST) -> str:
    """What kind of value an expression gives, as far as its form says."""
    if isinstance(node, ast.Constant):
        return "" if node.value is None else KINDS_OF_CONSTANTS.get(type(node.value), "text")
    if isinstance(node, ast.Call):
        return KINDS_OF_CALLS.get(getattr(node.func, "id", ""), "")
    if isinstance(node, ast.BinOp) and not isinstance(node.op, ast.Sub):
        return kind_of(node.left) or kind_of(node.right)
    return KINDS_OF_NODES.get(type(node), "")


def index_of(subscript: ast.Subscript) -> Any:
    """The index of `a[index]`, on any parser."""
    index: Any = subscript.slice
    return index.value if type(index).__name__ == "Index" else index


def lines_of(text: str) -> List[str]:
    """As the compiler counts them: a form feed ends none."""
    return StringIO(text, newline="").readlines()


def parsed(text: str) -> ast.Module:
    """The tree of a text, without the parser's word on what its author may have meant by `is 0`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ast.parse(text)


def is_name(text: str) -> bool:
    """Whether a text can be used as a name."""
    return text.isidentifier() and not keyword.iskeyword(text)


def _own(owner: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a function that are not another one's."""
    for child in ast.iter_child_nodes(owner):
        yield child
        if not isinstance(child, (*DEFINITIONS, ast.Lambda, *COMPREHENSIONS)):
            yield from _own(child)


def _stored(body: Sequence[ast.stmt]) -> Iterator[str]:
    """The variables that a module's top binds."""
    for statement in body:
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            for node in ast.walk(statement):
                if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                    yield node.id


def _distinct(names: List[str]) -> List[str]:
    seen: Set[str] = set()
    return [name for name in names if not (name in seen or seen.add(name))]  # type: ignore[func-returns-value]  # add() is asked for its effect
