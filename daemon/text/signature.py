"""The output of a failing program → its signature: the same error with other paths, numbers and addresses is the same.

Version 1 is the coarse key: the exception's type and its masked message. The rules are numbered in the order in which
they apply; the version stands in every signature, so that old groups survive a change of rules.
"""

import hashlib
import re

VERSION = "v1"
MESSAGE_CHARACTERS = 160

_RAISED = re.compile(
    r"^(?:E\s+)?((?:[A-Za-z_]\w*\.)*[A-Z]\w*(?:Error|Exception|Warning|Exit|Interrupt|Group|Failure)\b)(?::\s?(.*))?$"
)
_MASKS = (
    (re.compile(r"\x1b\[[0-9;]*[A-Za-z]"), ""),
    (re.compile(r"\b0x[0-9a-fA-F]+\b"), "<addr>"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE), "<uuid>"),
    (re.compile(r"\b[a-z][a-z0-9+.-]*://\S+"), "<url>"),
    (re.compile(r"\b[\w.+-]+@[\w-]+\.[\w.]+\b"), "<email>"),
    (re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.@+-]+){2,}[\\/]?"), "<path>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?\b"), "<time>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d\b"), "<date>"),
    (re.compile(r"\b(?=[0-9a-f]*\d)(?=[0-9a-f]*[a-f])[0-9a-f]{7,64}\b"), "<hash>"),
    (re.compile(r"(?<![\w<])[+-]?\d+\.\d+(?:[eE][+-]?\d+)?\b"), "<float>"),
    (re.compile(r"(?<![\w<])[+-]?\d+\b"), "<int>"),
    (re.compile(r"'[^']*'|\"[^\"]*\""), "<q>"),
    (re.compile(r"\s+"), " "),
)


def of(output: str) -> tuple[str, str]:
    """The signature of what a failing program printed, and the words that it was made of."""
    kind, message = _last_raised(output)
    words = f"{kind}|{masked(message)}"
    return f"{VERSION}:{hashlib.blake2b(words.encode(), digest_size=8).hexdigest()}", words


def masked(message: str) -> str:
    """A message without what changes from one run to the next."""
    for pattern, word in _MASKS:
        message = pattern.sub(word, message)
    return message.strip()[:MESSAGE_CHARACTERS]


def _last_raised(output: str) -> tuple[str, str]:
    lines = [line.rstrip() for line in _MASKS[0][0].sub("", output).splitlines() if line.strip()]
    for line in reversed(lines):
        if match := _RAISED.match(line):
            return match[1].rpartition(".")[2], match[2] or ""
    return "", lines[-1] if lines else ""
