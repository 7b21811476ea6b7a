"""The bytes of a drop → its entries: one object, an array, or JSON lines. Strict, for what is unclear would be guessed.

Refused besides broken JSON: doubled keys (which one was meant?), NaN and infinities, nesting and sizes beyond the
limits, text that is not text.
"""

import json
import math
from typing import Any, NoReturn

from msgspec import Struct

from daemon.drops import Unfit


class Limits(Struct, frozen=True):
    """How much one drop may hold."""

    entries: int
    depth: int


class Doubled(ValueError):  # noqa: N818  said of a key
    """A key stands twice in one object."""


def parse(data: bytes, limits: Limits) -> list[Any]:
    """The entries in a drop's bytes, or `Unfit` for the whole file."""
    text = _decoded(data)
    try:
        value = _json(text)
    except json.JSONDecodeError as error:
        if error.msg != "Extra data" or len(lines := text.splitlines()) == 1:
            raise _broken(error) from None
        entries = _lines(lines)
    else:
        entries = value if isinstance(value, list) else [value]
    if not entries:
        raise Unfit("$", "at least one entry", "none", "write one object, an array of objects, or one object a line")
    if len(entries) > limits.entries:
        raise Unfit("$", f"at most {limits.entries} entries", str(len(entries)), "split the file")
    for number, entry in enumerate(entries):
        _check(f"$[{number}]" if len(entries) > 1 else "$", entry, limits.depth)
    return entries


def _decoded(data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unfit(
            "$", "JSON text in UTF-8", f"byte 0x{data[error.start]:02x} at {error.start}", "save it as UTF-8"
        ) from None
    if not text.strip():
        raise Unfit("$", "a JSON object", "an empty file", "write the job into it, or delete it")
    return text


def _lines(lines: list[str]) -> list[Any]:
    entries = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                entries.append(_json(line))
            except json.JSONDecodeError as error:
                raise _broken(error, line=number) from None
    return entries


def _json(text: str) -> Any:  # noqa: ANN401  any JSON value
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_number)
    except RecursionError:
        raise Unfit("$", "reasonable nesting", "a value nested too deeply to read", "flatten it") from None
    except Doubled as error:
        raise Unfit(str(error), "every key once", "the same key twice", "keep the one that you mean") from None
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # numbers with more digits than Python converts
        raise Unfit("$", "numbers of a reasonable size", str(error), "shorten the number") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        keys = [key for key, _ in pairs]
        raise Doubled(next(key for key in keys if keys.count(key) > 1))
    return fields


def _no_number(word: str) -> NoReturn:
    raise Unfit("$", "JSON numbers", word, "write a finite number or null")


def _check(path: str, entry: object, depth: int) -> None:
    """Refuse what JSON can say and a job cannot mean."""
    stack = [(path, entry, 1)]
    while stack:
        here, value, level = stack.pop()
        if level > depth:
            raise Unfit(path, f"at most {depth} levels of nesting", "more", "flatten it")
        if isinstance(value, float) and not math.isfinite(value):
            raise Unfit(here, "a finite number", repr(value), "write a smaller number")
        if isinstance(value, str) and not _is_text(value):
            raise Unfit(here, "Unicode text", "half of a surrogate pair", "write the whole character")
        if isinstance(value, dict):
            for key, part in value.items():
                stack += [(f"{here} (a key)", key, level), (f"{here}.{key}", part, level + 1)]
        elif isinstance(value, list):
            stack += [(f"{here}[{place}]", part, level + 1) for place, part in enumerate(value)]


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _broken(error: json.JSONDecodeError, line: int | None = None) -> Unfit:
    where = f"line {line or error.lineno}, column {error.colno}"
    return Unfit(
        "$", "valid JSON", f"{error.msg} at {where}", "correct it there; a half-written file has to be dropped again"
    )
