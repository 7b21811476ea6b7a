"""Makes a change smaller while all stays green: whoever proposed it, what is not needed is not certified.

A search's own change may lose every line that no test asks for, for nobody meant it. Somebody else's loses whole places
only, never a line out of the midst of one: the rest of a thought is a program that nobody wrote. It works on lines of
text and a judge's verdicts, and knows nothing of templates or models.
"""

from difflib import SequenceMatcher
from typing import Any, Dict, List, Mapping, NamedTuple, Sequence, Tuple

from .source import lines_of

MOST_TRIALS = 60  # test runs; a change of more parts than that keeps some that it may not need
ONE_PLACE = 3  # lines between changed ones, up to which they were changed together: as many as a diff shows around


class Hunk(NamedTuple):
    """Lines start to end of a file become these."""

    path: str
    start: int
    end: int
    lines: Tuple[str, ...]


def minimise(
    sources: Mapping[str, str],
    changes: Mapping[str, str],
    judge: Any,
    trials: int = MOST_TRIALS,
    *,
    by_place: bool = False,
) -> Dict[str, str]:
    """The change without the hunks, and unless it goes `by_place` without the added lines, that it does not need."""
    kept = hunks(sources, changes, ONE_PLACE if by_place else 0)
    for smaller in (_without_one,) if by_place else (_without_one, _without_a_line):
        place = len(kept) - 1
        while place >= 0:
            better = None
            for fewer in smaller(kept, place):
                if trials <= 0:
                    return applied(sources, kept)
                trials -= 1
                if judge.try_(applied(sources, fewer)).passed:
                    better = fewer
                    break
            kept, place = (better, min(place, len(better) - 1)) if better is not None else (kept, place - 1)
    return applied(sources, kept)


def hunks(sources: Mapping[str, str], changes: Mapping[str, str], together: int = 0) -> List[Hunk]:
    """What a change consists of; with so many lines between them at most, two hunks are one."""
    found: List[Hunk] = []
    for path in sorted(changes):
        old, new = (lines_of(text) for text in (sources.get(path, ""), changes[path]))
        for tag, start, end, since, until in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
            if tag != "equal":
                hunk = Hunk(path, start, end, tuple(new[since:until]))
                last = found[-1] if found and found[-1].path == path else None
                if last is not None and start - last.end <= together:
                    between = tuple(old[last.end : start])
                    hunk = Hunk(path, last.start, end, (*found.pop().lines, *between, *hunk.lines))
                found.append(hunk)
    return found


def applied(sources: Mapping[str, str], parts: Sequence[Hunk]) -> Dict[str, str]:
    """The texts of the changed files."""
    texts = {part.path: lines_of(sources.get(part.path, "")) for part in parts}
    for part in sorted(parts, key=lambda each: each.start, reverse=True):
        texts[part.path][part.start : part.end] = part.lines
    return {path: "".join(lines) for path, lines in texts.items()}


def _without_one(parts: List[Hunk], place: int) -> List[List[Hunk]]:
    return [parts[:place] + parts[place + 1 :]] if len(parts) > 1 else []


def _without_a_line(parts: List[Hunk], place: int) -> List[List[Hunk]]:
    part = parts[place]
    fewer = [part.lines[:at] + part.lines[at + 1 :] for at in range(len(part.lines))] if len(part.lines) > 1 else []
    return [[*parts[:place], part._replace(lines=lines), *parts[place + 1 :]] for lines in fewer]
