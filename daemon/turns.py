"""Taking turns on one event loop: much small work in a row, and nobody kept waiting."""

from anyio.lowlevel import checkpoint

IN_A_ROW = 32


class Turns:
    """Counts pieces of work that are too small for a thread, and lets others in now and then."""

    def __init__(self) -> None:
        self._taken = 0

    async def take(self) -> None:
        """Before a piece of work: go on, or let the others have theirs first."""
        self._taken += 1
        if self._taken % IN_A_ROW == 0:
            await checkpoint()
