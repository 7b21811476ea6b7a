"""Each way in which a call to Ollama goes wrong: it becomes a fault with its own name, or an answer that says so."""

import gc
from collections.abc import Iterator, Mapping
from threading import Barrier
from typing import Any

import anyio
import pytest

from daemon.effects.models import Answer, Request
from daemon.effects.models.ollama import Ollama
from daemon.effects.world import Fault
from daemon.settings import Settings, resolve
from tests.fakes.ollama_server import OllamaServer, Reply, Rule, Rules, always

REQUEST = Request(
    model="tiny", system="You mend.", prompt="mend it", num_ctx=2048, num_predict=64, temperature=0.2, seed=7
)
CALM = {"model_first_byte_s": 30, "model_silence_s": 30, "model_call_s": 30, "model_windows": [2048, 4096, 8192]}


def settings(server: OllamaServer, **layer: Any) -> Settings:  # noqa: ANN401  settings
    return resolve([("test", CALM | {"ollama_url": server.url} | layer)])[0]


def ask(server: OllamaServer, request: Request = REQUEST, **layer: Any) -> Answer:  # noqa: ANN401  settings
    return anyio.run(Ollama(settings(server, **layer)).ask, request)


def fault(server: OllamaServer, request: Request = REQUEST, **layer: Any) -> Fault:  # noqa: ANN401  settings
    with pytest.raises(Fault) as caught:
        ask(server, request, **layer)
    return caught.value


@pytest.fixture(autouse=True)
def _nothing_stays_open() -> Iterator[None]:
    """A socket that was left open warns when it is collected, and a warning fails the test."""
    yield
    gc.collect()


HALF = "half an answer, and then "
TROUBLES: list[tuple[Reply, str, str, Mapping[str, object]]] = [
    (Reply(status=500, error="CUDA error: out of memory"), "models_failed", "out of memory", {}),
    (Reply(status=502, error="bad gateway"), "models_failed", "bad gateway", {}),
    (Reply(status=503, error="server busy, please try again."), "models_busy", "busy", {}),
    (Reply(status=429, error="slow down"), "models_busy", "slow down", {}),
    (Reply(status=401, error="unauthorized"), "bad_key", "unauthorized", {}),
    (Reply(status=400, error='"tiny" does not support chat'), "request_refused", "does not support", {}),
    (Reply(status=404, error="404 page not found"), "models_down", "no Ollama server", {}),
    (Reply(HALF, then="error"), "answer_broken", "unexpected EOF", {}),
    (Reply(HALF, then="cut"), "answer_broken", "connection broke", {}),
    (Reply(HALF, then="end"), "answer_broken", "before its end", {}),
    (Reply(HALF, then="garbage"), "answer_broken", "does not speak as Ollama", {}),
    (Reply("", then="end"), "answer_broken", "before its end", {}),
    (Reply("", then="load"), "answer_broken", "load", {}),
    (Reply(HALF, then="for_ever"), "answer_endless", "bytes", {}),
    (Reply(HALF, then="one_line_for_ever"), "answer_endless", "bytes", {}),
    (Reply(wait_s=-1), "model_silent", "no first byte in 0.2 s", {"model_first_byte_s": 0.2}),
    (Reply(HALF, then="hang"), "model_silent", "nothing for 0.2 s", {"model_silence_s": 0.2}),
    (Reply("slow " * 100, pause_s=0.05), "model_timeout", "not whole after 0.5 s", {"model_call_s": 0.5}),
]


@pytest.mark.parametrize(("reply", "name", "words", "layer"), TROUBLES, ids=lambda value: repr(value)[:60])
def test_each_trouble_is_a_fault_of_its_own(reply: Reply, name: str, words: str, layer: Mapping[str, Any]) -> None:
    """And the server is asked anew once the world is back: nothing is left over from the broken call."""
    with OllamaServer(always(reply, "mended")) as server:
        told = fault(server, **layer)
        assert (told.fault, words in told.message) == (name, True), told.message
        assert ask(server).text == "mended"


def test_a_missing_model_comes_with_the_command_that_brings_it() -> None:
    with OllamaServer(always("never"), models=["other"]) as server:
        told = fault(server)
    assert told.fault == "model_missing"
    assert told.message.endswith("run: ollama pull tiny")


def test_a_full_queue_is_busy() -> None:
    with OllamaServer(always("never"), queue=0) as server:
        assert fault(server).fault == "models_busy"


def test_a_model_that_is_stuck_is_an_answer_and_not_the_fault_of_the_world() -> None:
    """The server then ends the stream without `done`; with the same seed it would do so for ever."""
    with OllamaServer(always(Reply("ha! ", then="stuck"))) as server:
        answer = ask(server)
    assert (answer.done_reason, answer.cut_off) == ("repeat", True)
    assert answer.text.startswith("ha! haha")


