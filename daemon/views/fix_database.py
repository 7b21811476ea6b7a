"""What failures look like and which fixes worked: signatures, fixes with their odds, and whether memory helps at all.

Everything is counted from facts as they come, so that a publication sorts nothing and a fold costs the same at a
hundred thousand fixes as at ten. A fix's odds forget slowly; one that keeps failing sinks and is banned. What is only
a candidate (which fix to offer for which failure) is decided in `policy/recall.py`, not here.
"""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Literal

from msgspec import Struct, field

from daemon import events as e
from daemon.views.bounded import keep_last
from daemon.views.odds import at_least, at_most, difference

EXAMPLE_CHARACTERS = 200
FIX_CHARACTERS = 2_000  # of its code before and after: what a prompt shows
PATTERN_CHARACTERS = 8_000  # a larger one is shown, and not replayed
SIGNATURES_KEPT = 100_000  # the longest unseen go first
FIXES_KEPT = 100_000  # the longest unused go first
BEST_KEPT = 256  # more than any prompt, replay or page asks for
PER_EXACT = 8
PER_COARSE = 64
PROJECTS_TOLD = 5
DAY_S = 86_400
DAYS_KEPT = 90
HALF_LIFE_S = 90 * DAY_S  # of what a try said about a fix
FORGOTTEN_PER_TRY = 0.98
TAUGHT_WEIGHT = 1.0  # of the certificate that taught a fix, in successes; one from another box has to show itself here
REVERTED_WEIGHT = 3.0  # of a mended job that turned out red later, in failures
BANNED_AT_MOST = 0.06  # how often it may work, for all that is known: about sixty tries in vain

Standing = Literal["probation", "active", "banned"]
Group = Literal["held_out", "with_memory", "nothing_known"]


class Signature(Struct, gc=False):
    """A failure as often as it was seen, whatever the paths and numbers in it were."""

    seen: int = 0
    certified: int = 0
    first_at: float = 0.0
    last_at: float = 0.0
    example: str = ""


class Fix(Struct, omit_defaults=True, gc=False):
    """A remembered edit. `successes` and `failures` forget; the whole numbers do not."""

    signature: str
    job: str
    before: str
    after: str
    learned_at: float
    tried: int = 0
    worked: int = 0
    offered: int = 0  # to be replayed, or shown, or both
    taught: int = 1  # certificates that taught it
    pattern: str = ""
    message: str = ""
    project: str = ""
    certificate: str = ""
    box: str = ""
    successes: float = 0.0
    failures: float = 0.0
    last_at: float = 0.0
    standing: Standing = "probation"
    worked_in: dict[str, int] = field(default_factory=dict)  # project → the last day on which it worked there

    def at_least(self) -> float:
        """How often it works at the least."""
        return at_least(self.successes, self.successes + self.failures)

    def rank(self) -> tuple[float, int, float]:
        """By what the best comes first."""
        return self.at_least(), self.worked, self.learned_at


class Asked(Struct, gc=False):
    """What memory had for an open job, and what was spent on it."""

    group: Group = "nothing_known"
    fixes: list[str] = []
    calls: int = 0
    tokens: int = 0
    reused: str = ""  # the fix that held
    replayed: bool = False
    replaying: dict[str, str] = {}  # run → the fix that it puts to its gates


class Tally(Struct):
    """Settled jobs of a group."""

    jobs: int = 0
    certified: int = 0
    calls: int = 0
    tokens: int = 0


class Day(Struct):
    """What a day brought."""

    learned: int = 0
    certified: int = 0
    reused: int = 0
    without_model: int = 0


