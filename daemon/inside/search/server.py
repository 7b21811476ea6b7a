"""The process that has collected the tests. It forks for each candidate, and keeps one fork as a filter.

It runs the repository's own code, never a candidate's: that only its forks do. It is asked on a socket, one question at
a time; who asks (`judge.py`) starts it again if it dies.
"""

import gc
import os
import signal
import socket
import sys
import tempfile
import time
from functools import partial
from typing import Any, Callable, Dict, FrozenSet, List, NamedTuple, Optional, Sequence

from . import asserts, fuel, state, swap
from .filter import Aim, Felt, Filter, Went, listen, went
from .forks import Forks, high, watch
from .messages import answer, heard
from .suites import Heard, collect
from .tape import Lines, Tape
from .tracer import Tracer, tracer
from .tree import Tree
from .verdicts import Limits

NOTES_BYTES = 64 * 2**20  # of one run of all tests with the lines of each; only what is written takes memory
LINE_CELLS = 2**20  # lines of one test
HUNG_AGAIN_S = 0.05  # for every test after the first that hangs: it fails anyway
SLOWER = 10.0  # times its own seconds on the untouched tree, before a test has hung
LEAST_TEST_S = 0.5  # of processor time, for a test that takes none
LEAST_TARGET_S = 2.0  # for one that failed early: mended it may take longer
SLACK_S = 2.0  # of wall time, for a fork that shares the machine with others
TRACING_SLOWER = 20.0  # what a tracer in Python may cost
IN_VAIN = 2  # candidates with the same tests passing and the rest out of steps get all of their time, then no more
FILTER_S = 0.4  # of processor time for the filter of one candidate, beside its tests: one that forks needs some of it
LEAST_DIRECT_S = 0.1  # of processor time for one of its tests: many times what their steps take, where steps are small
ERROR_CHARACTERS = 2_000
SLOWER_STEPS = 3.0  # times its own steps: nobody else takes some of them
LONGER = 3.0  # times what the tests took, with the processes that they start, before a candidate has hung
HUNG_STEPS = 10  # times the least steps, to see whether a test that hung only needed some time
STEPS_AT_MOST = 2_000_000  # a second or so
CALIBRATED = 200  # passing tests that say how many steps a test needs
UNSWAPPABLE = -1  # in the place of a test

_now, _used = time.perf_counter, time.process_time  # kept, whatever tests replace


class Hung(BaseException):
    """A test took more processor time than it has."""


class Timed(NamedTuple):
    """What a test is given."""

    number: int
    seconds: float


def main(descriptor: int) -> None:
    """Serve until nobody asks any more."""
    scratch = tempfile.mkdtemp(prefix="mendd-")
    pid = os.fork()
    if pid:
        os.close(descriptor)
        watch(pid, scratch)
        return
    connection = socket.socket(fileno=high(descriptor))
    told = heard(connection)
    if told is None:
        return
    quiet = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(quiet, stream)
    root, limits = told["root"], Limits(*told["limits"])
    os.chdir(root)
    sys.dont_write_bytecode = True
    here = os.path.dirname(os.path.abspath(__file__))
    paths = [path for path in (root, os.path.join(root, "src")) if os.path.isdir(path)]
    sys.path[:] = paths + [path for path in sys.path if os.path.abspath(path) != here]
    sys.argv[1:] = told["places"]
    forks = Forks(root, limits, Tree(root), scratch)
    try:
        server = Server(told, limits, forks, connection)
        if told["fresh"]:
            server.serve_fresh()
        else:
            server.tracer.start()
            collect(told["runner"], told["places"], server.serve)
    finally:
        os._exit(0)


