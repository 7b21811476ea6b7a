"""What the failing tests said, beside which lines they executed: names for did-you-mean, values not to be hard-coded.

All of it is text that a test or the code under repair has written; it is only ever compared with the source.
"""

import ast
import re
from typing import Any, Dict, Iterable, NamedTuple, Tuple

LONGEST_ERROR = 4000  # characters of a message that are read
MOST_LITERALS = 500
LITERAL = re.compile(r"-?\b\d+(?:\.\d+)?(?:e[+-]?\d+)?\b|'(?:[^'\\\n]|\\.)*'|\"(?:[^\"\\\n]|\\.)*\"")
DEFINED = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Evidence(NamedTuple):
    """What can be read from the failing tests and from the repository's other files."""

    errors: Tuple[str, ...] = ()
    literals: Tuple[str, ...] = ()  # repr of the values that stand in those messages
    elsewhere: Tuple[Tuple[str, str], ...] = ()  # (name, module) of what the repository's files define


def gather(baseline: Any, sources: Dict[str, str]) -> Evidence:
    """The evidence of a baseline run."""
    errors = tuple(test.error[-LONGEST_ERROR:] for test in baseline.tests if not test.passed)
    elsewhere = tuple((name, _module(path)) for path in sorted(sources) for name in _defined(sources[path]))
    return Evidence(errors, literals(errors), elsewhere)


def literals(errors: Iterable[str]) -> Tuple[str, ...]:
    """The values that stand in messages, as their `repr`."""
    found = (_value(text) for error in errors for text in LITERAL.findall(error))
    return tuple(dict.fromkeys(repr(value) for value in found if value is not None))[:MOST_LITERALS]


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return None


def _defined(text: str) -> Any:
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError):
        return []
    names = [each.name for each in tree.body if isinstance(each, DEFINED)]
    return names + [
        each.id
        for node in tree.body
        if isinstance(node, ast.Assign)
        for each in node.targets
        if isinstance(each, ast.Name)
    ]


def _module(path: str) -> str:
    """How a file of the repository is imported."""
    parts = path[: -len(".py")].split("/") if path.endswith(".py") else path.split("/")
    parts = parts[1:] if parts[:1] == ["src"] else parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
