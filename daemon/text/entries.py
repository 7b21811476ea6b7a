"""The bytes of a drop → its entries: one object, an array, or JSON lines. Strict, for what is unclear would be guessed.

Refused besides broken JSON: doubled keys (which one was meant?), NaN and infinities, nesting and sizes beyond the
limits, text that is not text. Where it is clear which entry is meant, only that one is refused.
"""

import json
import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

from msgspec import Struct

from daemon.drops import Unfit

INTEGER_CHARACTERS = 100


class Limits(Struct, frozen=True):
    """How much one drop may hold."""

    entries: int
    depth: int


class Piece(Struct, frozen=True):
    """An entry as it stands in the drop, and the value of that text, or why it has none."""

    text: str
    value: Any  # any JSON value, or Unfit


class Pieces(Struct, frozen=True):
    """The entries of a drop, and whether each stands on a line of its own."""

    entries: list[Piece]
    are_lines: bool = False


class Odd(Struct, frozen=True):
    """Stands in a value for something that JSON can say and a job cannot mean."""

    expected: str
    got: str
    remedy: str
    key: str = ""  # of the object that it stands for, where that is what is odd


TOO_DEEP = Odd("less nesting (drop_max_depth)", "a value nested deeper", "put fewer objects and lists into each other")


def parse(data: bytes, limits: Limits, *, are_lines: bool = False) -> Pieces:
    """The entries in a drop's bytes, or `Unfit` for the whole file.

    It is JSON lines if its first line is a whole value and more follows, or if it cannot be read otherwise and its
    name promises lines.
    """
    text = _decoded(data)
    try:
        pieces = Pieces(list(_whole(text, limits)))
    except json.JSONDecodeError as error:
        if not (are_lines or _ends_first_line(error)):
            raise _broken(error) from None
        pieces = Pieces(list(_lines(text, limits)), are_lines=True)
        if all(isinstance(piece.value, Unfit) for piece in pieces.entries):
            raise _broken(error) from None
    if not pieces.entries:
        raise Unfit("file", "at least one entry", "an empty list", "put an object into it, or delete it")
    return pieces


def join(texts: list[str], *, as_lines: bool) -> bytes:
    """The bytes of a drop that holds these entries."""
    joined = "\n".join(texts) if as_lines else "[\n" + ",\n".join(texts) + "\n]"
    return joined.encode() + b"\n"


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        got = f"byte 0x{data[error.start]:02x} at offset {error.start}"
        raise Unfit("file", "JSON text in UTF-8", got, "save it as UTF-8 if it is text at all") from None
    if not text.strip():
        raise Unfit("file", "a JSON object", "an empty file", "write the job into it, or delete it")
    return text


# Taking apart

_SPACE = re.compile(r"[ \t\n\r]*")
_WORDS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Odd:
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
    return Odd("every key once", "the same key twice", "keep the one that you mean", twice)


def _integer(digits: str) -> int | Odd:
    if len(digits) <= INTEGER_CHARACTERS:
        return int(digits)
    return Odd("a number of reasonable size", f"one of {len(digits)} digits", "write a smaller number")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer)


def _value(text: str, at: int) -> tuple[Any, int]:
    """The value that begins here, and where it ends."""
    try:
        return _DECODER.raw_decode(text, at)
    except RecursionError:
        raise Unfit("file", TOO_DEEP.expected, TOO_DEEP.got, TOO_DEEP.remedy) from None


def _whole(text: str, limits: Limits) -> Iterator[Piece]:
    """The one value in the text, or the entries of the one array."""
    start = _skip(text, 0)
    if text[start] != "[":
        value, end = _value(text, start)
        yield Piece(text[start:end], _checked(value, limits))
    else:
        end = start + 1
        for number, (begin, value, end) in enumerate(_elements(text, end), 1):  # noqa: B020  the last end is the array's
            _count(number, limits)
            yield Piece(text[begin:end], _checked(value, limits))
        end = _skip(text, end) + 1
    if _skip(text, end) < len(text):
        raise json.JSONDecodeError("Extra data", text, _skip(text, end))


