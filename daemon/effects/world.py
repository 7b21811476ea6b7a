"""What the hands touch: the outside as Protocols, and the values that every hand may use."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Protocol

from daemon.blobs import Blobs
from daemon.events import Fact
from daemon.settings import Settings
from daemon.steps import Step


class Clock(Protocol):
    """Time, as the daemon knows it."""

    def now(self) -> float:
        """Seconds since the epoch."""

    async def sleep(self, seconds: float) -> None:
        """Let this much time pass."""


class Fault(Exception):  # noqa: N818  the world's fault, not an error of ours
    """The world failed a hand: a model or sandbox down, a disk full. Becomes a fact; costs no attempt."""

    def __init__(self, fault: str, message: str) -> None:
        super().__init__(f"{fault}: {message}")
        self.fault, self.message = fault, message


@dataclass(frozen=True)
class World:
    """Everything that a hand can reach."""

    settings: Settings
    clock: Clock
    dice: Random
    blobs: Blobs
    scratch: Path
    hands: "Hands"


Hand = Callable[..., Awaitable[Sequence[Fact]]]  # (step, world) → facts; the table pairs each step with its own hand
Hands = dict[type[Step], Hand]
