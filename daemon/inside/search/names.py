"""Families that read what the failing tests said: the name that was meant, the import that is missing.

A message is only ever a hint for where names may be alike; nothing of it is executed or believed.
"""

import ast
import builtins
import difflib
import re
from typing import Any, Iterator, List, Sequence

from .fragments import Code
from .source import FUNCTIONS, Source, Splice, is_name
from .vocabulary import MEMBERS, MODULES

MEANT = 8  # of the nearest names that are tried
ALIKE = 0.5  # below this, a name is another word and not a slip of the finger
UNDEFINED = re.compile(r"name '(\w+)' is not defined|local variable '(\w+)'|cannot access free variable '(\w+)'")
NO_ATTRIBUTE = re.compile(r"has no attribute '(\w+)'")
NO_KEYWORD = re.compile(r"unexpected keyword argument '(\w+)'")
NO_KEY = re.compile(r"KeyError: (?:'|\")(.+?)(?:'|\")")
HEAD = re.compile(rb"(?:#.*\n)*(?=\r?\n|import |from )|(?:#(?:!|.*coding[:=]).*\n)*")  # of a file, above all imports
NO_IMPORT = re.compile(r"cannot import name '(\w+)'")


def meant_names(node: ast.Name, source: Source) -> Iterator[Splice]:
    """A name that nobody defined → the nearest that is there, or the attribute of `self` that was meant."""
    if not isinstance(node.ctx, ast.Load) or node.id not in _told(UNDEFINED, source):
        return
    scope = source.scope(node)
    defined = [each.name for each in source.nodes if isinstance(each, (*FUNCTIONS, ast.ClassDef))]
    imported = [
        (alias.asname or alias.name).partition(".")[0]
        for each in source.nodes
        if isinstance(each, (ast.Import, ast.ImportFrom))
        for alias in each.names
    ]
    own = [*source.names(node), *scope.module, *defined, *imported]
    for name, detail in _nearest(node.id, own):
        yield source.replace(node, Code(name), detail)
    for name, detail in _nearest(node.id, [each for each in dir(builtins) if not each.startswith("_")]):
        yield source.replace(node, Code(name), 0.2 + detail)
    if "self" in scope.bound:
        yield source.replace(node, Code(f"self.{node.id}"), 0.0 if node.id in scope.everywhere + defined else 0.5)
    for module in _imported_modules(source):
        if MEMBERS.get(node.id) == module:
            yield source.replace(node, Code(f"{module}.{node.id}"), 0.1)


def meant_attributes(node: ast.Attribute, source: Source) -> Iterator[Splice]:
    """An attribute that is not there → the nearest that this file, or such a value, knows."""
    if node.attr not in _told(NO_ATTRIBUTE, source):
        return
    end = source.span(node)[1]
    start = end - len(node.attr.encode())
    defined = [each.name for each in source.nodes if isinstance(each, FUNCTIONS)]
    common = [each for kind in (str, list, dict, set, int) for each in dir(kind) if not each.startswith("_")]
    for place, known in enumerate(([*source.scope(node).everywhere, *defined], common)):
        for name, detail in _nearest(node.attr, known):
            yield Splice(start, end, name, 0.1 * place + detail)


def meant_keywords(node: ast.Call, source: Source) -> Iterator[Splice]:
    """A keyword that the function does not take → the nearest parameter of this file's functions."""
    wrong = _told(NO_KEYWORD, source)
    for keyword in node.keywords:
        if keyword.arg in wrong and keyword.arg is not None:
            end = source.span(keyword.value)[0]
            start = source.data.rfind(keyword.arg.encode(), 0, end)
            known = [each.arg for each in ast.walk(source.tree) if isinstance(each, ast.arg)]
            for name, detail in _nearest(keyword.arg, known):
                yield Splice(start, end, f"{name}=", detail)
            yield Splice(start, end, "", 0.3)


def meant_keys(node: ast.Constant, source: Source) -> Iterator[Splice]:
    """A key that was not found → the nearest string of this file."""
    if isinstance(node.value, str) and node.value in _told(NO_KEY, source):
        known = [each.value for each in source.nodes if isinstance(each, ast.Constant) and isinstance(each.value, str)]
        for text, detail in _nearest(node.value, known):
            yield source.replace(node, Code(repr(text)), detail)


def missing_imports(node: ast.Module, source: Source) -> Iterator[Splice]:
    """`import math` for a name that nobody defined; names of the repository's own modules too."""
    place = _after_docstring(node, source)
    used = {each.id for each in source.nodes if isinstance(each, ast.Name)}
    for name in sorted(_told(UNDEFINED, source) & used):
        lines = [f"import {name}"] if name in MODULES else []
        lines += [f"from {MEMBERS[name]} import {name}"] if name in MEMBERS else []
        lines += [f"from {module} import {name}" for defined, module in source.evidence.elsewhere if defined == name]
        for likely, line in enumerate(lines):
            yield Splice(place, place, line + "\n", 0.1 * likely)


def meant_imports(node: ast.ImportFrom, source: Source) -> Iterator[Splice]:
    """`from m import tota` → `from m import total`, as the repository's own modules say."""
    wrong = _told(NO_IMPORT, source)
    known = [name for name, _ in source.evidence.elsewhere]
    text = source.said(node)
    for alias in node.names:
        if alias.name in wrong:
            for name, detail in _nearest(alias.name, [*known, *MEMBERS]):
                yield source.rewrite(node, re.sub(rf"\b{re.escape(alias.name)}\b", name, text), detail)


def formatted(node: ast.Constant, source: Source) -> Iterator[Splice]:
    """`"{name}"` → `f"{name}"`: the letter that was forgotten."""
    start, end = source.span(node)
    written = source.slice(start, end)
    holes = re.findall(r"\{([A-Za-z_]\w*)", node.value) if isinstance(node.value, str) else []
    if holes and written[:1] in "\"'" and set(holes) & {*source.names(node), "self"}:
        yield Splice(start, start, "f")


def _told(pattern: Any, source: Source) -> Any:
    """What the messages of the failing tests name."""
    return {name for said in source.evidence.errors for found in pattern.findall(said) for name in _flat(found) if name}


def _flat(found: Any) -> Sequence[str]:
    return [found] if isinstance(found, str) else list(found)


def _nearest(wrong: str, known: List[str]) -> List[Any]:
    """The names that look like a slip of the finger away, with how far they are."""
    others = [name for name in dict.fromkeys(known) if name != wrong]
    near = difflib.get_close_matches(wrong, others, MEANT, ALIKE)
    return [(name, 0.1 * place) for place, name in enumerate(near)]


def _imported_modules(source: Source) -> List[str]:
    imports = [each for each in source.tree.body if isinstance(each, ast.Import)]
    return [alias.name for each in imports for alias in each.names if alias.asname is None and is_name(alias.name)]


def _after_docstring(tree: ast.Module, source: Source) -> int:
    """Where an import can stand: below what heads the file, the docstring and what comes from the future."""
    head = HEAD.match(source.data)
    place = head.end() if head is not None else 0
    for statement in tree.body:
        future = isinstance(statement, ast.ImportFrom) and statement.module == "__future__"
        if not future and not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)):
            break
        place = source.after(statement)
    return place
