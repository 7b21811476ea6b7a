"""Signatures of real outputs whose labels are true by construction: which of them are the same failure?

Each bug is one change to a right program (`programs.txt`, `seeding.py`), run for real: under every interpreter that is
named (`INSIDE_PYTHONS`, and this one), by pytest (in four styles of tracebacks), by unittest and as a bare script, each
time with other names for its variables, files and folders, with other arguments, and further down in its file. Two
outputs are the same if they come from the same bug failing in the same way. Of a program at most six bugs are taken,
no two of which raise the same error on the same line, and one at most that only returns a wrong value: two of those
look alike to anybody. Pairs are counted: *precision* is how many of the pairs that share a signature are the same,
*recall* how many of the same pairs share one.

*peer*: the type of the error and its message, word for word.

*Held out*: the rules were written with the first corpus in view, so its figures say what they reach at best. The
programs of `programs_held_out.txt`, and two more sorts of bugs, were written afterwards; no rule was changed since they
were counted.

*What limits it*: a bare `assert` says nothing of values, and comprehensions have frames in old versions only.
"""

import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from pathlib import Path
from random import Random
from textwrap import dedent, indent

from msgspec import Struct

from daemon.text import signature
from tests.benchmarks import programs
from tests.benchmarks.measure import Row, tell
from tests.benchmarks.seeding import HELD_OUT_MAKERS, MAKERS, Bug, Makers, bugs, renamed

TITLE = "Which failures are the same"
MEASURED = "Counted once."
PYTHONS = [sys.executable, *filter(None, os.environ.get("INSIDE_PYTHONS", "").split(":"))]
CORPORA: dict[str, Makers] = {"programs": MAKERS, "programs_held_out": HELD_OUT_MAKERS}
BUGS_PER_PROGRAM = 6
VARIANTS = 14
TIMEOUT_S = 300.0  # of one session, which runs some fifty tests
WAYS = ("pytest auto", "pytest long", "pytest short", "pytest native", "unittest", "unittest", "bare", "bare")
_HEADER = re.compile(r"^_{3,} (test_\w+) _{3,}$", re.MULTILINE)
_RUN_UNITTESTS = dedent("""\
    import io, sys, unittest
    from pathlib import Path
    for path in sorted(Path(sys.argv[1]).glob("*/test_*.py")):
        sys.path.insert(0, str(path.parent))
        told = io.StringIO()
        unittest.TextTestRunner(told).run(unittest.defaultTestLoader.loadTestsFromName(path.stem))
        path.with_suffix(".told").write_text(told.getvalue())
    """)


class Case(Struct, frozen=True):
    """A bug under other names, as it is to be run."""

    id: str
    bug: Bug
    python: str
    way: str


class Output(Struct, frozen=True):
    """What a case printed."""

    case: Case
    text: str


def run(folder: Path, _: int) -> list[Row]:
    """The table; there are no rounds, for nothing is timed."""
    found: list[Row] = []
    for corpus, makers in CORPORA.items():
        told = list(outputs(folder / corpus, corpus, makers))
        tell(f"{corpus}: {len(told)} outputs of {_bugs(told)} bugs under {len(PYTHONS)} interpreters")
        found += rows(told, "" if makers is MAKERS else "held out: ")
    return found


def rows(found: list[Output], which: str) -> Iterator[Row]:
    """Precision and recall of the exact key, for all and for some."""
    crashes = [output for output in found if output.case.bug.failure != "wrong value"]
    wrong = [output for output in found if output.case.bug.failure == "wrong value"]
    told = [output for output in wrong if output.case.way != "bare"]
    for what, some, goals in (
        (f"all {len(found):,} outputs of {_bugs(found)} bugs", found, (0.98, 0.90)),
        (f"{len(crashes):,} of {_bugs(crashes)} errors", crashes, None),
        (f"{len(wrong):,} of {_bugs(wrong)} wrong values", wrong, None),
        (f"{len(told):,} of those, by pytest or unittest", told, None),
    ):
        ours, peer = score(some, _exact), score(some, _word_for_word)
        for name, mine, theirs, goal in zip(("precision", "recall"), ours, peer, goals or (None, None), strict=True):
            yield Row(
                f"{which}{what}, {name}",
                f"{mine:.3f}",
                f"{theirs:.3f}",
                None,
                None,
                None if goal is None else mine >= goal,
            )
    agree, agree_word_for_word = (f"{score(found, key)[1]:.3f}" for key in (_coarse, _word_for_word))
    yield Row(f"{which}coarse keys of one bug that agree", agree, agree_word_for_word)


