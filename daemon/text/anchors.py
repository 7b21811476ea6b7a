"""Where an ORIGINAL stands in a file, and what its REPLACEMENT makes of these lines.

An exact place comes first, then one that differs in white space only, then the nearest. What an edit leaves as it is
may be quoted badly, for those lines stay as the file has them; a line that it changes must have been quoted rightly.
Several places are never chosen between, except by LINES where the exact text stands at exactly one of them.
"""

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from difflib import SequenceMatcher

from msgspec import Struct

SIMILAR = 0.8  # share of equal tokens from which on a place is near enough; measured in docs/edits.md
MARGIN = 0.1  # by which the nearest place must be nearer than the next
NEAREST_LINES = 200  # of an ORIGINAL: a longer one has to be quoted well
CANDIDATES = 8
COMPARED_PAIRS = (
    3_000_000  # of equal tokens in all places together, about a second; a table has more and is unsafe anyway
)
BESIDE = 3
SHORT = 3  # lines of an ORIGINAL whose places also differ by what else stands there
TELLING = 8  # characters of a line that says something
VOUCHING = 2


class Place(Struct, frozen=True):
    """Lines start..end (from 0, end excluded) of a file, and what shall stand there."""

    start: int
    end: int
    lines: tuple[str, ...]
    how: str


class Lost(Exception):  # noqa: N818  the place is lost, nothing went wrong
    """No single place can be meant. `places` are the first lines (from 0) of those that could be."""

    def __init__(self, why: str, places: Sequence[int] = (), detail: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.places = list(places)
        self.detail = detail


def find(original: str, replacement: str, lines: Sequence[str], hint: tuple[int, int | None] | None) -> Place:
    """The one place that is meant, with its new lines, or `Lost`."""
    spellings = [(_split(before), _split(after)) for before, after in _spellings(original, replacement, lines)]
    for before, after in spellings:
        if spans := _folded(before, lines):
            return _decided(before, after, lines, spans, hint)
    before, after = spellings[0]
    start, end = _nearest(before, lines)
    return _moved(before, after, lines, (start, end), "nearest")


def _split(text: str) -> list[str]:
    return text.removesuffix("\n").split("\n") if text else []


def fold(line: str) -> str:
    """A line without any white space."""
    return "".join(line.split())


# Spellings: what models do to all lines of a quotation

_NUMBERED = re.compile(r"\s{0,6}(\d{1,7})(?:\s?[|│:]|\t|\s?→)\s?(.*)$")
_PROMPTED = re.compile(r"\s{0,8}(?:>>>|\.\.\.|>)(?: (.*)|)$")
_QUOTES = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u00a0": " ", "\u2013": "-", "\u2014": "-"}
)


def _spellings(before: str, after: str, lines: Sequence[str]) -> Iterator[tuple[str, str]]:
    """The pair as it stands, and then without what was done to it."""
    yield before, after
    for undo in (_unnumbered, _unprompted, _unmarked):
        undone = undo(before, after)
        if undone:
            yield undone
    text = "\n".join(lines)
    if before.translate(_QUOTES) != before:
        yield before.translate(_QUOTES), after.translate(_QUOTES)
    if html.unescape(before) != before and "&" in before and "&lt;" not in text:
        yield html.unescape(before), html.unescape(after)


def _each(pattern: re.Pattern[str], group: int, text: str) -> str | None:
    """The text with every line cut to that group, where all lines have it."""
    found = [pattern.match(line) if line.strip() else None for line in _split(text)]
    if any(match is None and line.strip() for match, line in zip(found, _split(text), strict=True)):
        return None
    return "".join(f"{(match[group] or '') if match else ''}\n" for match in found) if text else ""


def _unnumbered(before: str, after: str) -> tuple[str, str] | None:
    quoted, new = _each(_NUMBERED, 2, before), _each(_NUMBERED, 2, after)
    if quoted is None:
        return None
    if new is None and any(_NUMBERED.match(line) for line in _split(after)):
        return None
    return quoted, after if new is None else new


def _unprompted(before: str, after: str) -> tuple[str, str] | None:
    quoted, new = _each(_PROMPTED, 1, before), _each(_PROMPTED, 1, after)
    if quoted is None:
        return None
    if new is None and any(_PROMPTED.match(line) for line in _split(after) if line.strip()):
        return None
    return quoted, after if new is None else new


def _unmarked(before: str, after: str) -> tuple[str, str] | None:
    quoted, new = _each(re.compile(r"[- ](.*)$"), 1, before), _each(re.compile(r"[+ ](.*)$"), 1, after)
    if quoted is None or new is None or not any(line.startswith("-") for line in _split(before)):
        return None
    return quoted, new


