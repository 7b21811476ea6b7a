"""The output of a failing program → its signature: the same error with other paths, numbers and addresses is the same.

A signature is two keys in one word, `v2:COARSE.EXACT`. The coarse key is the exception's type and what is general in
its message: it says nothing of a project, and is what learning counts by. The exact key adds where it came from: the
shape of the failing line and the functions around it, never a file, a line number or a value. The rules apply in the
order in which they stand; the version stands in every signature, so that old groups survive a change of rules.

What is read here was printed by anybody: no rule may need more than linear time, so whatever repeats before a fixed
sign is bounded. No mask looks at what follows what it masks, so masking again changes nothing.
"""

import hashlib
import re
from collections.abc import Sequence

from msgspec import Struct

from daemon.text.families import family, of_assertion
from daemon.text.lines import as_asserted, shape

VERSION = "v2"
MESSAGE_CHARACTERS = 160
READ_CHARACTERS = 20_000  # of one line
LINES_READ = 20_000  # the last ones: a failure is told at the end
FRAMES_READ_LINES = 600  # before the error: pytest shows whole functions
FUNCTIONS_KEPT = 3  # the innermost: further out stands who called, which differs from test to test
DEEP = "RecursionError"  # where it was noticed is chance

_NAME = r"(?:[A-Za-z_]\w*\.)*"
_RAISED = re.compile(
    rf"({_NAME}[A-Z]\w*(?:Error|Exception|Warning|Exit|Interrupt|Group|Failure|Iteration|Expired|Failed|DoesNotExist))"
    r"(?::(?:\s(.*))?)?$"
)
_LOCATED = re.compile(rf"\S.*:\d+: ({_NAME}[A-Z]\w*)$")  # pytest's last word on a failure: file, line, type
_NAMED = re.compile(
    rf"({_NAME}[A-Z_]\w*)(?:: (.*))?$"
)  # what stands below the frames of a traceback, whatever its name
_ASSERTED = re.compile(r"E {3,}assert ")  # the first line on it, where pytest does not say the type
_E = ("E ", "E")  # how pytest begins a line of what was raised
_QUOTED_BY_PYTEST = re.compile(r"E {3,}(?=\S)")
_IN_A_GROUP = re.compile(r"\s*\|\s")
_SECOND_LEAF = re.compile(r"\s*\+-{10,}(?: (?:[2-9]|\d\d+|\.\.\.) -{10,})?$")
_FRAME = re.compile(r'\s*File "([^"]{0,1000})", line \d+, in (.{1,200})$')
_SHORT_FRAME = re.compile(r"(\S[^:]{0,1000}):\d+: in (.{1,200})$")
_LONG_FRAME = re.compile(rf"(\S[^:]{{0,1000}}):\d+:(?: {_NAME}\w+)?$")
_DEFINED = re.compile(r"\s{4}(?:async )?def (\w{1,200})")
_BEGINS = re.compile(r"Traceback \(most recent call last\):$|_{3,} .* _{3,}$|-{10,}$|={10,}$")
_CHAINED = ("During handling of the above exception", "The above exception was the direct cause")
_LIBRARY = re.compile(r"[\\/](?:site-packages|dist-packages|python3(?:\.\d+)?)[\\/]([A-Za-z]\w*)|<frozen ([A-Za-z]\w*)")
_TEST = re.compile(r"(?:^|[\\/])(?:tests?[\\/]|(?:test_[^\\/]*|[^\\/]*_test|tests|conftest)\.py$)")
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;]*[A-Za-z])?")
_MASKS = (
    (_ESCAPES, ""),
    (re.compile(r"0x[0-9a-fA-F]+"), "<addr>"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE), "<uuid>"),
    (re.compile(r"[a-z][a-z0-9+.-]{0,20}://[^\s'\"<>]+"), "<url>"),
    (re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64})+"), "<email>"),
    (re.compile(r"(?:[A-Za-z]:)?(?:[\\/][\w.@+-]+){2,}[\\/]?"), "<path>"),
    (re.compile(r"\btmp(?=[a-z_]{0,7}[0-9])[a-z0-9_]{8}\b"), "<temp>"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"), "<time>"),
    (re.compile(r"\d{4}-\d\d-\d\d"), "<date>"),
    (re.compile(r"\b(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{7,}"), "<hash>"),
    (re.compile(r"(?<!\w)[+-]?(?:\d+\.\d+(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)"), "<float>"),
    (re.compile(r"(?<!\w)[+-]?\d+"), "<int>"),
    (re.compile(r"'[^']*'|\"[^\"]*\""), "<q>"),
    (re.compile(r"\s+"), " "),
)


class Frame(Struct, frozen=True):
    """Where the program was, as it was printed."""

    file: str
    function: str
    line: str


def of(output: str) -> tuple[str, str]:
    """The signature of what a failing program printed, and the words that its coarse key was made of."""
    lines = _readable(output)
    kind, message, place = _last_raised(lines)
    first = _first_of_its_traceback(lines, place)
    frames = _frames(lines[first : place + 1])
    line = _failing_line(frames)
    if kind == "AssertionError" or (kind == "Failed" and message.startswith("DID NOT RAISE")):
        kind, (general, look) = "AssertionError", of_assertion(message, line)
        words = f"{kind}|{general}:{look}" if look else f"{kind}|{general or masked(message)}"
        exact = f"{kind}|{general or masked(message)}"  # without the look: bare tracebacks do not tell values
    else:
        words = exact = f"{kind}|{family(message) or masked(message)}"
    cause = _cause(lines, first)
    where = "|".join([_library(frames), *_functions(frames, kind), "" if kind == DEEP else line])
    return f"{VERSION}:{_digest(words)}.{_digest(f'{exact}|{cause}|{where}')}", words


