"""What can be asked of a state folder, running or not: check it, replay it, and tell about one job.

Everything is answered from the log, because the log is all that there is; the running daemon is not asked.
"""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from daemon import events as e
from daemon.blobs import BlobBroken, Blobs
from daemon.events import AnyFact
from daemon.exits import Exit
from daemon.holding import Held, hold
from daemon.log import Log, LogBroken, segments
from daemon.phase_report import result_of
from daemon.policy.ladder import LADDER, rung_of, table
from daemon.publisher import documents_of, write_phase, write_results, write_views
from daemon.settings import Settings
from daemon.state import garbage_kept
from daemon.text.shown import many, printable
from daemon.views import Folder, Views
from daemon.views.jobs import Job, Run
from daemon.views.queue import Queue
from daemon.views.ramp import Facts, Instance, Ramp
from daemon.words import read_words

COUNTED = ("runs", "attempts", "tokens", "seconds")  # numbers of an instance that are sums over facts
REASON_CHARACTERS = 300  # of a run, on its line
WITHOUT_A_MODEL = {"learned": "remembered fixes", "templates": "the search without a model"}


def facts_in(state: Path) -> Iterator[list[AnyFact]]:
    """All facts of a state folder, in order."""
    return Log(state / "log", segment_bytes=1).read()


def replay(state: Path, into: Path, settings: Settings) -> int:
    """Fold the log from zero, and write views and results as the daemon would."""
    if into == state:
        try:
            lock = hold(state)  # a running daemon publishes by itself, and later views than these
        except Held as held:
            print(f"mendd: {held}; replay into another folder with --into", file=sys.stderr)
            return Exit.HELD
        try:
            return _replay(state, into, settings)
        finally:
            os.close(lock)
    return _replay(state, into, settings)


def _replay(state: Path, into: Path, settings: Settings) -> int:
    views, blobs, results = Views(), Blobs(state / "blobs"), into / "results"
    folder = Folder(views)
    folder.listen(e.JobSettled, lambda fact: write_results(results, views.jobs.settled[fact.job], blobs))
    folder.listen(e.PhaseSettled, lambda fact: write_phase(results, result_of(views.ramp.ramps[fact.ramp]), blobs))
    seq = 0
    try:
        with garbage_kept():
            for facts in facts_in(state):
                folder.fold(facts)
                seq = facts[-1].seq
    except (LogBroken, BlobBroken) as error:
        return refuse(error)
    write_views(into / "views", list(documents_of(views, seq, settings.view_rows)))
    print(f"{many(seq, 'fact')}, {many(views.jobs.accepted, 'job')}: views in {into / 'views'}, results in {results}")
    return Exit.DONE


def check(state: Path) -> int:
    """Read every byte of the log."""
    log = Log(state / "log", segment_bytes=1)
    try:
        for _ in log.read():
            pass
    except LogBroken as error:
        return refuse(error)
    names = segments(log.folder)
    print(f"whole: {many(log.end.seq, 'fact')} in {many(len(names), 'segment')}")
    if names and (torn := _behind(log.folder / names[-1], log.end.offset)):
        print(f"behind them {many(torn, 'byte')} of a fact that was never finished: the next start lays them aside")
    return Exit.DONE


def _behind(segment: Path, offset: int) -> int:
    """Bytes at the end of a segment that are no line; a running daemon may have written lines since it was read."""
    with segment.open("rb") as file:
        file.seek(offset)
        return len(file.read().rpartition(b"\n")[2])


def show(state: Path, job: str) -> int:
    """Print every fact about a job, a line each; of a ramp, also those about its jobs."""
    is_known, wanted = False, {job}
    try:
        for facts in facts_in(state):
            for fact in facts:
                if getattr(fact, "job", "") in wanted or getattr(fact, "ramp", "") == job:
                    is_known = True
                    wanted.add(getattr(fact, "job", job))
                    print(_line(fact))
    except LogBroken as error:
        return refuse(error)
    return Exit.DONE if is_known else unknown(job)


def explain(state: Path, job: str) -> int:
    """Print where a job or a ramp stands."""
    if job.startswith("m-"):
        return _explain_ramp(state, job)
    try:
        known, views, in_vain = found(state, job)
    except LogBroken as error:
        return refuse(error)
    if known is None:
        return unknown(job)
    for line in _standing(known, views.queue, in_vain):
        print(line)
    return Exit.DONE


