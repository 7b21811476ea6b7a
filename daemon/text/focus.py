"""Where a rung looks: the same evidence, and for each way to ask other files of it.

Ways to ask that all see the same files fail alike. What a rung does not look at is left out with this reason, and
where a rung would see nothing at all, it sees what the ranking says: an empty prompt mends nothing.
"""

from collections.abc import Iterator, Mapping, Sequence

from msgspec import structs

from daemon.rungs import Focus, Rung
from daemon.text import context
from daemon.text.context import Evidence, LeftOut, Ranked, Selection, rank
from daemon.text.relevance import Index

SUSPECTS = 3  # of the ranking: whose callers are looked for
OVERLOOKED = 5  # of the ranking, named as left out
SAID_BY_TESTS = ("words", "named", "stem", "central")  # signals that are left aside where only the tests count


def select(rung: Rung, evidence: Evidence, files: Mapping[str, str], index: Index, budget_tokens: int) -> Selection:
    """What `context.select` makes of the files that this way to ask looks at."""
    ranked = rank(evidence, files, index)
    chosen = [path for path in dict.fromkeys(_looked_at(rung.focus, ranked, evidence, files, index)) if path in files]
    chosen = (chosen or [one.path for one in ranked])[: rung.shown_files]
    seen = {path: files[path] for path in (*chosen, *evidence.tests) if path in files}
    made = context.select(structs.replace(evidence, asked=chosen), seen, index, budget_tokens)
    why = "this way to ask does not look at it"
    overlooked = tuple(LeftOut(one.path, why, one.score, one.parts) for one in ranked if one.path not in seen)
    return structs.replace(made, left_out=(*made.left_out, *overlooked[:OVERLOOKED]))


def _looked_at(
    focus: Focus, ranked: Sequence[Ranked], evidence: Evidence, files: Mapping[str, str], index: Index
) -> Iterator[str]:
    """The candidates in this rung's order, which may be fewer than it would show."""
    paths = [one.path for one in ranked]
    match focus:
        case "ranking":
            yield from paths
        case "frames":
            yield from (one.path for one in ranked if "frames" in one.parts)
        case "tests":
            yield from (one.path for one in rank(evidence, files, index, without=SAID_BY_TESTS))
        case "changed":
            yield from (path for path in paths if path in evidence.changed)
            yield from paths
        case "elsewhere":
            yield from (path for path in paths if path not in evidence.changed)
        case "callers" | "contract":
            suspects = paths[: 1 if focus == "contract" else SUSPECTS]
            yield from suspects
            yield from callers(suspects, index, paths)
            yield from paths if focus == "callers" else ()


def callers(suspects: Sequence[str], index: Index, ranked: Sequence[str]) -> list[str]:
    """The files that use what the suspects define, the more relevant first; tests are shown anyway."""
    called = set(suspects)
    place = {path: number for number, path in enumerate(ranked)}
    using = [
        path
        for path, imports in index.imports.items()
        if path not in called and any(called.intersection(index.homes(one)) for one in imports)
    ]
    return sorted(using, key=lambda path: (place.get(path, len(place)), path))
