"""`python -m tests.benchmarks.swebench_ramp ROWS REPOS HOME`: known bugs as a ramp, as a person would climb it.

ROWS, REPOS and HOME are those of `swebench.py`, its environments and answers too. The rows are dropped by tools/ramp.py
twice. The first ramp is answered from the gold patches, and its daemon killed at random instants on the way: all that
can be judged has to be solved. In the second one every fifth answer is wrong, so that it has to stop at the first phase
that holds one, and to name it. Whoever starts it again in the same HOME goes on.

What has to come out is worked out here from the rows, and compared with what the ramp says of itself. The table goes to
docs/ramp.md (`--dry` only prints it).
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from msgspec import Struct

from daemon import events as e
from tests.benchmarks.measure import tell
from tests.benchmarks.swebench import BEGIN, END, HOURS_S, Row, asked, at_hand, rows_of, settings
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.instances import answer, script, useless
from tests.fakes.tool import tool

PAGE = Path(__file__).parents[2] / "docs" / "ramp.md"
DEATHS = 2
STEPS_BETWEEN = (5, 60)  # claims of runs and gates that hold, from a start to a death
LATER_S = 20.0  # a death falls so much later at most: into a step, and not at its end
EVERY = 5  # one in so many answers is wrong
Names = Sequence[str]


class Climbed(Struct):
    """What the log says of one ramp, and what the ramp's files say of each phase."""

    accepted: e.RampAccepted
    released: list[e.PhaseReleased]
    phases: list[e.PhaseSettled]
    end: e.RampSettled
    ends: Counter[str]  # instance → how often its jobs settled
    told: list[dict[str, Any]]


def climbed(daemon: DaemonProcess) -> list[Climbed]:
    """All ramps of a state that came to an end."""
    facts = list(daemon.facts())
    ends = [fact for fact in facts if isinstance(fact, e.RampSettled)]
    return [_climbed(daemon, facts, end) for end in ends]


def _climbed(daemon: DaemonProcess, facts: Sequence[e.AnyFact], end: e.RampSettled) -> Climbed:
    mine = [fact for fact in facts if getattr(fact, "ramp", "") == end.ramp]
    jobs = {fact.job: fact.instance for fact in mine if isinstance(fact, e.JobAccepted)}
    settled = [fact for fact in facts if isinstance(fact, e.JobSettled)]
    phases = [fact for fact in mine if isinstance(fact, e.PhaseSettled)]
    folder = daemon.state / "results" / "ramp" / end.ramp
    return Climbed(
        next(fact for fact in mine if isinstance(fact, e.RampAccepted)),
        [fact for fact in mine if isinstance(fact, e.PhaseReleased)],
        phases,
        end,
        Counter(jobs[fact.job] for fact in settled if fact.job in jobs),
        [json.loads((folder / f"phase_{each.phase}_instances.json").read_bytes()) for each in phases],
    )


# Climbing


def climb(daemon: DaemonProcess, number: int, drop: Sequence[str | Path], deaths: int, dice: Random) -> None:
    """Drop the ramp of this number if it is not there, and let it come to its end, through so many deaths."""
    if len(daemon.facts_of(e.RampAccepted)) < number and not any((daemon.queue / "ideas").glob("*")):
        done = tool("ramp", *drop, "--no-follow", "--queue", daemon.queue, "--state", daemon.state)
        assert done.returncode == 0, done.stderr
    for _ in range(len(daemon.facts_of(e.DaemonStarted)), deaths):
        _die(daemon, number, dice)
    if len(daemon.facts_of(e.RampSettled)) < number:
        daemon.start("once").wait(HOURS_S)


def _die(daemon: DaemonProcess, number: int, dice: Random) -> None:
    """Live until some steps are done, and a little longer, and be killed."""
    enough = _steps(daemon) + dice.randrange(*STEPS_BETWEEN)
    daemon.start()
    daemon.wait_until(lambda: _steps(daemon) >= enough or len(daemon.facts_of(e.RampSettled)) >= number, HOURS_S)
    try:
        daemon.wait(dice.uniform(0.0, LATER_S))
    except AssertionError:
        daemon.kill()


def _steps(daemon: DaemonProcess) -> int:
    return len(daemon.facts_of(e.RunClaimed, e.RedGateHeld, e.GreenGatePassed))


# Judging


def wrong_of(names: Names) -> set[str]:
    """Whose answers are wrong in the second ramp."""
    return set(names[EVERY - 1 :: EVERY])


