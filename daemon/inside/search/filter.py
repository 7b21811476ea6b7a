"""The lowest rung: the failing tests called directly, with loop fuel, and many candidates in one fork.

As long as a candidate leaves everything as it was (`state.py`), the next one meets what the first one met; else the
fork is thrown away. What passes here is tried again on the rungs above; what does not has failed the targets.
"""

import os
import signal
import socket
from typing import Any, Callable, Dict, List, NamedTuple, Optional

from . import state, swap
from .forks import Forks, high
from .fuel import OutOfFuel, Tank
from .messages import NoMessage, answer, heard

CANDIDATES_OF_A_FORK = 256  # after as many it is made anew, for what nobody saw
FAILURES_SEEN = 20  # targets that are tried after one has failed: how many pass is what a partial repair is worth
ALONE_AFTER = 16  # forks that were thrown away, half of them after one candidate: then nobody takes photographs

Call = Callable[[], Any]


class Felt(NamedTuple):
    """The targets that passed, and whether one went on for too long."""

    fixed: List[int]
    hung: bool


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

    def tried(self, changes: Dict[str, str], aim: Dict[int, Call], steps: int, seconds: float) -> Optional[Felt]:
        """What the candidate does for the targets; None where this rung cannot say."""
        if self._connection is None:
            self._begin(aim, steps)
        connection = self._connection
        if connection is None:
            return None
        self._tried += 1
        connection.settimeout(seconds)
        told: Optional[Dict[str, Any]] = None
        hung = False
        try:
            answer(connection, changes)
            told = heard(connection)
        except socket.timeout:
            hung = True
        except (OSError, NoMessage):
            told = None
        if told is None or not told.get("same") or self._forks.was_rude() or self._tried >= CANDIDATES_OF_A_FORK:
            self._throw_away()
        if hung:
            return Felt([], hung=True)
        if told is None or not isinstance(told.get("fixed"), list):
            return None
        return Felt([n for n in told["fixed"] if n in aim], bool(told.get("hung")))

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

    def _begin(self, aim: Dict[int, Call], steps: int) -> None:
        ours, theirs = socket.socketpair()
        descriptor = high(theirs.detach())
        alone = self._thrown >= ALONE_AFTER and 2 * self._lonely > self._thrown
        self._tried = 0
        self._pid = self._forks.start(lambda: self._serve(descriptor, aim, steps, alone=alone), [descriptor])
        self._forks.spare(self._pid)
        os.close(descriptor)
        self._connection = ours

    # In the fork

    def _serve(self, descriptor: int, aim: Dict[int, Call], steps: int, *, alone: bool) -> None:
        me = os.getpid()
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        connection = socket.socket(fileno=descriptor)
        for path, codes in self._fueled.items():
            swap.put(self._program.modules[path], codes)
        before = None if alone else state.fit(swap.modules_below(self._program.root))
        while True:
            changes = heard(connection)
            if changes is None:
                return
            told = self._try(changes, aim, steps)
            if os.getpid() != me:
                return
            told["same"] = bool(told["same"]) and before is not None and before.is_same()
            answer(connection, told)

    def _try(self, changes: Dict[str, str], aim: Dict[int, Call], steps: int) -> Dict[str, Any]:
        try:
            plan = self._program.plan(changes, with_fuel=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return {"fixed": [], "hung": False, "same": True}
        self._tank.fill(steps)
        try:
            plan.apply()
        except swap.Unswappable:
            return {"fixed": None, "same": False}
        except OutOfFuel:
            return {"fixed": [], "hung": True, "same": False}
        except BaseException:  # noqa: BLE001  the module's own code may raise anything; perhaps not if imported anew
            return {"fixed": None, "same": False}
        felt = self._felt(aim, steps)
        for module, codes in plan.codes:
            swap.put(module, {key: self._fueled[module.path][key] for key in codes})
        return {"fixed": felt.fixed, "hung": felt.hung, "same": plan.is_exchange}

    def _felt(self, aim: Dict[int, Call], steps: int) -> Felt:
        fixed: List[int] = []
        failed = 0
        for number, call in aim.items():
            self._tank.fill(steps)
            try:
                call()
            except OutOfFuel:
                return Felt(fixed, hung=True)
            except BaseException:  # noqa: BLE001  tests may raise anything, too
                failed += 1
                if failed >= FAILURES_SEEN:
                    break
            else:
                fixed.append(number)
        return Felt(fixed, hung=False)