class Server:
    """Everything that is known in the server."""

    def __init__(self, told: Dict[str, Any], limits: Limits, forks: Forks, connection: socket.socket) -> None:
        self.told, self.limits, self.forks, self.connection = told, limits, forks, connection
        self.root: str = told["root"]
        self.sources: Dict[str, str] = told["sources"]
        self.paths = sorted(self.sources)
        self.notes, self.lines = Tape(NOTES_BYTES), Lines(LINE_CELLS)
        self.tracer: Tracer = tracer([os.path.join(self.root, path) for path in self.paths], self.lines)
        self.suite: Any = None

    # The session that is collected once

    def serve(self, suite: Any) -> None:
        """Answer until nobody asks; never come back to the runner."""
        self.tracer.stop()
        imported = self.lines.read()
        self.suite = suite
        self.imported = {self.paths[number]: set(found) for number, found in imported.items()}
        modules = swap.modules_of(self.sources, self.root)
        self.program = swap.Program(self.root, modules, self.imported)
        self.targets = [n for n, name in enumerate(suite.ids) if name in set(self.told["targets"])]
        self.seconds: Dict[int, float] = {}  # of the wall clock; none of a test that hung, for it has none of its own
        self.used: Dict[int, float] = {}  # the same of a processor, which the limits of tests are counted in
        self.kept: List[int] = []
        self.direct: Dict[int, Callable[[], Any]] = {}
        self.steps = self.limits.steps
        self.in_vain: Dict[FrozenSet[int], int] = {}  # what passed where the rest hung, and that time did not help
        self.tank = fuel.tank()
        fuel.install(self.tank.step)
        answer(self.connection, {"ids": suite.ids, "imported": {k: sorted(v) for k, v in self.imported.items()}})
        while True:
            asked = heard(self.connection)
            if asked is None:
                break
            answer(self.connection, getattr(self, f"do_{asked.pop('do')}")(**asked))
        self.filter.end()
        os._exit(0)

    def do_measure(self) -> Dict[str, Any]:
        """Run all tests as they are: which pass, and how long they take."""
        targets = set(self.targets)
        order = [n for n in range(len(self.suite.ids)) if n not in targets] + self.targets
        results: Dict[int, Dict[str, Any]] = {}
        hung = False
        deadline = time.monotonic() + self.limits.all_seconds
        while order and time.monotonic() < deadline:
            seconds = HUNG_AGAIN_S if hung else self._patience(results)
            timed = [Timed(n, self.limits.test_seconds if n not in targets else seconds) for n in order]
            _, found = self._run(timed, deadline - time.monotonic(), stop_when_hung=True)
            results.update(found)
            hung = hung or any(each["hung"] for each in found.values())
            done = set(found) or {order[0]}  # what has not even begun will never end
            order = [n for n in order if n not in done]
        self.hung = {n for n, each in results.items() if each["hung"]}
        self.seconds = {n: each["seconds"] for n, each in results.items() if n not in self.hung}
        self.used = {n: results[n]["used"] for n in self.seconds}
        self.kept = sorted(n for n, each in results.items() if each["passed"])
        self.targets = [n for n in self.targets if n not in self.kept]  # what passes already is to stay so
        self._calibrate()
        return {
            "results": {str(n): each for n, each in results.items()},
            "steps": self.steps,
            "direct": len(self.direct),
        }

    def _patience(self, results: Dict[int, Dict[str, Any]]) -> float:
        longest: float = max([each["used"] for each in results.values() if each["passed"]] or [0.0])
        return min(self.limits.test_seconds, max(LEAST_TEST_S, SLOWER * longest))

    def do_trace(self, numbers: List[int], seconds: float) -> Dict[str, Any]:
        """The lines that each of these tests runs, and where it fails."""
        order, found = list(numbers), {}
        deadline = time.monotonic() + seconds
        while order and time.monotonic() < deadline:
            timed = [Timed(n, self._traced_s(n)) for n in order]
            _, some = self._run(timed, deadline - time.monotonic(), traced=True, stop_when_hung=False)
            done = set(some) or {order[0]}
            found.update(some)
            order = [n for n in order if n not in done]
        return {"results": {str(n): each for n, each in found.items()}}

    def _traced_s(self, number: int) -> float:
        if number in self.hung:
            return HUNG_AGAIN_S
        return max(LEAST_TEST_S, min(self.limits.test_seconds, TRACING_SLOWER * self.used.get(number, 0.0)))

    def do_take_apart(self, numbers: List[int], seconds: float) -> Dict[str, Any]:
        """The asserts of these tests, one by one."""
        parts: Dict[str, Any] = {}
        deadline = time.monotonic() + seconds
        for number in numbers:
            function = self.suite.function(number) if number in self.direct else None
            code = asserts.in_shells(function) if function else None
            if code is None or time.monotonic() > deadline:
                continue
            self.notes.clear()
            self.lines.clear()
            self.forks.run(partial(self._take_apart, number, function, code), SLACK_S)
            found = [each for each in self.notes.read() if each.get("part")]
            if len(found) > 1:
                parts[str(number)] = found
        return {"parts": parts}

    def _take_apart(self, number: int, function: Any, code: Any) -> None:
        self.notes.take()

        def ended(error: Optional[BaseException]) -> None:
            self.notes.tell(part=True, passed=error is None, lines=self._lines(), **self._cause(error))
            self.tank.fill(self.steps)
            self.tracer.begin()

        function.__code__ = code
        function.__globals__[asserts.SHELL] = asserts.Shell(ended)
        self.put_fuel()
        self.tank.fill(self.steps)
        self.tracer.start()
        try:
            self.direct[number]()
        except BaseException as error:  # noqa: BLE001  what is raised between the asserts ends the test
            if self.notes.read()[-1:] != [] or self._lines():
                ended(error)

    def do_try_(self, changes: Dict[str, str], rungs: int = 3) -> Dict[str, Any]:
        """Up the ladder, as far as the candidate gets."""
        felt = self.filter.tried(changes, self.aim) if self.aim.targets else None
        if felt is not None and (self._is_refused(felt) or rungs == 1):
            return _verdict(self._names(felt.fixed), self._names(felt.broken), hung=felt.hung, rung=1)
        try:
            plan = self.program.plan(changes)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return _verdict([], [], rung=1)
        fixed = felt.fixed if felt is not None else []
        part = frozenset(fixed) if felt is not None and felt.hung else frozenset()
        if part and self.in_vain.get(part, 0) >= IN_VAIN:
            return _verdict(self._names(fixed), [], hung=True, rung=1)
        is_asked = rungs == 2  # noqa: PLR2004  for the second rung alone
        if is_asked or not plan.is_exact or (not part and len(fixed) < len(self.targets)):
            found, hung = self._judged(self.targets, plan, part)
            fixed = [n for n in self.targets if n in found and found[n]["passed"]]
            unsure = UNSWAPPABLE in found or (bool(fixed) and not plan.is_exact)
            if unsure or not fixed or is_asked:
                return _verdict(self._names(fixed), [], hung=hung, rung=2, unsure=unsure)
        found, hung = self._judged(sorted({*self.kept, *self.targets}), plan, part)
        if part and hung:
            self.in_vain[part] = self.in_vain.get(part, 0) + 1
            return _verdict(self._names(sorted(part)), [], hung=True, rung=3)
        return self._told(found, hung=hung)

    def _is_refused(self, felt: Felt) -> bool:
        """Whether the rungs above would say no more."""
        if not felt.fixed or felt.broken:
            return True
        is_part = len(felt.fixed) < len(self.targets) and (felt.failed or not felt.hung)
        return is_part and set(self.direct) >= {*self.targets, *self.kept}

    def _told(self, found: Dict[int, Dict[str, Any]], *, hung: bool) -> Dict[str, Any]:
        passed = {n for n, each in found.items() if each["passed"]}
        fixed = [n for n in self.targets if n in passed]
        broken = [n for n in self.kept if n not in passed]
        all_pass = bool(self.targets) and len(fixed) == len(self.targets) and not broken
        return _verdict(self._names(fixed), self._names(broken), passed=all_pass, hung=hung, rung=3)

    def _judged(self, numbers: Sequence[int], plan: swap.Plan, part: FrozenSet[int]) -> Any:
        """These tests on the candidate, in a fork of their own. `part`: the targets that pass while others go on."""
        timed = [Timed(n, self._limit(n, part)) for n in numbers]
        longest = max((each.seconds for each in timed if each.number in self.targets), default=0.0)
        own = sum(min(self.seconds.get(n, 0.0), self.limits.test_seconds) for n in numbers)
        wall = min(self.limits.all_seconds, SLACK_S + longest + SLOWER * own)
        ended, found = self._run(timed, wall, stop_when_hung=True, before=plan.apply)
        return found, not ended or any(each.get("hung") for each in found.values())

    def _limit(self, number: int, part: FrozenSet[int]) -> float:
        """Where others go on, the time of one depends on how many pass: who mends most is worth waiting for."""
        least = LEAST_TARGET_S if number in self.targets else LEAST_TEST_S
        if part and number in self.targets:
            share = len(part) / len(self.targets)
            least = max(LEAST_TEST_S, self.limits.test_seconds * share**2)
        return min(self.limits.test_seconds, max(least, SLOWER * self.used.get(number, 0.0)))

    def _run(self, timed: Sequence[Timed], wall: float, **how: Any) -> Any:
        """Run tests in a fork; whether it came to its end, and what is known of each."""
        self.notes.clear()
        self.lines.clear()
        ended = self.forks.run(lambda: self._work(timed, **how), wall)
        found: Dict[int, Dict[str, Any]] = {}
        begun = None
        for each in self.notes.read():
            if "begun" in each:
                begun = each["begun"]
                continue
            found[each.pop("n")] = each
            begun = None
        if begun is not None:  # it was killed, or went away
            lines = {str(number): lines for number, lines in self.lines.read().items()}
            found[begun] = {"passed": False, "seconds": 0.0, "used": 0.0, "hung": not ended.in_time, "lines": lines}
            found[begun].update(error="it never came back", frames=[])
        return ended.in_time, found

    def _work(
        self,
        timed: Sequence[Timed],
        *,
        stop_when_hung: bool,
        traced: bool = False,
        before: Callable[[], None] = lambda: None,
    ) -> None:
        """In the fork: run, and tell."""
        self.notes.take()
        try:
            before()
        except swap.Unswappable:
            self.notes.tell(n=UNSWAPPABLE, passed=False)
            return
        limits = {each.number: each.seconds for each in timed}
        hung = False
        began = had = 0.0

        def ring(*_: Any) -> None:
            nonlocal hung
            hung = True
            raise Hung("it takes too long")

        def begin(number: int) -> None:
            nonlocal hung, began, had
            self.notes.tell(begun=number)
            if traced:
                self.tracer.begin()
            hung, began, had = False, _now(), _used()
            signal.setitimer(signal.ITIMER_PROF, limits[number])

        def end(number: int, passed: bool, raised: Optional[BaseException]) -> None:  # noqa: FBT001  as the suites call it
            signal.setitimer(signal.ITIMER_PROF, 0)
            took = {"seconds": round(_now() - began, 6), "used": round(_used() - had, 6)}
            more = {"lines": self._lines(), **self._cause(raised)} if traced else {}
            self.notes.tell(n=number, passed=passed and not hung, hung=hung, **took, **more)
            if hung and stop_when_hung:
                os._exit(0)

        signal.signal(signal.SIGPROF, ring)
        if traced:
            self.tracer.start()
        self.suite.run([each.number for each in timed], Heard(begin, end))

    def _lines(self) -> Dict[str, List[int]]:
        return {str(number): lines for number, lines in self.lines.read().items()}

    def _cause(self, error: Optional[BaseException]) -> Dict[str, Any]:
        """What an exception says, and where it passed through own code, innermost last."""
        if error is None:
            return {"error": "", "frames": []}
        frames: List[List[int]] = []
        trace = error.__traceback__
        while trace is not None:
            number = self.tracer.number(trace.tb_frame.f_code.co_filename)
            if number is not None and frames[-1:] != [[number, trace.tb_lineno]]:  # a recursion says it once
                frames.append([number, trace.tb_lineno])
            trace = trace.tb_next
        try:
            said = str(error)
        except BaseException:  # noqa: BLE001  its __str__ is code of the repository
            said = "<unprintable>"
        text = f"{type(error).__name__}: {said}"[:ERROR_CHARACTERS]
        return {"error": text.encode("utf-8", "backslashreplace").decode(), "frames": frames[-20:]}

    def _names(self, numbers: Sequence[int]) -> List[str]:
        return [self.suite.ids[n] for n in numbers]

    def _calibrate(self) -> None:
        """Which tests can be called without the runner around them, and how many steps they need."""
        self.fueled = {module.path: module.fueled() for module in self.program.modules.values()}
        sample = [n for n in self.kept if n not in self.targets][:CALIBRATED]
        calls = {n: call for n in [*sample, *self.targets] for call in [self.suite.direct(n)] if call is not None}
        self.notes.clear()
        wall = SLACK_S + SLOWER * sum(self.seconds.get(n, 0.0) for n in calls)
        self.forks.run(lambda: self._try_directly(calls), wall)
        told = {each["n"]: each for each in self.notes.read() if "n" in each}
        alike = {n for n, each in told.items() if each["passed"] == (n in self.kept)}
        self.direct = {n: calls[n] for n in calls if n in alike and (told[n]["ended"] or n in self.hung)}
        used = [each["used"] for each in told.values() if each["passed"]]
        self.steps = min(STEPS_AT_MOST, max([self.limits.steps, *(int(SLOWER * steps) for steps in used)]))
        self.aim = self._aim(told)
        gc.freeze()  # a collection in a fork would copy every page of what is here
        self.filter = Filter(self.forks, self.program, self.fueled, self.tank)

    def _aim(self, told: Dict[int, Dict[str, Any]]) -> Aim:
        """What is called directly, the cheapest first: most candidates fail everything. What never ended comes last."""
        steps = {n: self._steps_of(told[n]) for n in self.direct}
        seconds = {n: max(LEAST_DIRECT_S, SLOWER * told[n]["seconds"] * told[n]["ended"]) for n in steps}
        order = sorted(steps, key=lambda n: (not told[n]["ended"], steps[n], n))
        return Aim(
            {n: self.direct[n] for n in order if n in self.targets},
            {n: self.direct[n] for n in order if n not in self.targets},
            steps,
            seconds,
            self.limits.steps,
            FILTER_S + max(seconds.values(), default=0.0) + LONGER * sum(self.seconds.get(n, 0.0) for n in steps),
        )

    def _steps_of(self, told: Dict[str, Any]) -> int:
        """For a test that came to its end, whatever that was, some times as many as it took."""
        if not told["ended"]:
            return self.steps
        return min(STEPS_AT_MOST, max(self.limits.steps, int(SLOWER_STEPS * told["used"])))

    def put_fuel(self) -> None:
        """In a fork: count the steps of all own code."""
        for path, codes in self.fueled.items():
            swap.put(self.program.modules[path], codes)

    def _try_directly(self, calls: Dict[int, Callable[[], Any]]) -> None:
        """Each once, and again if everything could be put back: what then says something else remembers unseen."""
        self.notes.take()
        self.put_fuel()
        listen()
        before = state.fit(swap.modules_below(self.root))
        targets = set(self.targets)
        for number in sorted(calls, key=lambda n: (n in self.hung, n in targets)):
            hung = number in self.hung
            steps = HUNG_STEPS * self.limits.steps if hung else STEPS_AT_MOST
            most = LEAST_TEST_S if hung else self.limits.test_seconds
            began = _used()
            end = went(calls[number], self.tank, steps, most)
            seconds, left = _used() - began, self.tank.left()
            if end is Went.PASSED and before is not None and before.restored():
                end = went(calls[number], self.tank, steps, most)
            passed, ended = end is Went.PASSED, end is not Went.ON
            self.notes.tell(n=number, passed=passed, ended=ended, used=steps - left, seconds=seconds)

    # A candidate whose modules have to be imported anew

    def serve_fresh(self) -> None:
        """For each question a fork that collects the tests anew."""
        if self.told["runner"] == "pytest":
            import pytest  # noqa: F401, PLC0415  what every fork needs

        answer(self.connection, {"ids": [], "imported": {}})
        while True:
            asked = heard(self.connection)
            if asked is None:
                break
            self.limit = {name: float(seconds) for name, seconds in asked["seconds"].items()}
            self.notes.clear()
            ended = self.forks.run(lambda: self._anew(asked["changes"]), asked["wall"])  # noqa: B023  it ends before the next
            passed = [each["id"] for each in self.notes.read() if each.get("passed")]
            answer(self.connection, {"passed": passed, "hung": not ended.in_time})
        os._exit(0)

    def _anew(self, changes: Dict[str, str]) -> None:
        self.notes.take()
        swap.change_on_the_way_in(changes, self.root)

        def ring(*_: Any) -> None:
            raise Hung("it takes too long")

        def serve(suite: Any) -> None:
            wanted = [n for n, name in enumerate(suite.ids) if name in self.limit]
            signal.signal(signal.SIGPROF, ring)
            suite.run(
                wanted,
                Heard(
                    lambda n: signal.setitimer(signal.ITIMER_PROF, self.limit[suite.ids[n]]) and None,
                    lambda n, passed, _: self.notes.tell(id=suite.ids[n], passed=passed),
                ),
            )
            os._exit(0)

        collect(self.told["runner"], self.told["places"], serve)


def _verdict(fixed: List[str], broken: List[str], *, rung: int, **more: bool) -> Dict[str, Any]:
    plain = {"passed": False, "hung": False, "unsure": False}
    return {**plain, "fixed": fixed, "broken": broken, "rung": rung, **more}
