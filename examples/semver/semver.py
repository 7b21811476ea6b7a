"""Versions such as 1.4.0-rc.2, compared by the rules of semantic versioning."""

import re
from functools import total_ordering

FORM = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?")


def rank(identifier):
    """The place of one part of a pre-release among others: numbers by value, words by letters, numbers first."""
    return (1, 0, identifier)


@total_ordering
class Version:
    def __init__(self, text):
        match = FORM.fullmatch(text)
        if match is None:
            raise ValueError(f"no version: {text!r}")
        self.text = text
        self.numbers = tuple(int(part) for part in match.group(1, 2, 3))
        self.pre = match[4].split(".") if match[4] else []

    def key(self):
        """Precedence; a release stands behind its pre-releases."""
        return self.numbers, not self.pre, [rank(part) for part in self.pre]

    def __eq__(self, other):
        return self.key() == other.key()

    def __lt__(self, other):
        return self.key() < other.key()

    def __hash__(self):
        return hash((self.numbers, tuple(self.pre)))

    def __str__(self):
        return self.text


def newest(texts, pre_releases=False):
    """The highest version, or None."""
    versions = [Version(text) for text in texts]
    return max((each for each in versions if pre_releases or not each.pre), default=None)
