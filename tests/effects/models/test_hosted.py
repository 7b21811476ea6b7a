"""Hosted models: nothing is spent that was not allowed, the key goes nowhere, and every trouble has a name."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import anyio
import pytest

from daemon.effects.models import Answer, Request
from daemon.effects.models.breaker import TRIPS
from daemon.effects.models.budget import Budget
from daemon.effects.models.providers import open_models
from daemon.effects.world import Fault
from daemon.settings import resolve
from tests.fakes.hosted_server import KEY, MODEL, HostedServer, Reply

ASKED = {"system": "s", "prompt": "p" * 300, "num_ctx": 4096, "num_predict": 100, "temperature": 0.2, "seed": 7}


class Provider:
    """A provider, a purse, and what the next answer is."""

    def __init__(self, prefix: str, state: Path) -> None:
        self.prefix, self.state, self.answer = prefix, state, Reply("mended")
        self.server = HostedServer(prefix, lambda _: self.answer)

    def ask(self, *, key: str = KEY, **layer: object) -> Answer:
        values: dict[str, Any] = {
            "anthropic_url": self.server.url,
            "openai_url": f"{self.server.url}/v1",
            "hosted_budget_usd": 1.0,
            "hosted_budget_tokens": 100_000,
            "hosted_prices": [f"{self.prefix}{MODEL} 1000 5000"],
            "model_call_s": 30,
        }
        settings, _ = resolve([("test", values | layer)])
        name = f"{self.prefix.rstrip('/').upper()}_API_KEY"
        request = Request(model=f"{self.prefix}{MODEL}", **ASKED)  # type: ignore[arg-type]  # a table of mixed values
        return anyio.run(open_models(settings, self.state, {name: key} if key else {}).ask, request)

    def fault(self, **layer: Any) -> Fault:  # noqa: ANN401  settings
        with pytest.raises(Fault) as caught:
            self.ask(**layer)
        assert KEY not in str(caught.value)
        return caught.value

    @property
    def calls(self) -> int:
        return len(self.server.seen)

    @property
    def spent(self) -> str:
        path = self.state / "hosted_spent.json"
        return path.read_text() if path.exists() else ""


@pytest.fixture(params=["anthropic/", "openai/"])
def provider(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Provider]:
    provider = Provider(request.param, tmp_path)
    with provider.server:
        yield provider


def test_what_an_answer_cost_is_what_the_provider_counted(provider: Provider) -> None:
    """301 characters in and 6 out are 76 and 2 tokens with this server."""
    answer = provider.ask()
    assert (answer.tokens_in, answer.tokens_out) == (76, 2)
    assert answer.cost_usd == pytest.approx((76 * 1000 + 2 * 5000) / 1e6)
    assert '"tokens":78' in provider.spent


def test_a_call_that_could_cost_more_than_there_is_left_is_not_made(provider: Provider) -> None:
    """The worst is 165 tokens in and 100 out, so 0.665 USD: after the first call, which cost 0.086, there is enough."""
    assert provider.fault(hosted_budget_usd=0.5).fault == "over_budget"
    assert provider.fault(hosted_budget_tokens=200).fault == "over_budget"
    assert provider.calls == 0
    provider.ask(hosted_budget_usd=0.7)
    assert provider.fault(hosted_budget_usd=0.7).fault == "over_budget"
    assert provider.calls == 1


def test_without_a_budget_nothing_is_spent(provider: Provider) -> None:
    assert provider.fault(hosted_budget_usd=0).fault == "over_budget"
    assert provider.calls == 0


def test_a_model_without_a_price_is_not_asked_and_a_free_one_is(provider: Provider) -> None:
    told = provider.fault(hosted_prices=[])
    assert (told.fault, "hosted_prices" in told.message, provider.calls) == ("unknown_price", True, 0)
    assert provider.ask(hosted_prices=[f"{provider.prefix}{MODEL} 0 0"], hosted_budget_usd=0).cost_usd == 0


def test_a_lost_answer_counts_as_the_worst(provider: Provider) -> None:
    """Nobody knows what it cost: after one, the purse holds less than another could cost."""
    provider.answer = Reply("mended", then="cut")
    assert provider.fault().fault == "answer_broken"
    assert provider.fault().fault == "over_budget"
    assert provider.calls == 1


@pytest.mark.parametrize("status", [408, 502, 504, 524])
def test_an_answer_that_a_gateway_did_not_wait_for_counts_as_the_worst(provider: Provider, status: int) -> None:
    """… so that a gateway with nobody behind it must not be asked for ever: the breaker knows this fault."""
    provider.answer = Reply(status=status, error="upstream timed out")
    told = provider.fault()
    assert (told.fault in TRIPS, "counts as paid" in told.message) == (True, True)
    assert '"tokens":265' in provider.spent


def test_an_uncounted_answer_counts_as_the_worst(provider: Provider) -> None:
    provider.answer = Reply("mended", then="uncounted")
    if provider.prefix == "anthropic/":  # which always counts
        assert provider.fault().fault == "answer_broken"
    else:
        assert provider.ask().tokens_out == 100
    assert '"tokens":265' in provider.spent


TROUBLES: list[tuple[Reply, str, str, Mapping[str, object]]] = [
    (Reply(status=429, error="rate limit", headers={"retry-after": "17"}), "models_busy", "in 17 s", {}),
    (Reply(status=429, error="you exceeded your quota: insufficient_quota"), "over_budget", "your quota", {}),
    (Reply(status=529, error="Overloaded"), "models_busy", "Overloaded", {}),
    (Reply(status=500, error="oops"), "models_busy", "oops", {}),
    (Reply(status=403, error="not for you"), "bad_key", "403", {}),
    (Reply(status=404, error="model: haiku-9"), "model_missing", "haiku-9", {}),
    (Reply(status=400, error="prompt is too long: 1 > 0"), "context_truncated", "too long", {}),
    (Reply(status=400, error="credit balance is too low"), "request_refused", "credit", {}),
    (Reply(then="garbage"), "answer_broken", "not what", {}),
    (Reply(then="no_text"), "answer_broken", "not what", {}),
    (Reply(then="too_deep"), "answer_broken", "not what", {}),
    (Reply(then="for_ever"), "answer_endless", "bytes", {}),
    (Reply(then="hang"), "model_timeout", "0.2 s", {"model_call_s": 0.2}),
]


@pytest.mark.parametrize(("reply", "name", "words", "layer"), TROUBLES, ids=lambda value: repr(value)[:60])
def test_each_trouble_is_a_fault_of_its_own(
    provider: Provider, reply: Reply, name: str, words: str, layer: Mapping[str, Any]
) -> None:
    provider.answer = reply
    told = provider.fault(**layer)
    assert (told.fault, words in told.message) == (name, True), told.message
    refused = reply.status != 200
    assert ('"tokens":0' in provider.spent) == refused, "a refusal is free, a lost answer is not"


def test_a_model_that_declines_is_an_answer(provider: Provider) -> None:
    provider.answer = Reply("I would rather not.", then="refusal")
    assert provider.ask().done_reason == "refusal"


@pytest.mark.parametrize("key", ["", "sk-wrong", "two\nlines", "nicht-äscii"])
def test_a_key_that_does_not_open_is_told_without_being_shown(provider: Provider, key: str) -> None:
    told = provider.fault(key=key)
    assert told.fault == "bad_key"
    assert not key or key not in told.message


def test_the_key_reaches_no_child_and_no_disk(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is taken out of the environment before anything else can inherit it."""
    name = f"{provider.prefix.rstrip('/').upper()}_API_KEY"
    monkeypatch.setenv(name, KEY)
    models = open_models(resolve([])[0], provider.state, os.environ)
    printed = subprocess.run(
        [sys.executable, "-c", "import os; print(dict(os.environ))"], capture_output=True, text=True, check=True
    ).stdout
    assert KEY not in printed
    assert KEY not in repr(models)
    provider.ask(answers_from="recordings", answers_path=str(provider.state / "recordings"))
    assert all(KEY not in path.read_text() for path in provider.state.rglob("*") if path.is_file())
    assert any(path.suffix == ".json" for path in provider.state.rglob("*"))


@pytest.mark.parametrize("data", [b"{", b'{"\xff": 1}'], ids=["half", "no text"])
def test_a_purse_that_cannot_be_read_pays_nothing(provider: Provider, data: bytes) -> None:
    (provider.state / "hosted_spent.json").write_bytes(data)
    assert provider.fault().fault == "over_budget"


def test_two_calls_at_once_cannot_both_spend_the_last_cent(tmp_path: Path) -> None:
    request = Request(model="m", **ASKED)  # type: ignore[arg-type]  # a table of mixed values
    budget = Budget(tmp_path / "spent.json", usd=0.7, tokens=1000, prices=["m 1000 5000"])
    told: list[str] = []

    async def one(refused: anyio.Event) -> None:
        try:
            async with budget.bill(request):
                await refused.wait()
        except Fault as fault:
            told.append(fault.fault)
            refused.set()

    async def both() -> None:
        refused = anyio.Event()
        async with anyio.create_task_group() as group:
            group.start_soon(one, refused)
            group.start_soon(one, refused)

    anyio.run(both)
    assert told == ["over_budget"]
