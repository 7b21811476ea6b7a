"""A job that its base runs do not mend climbs the rungs: seen through a real daemon, one life of which is killed.

Four jobs, one after the other: `first` teaches memory a fix, `second` is mended by its replay, nothing mends `third`,
and `fourth` is mended on a rung while its siblings wait for an answer that never comes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from daemon import events as e
from daemon.blobs import Blobs
from daemon.events import AnyFact
from daemon.policy.ladder import LADDER
from daemon.words import read_words
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.ollama_server import OllamaServer, Reply
from tests.fakes.repairs import REAL, Told, told, write
from tests.fakes.sandboxes import need

BASE_RUNS, ABREAST, MENDS = 3, 4, "C3"
BY_CALL = "def NAME(one, other):\n    return max(one, other)\n"
BY_HAND = "def NAME(one, other):\n    if one > other:\n        return one\n    return other\n"
CASE = "import unittest\n\nimport shop\n\n\nclass Shop(unittest.TestCase):\n    def test_it(self):\n"
TEST = "        self.assertEqual(shop.NAME(5321, 1234), 1234)\n\n    def test_same(self):\n"
SAME = "        self.assertEqual(shop.NAME(2, 2), 2)\n"
ERROR = "AssertionError: 5321 != 1234"
WORDS = {rung.id: read_words().templates[f"variants/{rung.id}"].strip() for rung in LADDER}
NAMES = {"first": "lower", "second": "cheapest", "third": "smaller", "fourth": "least"}
SETTINGS: dict[str, Any] = REAL | {
    "sandbox": "bubblewrap",
    "attempts_per_run": 1,
    "runs_abreast": ABREAST,
    "run_backoff_s": 0.01,
    "memory_holdout": 0.0,
    "models_abreast": 8,
    "deaths_per_run": 100,
}


def answer(text: str) -> str:
    """An edit that writes all of the program anew."""
    return f"FILE: shop.py\nLINES: all\nREASONING: so\nREPLACEMENT:\n```\n{text}```\n"


class Playing:
    """The model: what it says depends on the job, on the rung, and on whether anybody was killed yet."""

    def __init__(self) -> None:
        self.was_killed = False
        self.asked: Counter[str] = Counter()
        self._numbers = count()

    def __call__(self, body: Mapping[str, Any]) -> str | Reply:
        prompt = "\n".join(message["content"] for message in body["messages"])
        job = next(name for name in NAMES if f"[{name}]" in prompt)
        rung = next((name for name, words in WORDS.items() if words in prompt), "")
        self.asked[f"{job} {rung}".strip()] += 1
        mended = answer(BY_CALL.replace("NAME", NAMES[job]).replace("max", "min"))
        match job:
            case "first":
                return mended
            case "fourth" if rung:
                return mended if rung == MENDS and self.was_killed else Reply(wait_s=-1)
            case _:
                return self._wrong(NAMES[job])

    def _wrong(self, name: str) -> str:
        """Nothing that helps, in every way that the first failures take."""
        body = BY_HAND.replace("NAME", name)
        ways = [
            "I would look at the comparison.",
            answer(body.replace(">", ">=")),
            answer(body.replace("return other", "return one")),
            "FILE: shop.py\nLINES: 9\nREASONING: so\nORIGINAL:\n```\n    return nothing\n```\n"
            "REPLACEMENT:\n```\n    return other\n```\n",
        ]
        return ways[next(self._numbers) % len(ways)]


class Climbed(Struct):
    """What there is to be seen afterwards."""

    jobs: dict[str, Told]
    blobs: Blobs
    asked: Counter[str]
    in_flight: int  # when it was killed
    at_the_kill: Sequence[AnyFact]


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Climbed]:
    need("bubblewrap")
    folder, playing = tmp_path_factory.mktemp("climbed"), Playing()
    with OllamaServer(playing, parallel=8) as server:
        with DaemonProcess(folder / "home", **SETTINGS | {"ollama_url": server.url}) as daemon:
            daemon.start()
            for number, name in enumerate(NAMES, 1):
                drop(daemon, folder / "repos" / name, name)
                if name != "fourth":
                    daemon.wait_until(lambda expected=number: len(daemon.facts_of(e.JobSettled)) == expected)
            daemon.wait_until(lambda: server.at_once == ABREAST)
            daemon.kill()
            before = list(daemon.facts())
            playing.was_killed = True
            daemon.start("once").wait()
            yield Climbed(told(daemon), Blobs(daemon.state / "blobs"), playing.asked, ABREAST, before)


def drop(daemon: DaemonProcess, folder: Path, name: str) -> None:
    program = BY_CALL if name in ("first", "second") else BY_HAND
    case = CASE + TEST + SAME
    write(folder, {"shop.py": program.replace("NAME", NAMES[name]), "shop_tests.py": case.replace("NAME", NAMES[name])})
    asked = {
        "kind": "repair",
        "repo": str(folder),
        "tests": ["shop_tests.Shop.test_it"],
        "test_command": "python -m unittest shop_tests",
        "title": name,
        "problem": f"[{name}] It answers with the wrong one of two.",
    }
    daemon.drop(f"{name}.json", asked)


def rungs(job: Told) -> list[str]:
    return [fact.rung for fact in job.of(e.RunOpened)]


def test_look(climbed: Climbed) -> None:
    for name, job in climbed.jobs.items():
        print(name, job.outcome, job.reason, rungs(job))
        for f in job.of(e.Recalled):
            print(f)
        for f in job.of(e.FixTried):
            print(f)
        print(job.facts[-1].at - job.facts[0].at)
    print(climbed.asked)
    print(climbed.jobs["third"].report)
