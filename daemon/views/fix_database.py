"""What failures look like and which fixes worked: error signatures, fixes, and how often each was offered and held."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from msgspec import Struct, field

from daemon import events as e
from daemon.views.bounded import keep_last

EXAMPLE_CHARACTERS = 200
SIGNATURES_KEPT = 100_000  # the longest unseen go first
DAY_S = 86_400
DAYS_KEPT = 90


class Signature(Struct):
    """A failure as often as it was seen, whatever the paths and numbers in it were."""

    seen: int = 0
    certified: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    example: str = ""


class Fix(Struct):
    """A remembered edit."""

    signature: str
    job: str
    before: str
    after: str
    learned_at: float
    tried: int = 0
    worked: int = 0


class FixDatabase(Struct):
    """Signatures and fixes, rebuilt from nothing but facts."""

    signatures: dict[str, Signature] = field(default_factory=dict)
    fixes: dict[str, Fix] = field(default_factory=dict)
    signature_of: dict[str, str] = field(default_factory=dict)  # open job → signature of its red gate
    reused: dict[str, None] = field(default_factory=dict)  # open jobs in which a remembered fix held
    certified: int = 0
    certified_with_reuse: int = 0
    seen: int = 0
    tried: int = 0
    worked: int = 0
    learned: dict[int, int] = field(default_factory=dict)  # day since the epoch → fixes learned on it

    def document(self, rows: int) -> dict[str, Any]:
        """What a person reads in state/views/fix_database.json."""
        latest = islice(reversed(self.signatures.items()), rows)
        best = sorted(self.fixes.items(), key=lambda item: (-item[1].worked, item[1].tried, item[0]))
        return {
            "signatures": len(self.signatures),
            "fixes": len(self.fixes),
            "seen": self.seen,
            "tried": self.tried,
            "worked": self.worked,
            "learned_by_day": {str(day * DAY_S): count for day, count in self.learned.items()},
            "certified_jobs": self.certified,
            "reuse_rate": self.certified_with_reuse / self.certified if self.certified else None,
            "latest_signatures": {
                name: {
                    "seen": s.seen,
                    "certified": s.certified,
                    "first_at": s.first_at,
                    "last_at": s.last_at,
                    "example": s.example,
                }
                for name, s in latest
            },
            "best_fixes": {
                name: {
                    "signature": fix.signature,
                    "job": fix.job,
                    "before": fix.before[:EXAMPLE_CHARACTERS],
                    "after": fix.after[:EXAMPLE_CHARACTERS],
                    "learned_at": fix.learned_at,
                    "tried": fix.tried,
                    "worked": fix.worked,
                }
                for name, fix in best[:rows]
            },
        }


def _seen(database: FixDatabase, name: str, message: str, at: float) -> None:
    signature = database.signatures.pop(name, None) or Signature(first_at=at, example=message[:EXAMPLE_CHARACTERS])
    signature.seen += 1
    database.seen += 1
    signature.last_at = at
    database.signatures[name] = signature
    keep_last(database.signatures, SIGNATURES_KEPT)


def _red_gate_held(database: FixDatabase, fact: e.RedGateHeld) -> None:
    if fact.job not in database.signature_of:  # every run of a job sees the same failure: it counts once
        _seen(database, fact.signature, fact.message, fact.at)
        database.signature_of[fact.job] = fact.signature


def _error_reported(database: FixDatabase, fact: e.ErrorReported) -> None:
    _seen(database, fact.signature, fact.message, fact.at)


def _learned(database: FixDatabase, fact: e.FixLearned) -> None:
    if fact.fix in database.fixes:
        return
    database.fixes[fact.fix] = Fix(fact.signature, fact.job, fact.before, fact.after, fact.at)
    day = int(fact.at) // DAY_S
    database.learned[day] = database.learned.get(day, 0) + 1
    if len(database.learned) > DAYS_KEPT:
        del database.learned[next(iter(database.learned))]


def _tried(database: FixDatabase, fact: e.FixTried) -> None:
    fix = database.fixes[fact.fix]
    fix.tried += 1
    database.tried += 1
    if fact.worked:
        fix.worked += 1
        database.worked += 1
        database.reused[fact.job] = None


def _job_settled(database: FixDatabase, fact: e.JobSettled) -> None:
    signature = database.signatures.get(database.signature_of.pop(fact.job, ""))
    reused = fact.job in database.reused
    database.reused.pop(fact.job, None)
    if fact.outcome == "certified":
        database.certified += 1
        database.certified_with_reuse += reused
        if signature is not None:
            signature.certified += 1


FOLD: dict[type[e.Fact], Callable[[FixDatabase, Any], None]] = {
    e.RedGateHeld: _red_gate_held,
    e.ErrorReported: _error_reported,
    e.FixLearned: _learned,
    e.FixTried: _tried,
    e.JobSettled: _job_settled,
}