class FixDatabase(Struct):
    """Signatures and fixes, rebuilt from nothing but facts."""

    signatures: dict[str, Signature] = field(default_factory=dict)
    fixes: dict[str, Fix] = field(default_factory=dict)
    best: dict[str, None] = field(default_factory=dict)  # fixes among which the best are
    by_exact: dict[str, list[str]] = field(default_factory=dict)
    by_coarse: dict[str, list[str]] = field(default_factory=dict)
    signature_of: dict[str, str] = field(default_factory=dict)  # open job → signature of its red gate
    project_of: dict[str, str] = field(default_factory=dict)  # open job → project
    asked: dict[str, Asked] = field(default_factory=dict)  # open job → what memory had for it
    tallies: dict[str, Tally] = field(default_factory=dict)
    days: dict[int, Day] = field(default_factory=dict)  # since the epoch
    certified: int = 0
    certified_with_reuse: int = 0
    reused_across_projects: int = 0
    reused_without_model: int = 0
    seen: int = 0
    offered: int = 0
    tried: int = 0
    worked: int = 0

    def known_best(self, most: int) -> list[str]:
        """The fixes that hold best, whatever the failure."""
        return _highest(self, self.best, most)

    def document(self, rows: int) -> dict[str, Any]:
        """What a person reads in state/views/fix_database.json."""
        latest = islice(reversed(self.signatures.items()), rows)
        return {
            "signatures": len(self.signatures),
            "fixes": len(self.fixes),
            "seen": self.seen,
            "offered": self.offered,
            "tried": self.tried,
            "worked": self.worked,
            "learned_by_day": {str(day * DAY_S): found.learned for day, found in self.days.items() if found.learned},
            "reuse_by_day": {
                str(day * DAY_S): [found.certified, found.reused, found.without_model]
                for day, found in self.days.items()
                if found.certified
            },
            "certified_jobs": self.certified,
            "reuse_rate": self._share(self.certified_with_reuse),
            "reuse_rate_across_projects": self._share(self.reused_across_projects),
            "reuse_rate_without_model": self._share(self.reused_without_model),
            "does_memory_help": self._does_memory_help(),
            "latest_signatures": {name: _signature_row(signature) for name, signature in latest},
            "best_fixes": {name: _fix_row(self.fixes[name]) for name in self.known_best(rows)},
        }

    def _share(self, jobs: int) -> float | None:
        return jobs / self.certified if self.certified else None

    def _does_memory_help(self) -> dict[str, Any]:
        """Jobs for which memory had something: those that got it against those that were held out."""
        having, without = self.tallies.get("with_memory", Tally()), self.tallies.get("held_out", Tally())
        return {
            "with_memory": _tally_row(having),
            "held_out": _tally_row(without),
            "difference": difference(having.certified, having.jobs, without.certified, without.jobs),
        }


def _signature_row(signature: Signature) -> dict[str, Any]:
    return {
        "seen": signature.seen,
        "certified": signature.certified,
        "first_at": signature.first_at,
        "last_at": signature.last_at,
        "example": signature.example,
    }


def _fix_row(fix: Fix) -> dict[str, Any]:
    return {
        "signature": fix.signature,
        "job": fix.job,
        "before": fix.before[:EXAMPLE_CHARACTERS],
        "after": fix.after[:EXAMPLE_CHARACTERS],
        "learned_at": fix.learned_at,
        "offered": fix.offered,
        "tried": fix.tried,
        "worked": fix.worked,
        "at_least": round(fix.at_least(), 4),
        "taught": fix.taught,
        "standing": fix.standing,
        "project": fix.project,
        "certificate": fix.certificate,
        "box": fix.box,
        "worked_in": list(islice(fix.worked_in, PROJECTS_TOLD)),
        "replayable": bool(fix.pattern),
    }


def _tally_row(tally: Tally) -> dict[str, Any]:
    jobs = tally.jobs or 1
    return {
        "jobs": tally.jobs,
        "certified": tally.certified,
        "calls_per_job": tally.calls / jobs,
        "tokens_per_job": tally.tokens / jobs,
    }


# Failures


def _seen(database: FixDatabase, name: str, message: str, at: float) -> None:
    database.seen += 1
    signature = database.signatures.pop(name, None) or Signature(0, 0, at, at, message[:EXAMPLE_CHARACTERS])
    signature.seen += 1
    signature.last_at = at
    database.signatures[name] = signature
    keep_last(database.signatures, SIGNATURES_KEPT)


