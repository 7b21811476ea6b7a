"""What a rung of the ladder is, as values: who proposes, what is shown, how much may change, and how a model is asked.

They stand low in the house so that steps can carry a rung to the hands, and so that reading and asking know it without
knowing policy. The twenty themselves, their order, and whatever decides between them never enter here.
"""

from typing import Literal

from msgspec import Struct

Level = Literal["Conservative", "Moderate", "Aggressive", "Nuclear"]
Proposer = Literal["learned", "templates", "model"]
Reach = Literal["smallest", "largest local", "hosted"]
Focus = Literal["ranking", "frames", "tests", "callers", "changed", "elsewhere", "contract"]
Past = Literal["none", "verdict", "gain", "places", "lines", "diffs"]
Aid = Literal["siblings", "partials", "values", "diagnostics", "commits", "diagnosis"]

FOCUSES: dict[Focus, str] = {
    "ranking": "the most relevant files",
    "frames": "only files that the exception passed through",
    "tests": "the tests and what they use",
    "callers": "the most relevant files, then those that call into them",
    "changed": "what earlier attempts changed",
    "elsewhere": "only files that no earlier attempt changed",
    "contract": "the first file and who calls it",
}
# What is told of the attempts of earlier runs. A run's own attempts are told by the rules of `text/prompt.py`.
PASTS: dict[Past, str] = {
    "none": "nothing",
    "verdict": "the last verdict, in one line",
    "gain": "the attempt that mended most, in full",
    "places": "the places that were changed",
    "lines": "every approach, in one line",
    "diffs": "every diff and its verdict",
}
AIDS: dict[Aid, str] = {
    "siblings": "like code that works",
    "partials": "changes that mended a part",
    "values": "measured values",
    "diagnostics": "static checks",
    "commits": "the last commits",
    "diagnosis": "a diagnosis",
}
"""What else a rung shows, where somebody has it."""


class EditScope(Struct, frozen=True):
    """How much an answer may change; `functions` 0: anywhere in the files. Lines are counted without empty ones."""

    files: int
    lines: int
    hunks: int = 0
    functions: int = 0

    def __str__(self) -> str:
        """In words."""
        parts = {"file": self.files, "line": self.lines, "place": self.hunks, "function": self.functions}
        return ", ".join(f"{count} {name}{'s' if count > 1 else ''}" for name, count in parts.items() if count)


class Sampling(Struct, frozen=True):
    """How a model is asked; `again` is the temperature once it has repeated itself."""

    temperature: float
    samples: int = 1
    again: float = 0.8


class Rung(Struct, frozen=True):
    """One way to ask. The first attempt asks the first proposer, and so on; the last one gets what remains."""

    id: str
    level: Level
    name: str
    focus: Focus
    shown_files: int
    edits: EditScope
    sampling: Sampling
    reach: Reach
    past: Past = "none"
    learned: int = 1  # a single like fix costs little and may be the answer; more of them distract
    aid: Aid | None = None
    attempts: int = 2  # two rounds give most of what feedback gives
    proposers: tuple[Proposer, ...] = ("model",)
    advisor: Reach | None = None  # who writes a diagnosis first, for the one who edits

    def proposer(self, attempt: int) -> Proposer:
        """Who suggests the edits of this attempt, counted from 1."""
        return self.proposers[min(attempt, len(self.proposers)) - 1]
