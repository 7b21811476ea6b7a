"""What a test session proves: red, that there is something to mend; green, that it is mended and nothing else broke.

Pure verdicts over `Outcomes`. Stricter than SWE-bench's grading where code under repair could make a test vanish
from the failures instead of mending it: what passed before must pass again, by id, not be skipped
(docs/decisions/0012-gates.md).
"""

import re
from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches

from msgspec import Struct, structs

from daemon.events import Failure, Refusal
from daemon.text import signature
from daemon.text.outcomes import EXIT_STATUS, Cause, Outcome, Outcomes, stands_in
from daemon.text.shown import many
from daemon.text.wanted import Reported, lasting

SHOWN = 5  # failing tests told in one message
TOLD_IN_FULL = 50  # failing tests of which everything is kept; of the rest, what they say
FRAMES_SHOWN = 5
DETAIL_CHARACTERS = 1500
OUTPUT_CHARACTERS = 600
SYNTAX_ERRORS = ("SyntaxError", "IndentationError", "TabError")
_THEIRS = re.compile(r"module '([\w.]+)' has no attribute|partially initialized module '([\w.]+)'")
_NO_NETWORK = re.compile(
    r"Temporary failure in name resolution|Name or service not known|nodename nor servname|Network is unreachable"
)
_NO_FIXTURE = re.compile(r"fixture '([^']+)' not found")
_USAGE_ERROR, _NONE_COLLECTED = 4, 5  # pytest's exit statuses


class Held(Struct, frozen=True):
    """Red holds. `baseline` are the tests that must pass again, `flaky` the bystanders that are left out of it.

    `excused` are the tests that said there, in force, that they are expected to fail; no other test's xfail is kept.
    `failed` tells by id how the targets failed; one that could not be collected stands there under its own name.
    """

    targets: list[str]
    failing: list[str]
    baseline: list[str]
    signature: str
    message: str
    flaky: list[str] = []
    meddling: list[str] = []
    failed: dict[str, Outcome] = {}
    ids: list[str] = []
    python: str = ""
    excused: list[str] = []


class Refused(Struct, frozen=True):
    """There is nothing to mend, or no way to judge it here."""

    verdict: Refusal
    cause: str


class Passed(Struct, frozen=True):
    """Green: the targets pass, and every test of the baseline still does."""

    fixed: list[str]
    kept: int


class NotPassed(Struct, frozen=True):
    """Not green. `message` is for the next prompt."""

    failure: Failure
    message: str
    fixed: list[str] = []
    broken: list[str] = []


# Red


def red(sessions: Sequence[Outcomes], targets: Sequence[str]) -> Held | Refused:
    """The verdict on the untouched tree, from one session or several. Without targets, all that fails is one."""
    first = sessions[0]
    unstable = set(flaky(sessions))
    reported = Reported(first)
    wanted = (
        list(targets) or [name for name, outcome in first.tests.items() if outcome.fails] or list(first.uncollected)
    )
    meant = {target: reported.find(target) for target in wanted}
    ids = {name for names in meant.values() for name in names}
    if shaky := sorted(ids & unstable):
        return Refused("flaky", f"{_some(shaky)}: {len(sessions)} runs of the same tree disagree")
    failing = [target for target in wanted if not _all_pass(meant[target], first)]
    reasons = {target: _reason(target, meant[target], first) for target in failing}
    held = [target for target in failing if not reasons[target]]
    if out_of_reach := {target: why for target, why in reasons.items() if _NO_NETWORK.search(why)}:
        return Refused("environment", _environment(first, out_of_reach))  # whatever is mended, these stay red
    if not held:
        nothing_ran = failing or not first.tests
        return Refused("environment", _environment(first, reasons)) if nothing_ran else _green(first, wanted)
    if first.running not in ids and (first.problems or not first.is_complete):
        return Refused("environment", f"no change could be judged by these tests: {_doubt(first)}")
    outcome = _worst(held[0], meant[held[0]], first)
    return Held(
        targets=wanted,
        failing=held,
        baseline=[name for name, each in first.tests.items() if each.passes and name not in unstable],
        signature=_signature(outcome),
        message=_told(held, meant, first),
        flaky=sorted(unstable),
        meddling=first.meddling,
        failed=_failed(held, meant, first),
        python=first.python,
        ids=list(dict.fromkeys(name for target in wanted for name in meant[target] or [target])),
        excused=[name for name, each in first.tests.items() if each.passes and each.status != "passed"],
    )


