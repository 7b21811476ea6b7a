"""Files that were proposed, not yet written: what is no Python, JSON or TOML in them, and what only stands for work.

A placeholder passes every test that does not reach it, so it is looked for before anything is run. What is legitimate
stays: abstract methods, protocols, overloads, empty exception classes, and a program that is about to-do lists.
"""

import ast
import json
import re
import tokenize
import tomllib
import warnings
from collections.abc import Iterator, Mapping

from msgspec import Struct

from daemon.text import objections

FINDINGS = 60  # more of them teach nothing new
FILE_CHARACTERS = 400_000  # a longer one was not written by hand and would take long to parse


class Finding(Struct, frozen=True, order=True):
    """A place that is not finished, and why. As text it goes into the next prompt."""

    path: str
    line: int
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}"


def syntax(files: Mapping[str, str]) -> list[Finding]:
    """The files that are not what their names say: each with the first place where it shows."""
    found = []
    for path, text in sorted(files.items()):
        if len(text) > FILE_CHARACTERS:
            found.append(Finding(path, 1, f"is longer than {FILE_CHARACTERS} characters: split it, or leave data out"))
        elif told := _broken(path, text):
            found.append(Finding(path, *told))
    return found[:FINDINGS]


def placeholders(files: Mapping[str, str]) -> list[Finding]:
    """What only stands for work that was left out. Files that do not parse are told by `syntax`."""
    found: set[Finding] = set()
    for path, text in files.items():
        if len(text) > FILE_CHARACTERS:
            continue
        if path.endswith(objections.PYTHON):
            found |= set(_in_python(path, text))
        else:
            found |= {Finding(path, number, what) for number, what in _in_lines(text)}
    return sorted(found)[:FINDINGS]


# Syntax


def _broken(path: str, text: str) -> tuple[int, str] | None:
    suffix = path.rpartition(".")[2].lower()
    try:
        match suffix:
            case "py" | "pyi" | "pyw":
                objections.parsed(text)
            case "json":
                json.loads(text)
            case "toml":
                tomllib.loads(text)
            case _:
                return None
    except SyntaxError as error:
        return error.lineno or 1, f"is no Python: {error.msg}"
    except json.JSONDecodeError as error:
        return error.lineno, f"is no JSON: {error.msg}"
    except tomllib.TOMLDecodeError as error:
        place = re.search(r"at line (\d+)", str(error))
        return int(place[1]) if place else text.count("\n") + 1, f"is no TOML: {str(error)[:200]}"
    except (ValueError, RecursionError, MemoryError) as error:
        return 1, f"cannot be parsed: {str(error)[:200] or type(error).__name__}"
    return None


# Words

_NOT_YET = (
    r"(?:your|the|actual|real) (?:own )?(?:code|implementation|logic)(?: goes)? here|"
    r"(?:implement|finish|complete|fill in|write) (?:me|this|later|the rest)\b|"
    r"not (?:yet )?implemented(?: yet)?\b|implementation (?:goes|comes|follows) here|"
    r"placeholder (?:for|implementation|code)\b|stub implementation|to be (?:implemented|written|done)\b"
)
_MARK = re.compile(r"\b(?:TODO|FIXME|XXX)\b(?!-)")
_PROMISE = re.compile(rf"\b(?:{_NOT_YET}|lorem ipsum)", re.IGNORECASE)
_MARKED_LINE = re.compile(r"(?://|/\*|<!--|--|;)\s{0,4}(?:TODO|FIXME|XXX)\b|\b(?:TODO|FIXME)(?:\(\w{1,30}\))?:")
_FILLER = re.compile(
    r"\b(?:lorem ipsum|your code here|(?:code|implementation|content|text) goes here)\b", re.IGNORECASE
)
LINE_CHARACTERS = 2_000  # read of one line of prose or data


def _in_lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if match := _MARKED_LINE.search(line[:LINE_CHARACTERS]) or _FILLER.search(line[:LINE_CHARACTERS]):
            yield number, f"`{match[0].strip()}` stands for what was left out: write it, or leave the line out"


def _in_comments(text: str) -> Iterator[tuple[int, str]]:
    lines = iter(text.splitlines(keepends=True))
    try:
        for token in tokenize.generate_tokens(lambda: next(lines, "")):
            if token.type != tokenize.COMMENT:
                continue
            comment = token.string[:LINE_CHARACTERS]
            if match := _MARK.search(comment) or _PROMISE.search(comment):
                yield token.start[0], f"`{match[0]}` in a comment stands for work: do it now, or leave the comment out"
    except (tokenize.TokenError, SyntaxError):
        return  # `syntax` tells


# Bodies

_STUBS_ALLOWED = {"abstractmethod", "overload", "abstractproperty"}
_FUNCTION = ast.FunctionDef | ast.AsyncFunctionDef


def _in_python(path: str, text: str) -> Iterator[Finding]:
    try:
        tree = objections.parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    is_test = objections.forbidden(path, None, text) != ""
    if not tree.body and not path.endswith("__init__.py"):
        yield Finding(path, 1, "is empty: write it, or leave the file out")
    for number, what in _in_comments(text):
        yield Finding(path, number, what)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        bases = {name for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for name in map(_name, node.bases)}
        for function, owner in _functions(tree):
            if is_test and not function.name.startswith("test"):
                continue  # a test may well need something that does nothing
            if what := _stub(function, owner, bases):
                yield Finding(path, function.lineno, f"{function.name} {what}")


def _functions(tree: ast.Module) -> Iterator[tuple[_FUNCTION, ast.ClassDef | None]]:
    """All functions, each with the class whose method it is. Walked without recursion: the text is anybody's."""
    waiting: list[tuple[ast.AST, ast.ClassDef | None]] = [(tree, None)]
    while waiting:
        node, owner = waiting.pop()
        for child in ast.iter_child_nodes(node):
            if isinstance(child, _FUNCTION):
                yield child, owner
            is_scope = isinstance(child, _FUNCTION | ast.Lambda)
            waiting.append((child, child if isinstance(child, ast.ClassDef) else None if is_scope else owner))


def _stub(function: _FUNCTION, owner: ast.ClassDef | None, bases: set[str]) -> str:
    """What shows that a function was not written, or ""."""
    is_abstract = bool(_STUBS_ALLOWED & {_name(decorator) for decorator in function.decorator_list})
    if is_abstract or (owner is not None and any(_name(base) == "Protocol" for base in owner.bases)):
        return ""
    is_base = owner is not None and owner.name in bases
    docstring = ast.get_docstring(function, clean=False) or ""
    body = function.body[1:] if docstring else function.body
    match body:
        case _ if _PROMISE.search(docstring[:LINE_CHARACTERS]):
            what = "says in its docstring that it is not written: write it"
        case [] if not is_base:
            what = "has nothing but a docstring: write its body"
        case [ast.Pass()]:
            what = "has only `pass` for a body: write it, or end with `return` if it has nothing to do"
        case [ast.Expr(value=ast.Constant(value=value))] if value is ...:
            what = "has only `...` for a body: write it"
        case [ast.Raise(exc=raised)] if raised is not None and _name(raised) == "NotImplementedError" and not is_base:
            what = "only raises NotImplementedError: write its body"
        case _:
            what = ""
    return what


def _name(node: ast.expr) -> str:
    """The last word of a name, an attribute, a call or a subscript."""
    while isinstance(node, ast.Call | ast.Subscript):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
