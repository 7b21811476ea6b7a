"""What is shown on a terminal or a page: somebody else's words, which both would obey, and how many of something."""


def printable(line: str) -> str:
    """A line with nothing in it that a terminal would act on."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)


def many(count: int, what: str, whats: str = "") -> str:
    """So many of something: 1 fix, 2 fixes."""
    return f"{count} {what if count == 1 else whats or what + 's'}"