def _failed(held: Sequence[str], meant: dict[str, list[str]], session: Outcomes) -> dict[str, Outcome]:
    failed: dict[str, Outcome] = {}
    for target in held:
        names = [name for name in meant[target] if not _passes(name, session)]
        for name in names or [target]:
            outcome = _worst(name, [name] if names else [], session)
            bare = structs.replace(outcome, detail="", output="")
            failed[name] = outcome if len(failed) < TOLD_IN_FULL else bare
    return failed


def flaky(sessions: Sequence[Outcomes]) -> list[str]:
    """The tests of the first session on which others over the same tree disagree."""
    first, *others = sessions
    found = {
        name
        for reported, session in [(Reported(other), other) for other in others]
        for name, outcome in first.tests.items()
        if outcome.passes != _all_pass(reported.find(name), session)
    }
    return sorted(found)


def _green(session: Outcomes, wanted: Sequence[str]) -> Refused:
    if session.problems or not session.is_complete:
        return Refused("environment", f"the tests seem to pass, but {_doubt(session)}")
    return Refused("already_green", f"nothing fails: {_some(wanted) or 'all tests pass'}")


def _reason(target: str, ids: Sequence[str], session: Outcomes) -> str:
    """Why a target's failure says nothing about the code under repair; empty when it does."""
    if not ids:
        return _why_uncollected(target, session)
    outcomes = [session.tests.get(name) for name in ids]
    if any(outcome and outcome.fails and not _not_ours(outcome, session) for outcome in outcomes):
        return ""
    if session.running in ids:  # it never came back: that is a failure of its own
        return "out of memory" if session.ended.out_of_memory else ""
    for outcome in outcomes:
        if outcome is None:
            return f"{_end(session)} before {target} ran"
        if outcome.fails:
            return _not_ours(outcome, session)
    skipped = next(outcome for outcome in outcomes if outcome and not outcome.passes)
    return f"{target} is {skipped.status}: {skipped.message}"


def _why_uncollected(target: str, session: Outcomes) -> str:
    """Why none of a target's tests is there; empty when the code under repair is why."""
    for place, outcome in session.uncollected.items():
        if stands_in(target, place) and outcome.status == "skipped":
            return f"{place} is skipped: {outcome.message}"
        if stands_in(target, place):
            return _not_ours(outcome, session)
    if session.collected is None:
        return _never_collected(session)
    if session.collected == [EXIT_STATUS]:
        return f"{target} was not collected: of this test command all that is known is the test {EXIT_STATUS!r}"
    near = get_close_matches(target, session.collected, n=1, cutoff=0.6) or [
        name for name in session.collected if _last_part(name) == _last_part(target)
    ]
    return f"{target} was not collected" + (f"; did you mean {near[0]}?" if near else "")


def _last_part(target: str) -> str:
    """A test's own name, however its runner says where it stands."""
    return re.split(r"::|[. (]", target.partition(" (")[0])[-1]


def _never_collected(session: Outcomes) -> str:
    if session.ended.timed_out:
        return "the tests could not be imported in the time allowed"
    if session.ended.out_of_memory:
        return "out of memory while the tests were imported"
    said = session.ended.output.strip().splitlines() or [_end(session)]
    told = next((line for line in reversed(said) if "error:" in line.lower()), said[-1])
    what = "left no report, whatever it printed" if session.ended.status == 0 else "did not start"
    return f"the test runner {what}: {told.strip()}"


def _not_ours(outcome: Outcome, session: Outcomes) -> str:
    """Why a failure is the environment's; empty when it comes from the repository."""
    cause = outcome.cause
    if found := _NO_FIXTURE.search(outcome.detail if outcome.phase == "setup" else ""):
        return f"a plugin is missing: there is no fixture {found[1]!r}"
    if cause is None:
        return ""
    if _NO_NETWORK.search(cause.message):
        return f"the network is wanted, and the sandbox has none: {cause}"
    if cause.type in ("ModuleNotFoundError", "ImportError"):
        return _not_imported(cause, session)
    if cause.type == "MemoryError" and not cause.frames:
        return "out of memory"
    return "" if outcome.phase else _not_collected(cause, session)


