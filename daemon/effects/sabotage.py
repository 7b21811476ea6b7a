"""Tests that passed are run again on code that was changed: what breaks it has to matter, and nothing else may.

Code under test shares a process with whoever runs the tests, so it can forge what a session tells. Here nothing is
told: each run is a process of its own, of a fresh copy, and only its end counts, as the sandbox saw it. Code that
forges this as well passes whatever is broken in it, which shows, unless it can tell a fault from a mere other spelling.
"""

import math
from collections.abc import Mapping, Sequence

from anyio import current_time
from msgspec import Struct

from daemon.effects.sandbox import Ran
from daemon.effects.tryout import Tryout
from daemon.text.measured import Fault, Put

QUICKEST_S = 30.0  # for tests that wait; generous, since a busy machine must not look like a fault
SLOWER = 5  # times as long as without a fault; a fault that makes an endless loop is noticed, too
SAME = '\n\nif __name__ == "":\n    pass\n'  # at the end of a file: other bytes, another tree, the same meaning
BROKEN = '\n\nraise RuntimeError("broken to see whether the tests notice")\n'
CANNOT_FAIL = "the tests cannot fail: they pass"


class Sabotage(Struct):
    """Tests that passed: what pytest is asked, the code that they are for, and how long a run and all of them take."""

    tryout: Tryout
    words: Sequence[str]
    files: Mapping[str, str]
    tested: Sequence[str]
    run_s: float
    until: float
    fixed: Sequence[str] = ()

    async def doubt(self, called: Sequence[Put]) -> str:
        """Why it is not believed that they passed, or "". `called`: the faults in what they call."""
        again = await self._run({}, self.run_s)
        if not again.passed:
            return "run again in a fresh copy, they do not pass"
        self.run_s = SLOWER * again.seconds
        if await self._notice(self._ending_with(SAME)):
            return "they do not pass where the same code is only written otherwise (two lines more that do nothing)"
        if hollow := _hollow(self.files, called):
            return "" if await self._notice(hollow) else f"{CANNOT_FAIL} although what they call does and gives nothing"
        broken = await self._notice(self._ending_with(BROKEN))
        return "" if broken else f"{CANNOT_FAIL} although no module of the project can be imported"

    async def tried(self, faults: Sequence[Put], *, up_to_the_first: bool = False) -> list[Fault]:
        """Which of these faults they notice, as far as there is time; or only up to the first one that they do."""
        seen: list[Fault] = []
        for fault in faults:
            if current_time() > self.until or (up_to_the_first and seen and seen[-1].noticed):
                break
            noticed = await self._notice({fault.path: fault.put_into(self.files[fault.path])})
            seen.append(Fault(f"{fault.path}:{fault.line}", fault.what, noticed))
        return seen

    async def _notice(self, changed: Mapping[str, str]) -> bool:
        return not (await self._run(changed, max(QUICKEST_S, self.run_s))).passed

    async def _run(self, changed: Mapping[str, str], seconds: float) -> Ran:
        """`run_s` bounds the processor's time, too: an endless loop ends by it, and a busy machine does not."""
        files = {**self.files, **changed}
        return await self.tryout.trial(self.words, files, seconds, math.ceil(self.run_s), self.fixed)

    def _ending_with(self, end: str) -> dict[str, str]:
        return {path: self.files[path] + end for path in self.tested}


def _hollow(files: Mapping[str, str], faults: Sequence[Put]) -> dict[str, str]:
    """The files with every call and every result left out, of those that these faults would leave out one by one."""
    left_out = [fault for fault in faults if fault.text == "None"]
    changed = {fault.path: files[fault.path] for fault in left_out}
    for fault in sorted(left_out, key=lambda one: -one.start):  # from the end, so that the places stay
        changed[fault.path] = fault.put_into(changed[fault.path])
    return changed


def spread(faults: Sequence[Put], count: int) -> Sequence[Put]:
    """So many of them, from everywhere."""
    if len(faults) <= count:
        return faults
    return [faults[place * len(faults) // count] for place in range(count)]
