"""Who is asked, and when what that needs is imported."""

import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from daemon.effects.models import Request
from daemon.effects.models.providers import open_models
from daemon.effects.world import Fault
from daemon.settings import resolve
from tests.fakes.hosted_server import KEY, MODEL, HostedServer
from tests.fakes.ollama_server import OllamaServer, always

REQUEST = Request(model="tiny", system="", prompt="p", num_ctx=4096, num_predict=64, temperature=0.2, seed=7)


def test_each_model_of_the_ladder_is_asked_where_it_is(tmp_path: Path) -> None:
    hosted = Request(
        model=f"anthropic/{MODEL}", system="", prompt="p", num_ctx=4096, num_predict=64, temperature=0.2, seed=7
    )
    with OllamaServer(always("local")) as near, HostedServer("anthropic/", lambda _: "hosted") as far:
        layer: dict[str, object] = {"ollama_url": near.url, "anthropic_url": far.url, "models": ["tiny", hosted.model]}
        layer |= {"hosted_prices": [f"{hosted.model} 1 5"], "hosted_budget_usd": 1, "hosted_budget_tokens": 1000}
        models = open_models(resolve([("test", layer)])[0], tmp_path, {"ANTHROPIC_API_KEY": KEY})
        assert [anyio.run(models.ask, request).text for request in (REQUEST, hosted)] == ["local", "hosted"]
        health = anyio.run(models.health)
    assert {model.name for model in health.models} == {"tiny:latest", hosted.model}
    assert health.up


def test_health_names_the_command_for_a_model_of_the_ladder_that_is_missing(tmp_path: Path) -> None:
    with OllamaServer(always("local")) as server:
        layer = {"ollama_url": server.url, "models": ["tiny", "large:70b"]}
        health = anyio.run(open_models(resolve([("test", layer)])[0], tmp_path, {}).health)
    assert health.why == "a model of the ladder is missing; run: ollama pull large:70b"


def test_recordings_only_and_scripts_need_no_model(tmp_path: Path) -> None:
    script = tmp_path / "script.jsonl"
    script.write_text('{"instance": "", "answer": "as written"}\n')
    settings, _ = resolve([("test", {"answers_from": "script", "answers_path": str(script)})])
    assert anyio.run(open_models(settings, tmp_path, {}).ask, REQUEST).text == "as written"
    settings, _ = resolve([("test", {"answers_from": "recordings_only"})])
    with pytest.raises(Fault, match="recording_missing"):
        anyio.run(open_models(settings, tmp_path, {}).ask, REQUEST)


def test_nothing_that_speaks_http_is_imported_before_somebody_asks() -> None:
    """It would cost the daemon's start half a second."""
    code = (
        "import sys; from pathlib import Path; from daemon.effects.models.providers import open_models;"
        "from daemon.settings import Settings; open_models(Settings(), Path(), {});"
        "print({'ollama', 'httpx', 'pydantic'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "set()"
