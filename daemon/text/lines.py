"""A line of a program → its shape: what stays when variables get other names and values change.

Names that are called and names of attributes stay, for they say what the line does. A line that was cut off, or that
is no Python at all, has a shape, too: nothing here parses.
"""

import keyword
import re
from collections.abc import Iterator

LINE_CHARACTERS = 240  # a longer one is data
NESTING = 6  # of literal collections that count as one value
_TOKEN = re.compile(
    r"[rRbBuUfF]{0,2}(?P<string>'[^'\\]*(?:\\.[^'\\]*)*'|\"[^\"\\]*(?:\\.[^\"\\]*)*\")"
    r"|(?P<number>\d[\w.]*)|(?P<name>[^\W\d]\w*)|(?P<space>\s+)|(?P<sign>[=!<>]=|\*\*|//|->|.)"
)
_COLLECTION = re.compile(r"(?<![\w)\]])[\[({](?:_(?:[,:]_)*,?)?[\])}]")
_NEGATIVE = re.compile(r"(?<![\w)\]])-_")
_ASSERTED = re.compile(r"v\.(assert[A-Za-z]+)\((.*)\)$")
_ALIKE = dict.fromkeys((f"assert{kind}Equal" for kind in ("", "List", "Dict", "Tuple", "Set", "Sequence")), "==") | {
    "assertEquals": "==", "assertNotEqual": "!=", "assertIn": " in ", "assertNotIn": " not in ", "assertIs": " is ",
    "assertIsNot": " is not ", "assertLess": "<", "assertLessEqual": "<=", "assertGreater": ">",
    "assertGreaterEqual": ">=",
}  # fmt: skip
_ALONE = {"assertTrue": "", "assertFalse": "not ", "assertIsNone": " is None", "assertIsNotNone": " is not None"}


def shape(line: str) -> str:
    """The line with its variables as `v` and its values as `_`."""
    found = "".join(_words(line[:LINE_CHARACTERS].strip()))
    for _ in range(NESTING):
        found = _COLLECTION.sub("_", _NEGATIVE.sub("_", found))
    return " ".join(found.split())


def _words(line: str) -> Iterator[str]:
    before = ""
    for match in _TOKEN.finditer(line):
        word = match[0]
        if match.lastgroup == "space":
            continue
        if word == "#":
            return
        if match.lastgroup in ("string", "number") or word in ("True", "False"):
            word = "_"
        elif match.lastgroup == "name":
            called = line[match.end() :].lstrip().startswith("(")
            word = f" {word} " if keyword.iskeyword(word) else word if called or before == "." else "v"
        yield word
        before = word


def as_asserted(found: str) -> str:
    """The shape of an assertion, however it is spelled: unittest's as pytest's."""
    if found.startswith("assert "):
        return _parted(found.removeprefix("assert "))[0].strip()
    match = _ASSERTED.match(found)
    if not match:
        return found
    one, comma, other = _parted(match[2])
    if match[1] in _ALIKE and comma:
        return f"{one}{_ALIKE[match[1]]}{_parted(other)[0]}"
    if match[1] in _ALONE:
        sign = _ALONE[match[1]]
        return f"{sign}{one}" if sign.startswith("not") else f"{one}{sign}"
    return found


def _parted(arguments: str) -> tuple[str, str, str]:
    """What stands before the first comma that is in no brackets, the comma, and the rest."""
    depth = 0
    for place, sign in enumerate(arguments):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and not depth:
            return arguments[:place], ",", arguments[place + 1 :]
    return arguments, "", ""
