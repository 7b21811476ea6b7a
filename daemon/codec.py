"""How a fact becomes a line and a line a fact. Bytes in, bytes out: files are the log's.

A line is the fact as JSON, closed by a checksum that runs over everything before it in the segment. So one checksum at
the end of a stretch vouches for all of it, and a lost, doubled or swapped line is seen as surely as a flipped bit.
"""

import json
from zlib import crc32

import msgspec

from daemon.events import FACT_TYPES, AnyFact, Fact

_encode = msgspec.json.Encoder().encode
_decoder: msgspec.json.Decoder[AnyFact] = msgspec.json.Decoder(FACT_TYPES)
decode = _decoder.decode
decode_lines = _decoder.decode_lines

# What bytes raise that are no JSON of the form that is wanted: others write some of what we read.
UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

SEAL = len(b',"crc":"01234567"}\n')


def encode(fact: Fact, running: int) -> tuple[bytes, int]:
    """The line of a fact, and the running checksum after it."""
    body = _encode(fact)[:-1]
    running = crc32(body, running)
    seal = b',"crc":"%08x"}\n' % running
    return body + seal, crc32(seal, running)


def sayable(fact: Fact) -> Fact:
    """The fact with a question mark for each half of a character, as it may come from a file's name that is no text."""
    return decode(json.dumps(msgspec.to_builtins(fact), ensure_ascii=False).encode(errors="replace"))


def follows(lines: bytes | memoryview, running: int) -> int | None:
    """The running checksum after these whole lines, or None where they are not what was written.

    Only the last line's seal is looked at: it covers everything before it.
    """
    sealed = crc32(lines[:-SEAL], running)
    return crc32(lines[-SEAL:], sealed) if lines[-SEAL:] == b',"crc":"%08x"}\n' % sealed else None


def running_after(seal: bytes) -> int | None:
    """The running checksum after a line that ends in this seal; None where it is no seal."""
    number = seal[-SEAL:][len(b',"crc":"') : -len(b'"}\n')]
    try:
        sealed = int(number, 16)
    except ValueError:
        return None
    return crc32(seal, sealed) if seal == b',"crc":"%08x"}\n' % sealed else None
