"""The world fails a repair in every way that we know: no attempt is burned, and the job goes on when it is back."""

import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from daemon import events as e
from daemon.events import AnyFact
from tests.fakes import docker_image
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.docker_engine import Engine
from tests.fakes.ollama_server import OllamaServer, Reply, Rules
from tests.fakes.repairs import Ask, Told, home, model, told
from tests.fakes.sandboxes import need
from tests.repairs.hostile import BROKEN, HONEST

CASE = (
    "import time, unittest\n\nfrom numerals import roman\n\n\nclass Numerals(unittest.TestCase):\n"
    "    def test_two(self):\n        time.sleep(SECONDS)\n        self.assertEqual(roman(2), 'II')\n\n"
    "    def test_nineteen(self):\n        self.assertEqual(roman(19), 'XIX')\n"
)
TOO_SMALL = "request (9000 tokens) exceeds the available context size (8192 tokens), try increasing it"
SHOWN_LESS = [Reply(status=400, error=TOO_SMALL)] * 3  # no fault yet: after each of them it is shown less
Days = list[tuple[str, list[Reply]]]  # the fault, and the answers that it takes
SHORT: Days = [
    ("models_busy", [Reply(status=503, error="server busy, please try again")]),
    ("answer_broken", [Reply("FILE: numer", then="cut")]),
    ("answer_broken", [Reply("FILE: numer", then="end")]),
    ("answer_broken", [Reply("FILE: numer", then="error")]),
    ("answer_endless", [Reply("FILE: numer", then="for_ever")]),
    ("models_failed", [*SHOWN_LESS, Reply(status=500, error="llama runner process has terminated")]),
]
LONG: Days = [  # after two of these in a row nobody asks for a while
    ("model_silent", [Reply(wait_s=-1)]),
    ("model_missing", [Reply(status=404, error="model 'tiny' not found")]),
    ("model_silent", [Reply("FILE: numer", then="hang")]),
    ("model_timeout", [Reply(HONEST, pause_s=0.3)]),
]
IMPATIENT = {
    "fault_backoff_max_s": 0.1,
    "model_connect_s": 1.0,
    "model_first_byte_s": 1.0,
    "model_silence_s": 0.6,
    "model_call_s": 2.0,
    "model_windows": "8192",
    "answer_tokens": 1024,
    "models_abreast": 2,
}


def ask(name: str, answers: list[str | Reply], seconds: float = 0.0) -> Ask:
    files = {"numerals.py": BROKEN, "numerals_tests.py": CASE.replace("SECONDS", str(seconds))}
    fields = {"test_command": "python -m unittest numerals_tests"}
    return Ask(name, files, ["numerals_tests.Numerals.test_nineteen"], answers, fields)


def faults(seen: Told) -> list[str]:
    """Its faults in their order; what repeats while the world stays away counts once."""
    names = [fact.fault for fact in seen.of(e.WorldFaulted)]
    return [name for name, before in zip(names, ["", *names], strict=False) if name != before]


def certified(daemon: DaemonProcess, jobs: int) -> bool:
    return len(daemon.facts_of(e.Certified)) == jobs


def names(days: Days) -> list[str]:
    return [name for (name, _), (before, _) in zip(days, [("", []), *days], strict=False) if name != before]


def through(days: Days) -> list[Ask]:
    troubles = [reply for _, replies in days for reply in replies]
    return [ask("through it all", [*troubles, HONEST]), ask("beside it", [HONEST])]


def burned_nothing(seen: Told) -> bool:
    return seen.of(e.AttemptFailed) == [] and seen.proof.attempts_made == 1


def test_a_model_server_that_has_bad_days_burns_no_attempt(tmp_path: Path) -> None:
    need("bubblewrap")
    asks = through(SHORT)
    with model(asks) as server, home(tmp_path, server, asks, sandbox="bubblewrap", **IMPATIENT) as daemon:
        daemon.start()
        daemon.wait_until(lambda: certified(daemon, len(asks)), deadline_s=240.0)
        daemon.stop()
        seen = told(daemon)
    assert faults(seen["through it all"]) == names(SHORT)
    assert faults(seen["beside it"]) == []
    assert all(map(burned_nothing, seen.values()))


@pytest.mark.campaign
def test_a_model_server_that_is_gone_and_then_out_of_order_burns_no_attempt(tmp_path: Path) -> None:
    need("bubblewrap")
    asks = through(LONG)
    gone = OllamaServer(Rules(*(each.rule for each in asks)))
    with home(tmp_path, gone, asks, sandbox="bubblewrap", **IMPATIENT) as daemon:
        daemon.start()
        daemon.wait_until(lambda: len(daemon.facts_of(e.WorldFaulted)) > len(asks))
        with gone:
            daemon.wait_until(lambda: certified(daemon, len(asks)), deadline_s=240.0)
        daemon.stop()
        seen = told(daemon)
    assert {"models_down", *names(LONG)} == set(faults(seen["through it all"]))
    assert faults(seen["beside it"])[0] == "models_down"
    assert all(map(burned_nothing, seen.values()))


@pytest.mark.campaign
def test_an_engine_that_stops_in_the_middle_of_both_gates_burns_no_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need("docker")
    docker_image.make()
    with tempfile.TemporaryDirectory(prefix="mendd-engine-", ignore_cleanup_errors=True) as folder:
        engine = Engine(Path(folder))
        monkeypatch.setenv("DOCKER_HOST", engine.url)
        engine.start()
        try:
            seen = stopped_in_both_gates(tmp_path, engine)
        finally:
            engine.clear()
    assert {(fact.step, fact.fault) for fact in seen.of(e.WorldFaulted)} == {
        ("RunRedGate", "sandbox_down"),
        ("RunGreenGate", "sandbox_down"),
    }
    assert seen.of(e.AttemptFailed) == []
    assert seen.outcome == "certified"
    assert seen.proof.attempts_made == 1


def stopped_in_both_gates(folder: Path, engine: Engine) -> Told:
    """One job through an engine that is stopped while the red gate runs, and again while the green gate does."""
    asks = [ask("one", [HONEST], seconds=3.0)]
    with model(asks) as server, home(folder, server, asks, sandbox="docker", fault_backoff_max_s=0.2) as daemon:
        daemon.start()
        go_away(daemon, engine, e.WorkspaceReady)
        go_away(daemon, engine, e.EditsApplied)
        daemon.wait_until(lambda: daemon.facts_of(e.JobSettled), deadline_s=120.0)
        daemon.stop()
        assert containers(engine) == []
        return told(daemon)["one"]


def go_away(daemon: DaemonProcess, engine: Engine, after: type[AnyFact]) -> None:
    """Stop the engine in the middle of the gate that follows this fact, until somebody has noticed."""
    daemon.wait_until(lambda: daemon.facts_of(after) and containers(engine))
    before = len(daemon.facts_of(e.WorldFaulted))
    engine.stop(signal.SIGTERM)
    daemon.wait_until(lambda: len(daemon.facts_of(e.WorldFaulted)) > before)
    engine.start()


def containers(engine: Engine) -> list[str]:
    words = ["docker", "-H", engine.url, "ps", "--quiet"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
