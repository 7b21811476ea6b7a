"""The breaker: what is down is not asked by everybody, and is asked again."""

import anyio
import pytest

from daemon.effects.models import Answer, Health, Request, breaker
from daemon.effects.models.breaker import Breaker
from daemon.effects.world import Fault

REQUEST = Request(model="small", system="", prompt="p", num_ctx=512, num_predict=16, temperature=0.0, seed=1)
DOWN = "models_down: nobody listens"


class Failing:
    """Fails so often, and counts who asked."""

    def __init__(self, times: int, fault: str = "models_down") -> None:
        self.left, self.fault, self.asked = times, fault, 0

    async def ask(self, request: Request) -> Answer:
        self.asked += 1
        if self.left:
            self.left -= 1
            raise Fault(self.fault, "nobody listens")
        return Answer(text="an answer", model=request.model)

    async def health(self) -> Health:
        return Health()


def asked(models: Failing, times: int, pause_s: float = 1000.0) -> list[str]:
    async def ask() -> list[str]:
        guarded, said = Breaker(models), []
        for _ in range(times):
            try:
                said.append((await guarded.ask(REQUEST)).text)
            except Fault as fault:
                said.append(str(fault))
        return said

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(breaker, "FIRST_PAUSE_S", pause_s)
        patched.setattr(breaker, "LONGEST_PAUSE_S", pause_s)
        return anyio.run(ask)


def test_what_is_down_is_left_alone_after_two_faults() -> None:
    models = Failing(9)
    assert asked(models, 5) == [DOWN] * 5, "who tells each reason once would tell another wording again"
    assert models.asked == 2


def test_it_is_asked_again_when_the_pause_is_over() -> None:
    models = Failing(3)
    assert asked(models, 5, pause_s=0.0) == [DOWN] * 3 + ["an answer"] * 2


def test_a_fault_of_one_question_stops_no_other() -> None:
    models = Failing(4, "context_truncated")
    assert asked(models, 5)[-1] == "an answer"
    assert models.asked == 5


def test_one_fault_may_be_bad_luck() -> None:
    models = Failing(1)
    assert asked(models, 3) == [DOWN, "an answer", "an answer"]


class Slow(Failing):
    """Fails when it is let go."""

    def __init__(self, times: int) -> None:
        super().__init__(times)
        self.let_go = anyio.Event()

    async def ask(self, request: Request) -> Answer:
        await self.let_go.wait()
        return await super().ask(request)


def test_one_tries_however_long_that_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pause of nothing is over before anybody asks: only who tries keeps the others out, and only until then."""
    monkeypatch.setattr(breaker, "FIRST_PAUSE_S", 0.0)
    models = Slow(9)

    async def one(guarded: Breaker) -> None:
        with pytest.raises(Fault, match=DOWN):
            await guarded.ask(REQUEST)

    async def crowds() -> list[int]:
        guarded, asked = Breaker(models), []
        for size in (breaker.OPENS_AFTER, 4, 4):
            models.let_go = anyio.Event()
            async with anyio.create_task_group() as group:
                for _ in range(size):
                    group.start_soon(one, guarded)
                await anyio.wait_all_tasks_blocked()
                models.let_go.set()
            asked.append(models.asked)
        return asked

    assert anyio.run(crowds) == [2, 3, 4]
