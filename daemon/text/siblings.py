"""Code like the failing one: what works next door often shows what is missing here.

Likeness is that of the words and signs, names included, for siblings are named alike. Whether a sibling really works
is not known here, only that no failure passed through it.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from textwrap import dedent

from daemon.text.outcomes import Frame
from daemon.text.outline import Block, blocks, lines_of
from daemon.text.prompt import Sibling

SHOWN = 2
LEAST_ALIKE = 0.4  # below, two functions share little but the language
LEAST_LINES = 3  # of a function, to tell anything
MOST_LINES = 80  # of a sibling: a longer one crowds out the code itself
SEARCHED_FILES = 10  # and the failing one: the most relevant ones


def siblings(frames: Sequence[Frame], files: Mapping[str, str], relevant: Sequence[str]) -> list[Sibling]:
    """The functions most like the innermost that a failure passed through; frames are innermost last."""
    own = [frame for frame in frames if frame.file in files]
    place = own[-1] if own else None
    target = next((one for one in _functions(place.file, files) if place.line in one.lines), None) if place else None
    if target is None or place is None:
        return []
    bag = _bag(_text(target, files[place.file]))
    passed = {(frame.file, frame.line) for frame in own}
    found = []
    for path in dict.fromkeys([place.file, *[path for path in relevant if path in files][:SEARCHED_FILES]]):
        for block in _functions(path, files):
            is_apart = not any((path, line) in passed for line in block.lines)
            if is_apart and LEAST_LINES <= len(block.lines) <= MOST_LINES:
                text = _text(block, files[path])
                found.append((_alike(bag, _bag(text)), path, block.name, text))
    best = sorted(found, key=lambda one: (-one[0], one[1:]))[:SHOWN]
    return [Sibling(path, text) for alike, path, _, text in best if alike >= LEAST_ALIKE]


def _functions(path: str, files: Mapping[str, str]) -> Iterator[Block]:
    return (block for block in blocks(files[path]) if block.is_function)


def _text(block: Block, text: str) -> str:
    lines = lines_of(text)
    return dedent("\n".join(lines[number - 1] for number in block.lines))


def _bag(text: str) -> Counter[str]:
    return Counter(re.findall(r"[A-Za-z]+|\d+|[^\w\s]", text))


def _alike(one: Counter[str], other: Counter[str]) -> float:
    """The share of both that they have in common, from 0 to 1."""
    return 2 * (one & other).total() / max(one.total() + other.total(), 1)