def coarse(name: str) -> str:
    """What a signature says about the failure and nothing about the project."""
    return name.partition(".")[0]


def exact(name: str) -> str:
    """What two signatures have in common if it is the same failure of the same code, whatever the values were."""
    return name.rpartition(".")[2]


def masked(message: str) -> str:
    """A message without what changes from one run to the next."""
    message = message[:READ_CHARACTERS]
    for pattern, word in _MASKS:
        message = pattern.sub(word, message)
    return message.strip()[:MESSAGE_CHARACTERS].rstrip()


def _digest(words: str) -> str:
    return hashlib.blake2b(words.encode(errors="backslashreplace"), digest_size=8).hexdigest()


# What was raised


def _readable(output: str) -> list[str]:
    """The lines that say something; of a group of exceptions, as far as the first one in it."""
    last = _ESCAPES.sub("", output).splitlines()[-LINES_READ:]
    lines = [line.rstrip()[:READ_CHARACTERS] for line in last if line.strip()]
    first = next(
        (place for place, line in enumerate(lines) if line.endswith("+---------------- 1 ----------------")), None
    )
    if first is None:
        return lines
    ends = (place for place in range(first + 1, len(lines)) if _SECOND_LEAF.match(lines[place]))
    return lines[: next(ends, len(lines))]


def _last_raised(lines: Sequence[str]) -> tuple[str, str, int]:
    """The type and the message of the last error, and its place: of a chain of tracebacks, the one that came out."""
    for place in range(len(lines) - 1, -1, -1):
        line = lines[place]
        if match := _RAISED.match(_bare(line)):
            return _last_name(match[1]), match[2] or "", place
        if _ASSERTED.match(line):
            return "AssertionError", _bare(line), place
        if match := _LOCATED.match(line):
            return _last_name(match[1]), _said_by_pytest(lines, place), place
        if (match := _NAMED.match(line)) and any(_FRAME.match(above) for above in lines[max(0, place - 3) : place]):
            return _last_name(match[1]), match[2] or "", place
    return "", lines[-1] if lines else "", len(lines) - 1


def _said_by_pytest(lines: Sequence[str], located: int) -> str:
    """The first line of the block of `E` lines that stands before pytest's location line."""
    last = next((place for place in range(located - 1, -1, -1) if lines[place][:2] in _E), None)
    if last is None:
        return ""
    first = last
    while first and lines[first - 1][:2] in _E:
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


# Where it was raised


def _first_of_its_traceback(lines: Sequence[str], place: int) -> int:
    """The first line of the traceback, or of pytest's report, that ends at this place."""
    for first in range(place - 1, max(-1, place - FRAMES_READ_LINES), -1):
        if _BEGINS.match(_bare(lines[first])) or lines[first].startswith(_CHAINED):
            return first
    return max(0, place - FRAMES_READ_LINES)


def _cause(lines: Sequence[str], first: int) -> str:
    """The type of the error that led to this one."""
    before = range(first, max(-1, first - 3), -1)
    chained = next((place for place in before if place < len(lines) and lines[place].startswith(_CHAINED)), None)
    return _last_raised(lines[max(0, chained - FRAMES_READ_LINES) : chained])[0] if chained else ""


def _frames(lines: Sequence[str]) -> list[Frame]:
    """The frames, innermost last, in whichever of the three ways they were printed."""
    found: list[Frame] = []
    function = line = ""
    for place, read in enumerate(lines):
        below = lines[place + 1].strip() if place + 1 < len(lines) else ""
        if match := _FRAME.match(_bare(read)) or _SHORT_FRAME.match(read):
            found.append(Frame(match[1], match[2], _bare(below).strip()))
        elif read.startswith(">"):
            line = read[1:].strip()
        elif not function and (match := _DEFINED.match(read)):
            function = match[1]
        elif line and (match := _LONG_FRAME.match(read)):
            found.append(Frame(match[1], function, line))
            function = line = ""
    return found


def _own(frames: Sequence[Frame]) -> list[Frame]:
    return [frame for frame in frames if not _LIBRARY.search(frame.file) and not _TEST.search(frame.file)]


def _failing_line(frames: Sequence[Frame]) -> str:
    """The shape of the innermost line of the project; of a test's line only where nothing else is on the stack."""
    own = _own(frames) or [frame for frame in frames if not _LIBRARY.search(frame.file)]
    return as_asserted(shape(own[-1].line)) if own else ""


def _functions(frames: Sequence[Frame], kind: str) -> list[str]:
    """The innermost functions of the project, one after the other; `<listcomp>` and its like come and go by version."""
    names = [frame.function for frame in _own(frames) if frame.function[:1] not in ("", "<")]
    turns = [name for place, name in enumerate(names) if not place or names[place - 1] != name]
    return turns[-1 if kind == DEEP else -FUNCTIONS_KEPT :]


def _library(frames: Sequence[Frame]) -> str:
    """The package of others' in which it was raised, if it was."""
    found = _LIBRARY.search(frames[-1].file) if frames else None
    return (found[1] or found[2]) if found else ""
