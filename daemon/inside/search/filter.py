"""The lowest rung: the failing tests called directly, with loop fuel, and many candidates in one fork.

As long as what a candidate leaves can be put back (`state.py`), the next one meets what the first one met; else the
fork is thrown away. What passes here is tried again on the rungs above; what does not has failed the targets.
"""

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
HANGS_SEEN = 3  # the same, where they run out of steps: one that only needs many is no reason to refuse all
HUNG_AGAIN = 10  # the part of their steps that the targets after one that hung get: it is refused anyway
ALONE_AFTER = 16  # forks that were thrown away, half of them after one candidate: then nobody takes photographs

Call = Callable[[], Any]


class Felt(NamedTuple):
    """The targets that passed, the first test that no longer does, and whether one went on for too long."""

    fixed: List[int]
    broken: List[int]
    hung: bool


class Aim(NamedTuple):
    """The tests that can be called directly: those that are to pass, and those that are to stay so."""

    targets: Dict[int, Call]
    kept: Dict[int, Call]
    steps: Dict[int, int]  # that each of these tests may take
    seconds: float  # that all of them may take


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
        patience = Patience(self._pid, aim.seconds)
        told: Optional[Dict[str, Any]] = None
        hung = False
        try:
            connection.settimeout(aim.seconds)
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
            [n for n in fixed if n in aim.targets], [n for n in broken if n in aim.kept], bool(told.get("hung"))
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
        failed = hung = 0
        for number, call in aim.targets.items():
            went = self._went(call, aim.steps[number] // (HUNG_AGAIN if hung else 1))
            fixed += [number] if went else []
            failed += went is False
            hung += went is None
            if failed >= FAILURES_SEEN or hung >= HANGS_SEEN:
                break
        if not fixed:
            return Felt([], [], hung=hung > 0)
        is_clean = self._before is not None and self._before.restored()
        if is_clean:
            plan.apply()
        for number, call in aim.kept.items():
            went = self._went(call, aim.steps[number])
            if not went and (is_clean or len(fixed) < len(aim.targets)):
                return Felt(fixed, [number], hung=went is None)
            if not went:
                break  # perhaps it only met what the targets left: the rungs above will tell
        return Felt(fixed, [], hung=hung > 0)

    def _went(self, call: Call, steps: int) -> Optional[bool]:
        """Whether the test passes; None where it went on for too long."""
        self._tank.fill(steps)
        try:
            call()
        except OutOfFuel:
            return None
        except BaseException:  # noqa: BLE001  tests may raise anything, too
            return False
        return True


def _readable(connection: socket.socket, patience: Patience) -> bool:
    """Whether something comes, or the end, before the patience does."""
    left = patience.left()
    while left > 0:
        if select.select([connection], [], [], left)[0]:
            return True
        left = patience.left()
    return False
