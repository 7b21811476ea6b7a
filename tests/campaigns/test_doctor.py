"""The doctor before a model: a server that speaks Ollama's protocol, with good, unreadable and useless answers."""

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.instances import answer, useless
from tests.fakes.ollama_server import OllamaServer, Reply, Rule, Rules
from tests.fakes.tool import clean_environment, command

HOUSE = Path(__file__).parents[2]
PATIENCE_S = 300.0
PAUSE_S = 0.02  # between two tokens: no more than 50 a second
UNREADABLE = "I would leave it as it is."

pytestmark = pytest.mark.campaign


def rule(name: str, *answers: str) -> Rule:
    """What is answered about an example."""
    asked = json.loads((HOUSE / "examples" / f"{name}.json").read_text())["problem"]
    return Rule([Reply(said, pause_s=PAUSE_S) for said in answers], asked)


def gold(name: str) -> str:
    return answer((HOUSE / "tests" / "examples" / "gold" / f"{name}.diff").read_text())


def looked(url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("doctor", *arguments),
        env=clean_environment(100) | {"MENDD_OLLAMA_URL": url, "MENDD_MODELS": "tiny"},
        cwd=HOUSE,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_it_tells_how_readable_how_green_and_how_fast_a_model_is(tell: Callable[[str], None]) -> None:
    """Six healthy examples, ten answers: four that nobody can read, and three examples mended."""
    script = Rules(
        rule("playfield", gold("playfield")),
        rule("diff_printer", UNREADABLE, gold("diff_printer")),
        rule("order_state", UNREADABLE, "I have no idea."),
        rule("date_range", useless("nothing.py"), useless("nothing_more.py")),
        rule("retry", gold("retry")),
        rule("scoreboard", useless("nothing.py"), ""),
    )
    begun = time.monotonic()
    with OllamaServer(script) as server:
        done = looked(server.url, "--examples", "10")
    took_s = time.monotonic() - begun
    tell(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[:5]] == ["fires"] * 5
    assert "4 of 4 unhealthy ones refused before a token was spent" in done.stdout
    assert len(server.chats) == 10
    last = done.stdout.splitlines()[-1]
    assert last.startswith("this model: 60% readable answers, 50% green, ")
    assert last.endswith(" tokens/s (tiny, 10 answers to 6 examples)")
    [speed] = re.findall(r"(\d+) tokens/s", last)
    said = sum(
        -(-len(str(reply.text)) // 4) for one in script.rules for reply in one.answers if isinstance(reply, Reply)
    )
    assert said / took_s <= int(speed) + 1, "one call at a time: the calls cannot take longer than all of it"
    assert int(speed) <= 1 / PAUSE_S


def test_without_a_server_it_says_so_and_what_to_do() -> None:
    done = looked("http://127.0.0.1:9", "--examples", "6")
    assert done.returncode == 1
    last = done.stdout.splitlines()[-1]
    assert last.startswith("this model: tiny has not answered: http://127.0.0.1:9: ")
    assert "`ollama serve` starts the server, `ollama pull tiny` fetches the model" in last


def test_without_the_model_it_says_which_and_what_to_do() -> None:
    with OllamaServer(Rules(), models=["large"]) as server:
        done = looked(server.url, "--examples", "6")
    assert done.returncode == 1
    assert "run: ollama pull tiny; models = [...] in settings.toml names another one" in done.stdout.splitlines()[-1]
