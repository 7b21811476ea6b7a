"""The lowest rung: the failing tests called directly, with loop fuel, and many candidates in one fork.

As long as what a candidate leaves can be put back (`state.py`), the next one meets what the first one met; else the
fork is thrown away. What passes here is tried again on the rungs above; what does not has failed the targets.
"""

import enum
import os
import select
import signal
import socket
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from . import state, swap
from .forks import Forks, Patience, high
from .fuel import OutOfFuel, Tank
from .messages import NoMessage, answer, heard

CANDIDATES_OF_A_FORK = 256  # after as many it is made anew, for what nobody saw
FAILURES_SEEN = 20  # targets that are tried after one has failed: how many pass is what a partial repair is worth
HANGS_SEEN = 3  # the same, where they run out of steps or call themselves for ever: others will, too
HUNG_AGAIN = 10  # the part of their steps that the targets after one that hung get
RING_AGAIN_S = 0.05  # for a test that swallows what ends it
ALONE_AFTER = 16  # forks that were thrown away, half of them after one candidate: then nobody takes photographs

Call = Callable[[], Any]


class Went(enum.Enum):
    """What became of a test."""

    PASSED, FAILED, DEEPER, ON = range(4)  # it called itself too often; it went on for too long


class Felt(NamedTuple):
    """The targets that passed, the first test that no longer does, whether one went on for too long, or failed."""

    fixed: List[int]
    broken: List[int]
    hung: bool
    failed: bool = False


class Aim(NamedTuple):
    """The tests that can be called directly: those that are to pass, and those that are to stay so."""

    targets: Dict[int, Call]
    kept: Dict[int, Call]
    steps: Dict[int, int]  # that each of these tests may take
    seconds: Dict[int, float]  # of processor time, the same: a step may be a long one
    plenty: int  # steps for a target after one has failed, which only says what a partial repair is worth
    patience_s: float  # for all of them, after which the fork is ended from outside


