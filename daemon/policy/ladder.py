"""The twenty rungs: four levels of five ways to ask, in the order in which they are tried while nothing is known.

One table: whatever makes a rung another way to ask than its neighbours stands in its row, and its words stand in
`prompts/variants/<id>.txt`. What a row did for past jobs, and which rung is next, never enter here.
"""

import re
from collections.abc import Sequence
from typing import Final

from daemon.rungs import AIDS, FOCUSES, PASTS, EditScope, Proposer, Reach, Rung, Sampling

E, T = EditScope, Sampling  # short, so that a row stays a line
C: Final = "Conservative"
M: Final = "Moderate"
A: Final = "Aggressive"
N: Final = "Nuclear"
SMALL: Final = "smallest"
LARGE: Final = "largest local"
HOSTED: Final = "hosted"
REPLAY: tuple[Proposer, ...] = ("learned", "templates", "model")
BOTH: tuple[Proposer, ...] = ("templates", "model")
HOSTED_NAMES = ("anthropic/", "openai/")
ALIAS = re.compile(r"L([1-4])v([1-5])")

BASE = Rung("", C, "base run", "ranking", 10, E(8, 400), T(0.2), SMALL, learned=3, attempts=6)
# fmt: off
LADDER = (
    #     id   level name                  looks at, files may change         heat    model   and
    Rung("C1", C, "replay and templates",  "ranking",   1, E(1, 4, hunks=1), T(0.0), SMALL,
                                                  learned=3, attempts=3, proposers=REPLAY),
    Rung("C2", C, "traceback, minimal",    "frames",    1, E(1, 10),         T(0.0), SMALL,  learned=3),
    Rung("C3", C, "test first",            "tests",     3, E(1, 20),         T(0.2), SMALL),
    Rung("C4", C, "trace driven",          "ranking",   1, E(1, 20),         T(0.2), SMALL,  aid="values"),
    Rung("C5", C, "error-class checklist", "ranking",   1, E(1, 20),         T(0.4), SMALL,
                                                  past="verdict", learned=3, aid="diagnostics"),
    Rung("M1", M, "root cause first",      "callers",   5, E(2, 60),         T(0.4), SMALL),
    Rung("M2", M, "revise with feedback",  "changed",   3, E(2, 80),         T(0.3), SMALL,  past="gain"),
    Rung("M3", M, "sibling comparison",    "ranking",   2, E(2, 60),         T(0.4), SMALL,  learned=2, aid="siblings"),
    Rung("M4", M, "contract across calls", "callers",   5, E(3, 60),         T(0.5), LARGE,  past="places"),
    Rung("M5", M, "history",               "ranking",   3, E(2, 60),         T(0.3), LARGE,  learned=3, aid="commits"),
    Rung("A1", A, "rewrite from contract", "contract",  3, E(1, 200, functions=1), T(0.7), LARGE),
    Rung("A2", A, "other approach",        "ranking",   3, E(2, 120),        T(0.8), LARGE,  past="lines"),
    Rung("A3", A, "rule from examples",    "tests",     1, E(1, 200, functions=2), T(0.7), SMALL),
    Rung("A4", A, "second location",       "elsewhere", 5, E(2, 80),         T(0.6), LARGE,  past="places"),
    Rung("A5", A, "strong diagnosis",      "callers",   5, E(2, 80),         T(0.2), SMALL,
                                                  past="lines", learned=3, aid="diagnosis", advisor=HOSTED),
    Rung("N1", N, "strong, fresh",         "ranking",   5, E(4, 200),        T(0.0), HOSTED),
    Rung("N2", N, "strong, with autopsy",  "ranking",   5, E(4, 200),        T(0.5), HOSTED, past="diffs", learned=3),
    Rung("N3", N, "many cheap samples",    "ranking",   3, E(2, 60),         T(1.0, samples=8), SMALL, attempts=1),
    Rung("N4", N, "combine partial wins",  "changed",   5, E(4, 200),        T(0.2), LARGE,
                                                  learned=3, proposers=BOTH, aid="partials"),
    Rung("N5", N, "break if needed",       "callers",   8, E(8, 400),        T(0.7), HOSTED, past="lines"),
)
# fmt: on
KNOWN = {rung.id: rung for rung in (BASE, *LADDER)}


def rung_of(name: str) -> Rung | None:
    """The rung of this id, or of its other name: `L3v2` is the second way on the third level; "" is the base run."""
    if alias := ALIAS.fullmatch(name):
        name = "CMAN"[int(alias[1]) - 1] + alias[2]
    return KNOWN.get(name)


def from_rung(rung: str) -> tuple[Rung, ...]:
    """The ladder from this rung on; all of it where none is named."""
    first = rung_of(rung)
    return LADDER[LADDER.index(first) :] if first in LADDER else LADDER


def model_of(reach: Reach, models: Sequence[str]) -> str:
    """The model of the settings' ladder, smallest first, that is as high as this reaches: hosted ones only if named."""
    local = [model for model in models if not model.startswith(HOSTED_NAMES)] or list(models)
    hosted = [model for model in models if model.startswith(HOSTED_NAMES)] or local
    return {SMALL: local[0], LARGE: local[-1], HOSTED: hosted[-1]}[reach]


# Told to people

COLUMNS = (
    "id", "way to ask", "proposers", "looks at", "may change", "temperature", "is told of earlier runs",
    "is shown besides", "model", "attempts",
)  # fmt: skip


def table() -> str:
    """The ladder as a table in Markdown, its columns in line."""
    rows = [COLUMNS, *(_cells(rung) for rung in LADDER)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = [f"| {' | '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))} |" for row in rows]
    rule = f"| {' | '.join('-' * width for width in widths)} |"
    return "\n".join([lines[0], rule, *lines[1:]])


def _cells(rung: Rung) -> tuple[str, ...]:
    samples = f", {rung.sampling.samples} samples" if rung.sampling.samples > 1 else ""
    fixes = f"{rung.learned} like fix{'es' if rung.learned > 1 else ''}"
    model = f"{rung.reach}, advised by {rung.advisor}" if rung.advisor else rung.reach
    return (
        rung.id,
        rung.name,
        ", ".join(rung.proposers),
        f"{FOCUSES[rung.focus]}: {rung.shown_files}",
        str(rung.edits),
        f"{rung.sampling.temperature}{samples}",
        PASTS[rung.past],
        f"{fixes}, {AIDS[rung.aid]}" if rung.aid else fixes,
        model,
        str(rung.attempts),
    )
