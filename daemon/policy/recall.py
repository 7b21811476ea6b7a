"""Which remembered fixes a failure gets: to be replayed with no model, or to be shown to one; and who gets none.

The signature is a boost and never a gate, for it hardly predicts the fix where a value is wrong: fixes of the very same
failure come first, then those of its class and of similar ones, then whatever holds best anywhere. What is remembered
was learned from strangers' code: it is offered as data, and gates decide.
"""

from collections.abc import Iterable
from hashlib import blake2b
from typing import Literal

from msgspec import Struct

from daemon.policy.dice import Dice
from daemon.text.similar import Index
from daemon.views.fix_database import Fix, FixDatabase

REPLAYED = 60  # fixes: most of them fit nowhere in the code at hand, which takes milliseconds to see
CANDIDATES = 20  # edits that they may come to: more buy little, and each costs a test session or a part of one
SHOWN = 3  # few, short and gated: freely retrieved experience makes models worse
SHOWN_AT_LEAST = 0.2
SHOWN_WORKED, SHOWN_PROJECTS = 2, 2  # or it worked so often in so many
SIMILAR = 16
LIKENESS = 0.35  # of a message, below which it is a chance
PRIOR_TRIES, PRIOR_SHARE = 8.0, 0.1  # of fixes in general, until there are figures
BORROWED_TRIES = 6.0  # that all fixes together count for in one fix
BOOST = {"exact": 4.0, "coarse": 2.0, "similar": 1.5, "anywhere": 1.0}

By = Literal["exact", "coarse", "similar", "anywhere", ""]


class Recollection(Struct, frozen=True):
    """What memory has: the names of fixes to replay and of fixes to show, the best first, and how they were found."""

    replay: list[str] = []
    show: list[str] = []
    by: By = ""


def is_held_out(job: str, share: float) -> bool:
    """Whether a job goes without memory, so that others can be compared with it: as its id decides, for ever."""
    drawn = blake2b(job.encode(errors="backslashreplace"), digest_size=8, person=b"holdout").digest()
    return int.from_bytes(drawn) < share * 2**64


def index(database: FixDatabase) -> Index:
    """The messages of the failures that fixes are remembered for; whoever keeps it lets `keep_up` add later ones."""
    fixes = sorted(database.fixes.items(), key=lambda named: (named[1].learned_at, named[0]))  # as they came
    return Index((name, fix.message) for name, fix in fixes if fix.message)


def keep_up(messages: Index, database: FixDatabase, name: str) -> None:
    """Add a fix that was just taught, as the database holds it; one that was taught before is there already."""
    fix = database.fixes[name]
    if fix.taught == 1 and fix.message:
        messages.add(name, fix.message)


def recall(database: FixDatabase, messages: Index, signature: str, message: str, seed: int) -> Recollection:
    """What memory has for a failure. The seed decides between fixes that are known about as well."""
    found: dict[str, By] = {}
    for by, names in _stages(database, messages, signature, message):
        for name in names:
            fix = database.fixes.get(name)
            if fix is not None and fix.standing != "banned":
                found.setdefault(name, by)
    dice = Dice(seed)
    tried, worked = database.tried + PRIOR_TRIES, database.worked + PRIOR_TRIES * PRIOR_SHARE
    worth = {name: BOOST[by] * _odds(database.fixes[name], worked / tried, dice) for name, by in found.items()}
    ordered = sorted(found, key=lambda name: -worth[name])
    return Recollection(
        replay=[name for name in ordered if database.fixes[name].pattern][:REPLAYED],
        show=[name for name in ordered if _may_be_shown(database.fixes[name], found[name])][:SHOWN],
        by=next(iter(found.values()), ""),
    )


def _stages(database: FixDatabase, messages: Index, signature: str, message: str) -> Iterable[tuple[By, list[str]]]:
    yield "exact", database.by_exact.get(signature.rpartition(".")[2], [])
    yield "coarse", database.by_coarse.get(signature.partition(".")[0], [])
    yield "similar", [name for name, likeness in messages.find(message, SIMILAR) if likeness >= LIKENESS]
    yield "anywhere", database.known_best(REPLAYED)


def _odds(fix: Fix, share: float, dice: Dice) -> float:
    """A draw of how often it works, on top of how often fixes work."""
    share = min(max(share, 0.01), 0.99)
    return dice.beta(BORROWED_TRIES * share + fix.successes, BORROWED_TRIES * (1.0 - share) + fix.failures)


def _may_be_shown(fix: Fix, by: By) -> bool:
    """To a model only what is likely to help: it holds and mended something like this, or it worked in many places."""
    holds = by != "anywhere" and fix.at_least() >= SHOWN_AT_LEAST
    travels = fix.worked >= SHOWN_WORKED and len(fix.worked_in) >= SHOWN_PROJECTS
    return bool(fix.before and fix.after) and (holds or travels)