# Exact, and folded


def _folded(before: Sequence[str], lines: Sequence[str]) -> list[tuple[int, int]]:
    """Where these lines stand, white space and blank lines aside."""
    quoted = [folded for line in before if (folded := fold(line))]
    if not quoted:
        return []
    solid = [(place, folded) for place, line in enumerate(lines) if (folded := fold(line))]
    return [
        (solid[at][0], solid[at + len(quoted) - 1][0] + 1)
        for at in range(len(solid) - len(quoted) + 1)
        if all(solid[at + step][1] == folded for step, folded in enumerate(quoted))
    ]


def _decided(
    before: Sequence[str],
    after: Sequence[str],
    lines: Sequence[str],
    spans: list[tuple[int, int]],
    hint: tuple[int, int | None] | None,
) -> Place:
    quoted = [line.rstrip() for line in before if line.strip()]
    exact = [span for span in spans if [line.rstrip() for line in lines[slice(*span)] if line.strip()] == quoted]
    hinted = [span for span in spans if hint and span[0] < (hint[1] or hint[0]) and span[1] >= hint[0]]
    if len(exact) == 1 and (exact[0] in hinted or len(spans) == 1):  # indentation alone tells no places apart
        return _moved(before, after, lines, exact[0], "exact")
    if len(exact) > 1 and len(hinted) == 1 and hinted[0] in exact:
        return _moved(before, after, lines, hinted[0], "hinted")
    if not exact and len(spans) == 1:
        return _moved(before, after, lines, spans[0], "folded")
    raise Lost("ambiguous", [start for start, _ in spans])


# Nearest

_TOKEN = re.compile(r"\w+|[^\w\s]")


def nearest(before: Sequence[str], lines: Sequence[str]) -> tuple[float, tuple[int, int], float]:
    """The most similar place, how similar it is, and how similar the next one is that does not touch it."""
    wanted = [_TOKEN.findall(line) for line in before if line.strip()]
    solid = [(place, _TOKEN.findall(line)) for place, line in enumerate(lines) if line.strip()]
    if not wanted or not solid or len(wanted) > NEAREST_LINES:
        return 0.0, (0, 0), 0.0
    size = min(len(wanted), len(solid))
    matcher: SequenceMatcher[str] = SequenceMatcher(None, autojunk=False)
    quoted = [token for line in wanted for token in line][:4000]
    matcher.set_seq2(quoted)
    often, left = Counter(quoted), COMPARED_PAIRS
    scored: list[tuple[float, int, int]] = []
    for at in _promising(wanted, [tokens for _, tokens in solid], size):
        for length in range(max(1, size - 2), size + 3):
            for begin in range(at - 3, at + 4):
                window = solid[max(begin, 0) : max(begin, 0) + length]
                if len(window) == length:
                    there = [token for _, tokens in window for token in tokens][:4000]
                    left -= sum(often[token] for token in there)
                    if left < 0:
                        return 0.0, (0, 0), 0.0
                    matcher.set_seq1(there)
                    scored.append((round(matcher.ratio(), 4), -window[0][0], window[-1][0] + 1))
    if not scored:
        return 0.0, (0, 0), 0.0
    best, start, end = max(scored, key=lambda score: (score[0], -abs(score[2] + score[1] - len(before)), score[1]))
    others = [score for score, other, until in scored if -other >= end or until <= -start]
    return best, (-start, end), max(others, default=0.0)


def _promising(wanted: list[list[str]], solid: list[list[str]], size: int) -> list[int]:
    """Where the windows begin that share the most tokens with what is wanted."""
    bag = Counter(token for line in wanted for token in line)
    shared = [sum(min(count, bag[token]) for token, count in Counter(tokens).items()) for tokens in solid]
    total = sum(shared[:size])
    sums = [total]
    for at in range(1, len(shared) - size + 1):
        total += shared[at + size - 1] - shared[at - 1]
        sums.append(total)
    lengths = [sum(len(tokens) for tokens in solid[at : at + size]) if size <= SHORT else 0 for at in range(len(sums))]
    order = sorted(range(len(sums)), key=lambda at: (-2 * sums[at] + lengths[at], at))
    chosen: list[int] = []
    for at in order:
        if all(abs(at - other) > 1 for other in chosen):
            chosen.append(at)
        if len(chosen) == CANDIDATES:
            break
    return chosen