def _red_gate_held(database: FixDatabase, fact: e.RedGateHeld) -> None:
    if fact.job not in database.signature_of:  # every run of a job sees the same failure: it counts once
        _seen(database, fact.signature, fact.message, fact.at)
        database.signature_of[fact.job] = fact.signature


def _error_reported(database: FixDatabase, fact: e.ErrorReported) -> None:
    _seen(database, fact.signature, fact.message, fact.at)


# Fixes


def _learned(database: FixDatabase, fact: e.FixLearned) -> None:
    fix = database.fixes.get(fact.fix)
    if fix is None:
        fix = database.fixes[fact.fix] = _remembered(fact)
        _day(database, fact.at).learned += 1
        keep_last(database.fixes, FIXES_KEPT)
    else:
        fix.taught += 1
        if not fact.box:  # that it was found again says that it recurs
            fix.successes += TAUGHT_WEIGHT
    _list(database.by_exact, fact.signature.rpartition(".")[2], fact.fix, PER_EXACT, database)
    _list(database.by_coarse, fact.signature.partition(".")[0], fact.fix, PER_COARSE, database)
    _stand(database, fact.fix)


def _remembered(fact: e.FixLearned) -> Fix:
    return Fix(
        fact.signature,
        fact.job,
        fact.before[:FIX_CHARACTERS],
        fact.after[:FIX_CHARACTERS],
        fact.at,
        pattern=fact.pattern if len(fact.pattern) <= PATTERN_CHARACTERS else "",
        message=fact.message[:EXAMPLE_CHARACTERS],
        project=fact.project,
        certificate=fact.certificate,
        box=fact.box,
        last_at=fact.at,
        successes=0.0 if fact.box else TAUGHT_WEIGHT,
    )


def _list(table: dict[str, list[str]], key: str, name: str, most: int, database: FixDatabase) -> None:
    """Put a fix on the list of its failures, which comes to the end of the lists; of too many fixes the worst goes."""
    names = table.pop(key, None)
    if names is None:
        table[key] = [name]
        keep_last(table, SIGNATURES_KEPT)
        return
    table[key] = names
    if name not in names:
        names.append(name)
        if len(names) > most:
            table[key] = _highest(database, names, most)


def _stand(database: FixDatabase, name: str) -> None:
    """Let a fix stand among the best, if it can; from time to time the worst of them leave."""
    if database.fixes[name].standing == "banned":
        database.best.pop(name, None)
        return
    database.best[name] = None
    if len(database.best) > 2 * BEST_KEPT:
        database.best = dict.fromkeys(_highest(database, database.best, BEST_KEPT))


def _highest(database: FixDatabase, names: Iterable[str], most: int) -> list[str]:
    """The best of these that are not forgotten."""
    fixes = database.fixes
    return sorted((name for name in names if name in fixes), key=lambda name: fixes[name].rank(), reverse=True)[:most]


def _recalled(database: FixDatabase, fact: e.Recalled) -> None:
    asked = _asked(database, fact.job)
    if not fact.fixes:
        return
    asked.group, asked.fixes = "held_out" if fact.held_out else "with_memory", fact.fixes
    if not fact.held_out:
        database.offered += 1
        for name in fact.fixes:
            if fix := database.fixes.get(name):
                fix.offered += 1


def _tried(database: FixDatabase, fact: e.FixTried) -> None:
    fix = database.fixes.pop(fact.fix, None)
    if fix is None:  # forgotten
        return
    database.fixes[fact.fix] = fix
    fix.tried += 1
    fix.offered = max(fix.offered, fix.tried)
    database.tried += 1
    if fact.worked:
        fix.worked += 1
        database.worked += 1
        asked = _asked(database, fact.job)
        asked.reused, asked.replayed = fact.fix, fact.how == "replayed"
    _weigh(fix, fact, database.project_of.get(fact.job, ""))
    _stand(database, fact.fix)