class Filter:
    """Keeps a fork at hand."""

    def __init__(
        self,
        forks: Forks,
        program: swap.Program,
        fueled: Dict[str, swap.Codes],
        tank: Tank,
    ) -> None:
        self._forks, self._program, self._fueled, self._tank = forks, program, fueled, tank
        self._pid = 0
        self._connection: Optional[socket.socket] = None
        self._tried = self._thrown = self._lonely = 0
        self._before: Optional[state.State] = None  # in the fork

    def tried(self, changes: Dict[str, str], aim: Aim) -> Optional[Felt]:
        """What the candidate does for the tests; None where this rung cannot say."""
        if self._connection is None:
            self._begin(aim)
        connection = self._connection
        if connection is None:
            return None
        self._tried += 1
        patience = Patience(self._pid, aim.patience_s)
        told: Optional[Dict[str, Any]] = None
        hung = False
        try:
            connection.settimeout(aim.patience_s)
            answer(connection, changes)
            hung = not _readable(connection, patience)
            told = None if hung else heard(connection)
        except (OSError, NoMessage):
            told = None
        if told is None or not told.get("same") or self._forks.was_rude() or self._tried >= CANDIDATES_OF_A_FORK:
            self._throw_away()
        if hung:
            return Felt([], [], hung=True)
        fixed, broken = (told.get("fixed"), told.get("broken")) if told is not None else (None, None)
        if told is None or not isinstance(fixed, list) or not isinstance(broken, list):
            return None
        return Felt(
            [n for n in fixed if n in aim.targets],
            [n for n in broken if n in aim.kept],
            bool(told.get("hung")),
            bool(told.get("failed")),
        )

    def end(self) -> None:
        """Let the fork go."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
            self._forks.end(self._pid)

    def _throw_away(self) -> None:
        self._thrown += 1
        self._lonely += self._tried == 1
        self.end()

    def _begin(self, aim: Aim) -> None:
        ours, theirs = socket.socketpair()
        descriptor = high(theirs.detach())
        alone = self._thrown >= ALONE_AFTER and 2 * self._lonely > self._thrown
        self._tried = 0
        self._pid = self._forks.start(lambda: self._serve(descriptor, aim, alone=alone), [descriptor])
        self._forks.spare(self._pid)
        os.close(descriptor)
        self._connection = ours

    # In the fork

    def _serve(self, descriptor: int, aim: Aim, *, alone: bool) -> None:
        me = os.getpid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        listen()
        connection = socket.socket(fileno=descriptor)
        for path, codes in self._fueled.items():
            swap.put(self._program.modules[path], codes)
        self._before = None if alone else state.fit(swap.modules_below(self._program.root))
        while True:
            changes = heard(connection)
            if changes is None:
                return
            told = self._try(changes, aim)
            if os.getpid() != me:
                return
            told["same"] = bool(told["same"]) and self._before is not None and self._before.restored()
            answer(connection, told)

    def _try(self, changes: Dict[str, str], aim: Aim) -> Dict[str, Any]:
        try:
            plan = self._program.plan(changes, with_fuel=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return {**Felt([], [], hung=False)._asdict(), "same": True}
        self._tank.fill(max(aim.steps.values()))
        try:
            plan.apply()
        except swap.Unswappable:
            return {"fixed": None, "same": False}
        except OutOfFuel:
            return {**Felt([], [], hung=True)._asdict(), "same": False}
        except BaseException:  # noqa: BLE001  the module's own code may raise anything; perhaps not if imported anew
            return {"fixed": None, "same": False}
        felt = self._felt(aim, plan)
        for module, codes in plan.codes:
            swap.put(module, {key: self._fueled[module.path][key] for key in codes})
        return {**felt._asdict(), "same": not plan.later}

    def _felt(self, aim: Aim, plan: swap.Plan) -> Felt:
        fixed: List[int] = []
        failed = hung = endless = 0
        for number, call in aim.targets.items():
            steps = min(aim.steps[number], aim.plenty) if failed else aim.steps[number]
            end = went(call, self._tank, steps // (HUNG_AGAIN if hung else 1), aim.seconds[number])
            fixed += [number] if end is Went.PASSED else []
            failed += end in (Went.FAILED, Went.DEEPER)
            hung += end is Went.ON
            endless += end in (Went.DEEPER, Went.ON)
            if failed >= FAILURES_SEEN or endless >= HANGS_SEEN:
                break
        felt = Felt(fixed, [], hung=hung > 0, failed=failed > 0)
        if not fixed:
            return felt
        is_clean = self._before is not None and self._before.restored()
        if is_clean:
            plan.apply()
        for number, call in aim.kept.items():
            end = went(call, self._tank, aim.steps[number], aim.seconds[number])
            if end is not Went.PASSED and (is_clean or len(fixed) < len(aim.targets)):
                return felt._replace(broken=[number], hung=end is Went.ON)
            if end is not Went.PASSED:
                break  # perhaps it only met what the targets left: the rungs above will tell
        return felt


def listen() -> None:
    """In a fork: let `went` end what takes too long."""
    signal.signal(signal.SIGPROF, _ring)


def went(call: Call, tank: Tank, steps: int, seconds: float) -> Went:
    """What becomes of a test that has so many steps, and so much of a processor."""
    tank.fill(steps)
    try:
        try:
            signal.setitimer(signal.ITIMER_PROF, seconds, RING_AGAIN_S)
            call()
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
    except OutOfFuel:
        return Went.ON
    except RecursionError:
        return Went.DEEPER
    except BaseException:  # noqa: BLE001  tests may raise anything, too
        return Went.FAILED
    return Went.PASSED


def _ring(*_: Any) -> None:
    raise OutOfFuel


def _readable(connection: socket.socket, patience: Patience) -> bool:
    """Whether something comes, or the end, before the patience does."""
    left = patience.left()
    while left > 0:
        if select.select([connection], [], [], left)[0]:
            return True
        left = patience.left()
    return False