def _not_collected(cause: Cause, session: Outcomes) -> str:
    theirs = _THEIRS.search(cause.message) if cause.type == "AttributeError" else None
    if theirs and not _is_own(theirs[1] or theirs[2], session):
        return f"another version of {theirs[1] or theirs[2]} is needed: {cause}"
    leaves = cause.type == "SystemExit" and bool(cause.frames) and is_test_file(cause.frames[-1].file)
    return f"collection failed: {cause}" if leaves or not cause.frames else ""


def _not_imported(cause: Cause, session: Outcomes) -> str:
    if not (cause.origin or _is_own(cause.name, session)):
        return f"a package is missing: {cause}" if cause.type == "ModuleNotFoundError" else f"import failed: {cause}"
    asked_in = cause.frames[-1].file if cause.frames else ""
    if cause.type == "ModuleNotFoundError" and asked_in and not is_test_file(asked_in):
        return f"the repository is not built: {asked_in} imports its own {cause.name}, which is not there"
    return ""


def is_test_file(path: str) -> bool:
    """Whether a path looks like a test's."""
    *folders, name = path.split("/")
    in_tests = any(folder in ("test", "tests", "testing") for folder in folders)
    return in_tests or name.startswith("test") or name.endswith("_test.py") or name == "conftest.py"


def _is_own(module: str, session: Outcomes) -> bool:
    return module.partition(".")[0] in session.own


def _environment(session: Outcomes, reasons: dict[str, str]) -> str:
    if not reasons:
        return _never_collected(session) if session.collected is None else f"no test was collected ({_end(session)})"
    causes = list(dict.fromkeys(reasons.values()))
    return "; ".join(causes[:SHOWN])


# Green


def green(held: Held, after: Outcomes) -> Passed | NotPassed:
    """The verdict on the changed tree."""
    after = _excused(held, after)
    reported = Reported(after)
    meant = {target: reported.find(target) for target in dict.fromkeys([*held.targets, *held.failing])}
    fixed = [target for target in held.failing if meant[target] and _all_pass(meant[target], after)]
    kept = {name: reported.find(name) for name in held.baseline}
    before, now = (Counter(map(lasting, names)) for names in (held.baseline, after.tests))
    fewer = before - now  # one of several that look alike is gone
    vanished = {name for name, names in kept.items() if names != [name] and lasting(name) in fewer}
    broken = [name for name, names in kept.items() if name in vanished or not _all_pass(names, after)]
    missing = [target for target, names in meant.items() if not _all_pass(names, after)]
    if doubt := _cut_short(after):
        return NotPassed(doubt[0], doubt[1], fixed, broken if after.is_complete else [])
    if (missing or broken) and (syntax := next(filter(_is_syntax, _failures(after)), None)):
        return NotPassed("syntax", _one(syntax), fixed, broken)
    if missing:
        return NotPassed(_again(held, missing, meant, after), _told(missing, meant, after, broken), fixed, broken)
    if broken:
        return NotPassed("regression", _told(broken, kept, after), fixed, broken)
    new = sorted(set(after.meddling) - set(held.meddling))
    if after.problems or new or not after.is_complete:
        return NotPassed("other_failure", f"this is no pass: {_doubt(after, new)}", fixed)
    return Passed(fixed, len(kept))


def passing(held: Held, after: Outcomes) -> set[str]:
    """Of the targets' ids and the baseline, those that pass there."""
    after = _excused(held, after)
    reported = Reported(after)
    return {name for name in {*held.ids, *held.baseline} if _all_pass(reported.find(name), after)}


def _excused(held: Held, after: Outcomes) -> Outcomes:
    """The session, in which no test says that it is expected to fail unless it was on the untouched tree.

    Whatever mark a test carries, code under it can call `pytest.xfail()`: what failed or passed before may not fail so.
    """
    known = set(map(lasting, held.excused))
    new = [name for name, each in after.tests.items() if each.marked and lasting(name) not in known]
    tests = after.tests | {name: structs.replace(after.tests[name], marked=False) for name in new}
    return structs.replace(after, tests=tests)


def _cut_short(after: Outcomes) -> tuple[Failure, str] | None:
    where = f" in {after.running}" if after.running else ""
    if after.ended.timed_out:
        return "timeout", f"the tests did not end in the time allowed: stuck{where or ' while they were imported'}"
    if after.ended.out_of_memory:
        return "other_failure", f"out of memory{where}"
    if after.ended.flooded:
        return "other_failure", f"it printed without end and was stopped{where}"
    if after.ended.signal is not None:
        return "other_failure", f"the interpreter was killed by signal {after.ended.signal}{where}"
    if after.exit_status is None:
        ended = f"the test process ended with status {after.ended.status}{where}, in the middle of the tests"
        return "other_failure", "; ".join([ended, *after.problems[:SHOWN]])
    return None