def found(state: Path, job: str) -> tuple[Job | None, Views, list[e.NothingFound]]:
    """A job as it is now, or as it was when it settled, all views, and what was asked in vain before a model was."""
    views = Views()
    folder = Folder(views)
    last: Job | None = None
    in_vain: list[e.NothingFound] = []
    for facts in facts_in(state):
        for fact in facts:
            folder.fold((fact,))
            if isinstance(fact, e.JobSettled) and fact.job == job:
                last = views.jobs.settled[job]
            elif isinstance(fact, e.NothingFound) and fact.job == job and (fact.seconds or fact.why):
                in_vain.append(fact)  # where memory has nothing for a job, nothing is asked
    return views.jobs.open.get(job, last), views, in_vain


def prompts(name: str = "") -> int:
    """Print the ladder's table and the words of every rung, or those of one."""
    words = read_words().templates
    rung = rung_of(name)
    if rung is None:
        known = " ".join(one.id for one in LADDER)
        print(f"mendd: there is no rung {name}; there are {known}, and L1v1 to L4v5 for the same", file=sys.stderr)
        return Exit.USAGE
    shown = (rung,) if rung in LADDER else LADDER
    if shown == LADDER:
        print(table())
    for one in shown:
        print(f"\n## {one.id} {one.name} ({one.level})\n")
        print(words[f"levels/{one.level}"].strip(), words[f"variants/{one.id}"].strip(), sep="\n\n")
    return Exit.DONE


def _explain_ramp(state: Path, name: str) -> int:
    """Print what a ramp came to, each number with the facts that it is counted from."""
    ramp: Ramp | None = None
    views = Views()
    folder = Folder(views)
    try:
        for facts in facts_in(state):
            folder.fold(facts)
            ramp = views.ramp.ramps.get(name, ramp)  # it may be forgotten later
        if ramp is None:
            return unknown(name)
        told = [*(phase.facts for phase in ramp.phases), *(row.facts for row in ramp.instances.values())]
        wanted = {seq for numbered in told for seqs in numbered.values() for seq in seqs}
        named = {fact.seq: fact for facts in facts_in(state) for fact in facts if fact.seq in wanted}
    except LogBroken as error:
        return refuse(error)
    for line in _climbed(ramp, named):
        print(line)
    return Exit.DONE


def _climbed(ramp: Ramp, facts: Mapping[int, AnyFact]) -> Iterator[str]:
    yield f"{ramp.id}: {printable(ramp.title)}, {many(len(ramp.instances), 'instance')} in phases of {ramp.sizes}"
    for phase in ramp.phases:
        yield f"phase {phase.number} ({phase.size}): {phase.reason or 'under way'}; {_numbered(phase.facts)}"
        certified = [seq for name in phase.viable for seq in ramp.instances[name].facts.get("certified", ())]
        yield f"      solved {len(certified)}: {_listed(certified)}"
        if phase.is_settled:
            ends = phase.facts["opened"][-1], phase.facts["settled"][-1]
            yield f"      seconds {facts[ends[1]].at - facts[ends[0]].at:.1f}: fact {ends[0]} to {ends[1]}"
    for row in ramp.within(ramp.phases[-1].size if ramp.phases else 0):
        became = row.outcome or ("open" if row.is_open else "not opened")
        numbers = ((row.runs, "run"), (row.attempts, "attempt"), (row.tokens, "token"))
        counted = f"{', '.join(many(*number) for number in numbers)}, {row.busy_s:.1f} s"
        why = _flat(row.cause or row.error)
        once = {what: seqs for what, seqs in row.facts.items() if what not in COUNTED}
        yield f"  {printable(row.name)} = {row.job} {became}: {counted}; {_numbered(once)} {why}".rstrip()
        yield from (f"      {line}" for line in _counted(row, facts))
    if ramp.settled:
        yield f"{ramp.settled.outcome} (fact {ramp.settled.seq}): {ramp.settled.reason}"
        yield f"next: {ramp.settled.command}"
    yield f"every fact that is counted here: python -m daemon show {ramp.id}"


