"""A rung that is advised, through the real hands: killed while the advisor writes, certified, and verified."""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daemon import events as e
from daemon.blobs import Blobs
from daemon.exits import Exit
from daemon.words import read_words
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.ollama_server import OllamaServer, Reply
from tests.fakes.repairs import REAL, edit, told, write
from tests.fakes.sandboxes import need

pytestmark = pytest.mark.campaign
PROGRAM = "def smaller(one, other):\n    if one > other:\n        return one\n    return other\n"
TESTS = "import shop\n\n\ndef test_smaller():\n    assert shop.smaller(5321, 1234) == 1234\n"
ADVICE = "CAUSE: the larger of the two comes back. PLACE: shop.py, line 2."
ADVISOR = read_words().templates["diagnose"].partition(".")[0]
MENDED = edit("shop.py", "2-2", "    if one > other:", "    if one < other:")
SETTINGS: dict[str, Any] = REAL | {
    "sandbox": "bubblewrap",
    "models": "tiny,large",
    "search_s": 0.0,
    "runs_abreast": 1,
    "models_abreast": 2,
}


class Playing:
    """Waits for ever, the first time that it is asked for anything; mends only what it is told by its advisor."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def __call__(self, body: Mapping[str, Any]) -> str | Reply:
        prompt = "\n".join(message["content"] for message in body["messages"])
        who = "advisor" if prompt.startswith(ADVISOR) else "advised" if ADVICE in prompt else "base"
        self.asked[f"{who}: {body['model']}"] += 1
        if who == "base" or (self.asked[f"{who}: {body['model']}"] == 1 and who == "advisor"):
            return Reply(wait_s=-1)
        return ADVICE if who == "advisor" else MENDED


def settled(daemon: DaemonProcess) -> bool:
    return bool(daemon.facts_of(e.JobSettled))


def test_advice_survives_a_kill_mends_and_is_verified(tmp_path: Path) -> None:
    need("bubblewrap")
    playing = Playing()
    with (
        OllamaServer(playing, parallel=4, models=("tiny", "large")) as server,
        DaemonProcess(tmp_path / "home", **SETTINGS | {"ollama_url": server.url}) as daemon,
    ):
        repo = write(tmp_path / "shop", {"shop.py": PROGRAM, "test_shop.py": TESTS})
        asked = {"kind": "repair", "repo": str(repo), "tests": ["test_shop.py::test_smaller"], "title": "shop"}
        daemon.drop("shop.json", asked)
        daemon.start()
        daemon.wait_until(lambda: playing.asked["base: tiny"])
        daemon.drop("cancel.json", {"job": "r-000001", "cancel": True}, "retries")
        daemon.wait_until(partial(settled, daemon))
        daemon.drop("again.json", {"job": "r-000001", "rung": "A5"}, "retries")
        daemon.wait_until(lambda: playing.asked["advisor: large"])
        daemon.kill()
        daemon.start("once").wait(240.0)
        assert playing.asked == {"base: tiny": 1, "advisor: large": 2, "advised: tiny": 1}
        seen = told(daemon)["shop"]
        [advised] = seen.of(e.Advised)
        assert (seen.outcome, seen.of(e.AttemptFailed), advised.model) == ("certified", [], "large")
        assert (seen.proof.advisor, seen.proof.model, seen.proof.rung) == ("large", "tiny", "A5")
        blobs = Blobs(daemon.state / "blobs")
        assert blobs.get(seen.proof.diagnosis).decode() == ADVICE
        [attempt] = seen.proof.feedback_history
        assert ADVICE in blobs.get(attempt.prompt).decode()
        certificate = daemon.state / "results" / seen.job / "certificate.json"
        verified = daemon.ask("verify", str(certificate))
        assert (verified.returncode, verified.stdout.splitlines()[-1]) == (Exit.DONE, "it holds")