def _is_syntax(outcome: Outcome) -> bool:
    """A file of the code under repair cannot be read; not some text that a test compiles, nor an old test's file."""
    cause = outcome.cause
    if cause is None or cause.type not in SYNTAX_ERRORS or not cause.frames:
        return False
    return cause.frames[-1].function == "<module>" and not is_test_file(cause.frames[-1].file)


def _again(held: Held, missing: Sequence[str], meant: dict[str, list[str]], after: Outcomes) -> Failure:
    """Whether any target still fails as it did on the untouched tree."""
    causes = [_worst(target, meant[target], after) for target in missing]
    names = {signature.exact(_signature(outcome)) for outcome in causes}
    return "same_failure" if signature.exact(held.signature) in names else "other_failure"


def _signature(outcome: Outcome) -> str:
    """Of all that it said: the more of a report, the surer the name."""
    name, _ = signature.of(outcome.detail or str(outcome.cause))
    return name


# Words


def _told(names: Sequence[str], meant: dict[str, list[str]], session: Outcomes, broken: Sequence[str] = ()) -> str:
    """What fails, with the failing assertion and its frames in the repository."""
    parts = [f"{name}\n{_one(_worst(name, meant[name], session))}" for name in names[:SHOWN]]
    if len(names) > SHOWN:
        parts.append(f"and {len(names) - SHOWN} more: {_some(names[SHOWN:])}")
    if broken:
        parts.append(f"{many(len(broken), 'test')} passed before and not any more: {_some(broken)}")
    return "\n\n".join(parts)


def _one(outcome: Outcome) -> str:
    lines = [f"  {outcome.status}: {outcome.message}"]
    if outcome.cause:
        lines += [f"  at {each.file}:{each.line} in {each.function}" for each in outcome.cause.frames[-FRAMES_SHOWN:]]
    if outcome.detail:
        lines.append(_indented(outcome.detail[-DETAIL_CHARACTERS:]))
    if outcome.output.strip():
        lines += ["  printed:", _indented(outcome.output[-OUTPUT_CHARACTERS:])]
    return "\n".join(lines)


def _indented(text: str) -> str:
    return "\n".join(f"  | {line}" for line in text.strip("\n").splitlines())


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _end(session: Outcomes) -> str:
    ended = session.ended
    if ended.timed_out:
        return f"time ran out in {session.running}" if session.running else "time ran out"
    if ended.out_of_memory:
        return "memory ran out"
    if ended.flooded:
        return "it printed without end and was stopped"
    if ended.signal is not None:
        return f"killed by signal {ended.signal}"
    where = f" in {session.running}" if session.running else ""
    known = {_USAGE_ERROR: ", a usage error", _NONE_COLLECTED: ", none collected"}
    return f"exit status {ended.status}{known.get(ended.status or 0, '')}{where}"


def _doubt(session: Outcomes, meddling: Sequence[str] = ()) -> str:
    cut = [_end(session)] if session.ended.is_cut_short or session.exit_status is None else []
    return "; ".join([*cut, *session.problems, *meddling][:SHOWN])


# One test, or several under one name


def _failures(session: Outcomes) -> list[Outcome]:
    return [outcome for outcome in (session.uncollected | session.tests).values() if outcome.fails]


def _passes(name: str, session: Outcomes) -> bool:
    return name in session.tests and session.tests[name].passes


def _all_pass(names: Sequence[str], session: Outcomes) -> bool:
    return bool(names) and all(_passes(name, session) for name in names)


def _worst(target: str, names: Sequence[str], session: Outcomes) -> Outcome:
    """The outcome that speaks loudest for a target: a failure, a place that was not collected, an absence."""
    found = [session.tests[name] for name in names if name in session.tests]
    loud = [outcome for outcome in found if outcome.fails] or [outcome for outcome in found if not outcome.passes]
    if loud:
        return loud[0]
    if session.running and session.running in names:
        return Outcome("error", detail=f"it never came back: {_end(session)}")
    place = next((place for place in session.uncollected if stands_in(target, place)), None)
    if place is not None:
        return session.uncollected[place]
    printed = "" if session.collected else session.ended.output  # nothing else says why nothing ran
    return Outcome("error", detail="it was not reported", output=printed)