def _nearest(before: Sequence[str], lines: Sequence[str]) -> tuple[int, int]:
    best, span, second = nearest(before, lines)
    wide = widened(span, before, lines)
    if best < SIMILAR or best - second < MARGIN or not is_vouched(before, lines[slice(*wide)]):
        raise Lost("not_found", [span[0]] if best else [])
    return wide


def is_vouched(before: Sequence[str], window: Sequence[str]) -> bool:
    """Whether two lines that say something, and half of all, stand there as quoted, and the others begin alike."""
    pairs = _paired(before, window)
    solid = [place for place, line in enumerate(before) if line.strip()]
    same = [place for place in solid if place in pairs and fold(before[place]) == fold(window[pairs[place]])]
    telling = [place for place in same if len(fold(before[place])) >= TELLING]
    alike = all(place in pairs and _start(before[place]) == _start(window[pairs[place]]) for place in solid)
    return alike and len(telling) >= VOUCHING and 2 * len(same) >= len(solid)


def _start(line: str) -> list[str]:
    """The first word of a line; the name as well where it defines something."""
    tokens = _TOKEN.findall(line[:200])
    return tokens[: 2 if tokens[:1] in (["def"], ["class"], ["async"]) else 1]


def widened(span: tuple[int, int], before: Sequence[str], lines: Sequence[str]) -> tuple[int, int]:
    """The place with the first and the last quoted line, where they stand just beside it."""
    start, end = span
    quoted = [fold(line) for line in before if line.strip()]
    above = [place for place in range(max(start - BESIDE, 0), start) if fold(lines[place]) == quoted[0]]
    below = [place + 1 for place in range(end, min(end + BESIDE, len(lines))) if fold(lines[place]) == quoted[-1]]
    if above and fold(lines[start]) != quoted[0]:
        start = above[-1]
    if below and fold(lines[end - 1]) != quoted[-1]:
        end = below[0]
    return start, end


# Moving the change over to the file's own lines


def _moved(before: Sequence[str], after: Sequence[str], lines: Sequence[str], span: tuple[int, int], how: str) -> Place:
    """The file's lines with the change from `before` to `after`: what is not changed stays as the file has it."""
    window = lines[span[0] : span[1]]
    before, after = _without_blank_edges(list(before), list(after))
    pairs = _paired(before, window)
    kept = SequenceMatcher(None, [line.rstrip() for line in before], [line.rstrip() for line in after], autojunk=False)
    result: list[str] = []
    taken = 0  # lines of the window that are dealt with
    dress = _Dress(before, window, pairs, lines)
    for action, a, b, c, d in kept.get_opcodes():
        places = [place for place in range(a, b) if before[place].strip() or place in pairs]
        lost = next((place for place in places if place not in pairs), None)
        if lost is not None:
            raise Lost("not_found", [span[0] + taken], before[lost])
        heres = [pairs[place] for place in places]
        if action == "equal":
            here = heres[-1] + 1 if heres else taken
            result += window[taken:here]
            taken = max(taken, here)
            continue
        odd = _odd(before, window, [(place, pairs[place]) for place in places], taken)
        if action == "insert" and odd is None:
            odd = _unclear(a, pairs, window)
        if odd is not None:
            raise Lost("not_found", [span[0] + odd], window[odd])
        result += window[taken : heres[0]] if heres else []
        taken = heres[-1] + 1 if heres else taken
        result += dress.on(after[c:d], heres)
    result += window[taken:]
    return Place(span[0], span[1], tuple(result), how)


def _odd(before: Sequence[str], window: Sequence[str], changed: Sequence[tuple[int, int]], taken: int) -> int | None:
    """The first line of the window that would be changed though it was not quoted, or not rightly."""
    for place, here in changed:
        skipped = [gap for gap in range(taken, here) if window[gap].strip()]
        if skipped or _tight(before[place]) != _tight(window[here]):
            return skipped[0] if skipped else here
        taken = here + 1
    return None


def _without_blank_edges(before: list[str], after: list[str]) -> tuple[list[str], list[str]]:
    """Without the blank lines at the edges of what is quoted, taken from both where both have them."""
    while before and not before[0].strip():
        before.pop(0)
        if after and not after[0].strip():
            after.pop(0)
    while before and not before[-1].strip():
        before.pop()
        if after and not after[-1].strip():
            after.pop()
    return before, after


