"""What variables held on suspicious lines, in a failing and in a passing test → a table for a prompt.

The values were said by the repository's own code: they are cut, and what differs from one run to the next is masked, so
that the same failure always asks the same. What a value means is for who reads it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

from daemon.text.outline import lines_of

TESTS_TOLD = 2
LINES_TOLD = 24  # suspicious lines, and those where their calls ended
MET_TOLD = 3  # times that a line was met
NAMES_TOLD = 8
VALUE_CHARACTERS = 80
NAME_CHARACTERS = 60
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{4,16}")


class Moment(Struct, frozen=True):
    """A line that was about to run, or a `return` that left the call from it; name and value of what was there."""

    path: str
    line: int
    how: Literal["", "return"] = ""
    values: list[tuple[str, str]] = []


class Watched(Struct, frozen=True):
    """The moments of one test, in their order."""

    test: str
    passed: bool
    seen: list[Moment] = []


def table(watched: Sequence[Watched], files: Mapping[str, str]) -> str:
    """Each line with what it held, test by test; "" where nothing was seen."""
    told = watched[:TESTS_TOLD]
    places = {(one.path, one.line) for each in told for one in each.seen}
    if not places:
        return ""
    tests = [f"{_name(each)} is {each.test[:VALUE_CHARACTERS]}" for each in told]
    return "\n".join([*tests, *(text for place in sorted(places)[:LINES_TOLD] for text in _place(place, told, files))])


def _place(place: tuple[str, int], watched: Sequence[Watched], files: Mapping[str, str]) -> Iterator[str]:
    path, line = place
    lines = lines_of(files.get(path) or "")
    source = lines[line - 1].strip() if 0 < line <= len(lines) else "?"
    yield f"\n{path}:{line}  {source}"
    for each in watched:
        moments = [one for one in each.seen if (one.path, one.line) == place]
        for how, words in (("", ""), ("return", ", as it ended")):
            met = [one for one in moments if one.how == how][:MET_TOLD]
            yield from (f"  {_name(each)}{words}: {_values(one)}" for one in met)


def _name(watched: Watched) -> str:
    return "passing" if watched.passed else "failing"


def _values(moment: Moment) -> str:
    said = (f"{name[:NAME_CHARACTERS]} = {_masked(value)}" for name, value in moment.values[: NAMES_TOLD + 1])
    return ", ".join(said) or "no variables"


def _masked(value: str) -> str:
    flat = " ".join(_ADDRESS.sub("0x…", value).split())
    return flat if len(flat) <= VALUE_CHARACTERS else f"{flat[: VALUE_CHARACTERS - 1]}…"
