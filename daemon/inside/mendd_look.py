"""What can be said of a program by reading it: a handful of checks, for where no linter and no type checker is.

Nothing is run. Each check finds what is nearly always a mistake; style is not its business. The tree has been parsed
by the target's own Python, so its newest syntax is known here.
"""

import ast
from typing import Any, Dict, Iterator, List, NamedTuple, Set, Tuple

MUTABLE = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
ENDS = (ast.Return, ast.Raise, ast.Break, ast.Continue)
NAME_CHARACTERS = 200  # a longer text is prose, and names nothing
DANGEROUS = {"eval", "exec"}
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Seen(NamedTuple):
    """Something at a line."""

    line: int
    what: str


def lint(tree: ast.Module, path: str) -> List[Seen]:
    """What is nearly always a mistake."""
    found = list(_unused_imports(tree)) if not path.endswith("__init__.py") else []
    formats = {id(node.format_spec) for node in ast.walk(tree) if isinstance(node, ast.FormattedValue)}
    for node in ast.walk(tree):
        if id(node) not in formats:  # the 8 of f"{x:8}" is an f-string of its own
            found += _of(node)
    return sorted(set(found))


def types(tree: ast.Module) -> Tuple[int, List[Seen]]:
    """How many functions there are, and those whose arguments or result have no annotation."""
    functions, found = 0, []
    for node, is_method in _functions(tree):
        functions += 1
        given = [*getattr(node.args, "posonlyargs", []), *node.args.args]
        is_static = any(isinstance(one, ast.Name) and one.id == "staticmethod" for one in node.decorator_list)
        given = given[1:] if is_method and not is_static else given
        given += [*node.args.kwonlyargs, *filter(None, (node.args.vararg, node.args.kwarg))]
        bare = [one.arg for one in given if one.annotation is None]
        bare += ["its result"] if node.returns is None and node.name != "__init__" else []
        if bare:
            found.append(Seen(node.lineno, f"{node.name} has no annotation for {', '.join(bare)}"))
    return functions, found


def _functions(tree: ast.Module) -> Iterator[Tuple[Any, bool]]:
    """The functions and methods; not those inside of functions."""
    waiting: List[Tuple[Any, bool]] = [(tree, False)]
    while waiting:
        node, in_class = waiting.pop()
        for child in getattr(node, "body", []):
            if isinstance(child, FUNCTIONS):
                yield child, in_class
            elif isinstance(child, (ast.ClassDef, ast.If, ast.Try, ast.With)):
                waiting.append((child, isinstance(child, ast.ClassDef) or in_class))


def _of(node: Any) -> List[Seen]:
    """What is wrong with this node."""
    found = []
    if isinstance(node, ast.ExceptHandler):
        found += _caught(node)
    elif isinstance(node, FUNCTIONS):
        defaults = [one for one in [*node.args.defaults, *node.args.kw_defaults] if isinstance(one, MUTABLE)]
        found += [Seen(one.lineno, f"a default that all calls of {node.name} share") for one in defaults]
    elif isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names):
        found.append(Seen(node.lineno, "`import *` hides where names come from"))
    elif isinstance(node, ast.Compare):
        pairs = zip(node.ops, node.comparators)
        if any(isinstance(op, (ast.Eq, ast.NotEq)) and _is_singleton(other) for op, other in pairs):
            found.append(Seen(node.lineno, "compare with None, True and False by `is`"))
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in DANGEROUS:
        found.append(Seen(node.lineno, f"`{node.func.id}` runs whatever it is given"))
    elif isinstance(node, ast.Assert) and isinstance(node.test, ast.Tuple) and node.test.elts:
        found.append(Seen(node.lineno, "an assertion about a tuple always holds"))
    elif isinstance(node, ast.JoinedStr) and not any(isinstance(one, ast.FormattedValue) for one in node.values):
        found.append(Seen(node.lineno, "an f-string without any place to fill"))
    return found + _in_blocks(node)


def _caught(node: ast.ExceptHandler) -> List[Seen]:
    if node.type is None:
        return [Seen(node.lineno, "`except:` also catches the wish to stop")]
    is_all = isinstance(node.type, ast.Name) and node.type.id in ("Exception", "BaseException")
    if is_all and all(isinstance(one, ast.Pass) for one in node.body):
        return [Seen(node.lineno, "every error is caught and dropped")]
    return []


def _in_blocks(node: Any) -> List[Seen]:
    """What is defined twice in a block, and what no way leads to."""
    found = []
    for name in ("body", "orelse", "finalbody"):
        block = getattr(node, name, [])
        if not isinstance(block, list):
            continue
        after = [block[place + 1] for place, one in enumerate(block[:-1]) if isinstance(one, ENDS)]
        found += [Seen(one.lineno, "no way leads to this line") for one in after]
        defined: Dict[str, int] = {}
        for one in block:
            if isinstance(one, (*FUNCTIONS, ast.ClassDef)) and not one.decorator_list:
                if one.name in defined:
                    found.append(Seen(one.lineno, f"{one.name} is defined twice; line {defined[one.name]} is lost"))
                defined[one.name] = one.lineno
    return found


def _unused_imports(tree: ast.Module) -> Iterator[Seen]:
    used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} | _named(tree)
    for node in ast.walk(tree):
        if not isinstance(node, (ast.Import, ast.ImportFrom)) or getattr(node, "module", "") == "__future__":
            continue
        for alias in node.names:
            name = (alias.asname or alias.name).split(".")[0]
            if name not in used and alias.name not in ("*", alias.asname):
                yield Seen(node.lineno, f"{name} is imported and never used")


def _named(tree: ast.Module) -> Set[str]:
    """Words in texts that may be names: in `__all__`, in annotations that are written as text."""
    texts = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    return {
        word
        for text in texts
        if len(text) < NAME_CHARACTERS
        for word in text.replace("[", " ").replace("]", " ").split()
    }


def _is_singleton(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and (node.value is None or isinstance(node.value, bool))
