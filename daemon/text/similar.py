"""Words → the remembered texts that are most like them, from an index of words and of pairs of neighbours.

It holds a million short texts and answers in milliseconds because a list of postings stops growing at a limit: what
more texts have in common than that tells none of them apart, and counts only where a question has nothing rarer. It is
derived and lives in memory only; nothing here knows what the texts are about.
"""

import re
from array import array
from collections.abc import Iterable
from heapq import nlargest
from itertools import pairwise
from math import log
from zlib import crc32

POSTINGS = 5_000  # of one shingle: the longest list that a question walks
WALKED_POSTINGS = 10_000  # for one question, the rarest shingles first: about two milliseconds
READ_CHARACTERS = 4_000
WORDS_READ = 60  # of a text: a signature's words end long before
WORD_CHARACTERS = 40  # a longer one is data
_WORD = re.compile(r"[A-Za-z_]+|\d+|[^\w\s]")
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


class Index:
    """Texts by their shingles. The same texts added in the same order give the same answers."""

    def __init__(self, texts: Iterable[tuple[str, str]] = ()) -> None:
        self._names: list[str] = []
        self._postings: dict[int, int | array[int]] = {}  # one posting is a number: most shingles occur once
        for name, text in texts:
            self.add(name, text)

    def __len__(self) -> int:
        return len(self._names)

    def add(self, name: str, text: str) -> None:
        """Remember a text by its name."""
        number = len(self._names)
        self._names.append(name)
        for shingle in shingles(text):
            known = self._postings.get(shingle)
            if known is None:
                self._postings[shingle] = number
            elif isinstance(known, int):
                self._postings[shingle] = array("I", (known, number))
            elif len(known) < POSTINGS:
                known.append(number)

    def find(self, text: str, most: int) -> list[tuple[str, float]]:
        """The names of the most similar texts, the best first, and how much of what is rare they share, from 0 to 1."""
        asked = [self._postings.get(shingle, ()) for shingle in shingles(text)]
        lists = sorted(((known,) if isinstance(known, int) else known for known in asked), key=len)
        lists = [known for known in lists if len(known) < POSTINGS] or lists
        weights: dict[int, float] = {}
        whole = walked = 0.0
        for known in lists:
            walked += len(known)
            if walked > WALKED_POSTINGS and weights:
                break
            weight = log(1 + len(self._names) / max(len(known), 1))
            whole += weight
            for number in known:
                weights[number] = weights.get(number, 0.0) + weight
        best = nlargest(most, weights, key=lambda number: (weights[number], number))
        return [(self._names[number], weights[number] / whole) for number in best]


def shingles(text: str) -> set[int]:
    """The words of a text and its pairs of neighbouring words, as numbers."""
    words = [
        word[:WORD_CHARACTERS].lower() for word in _WORD.findall(_HUMP.sub(" ", text[:READ_CHARACTERS]))[:WORDS_READ]
    ]
    pairs = [f"{one} {other}" for one, other in pairwise(words)]
    return {crc32(shingle.encode(errors="backslashreplace")) for shingle in [*words, *pairs]}
