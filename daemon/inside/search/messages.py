"""Messages between our own processes: JSON with its length before it. What comes from a fork is nobody's word."""

import json
import socket
from typing import Any, Dict, Optional

LENGTH_BYTES = 8
MESSAGE_BYTES = 2**30  # more is a length that nobody of ours has written

_dumps, _loads = json.dumps, json.loads  # kept, whatever tests replace


class NoMessage(Exception):  # noqa: N818  said of what came
    """What came is no message of ours."""


def answer(connection: socket.socket, data: Dict[str, Any]) -> None:
    """Send one message."""
    text = _dumps(data).encode()
    connection.sendall(len(text).to_bytes(LENGTH_BYTES, "little") + text)


def heard(connection: socket.socket) -> Optional[Dict[str, Any]]:
    """The next message, or None at the end."""
    length = _exactly(connection, LENGTH_BYTES)
    size = int.from_bytes(length, "little")
    if size > MESSAGE_BYTES:
        raise NoMessage
    text = _exactly(connection, size) if length else b""
    if not text:
        return None
    try:
        data = _loads(text.decode())
    except ValueError:
        raise NoMessage from None
    if not isinstance(data, dict):
        raise NoMessage
    return data


def _exactly(connection: socket.socket, size: int) -> bytes:
    parts = []
    while size:
        part = connection.recv(min(size, 2**20))
        if not part:
            return b""
        parts.append(part)
        size -= len(part)
    return b"".join(parts)