def test_the_window_is_always_told_and_nothing_may_be_cut() -> None:
    with OllamaServer(always("mended")) as server:
        ask(server)
        [body] = server.chats
    assert (body["truncate"], body["shift"], body["stream"], body["think"]) == (False, False, True, False)
    assert body["options"] == {"num_ctx": 2048, "num_predict": 64, "temperature": 0.2, "seed": 7}


def test_the_digest_is_that_of_the_weights_that_answered() -> None:
    with OllamaServer(always("mended")) as server:
        health = anyio.run(Ollama(settings(server)).health)
        assert ask(server).digest == health.models[0].digest
        loaded = anyio.run(Ollama(settings(server)).health)
    assert (health.version, health.running, loaded.running[0].num_ctx) == ("0.33.0", (), 2048)


LONG_PROMPT = "x = (a, b)\n" * 2000  # 5,504 tokens with this server, 7,397 by our estimate


def test_a_prompt_gets_the_smallest_window_that_holds_it() -> None:
    sizes = (2048, 4096, 8192)
    assert [replace(REQUEST, prompt=LONG_PROMPT[:size]).fitted(sizes).num_ctx for size in (10, 9000, 20000)] == [
        2048,
        4096,
        8192,
    ]


def replace(request: Request, **fields: Any) -> Request:  # noqa: ANN401  the fields of a request
    return Request(**({name: getattr(request, name) for name in request.__struct_fields__} | fields))


def test_a_prompt_that_the_server_finds_too_long_goes_into_the_next_larger_window() -> None:
    with OllamaServer(always("mended")) as server:
        answer = ask(server, replace(REQUEST, prompt=LONG_PROMPT))
        asked = [body["options"]["num_ctx"] for body in server.chats]
    assert (answer.text, answer.num_ctx, asked) == ("mended", 8192, [2048, 4096, 8192])


def test_a_prompt_that_is_too_long_for_the_largest_window_is_never_answered_by_half() -> None:
    with OllamaServer(always("never")) as server:
        told = fault(server, replace(REQUEST, prompt=LONG_PROMPT * 3))
    assert told.fault == "context_truncated"
    assert "8192" in told.message


@pytest.mark.parametrize("tells_context", [True, False])
def test_an_old_server_that_cuts_in_silence_is_found_out(tells_context: bool) -> None:  # noqa: FBT001  a parameter
    """By the window that it gave, or, where it does not tell that, by its count of the prompt."""
    request = replace(REQUEST, prompt=LONG_PROMPT * 3, num_ctx=32768)
    with OllamaServer(always("half"), most_context=4096, knows_truncate=False, tells_context=tells_context) as server:
        told = fault(server, request)
    assert told.fault == "context_truncated"
    assert ("only 4096" if tells_context else "the model read") in told.message


def test_a_smaller_window_than_asked_for_does_no_harm_to_a_prompt_that_fits_into_it() -> None:
    with OllamaServer(always("mended"), most_context=4096) as server:
        assert ask(server, replace(REQUEST, num_ctx=8192)).text == "mended"


def test_as_many_calls_as_the_server_can_take_are_on_their_way_and_no_more() -> None:
    """An answer here waits for a second call to come in; a third one would be seen."""
    both = Barrier(2)

    def together(_: object) -> str:
        both.wait(30)
        return "mended"

    async def crowd(models: Ollama) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(models.ask, REQUEST)

    with OllamaServer(together, parallel=8) as server:
        anyio.run(crowd, Ollama(settings(server, models_abreast=2)))
        assert (len(server.chats), server.most_at_once) == (8, 2)


def test_a_model_may_think_aloud_where_it_is_asked_to() -> None:
    with OllamaServer(always(Reply("mended", thinking="hmm, let me see"))) as server:
        assert ask(server).thinking == ""
        assert ask(server, replace(REQUEST, think=True)).thinking == "hmm, let me see"


def test_thoughts_that_end_before_their_end_are_a_broken_answer_and_only_equal_ones_a_stuck_model() -> None:
    thinking = replace(REQUEST, think=True)
    thoughts = ["".join(f"{number:4}" for number in range(40)), "hmm " * 40]
    with OllamaServer(always(*(Reply(then="end", thinking=each) for each in thoughts))) as server:
        assert fault(server, thinking).fault == "answer_broken"
        assert ask(server, thinking).done_reason == "repeat"


def test_health_of_something_else_that_listens_there() -> None:
    with OllamaServer(always("never")) as server:
        health = anyio.run(Ollama(settings(server, ollama_url=f"{server.url}/elsewhere")).health)
    assert not health.up
    assert "404" in health.why


def test_rules_choose_by_the_prompt_and_go_on_in_order() -> None:
    rules = Rules(Rule(["first", "second"], match="calendar"), Rule(["other"]))
    with OllamaServer(rules) as server:
        asked = [
            ask(server, replace(REQUEST, prompt=prompt)).text for prompt in ("calendar", "x", "calendar", "calendar")
        ]
    assert asked == ["first", "other", "second", "second"]
