"""What a module binds and what it uses without: its imports a name each, its unbound names, the attributes it gives.

Read from the tree alone; whether a name would be found when the program runs is never known here.
"""

import ast
from collections.abc import Iterator

from daemon.text import terms
from daemon.text.terms import LIST, Term


def imported(tree: ast.Module) -> Iterator[Term]:
    """The imports at the top, each name as a statement of its own: so it does not matter how they are written."""
    for node in tree.body:
        if isinstance(node, ast.Import):
            yield from (terms.of(ast.Import([alias])) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            yield from (terms.of(ast.ImportFrom(node.module, [alias], node.level)) for alias in node.names)


def importing(one: Term, name: str) -> Term:
    """The same import of another name."""
    return tuple((LIST, ("alias", f"a:{name}", terms.NOTHING)) if part[0] == LIST else part for part in one)


def unbound(tree: ast.Module) -> list[str]:
    """The names that are used, and bound nowhere in this module, in the order of their use."""
    bound = {name for node in ast.walk(tree) for name in _bound(node)}
    if "*" in bound:
        return []
    used = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)]
    return [name for name in dict.fromkeys(used) if name not in bound and name not in terms.BUILTIN]


def _bound(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Name(id=name, ctx=ast.Store() | ast.Del()) | ast.arg(arg=name):
            yield name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.Import(names=names) | ast.ImportFrom(names=names):
            yield from (alias.asname or alias.name.partition(".")[0] for alias in names)
        case ast.ExceptHandler(name=str(name)) | ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)):
            yield name
        case ast.MatchMapping(rest=str(name)):
            yield name
        case _:
            pass


def attributes(tree: ast.Module) -> list[str]:
    """The attributes that this module gives to objects: assigned to, or standing in a class."""
    given = [
        node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)
    ]
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    inside = (name for each in classes for part in each.body for node in _own(part) for name in _bound(node))
    return list(dict.fromkeys([*given, *inside]))


def _own(statement: ast.stmt) -> Iterator[ast.AST]:
    """What binds in a class's own body: the statement, and the targets of an assignment."""
    yield statement
    if isinstance(statement, ast.Assign | ast.AnnAssign):
        yield from ast.walk(statement)
