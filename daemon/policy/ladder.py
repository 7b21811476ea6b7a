"""The twenty rungs: four levels of five ways to ask, in the order in which they are tried while nothing is known."""

from typing import Literal

from msgspec import Struct

Level = Literal["Conservative", "Moderate", "Aggressive", "Nuclear"]


class Rung(Struct, frozen=True):
    """One way to ask."""

    id: str
    level: Level
    name: str


LADDER = (
    Rung("C1", "Conservative", "replay and templates"),
    Rung("C2", "Conservative", "traceback, minimal"),
    Rung("C3", "Conservative", "test first"),
    Rung("C4", "Conservative", "trace driven"),
    Rung("C5", "Conservative", "error-class checklist"),
    Rung("M1", "Moderate", "root cause first"),
    Rung("M2", "Moderate", "revise with feedback"),
    Rung("M3", "Moderate", "sibling comparison"),
    Rung("M4", "Moderate", "contract across calls"),
    Rung("M5", "Moderate", "history"),
    Rung("A1", "Aggressive", "rewrite from contract"),
    Rung("A2", "Aggressive", "other approach"),
    Rung("A3", "Aggressive", "rule from examples"),
    Rung("A4", "Aggressive", "second location"),
    Rung("A5", "Aggressive", "strong diagnosis, local edit"),
    Rung("N1", "Nuclear", "strong, fresh"),
    Rung("N2", "Nuclear", "strong, with autopsy"),
    Rung("N3", "Nuclear", "many cheap samples"),
    Rung("N4", "Nuclear", "combine partial wins"),
    Rung("N5", "Nuclear", "break if needed"),
)


def from_rung(rung: str) -> tuple[Rung, ...]:
    """The ladder from this rung on; all of it where none is named."""
    first = next((place for place, known in enumerate(LADDER) if known.id == rung), 0)
    return LADDER[first:]
