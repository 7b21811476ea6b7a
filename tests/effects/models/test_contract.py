"""What all who can be asked have in common, shown of each over real HTTP: Ollama, the hosted ones, the recordings."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import anyio
import pytest

from daemon.effects.models import Models, Request
from daemon.effects.models.providers import open_models
from daemon.effects.world import Fault
from daemon.settings import Settings, resolve
from tests.fakes import hosted_server, ollama_server
from tests.fakes.hosted_server import HostedServer
from tests.fakes.http_server import HttpServer
from tests.fakes.ollama_server import OllamaServer

WHO = ["ollama", "anthropic/", "openai/", "recordings"]
TEXT = "FILE: a.py\nLINES: 1-1\nREASONING: größer\nORIGINAL:\n\tx = 1\nREPLACEMENT:\n\tx = 2\n"
LONG = "long"


def script(body: object) -> str:
    return TEXT * 100 if LONG in str(body) else TEXT


class Who:
    """Somebody to ask, and the server behind."""

    def __init__(self, name: str, server: HttpServer, model: str, settings: Settings, state: Path) -> None:
        self.name, self.server, self.model = name, server, model
        self.settings, self.state = settings, state

    def open(self) -> Models:
        keys = {"ANTHROPIC_API_KEY": hosted_server.KEY, "OPENAI_API_KEY": hosted_server.KEY}
        return open_models(self.settings, self.state, keys)

    def ask(self, prompt: str = "mend it", num_predict: int = 256) -> Request:
        return Request(
            model=self.model,
            system="You mend code.",
            prompt=prompt,
            num_ctx=4096,
            num_predict=num_predict,
            temperature=0.2,
            seed=7,
        )


@pytest.fixture(params=WHO)
def who(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Who]:
    name = request.param
    layer: dict[str, object] = {
        "hosted_budget_usd": 10,
        "hosted_budget_tokens": 10**6,
        "hosted_prices": [f"{prefix}{hosted_server.MODEL} 1.00 5.00" for prefix in ("anthropic/", "openai/")],
        "model_windows": [4096],
    }
    with ExitStack() as stack:
        server: HttpServer
        if name in ("anthropic/", "openai/"):
            server = stack.enter_context(HostedServer(name, script))
            model = name + hosted_server.MODEL
            layer |= {"anthropic_url": server.url, "openai_url": f"{server.url}/v1"}
        else:
            server, model = stack.enter_context(OllamaServer(script)), "tiny"
            layer |= {"ollama_url": server.url}
        layer |= {"models": [model], "answers_from": "recordings" if name == "recordings" else "models"}
        yield Who(name, server, model, resolve([("test", layer)])[0], tmp_path)


def test_an_answer_comes_with_all_that_is_known_of_it(who: Who) -> None:
    answer = anyio.run(who.open().ask, who.ask())
    assert answer.text == TEXT
    assert (answer.model, answer.done_reason, answer.cut_off) == (who.model, "stop", False)
    assert answer.digest
    assert answer.tokens_in > 0
    assert answer.tokens_out > 0
    assert (answer.cost_usd > 0) == who.name.endswith("/")


def test_what_is_asked_for_is_what_is_sent(who: Who) -> None:
    anyio.run(who.open().ask, who.ask())
    [body] = [body for _, body in who.server.seen if body]
    assert "mend it" in str(body["messages"])
    assert "You mend code." in str(body)
    options = body.get("options", body)
    assert options["temperature"] == 0.2
    assert options.get("num_predict", options.get("max_tokens")) == 256
    assert options.get("seed", 7) == 7
    assert hosted_server.KEY not in str(who.server.seen)


def test_an_answer_that_is_too_long_is_cut_off_and_says_so(who: Who) -> None:
    answer = anyio.run(who.open().ask, who.ask(LONG, num_predict=16))
    assert (answer.done_reason, answer.cut_off) == ("length", True)
    assert (TEXT * 100).startswith(answer.text)
    assert answer.tokens_out == 16


def test_health_tells_who_is_there(who: Who) -> None:
    health = anyio.run(who.open().health)
    assert health.up, health.why
    assert any(model.name.startswith(who.model) for model in health.models)


def test_health_tells_why_nobody_is_there(who: Who) -> None:
    who.server.stop()
    health = anyio.run(who.open().health)
    assert not health.up
    assert who.server.url in health.why


def test_nobody_there_is_a_fault_of_the_world(who: Who) -> None:
    who.server.stop()
    with pytest.raises(Fault) as caught:
        anyio.run(who.open().ask, who.ask())
    assert caught.value.fault == "models_down"
    assert who.server.url in caught.value.message


def test_who_stops_waiting_hangs_up_at_once(who: Who) -> None:
    """No call goes on in a server that nobody listens to any more."""

    async def give_up() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(models.ask, who.ask())
            while not who.server.seen:  # noqa: ASYNC110  it is filled by a thread
                await anyio.sleep(0.01)
            group.cancel_scope.cancel()

    silent = (
        ollama_server.Reply(wait_s=-1) if isinstance(who.server, OllamaServer) else hosted_server.Reply(then="hang")
    )
    who.server.script = lambda _: silent  # type: ignore[attr-defined]  # both have a script, of their own kind
    models = who.open()
    anyio.run(give_up)
    assert who.server.hung_up.wait(10)