def _paired(before: Sequence[str], window: Sequence[str]) -> dict[int, int]:
    """Which line of the window each quoted line is, in order; a paraphrased one where its neighbours say so."""
    solid = [place for place, line in enumerate(before) if line.strip()]
    there = [place for place, line in enumerate(window) if line.strip()]
    matcher = SequenceMatcher(None, [fold(before[i]) for i in solid], [fold(window[i]) for i in there], autojunk=False)
    pairs: dict[int, int] = {}
    for action, a, b, c, d in matcher.get_opcodes():
        if action == "equal" or (action == "replace" and b - a == d - c):
            pairs.update((solid[a + step], there[c + step]) for step in range(b - a))
    for place, line in enumerate(before):
        above = pairs.get(place - 1)
        if not line.strip() and above is not None and above + 1 < len(window) and not window[above + 1].strip():
            pairs[place] = above + 1
    return pairs


def _unclear(at: int, pairs: dict[int, int], window: Sequence[str]) -> int | None:
    """The line, unknown to the quotation, that the file has just where something is put in."""
    above = max((here for place, here in pairs.items() if place < at), default=-1)
    below = min((here for place, here in pairs.items() if place >= at), default=len(window))
    return next((here for here in range(above + 1, below) if window[here].strip()), None)


def _tight(line: str) -> str:
    return fold(line).replace('"', "'").removesuffix(",")


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def as_the_file(new: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Lines that are put in, with tabs in front where the file has them."""
    return _Dress([], [], {}, lines).on(new, [])


class _Dress:
    """Gives new lines the indentation that the file has where the quotation had another one."""

    def __init__(
        self, before: Sequence[str], window: Sequence[str], pairs: dict[int, int], lines: Sequence[str]
    ) -> None:
        solid = [(before[place], window[here]) for place, here in sorted(pairs.items()) if before[place].strip()]
        self.indents = [(_indent(quoted), _indent(there)) for quoted, there in solid]
        self.window = window
        self.is_padded = any(_is_padded(quoted) and not _is_padded(there) for quoted, there in solid)
        self.has_tabs = _has_tabs(window) or (not _has_spaces(window) and _has_tabs(lines))

    def on(self, new: Sequence[str], places: Sequence[int]) -> list[str]:
        """The new lines, where `places` of the window are what they replace."""
        if self.is_padded:
            new = [line.rstrip() for line in new]
        move = self._move()
        if move is not None:
            return [move(_indent(line)) + line.lstrip(" \t") if line.strip() else "" for line in new]
        if len(new) == len(places) and self._is_flat():  # line for line, all indentation lost
            if any(_indent(line) for line in new):
                raise Lost("indent", places[:1])
            return [f"{_indent(self.window[here])}{line}" for line, here in zip(new, places, strict=True)]
        if (first := self._first_lost()) is not None and new and places and places[0] == first and not _indent(new[0]):
            return [f"{_indent(self.window[first])}{new[0]}", *new[1:]]
        raise Lost("indent", places[:1])

    def _move(self) -> Callable[[str], str] | None:
        if all(quoted == there for quoted, there in self.indents):
            return self._as_the_file if self.has_tabs else str
        for width in (4, 8, 2):
            shifts = {len(there.expandtabs(width)) - len(quoted.expandtabs(width)) for quoted, there in self.indents}
            if len(shifts) == 1:
                shift = shifts.pop()
                return lambda indent, width=width, shift=shift: self._written(indent, width, shift)  # type: ignore[misc]  # mypy knows no defaults in lambdas
        return None

    def _written(self, indent: str, width: int, shift: int) -> str:
        columns = len(indent.expandtabs(width)) + shift
        if columns < 0:
            raise Lost("indent")
        return "\t" * (columns // width) + " " * (columns % width) if self.has_tabs else " " * columns

    def _as_the_file(self, indent: str) -> str:
        """Leading spaces as tabs, where the file has tabs."""
        if not indent or indent.startswith("\t"):
            return indent
        width = next((width for width in (4, 2, 8) if len(indent) % width == 0), 0)
        return "\t" * (len(indent) // width) if width else indent

    def _is_flat(self) -> bool:
        return all(not quoted for quoted, _ in self.indents)

    def _first_lost(self) -> int | None:
        rest = self.indents[1:]
        is_so = bool(rest) and not self.indents[0][0] and all(quoted == there for quoted, there in rest)
        return next((place for place, line in enumerate(self.window) if line.strip()), 0) if is_so else None


def _is_padded(line: str) -> bool:
    return line != line.rstrip()


def _has_tabs(lines: Sequence[str]) -> bool:
    return sum(line.startswith("\t") for line in lines) > sum(line.startswith(" ") for line in lines)


def _has_spaces(lines: Sequence[str]) -> bool:
    return any(line.startswith(" ") for line in lines)
