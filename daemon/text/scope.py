"""How far a change reaches, measured on what landed, against what a rung allows: sentences that teach, or none.

A small model that may touch anything rewrites what worked. The limits hold for the result, not for the answer's
form: a file that was written anew with two lines changed has changed two lines.
"""

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from difflib import SequenceMatcher

from msgspec import Struct

from daemon.rungs import EditScope
from daemon.text.objections import PYTHON, parsed
from daemon.text.outline import lines_of

COMPARED_PAIRS = 100_000  # of equal lines in one file's middle; with more of them, comparing takes seconds
FREE = (ast.Import, ast.ImportFrom)  # what a rewritten function needs stands outside of it
NAMED = 5  # files or functions that a refusal lists


class Change(Struct, frozen=True):
    """Lines start..end of the text before (from 0, end excluded) became first..last of the text after."""

    start: int
    end: int
    first: int
    last: int


def beyond(scope: EditScope, before: Mapping[str, str | None], after: Mapping[str, str | None]) -> list[str]:
    """Why this change reaches further than it may, in a sentence for each limit. `after` None: the file goes."""
    changed = {path: (before.get(path) or "", text or "") for path, text in after.items() if text != before.get(path)}
    changes = {path: changes_between(*texts) for path, texts in changed.items()}
    hunks = sum(map(len, changes.values()))
    lines = sum(_lines(*changed[path], one) for path, found in changes.items() for one in found)
    refusals = []
    if len(changed) > scope.files:
        refusals.append(
            f"The edits change {len(changed)} files ({_listed(changed)}), and {_at_most(scope.files, 'file')} may "
            "change: keep the edit that mends the cause, and leave the others out."
        )
    if lines > scope.lines:
        refusals.append(
            f"The edits change {lines} lines, and {_at_most(scope.lines, 'line')} may change: leave every line that "
            "need not change as it is."
        )
    if scope.hunks and hunks > scope.hunks:
        refusals.append(
            f"The edits change {hunks} places, and {_at_most(scope.hunks, 'place')} may change: choose the one that "
            "is wrong."
        )
    if scope.functions:
        refusals += _beyond_functions(scope.functions, changed, changes)
    return refusals


def _at_most(count: int, name: str) -> str:
    return f"only {count} {name}{'s' if count > 1 else ''}"


def _listed(names: Mapping[str, object]) -> str:
    shown = sorted(names)[:NAMED]
    return ", ".join([*shown, *(["…"] if len(names) > NAMED else [])])


def changes_between(before: str, after: str) -> list[Change]:
    """The places that differ, in the order of the file. Equal ends are cut off first: what remains is short."""
    old, new = (lines_of(text) if text else [] for text in (before, after))
    head = 0
    while head < min(len(old), len(new)) and old[head] == new[head]:
        head += 1
    tail = 0
    while tail < min(len(old), len(new)) - head and old[-1 - tail] == new[-1 - tail]:
        tail += 1
    one, other = old[head : len(old) - tail], new[head : len(new) - tail]
    if not one and not other:
        return []
    often = Counter(other)
    if not one or not other or sum(often[line] for line in one) > COMPARED_PAIRS:
        return [Change(head, head + len(one), head, head + len(other))]
    moves = SequenceMatcher(None, one, other, autojunk=False).get_opcodes()
    return [Change(head + a, head + b, head + c, head + d) for kind, a, b, c, d in moves if kind != "equal"]


def _lines(before: str, after: str, change: Change) -> int:
    """A line that was replaced counts once; an empty one, or one that stands on both sides, not at all."""
    old = Counter(line for line in lines_of(before)[change.start : change.end] if line.strip())
    new = Counter(line for line in lines_of(after)[change.first : change.last] if line.strip())
    return max((old - new).total(), (new - old).total())


# Functions


def _beyond_functions(
    most: int, changed: Mapping[str, tuple[str, str]], changes: Mapping[str, list[Change]]
) -> Iterator[str]:
    inside: dict[str, None] = {}
    outside: dict[str, None] = {}
    for path, (before, after) in changed.items():
        if not path.endswith(PYTHON):
            outside[f"{path}, which holds no function"] = None
            continue
        old = _touched(before, [(one.start, one.end) for one in changes[path]])
        new = _touched(after, [(one.first, one.last) for one in changes[path]])
        for name in sorted(old | new):
            (inside if name else outside)[f"{path}: {name}" if name else f"{path}, outside of its functions"] = None
    if outside:
        yield (
            f"The edits change {_listed(outside)}. Only {'the body of one function' if most == 1 else 'functions'} "
            "may change here, and the imports: put what it needs inside of it."
        )
    if len(inside) > most:
        yield (
            f"The edits change {len(inside)} functions ({_listed(inside)}), and {_at_most(most, 'function')} may "
            "change: rewrite the responsible one, and put what it needs inside of it."
        )


def _touched(text: str, spans: list[tuple[int, int]]) -> set[str]:
    """The functions and methods that these lines stand in; "" for lines that stand in none and are no import."""
    owner = _owners(text)
    lines = lines_of(text)
    wanted = (number for start, end in spans for number in range(start, end) if lines[number].strip())
    found = (owner.get(number + 1, "") for number in wanted if not lines[number].lstrip().startswith("#"))
    return {name for name in found if name != "import"}


def _owners(text: str) -> dict[int, str]:
    """Line (from 1) → the outermost function or method, or `import`."""
    try:
        tree = parsed(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    owners: dict[int, str] = {}
    _own(tree, "", owners)
    return owners


def _own(node: ast.Module | ast.ClassDef, within: str, owners: dict[int, str]) -> None:
    for part in node.body:
        if isinstance(part, ast.ClassDef):
            _own(part, f"{within}{part.name}.", owners)
        elif isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([part.lineno, *(decorator.lineno for decorator in part.decorator_list)])
            owners.update(dict.fromkeys(range(first, (part.end_lineno or first) + 1), f"{within}{part.name}()"))
        elif isinstance(part, FREE):
            owners.update(dict.fromkeys(range(part.lineno, (part.end_lineno or part.lineno) + 1), "import"))
