"""What a model would be asked about a job on a rung: printed from the log, the blobs and the tree alone."""

import shutil
import tempfile
from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace

from daemon import again
from daemon import events as e
from daemon.blobs import Blobs
from daemon.certificate import Key
from daemon.drops import Repair
from daemon.effects.repair import keep
from daemon.exits import Exit
from daemon.policy.ladder import LADDER
from daemon.settings import Settings
from daemon.text.gates import Held
from daemon.text.outcomes import Cause, Outcome
from daemon.words import read_words
from tests.fakes.repairs import commit, git, write
from tests.fakes.written import write_log

SHOP = "def lower(one, other):\n    return max(one, other)\n\n\ndef last(seen=[]):\n    return seen[-1]\n"
TEST = "shop_tests.Shop.test_it"
ERROR = "AssertionError: 5321 != 1234"
JOB, RUN = "r-000001", "r-000001.1"


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A state in which one job has passed its red gate, and another one has not."""
    folder = tmp_path_factory.mktemp("asked")
    settings = Settings(state_dir=str(folder / "state"), models=("tiny", "large"))
    repo = write(folder / "shop", {"shop.py": SHOP})
    base = commit(repo)
    write(repo, {"shop.py": "def lower(one, other):\n    return min(one, other)  # from the future\n"})
    git(repo, "commit", "--quiet", "--all", "--message", "from the future")
    drop = Repair(repo=str(repo), tests=[TEST], problem="It takes the wrong one of two.", base_commit=base)
    outcome = Outcome("failed", Cause("AssertionError", "5321 != 1234"))
    held = Held([TEST], [TEST], [], "v2:c.e", ERROR, failed={TEST: outcome}, ids=[TEST])
    evidence = anyio.run(keep, Blobs(folder / "state" / "blobs"), held)
    accepted = [
        e.JobAccepted(source=name, job=name, kind="repair", project="shop", title="lower", drop=drop)
        for name in (JOB, "r-000002")
    ]
    facts = [
        e.FixLearned(job="r-0", fix="f-1", signature="v2:c.e", before="a = max(b)", after="a = min(b)", pattern="[]"),
        e.RunOpened(job=JOB, run=RUN, number=1, attempts=1),
        e.RedGateHeld(
            job=JOB, run=RUN, failing=[TEST], passing=0, signature="v2:c.e", message=ERROR, evidence=evidence
        ),
        e.Recalled(job=JOB, run=RUN, fixes=["f-1"], shown=["f-1"], by="exact"),
    ]
    write_log(settings, [*accepted, *facts])
    return settings


@pytest.mark.parametrize(("rung", "model"), [("M2", "tiny"), ("L2v2", "tiny"), ("A1", "large")])
def test_it_has_the_rungs_words_the_error_the_code_and_what_memory_shows(
    rung: str, model: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert again.prompt_of(JOB, rung, settings) == Exit.DONE
    said = capsys.readouterr().out
    assert said.startswith(f"# {model}, temperature ")
    words = read_words().templates[f"variants/{rung.replace('L2v', 'M')}"].strip()
    for told_of in (words, ERROR, "return max(one, other)", "It takes the wrong one of two.", "a = min(b)"):
        assert told_of in said


def test_m5_shows_the_past_and_nobody_shows_the_future(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert again.prompt_of(JOB, "M5", settings) == Exit.DONE
    said = capsys.readouterr().out
    assert ["as it was" in said, "+    return max(one, other)" in said] == [True, True]
    for rung in LADDER:
        again.prompt_of(JOB, rung.id, settings)
        assert "from the future" not in capsys.readouterr().out


def test_c5_shows_what_static_checks_say(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert again.prompt_of(JOB, "C5", settings) == Exit.DONE
    assert "shop.py:5: a default that can be changed is made once" in capsys.readouterr().out


def test_the_same_is_asked_twice(settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for _ in range(2):
        again.prompt_of(JOB, "N5", settings)
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != ""


@pytest.mark.parametrize(
    ("job", "rung", "why"),
    [
        ("r-000003", "M2", "the log knows no job r-000003"),
        ("r-000002", "M2", "has not passed its red gate"),
        (JOB, "Z9", "there is no rung Z9"),
    ],
)
def test_where_there_is_nothing_to_ask_it_says_why(
    job: str, rung: str, why: str, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert again.prompt_of(job, rung, settings) == Exit.USAGE
    assert why in capsys.readouterr().err


def test_of_a_tree_that_is_gone_and_cannot_be_made_again_nothing_can_be_asked(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(settings.state_dir, tmp_path / "state")
    (tmp_path / "state" / "trees" / "jobs").mkdir(parents=True, exist_ok=True)
    (tmp_path / "state" / "trees" / "jobs" / JOB).write_text("a" * 40)
    assert again.prompt_of(JOB, "M2", replace(settings, state_dir=str(tmp_path / "state"))) == Exit.USAGE
    assert "no longer kept" in capsys.readouterr().err


def test_where_a_blob_is_lost_it_says_which(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(settings.state_dir, tmp_path / "state", ignore=shutil.ignore_patterns("blobs"))
    assert again.prompt_of(JOB, "M2", replace(settings, state_dir=str(tmp_path / "state"))) == Exit.STAY_DOWN
    assert " is not there" in capsys.readouterr().err


def test_what_cannot_be_checked_here_is_not_said_to_differ(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As on a machine that has no room to do it again."""
    key = Key.open(tmp_path / "keys")
    for name, data in (("certificate", b"{}"), ("patch", b""), ("key", key.public)):
        (tmp_path / name).write_bytes(data)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    papers = (tmp_path / "certificate", tmp_path / "patch", tmp_path / "blobs", [tmp_path / "key"])
    assert again.verify(*papers, Settings()) == Exit.UNAVAILABLE
    assert "could not be checked here" in capsys.readouterr().err