def _elements(text: str, at: int) -> Iterator[tuple[int, Any, int]]:
    """The elements of the array that is open here: where each begins, what it is, where it ends."""
    at = _skip(text, at)
    is_more = text[at : at + 1] != "]"
    while is_more:
        value, end = _value(text, at)
        yield at, value, end
        at = _skip(text, end)
        is_more = text[at : at + 1] == ","
        if not is_more and text[at : at + 1] != "]":
            raise json.JSONDecodeError("Expecting ',' delimiter", text, at)
        at = _skip(text, at + 1)


def _lines(text: str, limits: Limits) -> Iterator[Piece]:
    count = 0
    for number, line in enumerate(text.split("\n"), 1):
        if stripped := line.strip(" \t\r"):
            count += 1
            _count(count, limits)
            try:
                value, end = _value(stripped, 0)
                if end < len(stripped):
                    raise json.JSONDecodeError("Extra data", stripped, end)  # noqa: TRY301  as json.loads would
                yield Piece(stripped, _checked(value, limits))
            except json.JSONDecodeError as error:
                yield Piece(stripped, _broken(error, number))
            except Unfit as unfit:
                yield Piece(stripped, unfit)


def _skip(text: str, at: int) -> int:
    """Where the next thing that is no space stands."""
    space = _SPACE.match(text, at)
    return space.end() if space else at


def _ends_first_line(error: json.JSONDecodeError) -> bool:
    """Whether a whole value fills the first line, and something else follows."""
    first = error.doc[: error.pos]
    return error.msg == "Extra data" and "\n" in first and "\n" not in first.strip()


def _count(number: int, limits: Limits) -> None:
    if number > limits.entries:
        raise Unfit("file", f"at most {limits.entries} entries (drop_max_entries)", "more", "split the file")


def _broken(error: json.JSONDecodeError, line: int | None = None) -> Unfit:
    what = error.msg[:1].lower() + error.msg[1:].removesuffix(" at")
    where = f"line {line or error.lineno}, column {error.colno}"
    remedy = f"look at {where}; if it was still being written, write it in queue/tmp first and then rename it into here"
    return Unfit("file" if line is None else "entry", "valid JSON", f"{what} at {where}", remedy)


# Checking


def _checked(value: object, limits: Limits) -> object:
    """The value, or why no job can mean it."""
    found = _find_odd(value, limits.depth)
    if found is None:
        return value
    path, odd = found
    return Unfit(path.removeprefix(".") or "entry", odd.expected, odd.got, odd.remedy)


def _find_odd(value: object, depth: int) -> tuple[str, Odd] | None:
    """The first odd thing in a value, and its path there, which is put together only when it is found."""
    if isinstance(value, str) and value.isascii():  # nearly everything in a drop: not worth the rest of the way
        return None
    if odd := _odd(value, depth):
        return (f".{odd.key}" if odd.key else ""), odd
    for step, part in _parts(value):
        if found := _find_odd(part, depth - 1):
            return step + found[0], found[1]
    return None


def _odd(value: object, depth: int) -> Odd | None:
    """What is odd about the value itself."""
    if isinstance(value, Odd):
        return value
    if isinstance(value, float) and not math.isfinite(value):
        remedy = "write a number that a 64-bit float can hold, or leave it out"
        return Odd("a finite number", _WORDS[repr(value)], remedy)
    if isinstance(value, str) and not _is_text(value):
        return Odd("Unicode text", "half of a surrogate pair", "write the whole character")
    if isinstance(value, dict | list) and depth == 0:
        return TOO_DEEP
    return None


def _parts(value: object) -> Iterator[tuple[str, object]]:
    """What the value is made of, each with its step in a path."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield f".{key}", key
            yield f".{key}", part
    elif isinstance(value, list):
        for place, part in enumerate(value):
            yield f"[{place}]", part


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
