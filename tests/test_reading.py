"""What is asked of a state folder: where a job stands, and whether there is a state at all."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from daemon import events as e
from daemon import reading
from daemon.exits import Exit
from daemon.settings import Settings
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.told import Told
from tests.fakes.written import write_log

RUN: dict[str, Any] = {"job": "r-000001", "run": "r-000001.1"}


@pytest.mark.parametrize(
    "asked",
    [
        "check",
        "replay",
        "show r-000001",
        "explain r-000001",
        "explain m-000001",
        "prompts --job r-000001",
        "fixes export fixes.json",
    ],
)
def test_who_only_reads_vouches_for_no_state_that_is_not_there_and_makes_none(tmp_path: Path, asked: str) -> None:
    daemon = DaemonProcess(tmp_path, state=tmp_path / "mistyped")
    told = daemon.ask(*asked.split())
    assert (told.returncode, told.stdout) == (Exit.USAGE, "")
    assert f"there is no state in {tmp_path / 'mistyped'}" in told.stderr
    assert "MENDD_STATE_DIR (this one is from: environment)" in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_job_that_waits_for_a_model_says_what_was_done_without_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told().accepted().opened().claimed()
    told.tell(
        e.NothingFound(**RUN, proposer="learned"),
        e.NothingFound(**RUN, proposer="templates", tried=412, seconds=31.4),
        e.RunParked(**RUN, fault="models_down: nobody listens", not_before=2_000_000.0),
    )
    write_log(Settings(state_dir=str(tmp_path)), told.facts)
    assert reading.explain(tmp_path, "r-000001") == Exit.DONE
    *_, waits, searched = capsys.readouterr().out.splitlines()
    assert waits.endswith("models_down: nobody listens")
    assert searched.strip() == "the search without a model: nothing found among 412 candidates in 31 s"


def test_a_search_that_was_none_is_not_told_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = Told().accepted().opened().claimed()
    told.tell(e.NothingFound(**RUN, proposer="templates", why="search_s is 0: no search"))
    write_log(Settings(state_dir=str(tmp_path)), told.facts)
    reading.explain(tmp_path, "r-000001")
    assert capsys.readouterr().out.endswith("the search without a model: nothing found: search_s is 0: no search\n")


def test_what_others_said_is_one_line_that_a_terminal_does_not_obey(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Told().accepted().opened().claimed()
    told.tell(e.WorldFaulted(**RUN, step="Propose", fault="models_down", message="\x1b[2Jnobody\nlistens"))
    told.tell(e.RunParked(**RUN, fault="models_down: \x1b[2Jnobody\nlistens", not_before=2_000_000.0))
    write_log(Settings(state_dir=str(tmp_path)), told.facts)
    assert reading.show(tmp_path, "r-000001") == Exit.DONE
    assert reading.explain(tmp_path, "r-000001") == Exit.DONE
    lines = capsys.readouterr().out.splitlines()
    assert all(line.isprintable() for line in lines)
    assert sum(line.endswith("nobody listens") for line in lines) == 2
    assert sum("nobody listens  not_before" in line for line in lines) == 1


def test_a_terminal_that_lacks_a_character_gets_the_rest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    told = DaemonProcess(tmp_path).ask("settings")
    assert (told.returncode, told.stderr) == (Exit.DONE, "")
    assert "owner/name ? a clone's path" in told.stdout


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("no_such_verb", "argument VERB: invalid choice: 'no_such_verb'"),
        ("replay --into /dev/null/x", "--into /dev/null/x: Not a directory; name a folder"),
        ("verify no/certificate.json", "no/certificate.json: No such file or directory; besides the certificate"),
        ("explain m-000009", "the log knows no job m-000009; ids look like r-000731 for a repair"),
    ],
)
def test_what_cannot_be_asked_is_told_with_a_remedy(tmp_path: Path, asked: str, named: str) -> None:
    daemon = DaemonProcess(tmp_path)
    write_log(Settings(state_dir=str(daemon.state)), Told().accepted().facts)
    told = daemon.ask(*asked.split())
    assert (told.returncode, told.stdout) == (Exit.USAGE, "")
    assert named in told.stderr


def test_a_torn_end_is_not_told_as_whole(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_log(Settings(state_dir=str(tmp_path)), Told().accepted().opened().facts)
    [segment] = (tmp_path / "log").glob("*.jsonl")
    segment.write_bytes(segment.read_bytes()[:-10])
    torn = len(segment.read_bytes().rpartition(b"\n")[2])
    assert reading.check(tmp_path) == Exit.DONE
    assert capsys.readouterr().out.splitlines() == [
        "whole: 1 fact in 1 segment",
        f"behind them {torn} bytes of a fact that was never finished: the next start lays them aside",
    ]


def test_ctrl_c_ends_a_verb_as_the_signal_ends_a_program(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "certificate.json")
    daemon = DaemonProcess(tmp_path)
    daemon.start("verify", "certificate.json")
    assert daemon.process
    with (tmp_path / "certificate.json").open("w"):  # opens as soon as it reads there, in the middle of its verb
        daemon.process.send_signal(signal.SIGINT)
        assert daemon.wait() == -signal.SIGINT
    assert daemon.said() == ""