def _counted(row: Instance, facts: Mapping[int, AnyFact]) -> Iterator[str]:
    """Each number of an instance as the sum that it is, looked up anew in the log."""
    for what in ("runs", "attempts"):
        if seqs := row.facts.get(what):
            yield f"{what} {len(seqs)}: {_listed(seqs)}"
    answers = [fact for seq in row.facts.get("tokens", ()) if isinstance(fact := facts[seq], e.Proposed)]
    if answers:
        parts = [f"{fact.tokens_in} + {fact.tokens_out} (fact {fact.seq})" for fact in answers]
        yield f"tokens {sum(fact.tokens_in + fact.tokens_out for fact in answers)}: {' + '.join(parts)}"
    ends = [facts[seq] for seq in row.facts.get("seconds", ())]
    if spans := list(zip(ends[::2], ends[1::2], strict=True)):
        parts = [f"{last.at - first.at:.1f} (fact {first.seq} to {last.seq})" for first, last in spans]
        yield f"seconds {sum(last.at - first.at for first, last in spans):.1f}: {' + '.join(parts)}"


def _numbered(facts: Facts) -> str:
    return "facts " + ", ".join(f"{what} {', '.join(map(str, seqs))}" for what, seqs in facts.items())


def _listed(seqs: Sequence[int]) -> str:
    return f"fact{'s' if len(seqs) > 1 else ''} {', '.join(map(str, seqs))}" if seqs else "no fact"


def _standing(job: Job, queue: Queue, in_vain: Sequence[e.NothingFound]) -> Iterator[str]:
    yield f"{job.id}: {job.title} ({job.kind} in {job.project}, priority {job.priority})"
    yield f"accepted {_when(job.accepted_at)}"
    for run in job.runs.values():
        tried = f"{len(run.attempts)} of {many(run.attempts_allowed, 'attempt')}"
        where = f"{run.id} ({run.rung or 'base run'}): {run.state}, {tried}"
        if run.outcome:
            yield f"{where}; {run.outcome}{_because(run.reason)}"
        elif hand := queue.running.get(run.id):
            yield f"{where}; in the hand of {hand.worker} since {_when(hand.since)}, after stage {run.stage!r}"
        elif (standing := queue.waiting[run.id]).not_before:
            yield f"{where}; waits until {_when(standing.not_before)}{_because(standing.why)}"
        else:
            again = f", after {run.fault}{_because(run.fault_message)}" if run.fault else ""
            yield f"{where}; stands in line for {queue.awaited(standing)}{again}"
        yield from (f"      {_unaided(fact, run)}" for fact in in_vain if fact.run == run.id)
    if job.outcome:
        yield f"{job.outcome} {_when(job.settled_at)}{_because(job.reason)}"
        if (certified := job.certified_run()) and certified.folder:
            yield f"the project lies in {certified.folder}"
        elif certified and certified.branch:
            yield f"the patch is branch {certified.branch} in its repository, too"
    elif not job.runs:
        yield "no run is open yet: the daemon decides about it as soon as it runs"


def _unaided(nothing: e.NothingFound, run: Run) -> str:
    """What was done before a model is asked, and led to nothing, or to nothing more."""
    more = " more" if any(attempt.proposer == nothing.proposer for attempt in run.attempts) else ""
    among = f" among {nothing.tried} candidates in {nothing.seconds:.0f} s" if nothing.tried else ""
    who = WITHOUT_A_MODEL.get(nothing.proposer, nothing.proposer)
    return f"{who}: nothing{more} found{among}{_because(nothing.why)}"


def _because(reason: str) -> str:
    """A reason in one line: its details are in the report, and what it quotes was said by anybody."""
    flat = _flat(reason)
    cut = flat if len(flat) <= REASON_CHARACTERS else f"{flat[: REASON_CHARACTERS - 1]}…"
    return f": {cut}" if cut else ""


def _flat(text: str) -> str:
    """Anybody's words on one line, with nothing in them that a terminal would act on."""
    return printable(" ".join(text.split()))


def _line(fact: AnyFact) -> str:
    fields = msgspec.to_builtins(fact)
    about = {key: value for key, value in fields.items() if key not in ("seq", "at", "type", "job", "drop")}
    return f"{fact.seq:>8}  {_when(fact.at)}  {fields['type']:<18} " + "  ".join(
        f"{key}={_flat(str(value))}" for key, value in about.items()
    )


def _when(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def unknown(job: str) -> int:
    """Say that there is no such job."""
    forms = "r-000731 for a repair, i-000731 for an idea, m-000731 for a ramp"
    print(f"mendd: the log knows no job {_flat(job)}; ids look like {forms}", file=sys.stderr)
    return Exit.USAGE


def refuse(error: Exception) -> int:
    """Say why the log cannot be read."""
    print(f"mendd: {error}", file=sys.stderr)
    return Exit.STAY_DOWN