def score(found: Iterable[Output], key: Callable[[Output], Hashable]) -> tuple[float, float]:
    """Precision and recall over all pairs of outputs."""
    pairs = [(output.case.bug.id, key(output)) for output in found]
    both, called, same = (_pairs(these) for these in (pairs, [name for _, name in pairs], [bug for bug, _ in pairs]))
    return both / called if called else 1.0, both / same if same else 1.0


def _pairs(names: Iterable[Hashable]) -> int:
    return sum(count * (count - 1) // 2 for count in Counter(names).values())


def _bugs(found: Iterable[Output]) -> int:
    return len({output.case.bug.id for output in found})


def _exact(output: Output) -> str:
    return signature.exact(signature.of(output.text)[0])


def _coarse(output: Output) -> str:
    return signature.coarse(signature.of(output.text)[0])


def _word_for_word(output: Output) -> str:
    said = re.findall(r"^(?:E +)?((?:\w+\.)*\w*(?:Error|Exception)\b.*|assert .*)$", output.text, re.MULTILINE)
    return said[-1] if said else output.text


# Running them


def outputs(folder: Path, corpus: str, makers: Makers, variants: int = VARIANTS) -> Iterator[Output]:
    """Every bug of these programs, that many times, each time another way."""
    groups: dict[tuple[str, str], list[Case]] = {}
    dice = Random(2)  # noqa: S311  nothing secret
    for program in programs.read(corpus):
        for bug in bugs(program, BUGS_PER_PROGRAM, makers):
            for variant in range(variants):
                python = PYTHONS[variant % len(PYTHONS)]
                case = Case(f"{len(groups)}_{dice.randrange(10**9)}", bug, python, dice.choice(WAYS))
                groups.setdefault((python, case.way), []).append(case)
    for number, ((python, way), cases) in enumerate(groups.items()):
        tell(f"  {Path(python).parent.parent.name}, {way}: {len(cases)} cases")
        room = folder / f"{dice.choice(('shop', 'srv', 'my project'))}{number}"
        for case in cases:
            _write(room / f"pkg_{case.id}", case, dice)
        runs = _bare if way == "bare" else _unittest if way == "unittest" else _pytest
        yield from runs(room, python, cases)


def _write(folder: Path, case: Case, dice: Random) -> None:
    folder.mkdir(parents=True)
    module = f"{dice.choice(('cart', 'core', 'utils', 'report'))}_{case.id}"
    above = "".join(f"# line {number}\n" for number in range(dice.randrange(9)))
    (folder / f"{module}.py").write_text(f'"""Something."""\n{above}\n\n{renamed(case.bug.source, dice)}')
    call, expected = dice.choice(case.bug.calls)
    called = f"{case.bug.name}({call})"
    imported = f"from {module} import {case.bug.name}\n"
    equal = f"assert {called} == {expected}\n"
    if case.way == "bare":
        last = equal if case.bug.failure == "wrong value" else f"print({called})\n"
        (folder / "main.py").write_text(f"{imported}\n{above}{last}")
    elif case.way == "unittest":
        test = f"def test_{dice.choice(('it', 'all', 'one'))}(self):\n    self.assertEqual({called}, {expected})\n"
        body = indent(test, "    ")
        (folder / f"test_{module}.py").write_text(
            f"import unittest\n{imported}\n{above}class Tests(unittest.TestCase):\n{body}"
        )
    else:
        (folder / f"test_{module}.py").write_text(f"{imported}\n{above}def test_{case.id}():\n    {equal}")


def _told(folder: Path, *command: str) -> str:
    environment = {"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    return done.stdout + done.stderr


def _pytest(room: Path, python: str, cases: list[Case]) -> Iterator[Output]:
    style = cases[0].way.partition(" ")[2]
    told = _told(room, python, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--tb={style}", "-rN", ".")
    parts = _HEADER.split(told)
    by_name = dict(zip(parts[1::2], parts[2::2], strict=True))
    for case in cases:
        yield Output(case, f"____ test_{case.id} ____\n{by_name[f'test_{case.id}']}")


def _unittest(room: Path, python: str, cases: list[Case]) -> Iterator[Output]:
    _told(room, python, "-c", _RUN_UNITTESTS, str(room))
    for case in cases:
        [told] = (room / f"pkg_{case.id}").glob("*.told")
        yield Output(case, told.read_text())


def _bare(room: Path, python: str, cases: list[Case]) -> Iterator[Output]:
    for case in cases:
        yield Output(case, _told(room / f"pkg_{case.id}", python, "main.py"))
