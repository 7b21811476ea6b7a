"""Bugs that remembered fixes mend with no model: learned from some programs, replayed on others.

The seeded bugs of `seeding.py`. *Other names*: each bug is learned, and then met again with every variable renamed.
*Other programs*: fixes are learned from the bugs of one half of the programs and offered for the bugs of the other
half, in the order of `policy/recall.py`, with no hint at the suspicious lines; a bug is mended when every call of its
program returns what it should. What the fix needs has to be in memory: most bugs of real projects are not this small.

*peer*: the same fixes in the order in which they were learned.
"""

from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from random import Random

from msgspec import Struct

from daemon.events import FixLearned
from daemon.policy.dice import seed_of
from daemon.policy.recall import index, recall
from daemon.text import pattern
from daemon.text.pattern import fix_name
from daemon.text.similar import Index
from daemon.text.terms import Refused
from daemon.views.fix_database import FOLD, FixDatabase
from tests.benchmarks import programs
from tests.benchmarks.measure import Row, tell
from tests.benchmarks.programs import Program
from tests.benchmarks.seeding import Bug, bugs, outcome, renamed

TITLE = "Bugs mended by remembered fixes"
MEASURED = "Counted once."
BUGS_PER_PROGRAM = 12
CANDIDATES = (5, 10, 20, 50)
Fixes = Callable[[Bug], list[str]]


class Memory(Struct, frozen=True):
    """What was learned, and the index of its messages."""

    database: FixDatabase
    messages: Index


def run(folder: Path, _: int) -> list[Row]:
    """Both questions."""
    del folder  # nothing is written
    known = programs.read()
    one, other = known[::2], known[1::2]
    again = [_mended(program, bug, [_taught(program, bug).text], most=6) for program, bug in _bugs(known)]
    rows = [
        Row(f"other names, of {len(again)} bugs", f"{sum(place is not None for place in again) / len(again):.1%}", "")
    ]
    places: dict[str, list[int | None]] = {"recalled": [], "in order": []}
    for learned_from, asked in ((one, other), (other, one)):
        memory = _memory(learned_from)
        tell(f"  {len(memory.database.fixes)} fixes learned")
        for name, fixes in (("recalled", partial(_recalled, memory)), ("in order", partial(_in_order, memory))):
            places[name] += [_mended(program, bug, fixes(bug), max(CANDIDATES)) for program, bug in _bugs(asked)]
    for most in CANDIDATES:
        ours, peer = (_within(places[name], most) for name in ("recalled", "in order"))
        rows.append(Row(f"other programs, within {most} candidates", f"{ours:.1%}", f"{peer:.1%}"))
    return rows


def _within(places: list[int | None], most: int) -> float:
    return sum(place is not None and place < most for place in places) / len(places)


def _bugs(known: list[Program]) -> Iterator[tuple[Program, Bug]]:
    return ((program, bug) for program in known for bug in bugs(program, BUGS_PER_PROGRAM))


def _taught(program: Program, bug: Bug) -> pattern.Pattern:
    try:
        return pattern.learn({"program.py": (bug.source, program.source)})
    except Refused:
        return pattern.Pattern(())


def _memory(known: list[Program]) -> Memory:
    database = FixDatabase()
    for program, bug in _bugs(known):
        text = _taught(program, bug).text
        fact = FixLearned(
            job=bug.id,
            fix=fix_name(text),
            signature=f"v2:{bug.failure}.{bug.id}",
            before=bug.source,
            after=program.source,
            pattern=text,
            message=f"{bug.failure} {bug.line}",
            project=program.name,
        )
        FOLD[FixLearned](database, fact)
    return Memory(database, index(database))


def _recalled(memory: Memory, bug: Bug) -> list[str]:
    found = recall(memory.database, memory.messages, f"v2:{bug.failure}.", f"{bug.failure} {bug.line}", seed_of(bug.id))
    return [memory.database.fixes[name].pattern for name in found.replay]


def _in_order(memory: Memory, _: Bug) -> list[str]:
    return [fix.pattern for fix in memory.database.fixes.values()]


def _mended(program: Program, bug: Bug, patterns: list[str], most: int) -> int | None:
    """The place of the first candidate with which every call returns what it should."""
    source = renamed(bug.source, Random(bug.id))  # noqa: S311  nothing secret
    right = [(call, outcome(program.source, program.name, call)) for call in program.calls]
    tried = 0
    for text in patterns:
        for way in pattern.apply(pattern.load(text), source, (), most if len(patterns) == 1 else pattern.INSTANCES):
            if all(outcome(way, program.name, call) == expected for call, expected in right):
                return tried
            tried += 1
            if tried >= most:
                return None
    return None
