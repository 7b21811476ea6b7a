"""What is kept of a program's output: the beginning and the end, since both tell, within a fixed number of bytes."""

FLOOD = 16  # times what is kept: who writes more than that has nothing to say, and is stopped
GAP_BYTES = 64


class Kept:
    """One stream of a program, as it comes in."""

    def __init__(self, limit: int) -> None:
        room = max(limit - GAP_BYTES, 0)
        self._limit, self._head_room = limit, room // 2
        self._tail_room = room - self._head_room
        self._head, self._tail = bytearray(), bytearray()
        self.seen = 0

    def add(self, chunk: bytes) -> None:
        """Take in what has come."""
        self.seen += len(chunk)
        taken = self._limit - len(self._head) if not self._tail else 0
        self._head += chunk[:taken]
        self._tail += chunk[taken:]
        if len(self._tail) > 2 * self._limit:
            del self._tail[: -self._limit]

    @property
    def flooded(self) -> bool:
        """More has come than anybody would want to say."""
        return self.seen > FLOOD * self._limit

    @property
    def truncated(self) -> bool:
        """Something is left out."""
        return self.seen > self._limit

    def value(self) -> bytes:
        """All of it, or its two ends with a note between."""
        if not self.truncated:
            return bytes(self._head + self._tail)
        left_out = self.seen - self._head_room - self._tail_room
        gap = f"\n[{left_out} bytes left out]\n".encode()
        tail = (self._head + self._tail)[-self._tail_room :] if self._tail_room else b""
        return bytes(self._head[: self._head_room] + gap + tail)[: self._limit]