def _weigh(fix: Fix, fact: e.FixTried, project: str) -> None:
    """What a try says of a fix: one project says yes once a day, and no as often as it likes."""
    kept = FORGOTTEN_PER_TRY * 0.5 ** (max(0.0, fact.at - fix.last_at) / HALF_LIFE_S)
    fix.successes, fix.failures, fix.last_at = fix.successes * kept, fix.failures * kept, fact.at
    day = int(fact.at) // DAY_S
    if fact.reverted:
        fix.failures += REVERTED_WEIGHT
    elif not fact.worked:
        fix.failures += 1
    elif fix.worked_in.get(project) != day:
        fix.successes += 1
        fix.worked_in[project] = day
        keep_last(fix.worked_in, PROJECTS_TOLD)
    fix.standing = _standing(fix)


def _standing(fix: Fix) -> Standing:
    """A replay that fails costs a test session and no harm, and even good patterns fit few failures: bans come late."""
    if at_most(fix.successes, fix.successes + fix.failures) < BANNED_AT_MOST:
        return "banned"
    return "active" if any(project != fix.project for project in fix.worked_in) else "probation"


# Jobs


def _accepted(database: FixDatabase, fact: e.JobAccepted | e.JobReopened) -> None:
    database.project_of[fact.job] = fact.project


def _proposed(database: FixDatabase, fact: e.Advised | e.Proposed) -> None:
    tokens = fact.tokens_in + fact.tokens_out
    if tokens:  # a replay and a template ask no model
        asked = _asked(database, fact.job)
        asked.calls += 1
        asked.tokens += tokens
    if isinstance(fact, e.Proposed) and fact.fix:
        _asked(database, fact.job).replaying[fact.run] = fact.fix


def _attempt_failed(database: FixDatabase, fact: e.AttemptFailed) -> None:
    """A replay that fails its gates, or does not come to them, was a try in vain."""
    asked = database.asked.get(fact.job)
    if asked and (fix := asked.replaying.pop(fact.run, "")):
        _tried(database, e.FixTried(at=fact.at, job=fact.job, run=fact.run, fix=fix, worked=False, how="replayed"))


def _asked(database: FixDatabase, job: str) -> Asked:
    return database.asked.get(job) or database.asked.setdefault(job, Asked())


def _job_settled(database: FixDatabase, fact: e.JobSettled) -> None:
    signature = database.signatures.get(database.signature_of.pop(fact.job, ""))
    asked = database.asked.pop(fact.job, None) or Asked()
    project = database.project_of.pop(fact.job, "")
    if fact.outcome not in ("certified", "failed"):
        return
    tally = database.tallies.get(asked.group) or database.tallies.setdefault(asked.group, Tally())
    tally.jobs += 1
    tally.calls += asked.calls
    tally.tokens += asked.tokens
    if fact.outcome == "certified":
        tally.certified += 1
        if signature is not None:
            signature.certified += 1
        _certified(database, asked, project, _day(database, fact.at))


def _certified(database: FixDatabase, asked: Asked, project: str, day: Day) -> None:
    database.certified += 1
    day.certified += 1
    if not asked.reused:
        return
    database.certified_with_reuse += 1
    day.reused += 1
    fix = database.fixes.get(asked.reused)
    database.reused_across_projects += fix is not None and fix.project != project
    if asked.replayed and not asked.calls:
        database.reused_without_model += 1
        day.without_model += 1


def _day(database: FixDatabase, at: float) -> Day:
    number = int(at) // DAY_S
    day = database.days.get(number)
    if day is None:
        day = database.days[number] = Day()
        if len(database.days) > DAYS_KEPT:
            del database.days[next(iter(database.days))]
    return day


FOLD: dict[type[e.Fact], Callable[[FixDatabase, Any], None]] = {
    e.JobAccepted: _accepted,
    e.JobReopened: _accepted,
    e.RedGateHeld: _red_gate_held,
    e.ErrorReported: _error_reported,
    e.Advised: _proposed,
    e.Proposed: _proposed,
    e.AttemptFailed: _attempt_failed,
    e.FixLearned: _learned,
    e.Recalled: _recalled,
    e.FixTried: _tried,
    e.JobSettled: _job_settled,
}
