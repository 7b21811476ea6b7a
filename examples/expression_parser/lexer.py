"""Text -> tokens of the pocket calculator."""

import re

TOKEN = re.compile(r"\s*(?:(?P<number>\d+(?:\.\d+)?)|(?P<sign>[-+*/^()]))")


class BadExpression(ValueError):
    """This is no expression; the message says where it stops being one."""


def tokens(text):
    """The numbers (as float) and signs (as text) of an expression."""
    found = []
    position = 0
    text = text.rstrip()
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            raise BadExpression(f"unexpected {text[position]!r} at {position}")
        found.append(float(match["number"]) if match["number"] else match["sign"])
        position = match.end()
    return found
