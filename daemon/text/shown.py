"""Somebody else's words on a terminal or a page, which both obey some of them."""


def printable(line: str) -> str:
    """A line with nothing in it that a terminal would act on."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)