def differences(ramp: Climbed, wrong: set[str]) -> Iterator[str]:
    """What the ramp says of itself and the rows do not."""
    names, viable = ramp.accepted.instances, list[str]()
    for settled, released, told in zip(ramp.phases, ramp.released, ramp.told, strict=True):
        viable = [name for name in names[: told["size"]] if name not in released.excluded]
        right = len(set(viable) - wrong)
        should = (right, len(viable), viable, right / len(viable), released.excluded)
        if should != (settled.solved, settled.viable, released.viable, told["success_rate"], told["excluded"]):
            yield f"phase {settled.phase}: {settled.reason}; it should be {right} of {len(viable)}"
        if right < len(viable) and settled != ramp.phases[-1]:
            yield f"phase {settled.phase}: it went on with {len(viable) - right} unsolved"
    opened = names[: ramp.told[-1]["size"]]
    if ramp.ends != Counter(opened):
        yield f"not each of {len(opened)} instances came once to an end: {ramp.ends}"
    failed = [name for name in viable if name in wrong]
    if (ramp.end.outcome, ramp.end.failed) != ("stopped" if failed else "reached", failed):
        yield f"{ramp.end.outcome}, and it names {ramp.end.failed} instead of {failed}"


# Telling


def lines(ramp: Climbed) -> Iterator[str]:
    """A table of the phases, and what was said at the end."""
    yield "| phase | instances | excluded | solved of viable | 95 % interval | seconds |"
    yield "| --- | --- | --- | --- | --- | --- |"
    for told in ramp.told:
        low, high = told["interval_95"]
        counted = [len(told["excluded"]), f"{told['solved']} of {told['viable']}", f"{low:.0%} to {high:.0%}"]
        cells = [told["phase"], told["size"], *counted, f"{told['seconds']:.0f}"]
        yield f"| {' | '.join(map(str, cells))} |"
    end = ramp.end
    yield ""
    yield f"{end.outcome}: {end.reason}."
    if end.failed:
        said: dict[str, Mapping[str, int] | Names] = {
            "by": end.causes,
            "how": end.failures,
            "newly broken": end.newly_broken,
        }
        yield f"Failed: {', '.join(end.failed)}; {'; '.join(f'{what}: {_flat(told)}' for what, told in said.items())}."
        yield f"Next: `{end.command}`."
    for name, why in ramp.released[-1].excluded.items():
        yield f"Excluded: {name}, {' '.join(why.split())}."


def _flat(told: Mapping[str, int] | Names) -> str:
    if isinstance(told, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {number}" for name, number in told.items())
    return ", ".join(told) or "none"


def page(daemon: DaemonProcess, workers: int, wrong: set[str]) -> tuple[str, list[str]]:
    """Both ramps, and what is not as it should be."""
    first, second = climbed(daemon)
    found = [*differences(first, set()), *differences(second, wrong)]
    deaths = len(daemon.facts_of(e.DaemonStarted)) - len(daemon.facts_of(e.DaemonStopped))
    parts = [
        f"Answers from the gold patches, {workers} workers, the daemon killed {deaths} times on the way:",
        "\n".join(lines(first)),
        f"The same rows, every {EVERY}th answer wrong (it lands, and mends nothing):",
        "\n".join(lines(second)),
        "\n".join(found or ["Every number is the one that the rows and the answers lead to."]),
    ]
    return "\n\n".join(parts), found


def main() -> int:
    """Climb both ramps, compare, and tell."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.swebench_ramp", description=__doc__)
    parser.add_argument("rows", type=Path)
    parser.add_argument("repos", type=Path)
    parser.add_argument("home", type=Path)
    parser.add_argument("--easiest", type=Path, metavar="TSV", help="easiest first: columns instance_id, solved_ratio")
    parser.add_argument("--phases", default="1,5,10,20")
    parser.add_argument("--workers", type=int, default=6)
    parser.add_argument("--sandbox", default="auto")
    parser.add_argument("--seed", type=int, default=7, help="of the instants at which the daemon is killed")
    parser.add_argument("--dry", action="store_true", help="print, and leave the page alone")
    options = parser.parse_args()
    home, dice = options.home.resolve(), Random(options.seed)  # noqa: S311  instants, no secrets
    rows: list[Row] = at_hand(rows_of(options.rows), options.repos)
    file, answers = home / "instances.json", home / "answers.jsonl"
    right = {row["instance_id"]: answer(row["patch"]) for row in rows}
    daemon = DaemonProcess(
        home,
        **settings(rows, options.repos, script(answers, right)),
        workers=options.workers,
        sandbox=options.sandbox,
        gate_runs=1,
        job_model_calls=1,
        memory_holdout=1,  # the second ramp is not to be mended by what the first one taught
    )
    file.write_text(json.dumps([asked(row, options.repos / row["repo"]) for row in rows]))
    drop = [file, "--phases", options.phases, *(["--easiest", options.easiest] if options.easiest else [])]
    with daemon:
        climb(daemon, 1, drop, DEATHS, dice)
        wrong = wrong_of(climbed(daemon)[0].accepted.instances)
        script(answers, right | dict.fromkeys(wrong, useless("nowhere_near.py")))
        climb(daemon, 2, drop, 0, dice)
    text, found = page(daemon, options.workers, wrong)
    tell(text)
    if not options.dry:
        head, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
