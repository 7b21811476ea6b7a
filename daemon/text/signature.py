"""The output of a failing program → its signature: the same error with other paths, numbers and addresses is the same.

Version 1 is the coarse key: the exception's type and its masked message. The rules apply in the order in which they
stand; the version stands in every signature, so that old groups survive a change of rules.

What is read here was printed by anybody: no rule may need more than linear time, so whatever repeats before a fixed
sign is bounded. No rule looks at what follows what it masks, so masking again changes nothing.
"""

import hashlib
import re

VERSION = "v1"
MESSAGE_CHARACTERS = 160
READ_CHARACTERS = 20_000  # of one line

_NAME = r"(?:[A-Za-z_]\w*\.)*"
_RAISED = re.compile(
    rf"({_NAME}[A-Z]\w*(?:Error|Exception|Warning|Exit|Interrupt|Group|Failure|Iteration|Expired|DoesNotExist))"
    r"(?::(?:\s(.*))?)?$"
)
_LOCATED = re.compile(rf"\S.*:\d+: ({_NAME}[A-Z]\w*)$")  # pytest's last word on a failure: file, line, type
_QUOTED_BY_PYTEST = re.compile(r"E {3,}(?=\S)")
_IN_A_GROUP = re.compile(r"\s*\|\s")
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z])?")
_MASKS = (
    (_ESCAPES, ""),
    (re.compile(r"0x[0-9a-fA-F]+"), "<addr>"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE), "<uuid>"),
    (re.compile(r"[a-z][a-z0-9+.-]{0,20}://[^\s'\"<>]+"), "<url>"),
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+"), "<email>"),
    (re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.@+-]+){2,}[\\/]?"), "<path>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "<date>"),
    (re.compile(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7,}"), "<hash>"),
    (re.compile(r"(?<!\w)[+-]?(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)"), "<float>"),
    (re.compile(r"(?<!\w)[+-]?\d+"), "<int>"),
    (re.compile(r"'[^']*'|\"[^\"]*\""), "<q>"),
    (re.compile(r"\s+"), " "),
)


def of(output: str) -> tuple[str, str]:
    """The signature of what a failing program printed, and the words that it was made of."""
    kind, message = _last_raised(output)
    words = f"{kind}|{masked(message)}"
    digest = hashlib.blake2b(words.encode(errors="backslashreplace"), digest_size=8).hexdigest()
    return f"{VERSION}:{digest}", words


def masked(message: str) -> str:
    """A message without what changes from one run to the next."""
    message = message[:READ_CHARACTERS]
    for pattern, word in _MASKS:
        message = pattern.sub(word, message)
    return message.strip()[:MESSAGE_CHARACTERS].rstrip()


def _last_raised(output: str) -> tuple[str, str]:
    """The type and the message of the last error: of a chain of tracebacks, the one that came out."""
    lines = [line.rstrip()[:READ_CHARACTERS] for line in _ESCAPES.sub("", output).splitlines() if line.strip()]
    for place in range(len(lines) - 1, -1, -1):
        line = lines[place]
        if match := _RAISED.match(_bare(line)):
            return _last_name(match[1]), match[2] or ""
        if match := _LOCATED.match(line):
            return _last_name(match[1]), _said_by_pytest(lines, place)
    return "", lines[-1] if lines else ""


def _said_by_pytest(lines: list[str], located: int) -> str:
    """The first line of the block of `E` lines that stands before pytest's location line."""
    last = next((place for place in range(located - 1, -1, -1) if lines[place].startswith("E ")), None)
    if last is None:
        return ""
    first = last
    while first and lines[first - 1].startswith("E "):
        first -= 1
    said = _bare(lines[first])
    raised = re.match(rf"{_NAME}[A-Z]\w*: (.*)", said)
    return raised[1] if raised else said


def _bare(line: str) -> str:
    """A line without the marks that pytest and exception groups put before it."""
    for mark in (_QUOTED_BY_PYTEST, _IN_A_GROUP):
        if match := mark.match(line):
            line = line[match.end() :]
    return line


def _last_name(dotted: str) -> str:
    return dotted.rpartition(".")[2]
