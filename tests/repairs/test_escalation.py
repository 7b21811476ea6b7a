"""What its base runs do not mend climbs the rungs: seen through the real hands, in two lives of which one is killed.

Four jobs, one after the other: `first` teaches memory a fix, `second` is mended by its replay, nothing mends `third`,
and `fourth` is mended on a rung while its siblings wait for an answer that never comes.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import partial
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

BASE_RUNS, ABREAST = 3, 4
PAGE_LINES = 80
LIKE_FIX = "was tried 1 time, as it stands or as an analogy, and is in the certified patch of 1 of them (100%)"
BY_CALL = "def NAME(one, other):\n    return max(one, other)\n"
BY_HAND = "def NAME(one, other):\n    if one > other:\n        return one\n    return other\n"
CASE = "import unittest\n\nimport shop\n\n\nclass Shop(unittest.TestCase):\n    def test_it(self):\n"
TEST = "        self.assertEqual(shop.NAME(5321, 1234), 1234)\n\n    def test_same(self):\n"
SAME = "        self.assertEqual(shop.NAME(2, 2), 2)\n"
ERROR = "AssertionError: 5321 != 1234"
ADVICE = "CAUSE: it answers with the larger of the two. PLACE: shop.py, the comparison."
ADVISOR = read_words().templates["diagnose"].partition(".")[0]
WORDS = {rung.id: read_words().templates[f"variants/{rung.id}"].strip() for rung in LADDER}
pytestmark = pytest.mark.campaign
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
        self.asked: Counter[str] = Counter()
        self.mends = ""  # the rung that does, once somebody was killed
        self._numbers = count()

    def __call__(self, body: Mapping[str, Any]) -> str | Reply:
        prompt = "\n".join(message["content"] for message in body["messages"])
        job = next(name for name in NAMES if f"[{name}]" in prompt)
        rung = next((name for name, words in WORDS.items() if words in prompt), "")
        self.asked[f"{job} {rung}".strip()] += 1
        if prompt.startswith(ADVISOR):
            self.asked[f"{job} advisor"] += 1
            return ADVICE
        if job == "first":
            return answer(BY_CALL.replace("NAME", NAMES[job]).replace("max", "min"))
        if job == "fourth" and rung:
            return answer(by_hand(job).replace(">", "<")) if rung == self.mends else Reply(wait_s=-1)
        return self._wrong(by_hand(job))

    def _wrong(self, program: str) -> str:
        """Nothing that helps, in some of the ways in which answers fail."""
        elsewhere = "FILE: shop.py\nLINES: 9\nREASONING: so\nORIGINAL:\n```\n    return nothing\n```\n"
        ways = [
            "I would look at the comparison.",
            answer(program.replace(">", ">=")),
            answer(program.replace("return other", "return one")),
            elsewhere + "REPLACEMENT:\n```\n    return other\n```\n",
        ]
        return ways[next(self._numbers) % len(ways)]


class Climbed(Struct):
    """What there is to be seen afterwards."""

    jobs: dict[str, Told]
    blobs: Blobs
    asked: Counter[str]
    mends: str
    at_the_kill: Sequence[AnyFact]
    daemon: DaemonProcess  # which has ended


@pytest.fixture(scope="module")
def climbed(tmp_path_factory: pytest.TempPathFactory) -> Climbed:
    need("bubblewrap")
    folder, playing = tmp_path_factory.mktemp("climbed"), Playing()
    with (
        OllamaServer(playing, parallel=8) as server,
        DaemonProcess(folder / "home", **SETTINGS | {"ollama_url": server.url}) as daemon,
    ):
        daemon.start()
        for number, name in enumerate(NAMES):
            daemon.wait_until(partial(has_settled, daemon, number))
            drop(daemon, folder / "repos" / name, name)
        daemon.wait_until(lambda: sum(asked.startswith("fourth ") for asked in list(playing.asked)) == ABREAST)
        daemon.kill()
        at_the_kill = list(daemon.facts())
        playing.mends = max(asked for asked in playing.asked if asked.startswith("fourth ")).partition(" ")[2]
        daemon.start("once").wait()
        return Climbed(told(daemon), Blobs(daemon.state / "blobs"), playing.asked, playing.mends, at_the_kill, daemon)


def has_settled(daemon: DaemonProcess, jobs: int) -> bool:
    return len(daemon.facts_of(e.JobSettled)) == jobs


def by_hand(job: str) -> str:
    return BY_HAND.replace("NAME", NAMES[job])


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


def prompts(climbed: Climbed, name: str) -> dict[str, str]:
    """The first prompt of each rung."""
    job = climbed.jobs[name]
    rung_of = {fact.run: fact.rung for fact in job.of(e.RunOpened)}
    asked = [fact for fact in job.of(e.Proposed) if fact.prompt and rung_of[fact.run]]
    return {rung_of[fact.run]: climbed.blobs.get(fact.prompt).decode() for fact in reversed(asked)}


def test_what_three_runs_do_not_mend_climbs_all_twenty_rungs(climbed: Climbed) -> None:
    third = climbed.jobs["third"]
    assert rungs(third) == [""] * BASE_RUNS + [rung.id for rung in LADDER]
    assert third.outcome == "failed"


def test_at_most_so_many_rungs_are_open_at_once(climbed: Climbed) -> None:
    opened = settled = most = 0
    for fact in climbed.jobs["third"].facts:
        opened, settled = opened + isinstance(fact, e.RunOpened), settled + isinstance(fact, e.RunSettled)
        most = max(most, opened - settled)
    assert most == ABREAST


def test_twenty_prompts_differ_and_carry_the_error_and_a_like_fix_with_its_reuse_rate(climbed: Climbed) -> None:
    said = prompts(climbed, "third")
    marks = re.compile(r"data-[0-9a-f]+")
    assert said.keys() == {rung.id for rung in LADDER}
    assert len({marks.sub("", prompt) for prompt in said.values()}) == len(LADDER)
    for told_of in (ERROR, "shop_tests.py:8", LIKE_FIX, "return min(one, other)"):
        assert [rung for rung, prompt in said.items() if told_of not in prompt] == [], told_of


def test_what_variables_held_is_shown_where_it_was_measured(climbed: Climbed) -> None:
    """In the sandbox, in the test that fails and in one that passes."""
    told_of = "passing is test_same", "shop.py:2  if one > other:", "failing: one = 5321, other = 1234"
    shown = {rung: all(one in prompt for one in told_of) for rung, prompt in prompts(climbed, "third").items()}
    assert [rung for rung in shown if shown[rung]] == ["C4"]
    [measured] = climbed.jobs["third"].of(e.ValuesMeasured)
    assert climbed.blobs.get(measured.values).decode().startswith("failing is test_it")


def test_an_advisor_is_asked_once_and_the_next_one_sees_what_was_said(climbed: Climbed) -> None:
    third = climbed.jobs["third"]
    said = prompts(climbed, "third")
    assert [rung for rung, prompt in said.items() if ADVICE in prompt] == ["A5"]
    [advised] = third.of(e.Advised)
    asked = climbed.blobs.get(advised.prompt).decode()
    assert climbed.blobs.get(advised.answer).decode() == ADVICE
    assert all(told_of in asked for told_of in (ADVISOR, ERROR, "shop_tests.py:8", LIKE_FIX))
    assert climbed.asked["third advisor"] == 1
    page = third.report.splitlines()
    assert sum("advised by" in line for line in page) == 1


def test_what_the_advisor_would_be_asked_can_be_read_too(climbed: Climbed) -> None:
    asked = climbed.daemon.ask("prompts", "--job", climbed.jobs["third"].job, "--rung", "A5").stdout
    first, edits = asked.split("# That was the advisor.")
    assert ADVISOR in first
    assert WORDS["A5"] in edits


def test_what_nobody_has_measured_yet_is_told(climbed: Climbed) -> None:
    """Of a job that never came to that rung; the one that did shows its values."""
    told_of = "# The values are measured once a run gets there"
    never, once = (
        climbed.daemon.ask("prompts", "--job", climbed.jobs[name].job, "--rung", "C4").stdout
        for name in ("first", "third")
    )
    assert (told_of in never, told_of in once) == (True, False)
    assert "failing: one = 5321, other = 1234" in once


def test_what_a_rung_would_ask_now_can_be_read(climbed: Climbed) -> None:
    """The words that were sent, with all that memory shows, and what was tried since."""
    asked = climbed.daemon.ask("prompts", "--job", climbed.jobs["third"].job, "--rung", "L4v2").stdout
    assert asked.startswith("# tiny, temperature 0.5, seed ")
    for told_of in (WORDS["N2"], ERROR, "return min(one, other)", "same_failure: shop_tests.Shop.test_it"):
        assert told_of in asked


def test_what_was_learned_is_replayed_with_no_model(climbed: Climbed) -> None:
    [tried] = climbed.jobs["second"].of(e.FixTried)
    assert (tried.worked, tried.how) == (True, "replayed")
    assert climbed.asked["second"] == 0


def test_all_that_failed_is_one_page(climbed: Climbed) -> None:
    page = climbed.jobs["third"].report.splitlines()
    assert page[2].startswith("**failed**: 23 runs with 50 attempts failed")
    assert [line.split(" | ")[1] for line in page if line.startswith("| ")][2:] == ["base"] * 3 + list(WORDS)
    assert len(page) <= PAGE_LINES


def test_where_it_stands_is_a_line_for_each_run(climbed: Climbed) -> None:
    lines = climbed.daemon.ask("explain", climbed.jobs["third"].job).stdout.splitlines()
    names = [line.partition("(")[2].partition(")")[0] for line in lines[2:-1] if not line.startswith(" ")]
    assert names == ["base run"] * BASE_RUNS + [rung.id for rung in LADDER]


def test_one_certificate_cancels_the_others(climbed: Climbed) -> None:
    fourth = climbed.jobs["fourth"]
    rung_of = {fact.run: fact.rung for fact in fourth.of(e.RunOpened) if fact.rung}
    ended = {rung_of[fact.run]: fact.outcome for fact in fourth.of(e.RunSettled) if fact.run in rung_of}
    assert ended == {rung: "certified" if rung == climbed.mends else "cancelled" for rung in rung_of.values()}
    assert (len(ended), fourth.outcome, fourth.proof.rung) == (ABREAST, "certified", climbed.mends)


def test_a_life_that_is_killed_on_the_rungs_loses_none_and_asks_again_only_what_was_in_flight(climbed: Climbed) -> None:
    fourth = climbed.jobs["fourth"]
    assert not [fact for fact in climbed.at_the_kill if isinstance(fact, e.Proposed) and fact.run in on_rungs(fourth)]
    assert {name: times for name, times in climbed.asked.items() if name.startswith("fourth ")} == {
        f"fourth {rung}": 2 for rung in rungs(fourth)[BASE_RUNS:]
    }
    assert len({fact.run for fact in fourth.of(e.RunOpened)}) == len(fourth.of(e.RunOpened))


def on_rungs(job: Told) -> set[str]:
    return {fact.run for fact in job.of(e.RunOpened) if fact.rung}
