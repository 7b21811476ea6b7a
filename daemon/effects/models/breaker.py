"""A breaker per model: while one is known to be down, nobody waits for its time-outs; one of them tries, now and then.

Its memory is short on purpose: a new life of the daemon asks again.
"""

from anyio import current_time
from msgspec import Struct

from daemon.effects.models import Answer, Health, Models, Request
from daemon.effects.world import Fault

OPENS_AFTER = 2  # faults in a row: one may be bad luck
FIRST_PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0
# What says that the next question would end the same way, whatever it is.
TRIPS = frozenset(("models_down", "models_failed", "model_missing", "model_silent", "model_timeout", "bad_key"))


class State(Struct):
    """What is known of one model."""

    faults: int = 0
    last: tuple[str, str] = ("", "")  # its kind and message, to be told again to the word: it is the same reason
    closed_at: float = 0.0  # until then nobody asks
    trying: bool = False  # somebody does, after all; the others wait for what that one finds


class Breaker:
    """Asks others, unless they are known to be down."""

    def __init__(self, others: Models) -> None:
        self._others = others
        self._known: dict[str, State] = {}

    async def ask(self, request: Request) -> Answer:
        """The answer, or at once the fault that the last ones had."""
        state = self._known.setdefault(request.model, State())
        if state.trying or current_time() < state.closed_at:
            raise Fault(*state.last)
        trying = state.trying = state.faults >= OPENS_AFTER
        try:
            answer = await self._others.ask(request)
        except Fault as fault:
            if fault.fault in TRIPS:
                self._trip(state, fault)
            raise
        finally:
            if trying:
                state.trying = False
        self._known[request.model] = State()
        return answer

    async def health(self) -> Health:
        """That of the others; asking for it costs them nothing."""
        return await self._others.health()

    def _trip(self, state: State, fault: Fault) -> None:
        state.faults += 1
        state.last = fault.fault, fault.message
        if state.faults >= OPENS_AFTER:
            pause_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(state.faults - OPENS_AFTER, 10))
            state.closed_at = current_time() + pause_s
