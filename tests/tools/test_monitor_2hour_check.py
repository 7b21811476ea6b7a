"""The health check: each thing that can be wrong leads to its verdict, its exit status and a reason in words."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.daemon_process import DaemonProcess, repair
from tests.fakes.tool import BROKEN_VIEWS, HOSTILE, OLD_VIEWS, lived_in, state_of, tool

NOW = 1_800_000_030.0  # half a minute into a minute
MINUTE = 1_800_000_000
LONG_AGO = MINUTE - 7260
PAUSED = {"work_paused": "quiet hours until 06:00"}


def check(state: Path, *arguments: str | Path) -> tuple[int, dict[str, Any]]:
    """Exit status and report of a look at the present."""
    done = tool("monitor_2hour_check", "--json", "--state", state, *arguments)
    assert done.stderr == ""
    return done.returncode, json.loads(done.stdout)


def judged(
    folder: Path, *limits: str, queue: dict[str, Any] | None = None, at: int = MINUTE, **minute: object
) -> tuple[int, str]:
    """Exit status and reasons, in hindsight at NOW, for a state in which one minute counted this."""
    state = state_of(folder, {"health": {"minutes": {str(at): minute}}, "queue": queue or {}})
    status, report = check(state, "--now", str(NOW), *limits)
    assert (status, report["verdict"]) in {(0, "HEALTHY"), (1, "DEGRADED"), (2, "UNHEALTHY")}
    return status, " | ".join(reason["words"] for reason in report["reasons"])


def in_hand(since: float) -> dict[str, Any]:
    return {"running": [{"run": "r-000001.1", "job": "r-000001", "worker": "w3", "since": since}]}


def waiting(since: float) -> dict[str, Any]:
    return {"depth": 2, "delayed_depth": 1, "oldest_ready_since": since}


@pytest.mark.parametrize(
    ("limits", "seen", "status", "reason"),
    [
        ([], {}, 0, ""),
        ([], {"accepted": 9, "settled": {"certified": 9}, "failures": {"syntax": 40}, "rejected": 5}, 0, ""),
        ([], {"crashes": 1}, 1, "steps that crashed, a defect of the daemon's own: 1"),
        (["--crashes", "1"], {"crashes": 1}, 0, ""),
        ([], {"faults": {"model": 15, "disk": 5}}, 0, ""),
        ([], {"faults": {"model": 15, "disk": 6}}, 1, "the world was at fault 21 times: model 15 · disk 6"),
        (["--faults", "30"], {"faults": {"model": 15, "disk": 6}}, 0, ""),
        ([], {"restarts": 1}, 1, "the daemon ended uncleanly: 1"),
        (["--restarts", "1"], {"restarts": 1}, 0, ""),
        ([], {"restarts": 5}, 2, "the daemon ended uncleanly 5 times"),
        (["--crash-loop", "6"], {"restarts": 5}, 1, "the daemon ended uncleanly: 5"),
        ([], {"torn_ends": 1}, 1, "torn ends cut off the log: 1"),
        ([], {"pauses": 2}, 1, "intake was paused for a while: 2"),
        ([], {"settled": {"failed": 9, "certified": 1}}, 1, "9 of 10 jobs failed"),
        ([], {"settled": {"failed": 8, "certified": 2}}, 0, ""),
        (["--failed-share", "0.5"], {"settled": {"failed": 8, "certified": 2}}, 1, "8 of 10 jobs failed"),
        ([], {"settled": {"failed": 4}}, 0, ""),
        ([], {"queue": in_hand(NOW - 1799)}, 0, ""),
        ([], {"queue": in_hand(NOW - 1860)}, 1, "run r-000001.1 has been in hand of w3 for 31 min"),
        (["--stuck-minutes", "60"], {"queue": in_hand(NOW - 1860)}, 0, ""),
        ([], {"queue": {"intake_paused": "12 bytes are free"}}, 2, "nothing is taken in: 12 bytes are free"),
        ([], {"queue": waiting(NOW - 7200)}, 1, "work has waited for 2.0 h, and nothing was done"),
        ([], {"queue": waiting(NOW - 7200), "failures": {"syntax": 1}}, 0, ""),
        ([], {"queue": waiting(NOW - 60)}, 0, ""),
        ([], {"queue": waiting(NOW - 60) | PAUSED}, 1, "work waits, and no run is taken up: quiet hours until 06:00"),
        ([], {"queue": PAUSED}, 0, ""),
        ([], {"crashes": 1, "queue": {"intake_paused": "full"}}, 2, "nothing is taken in: full | steps that crashed"),
        ([], {"crashes": 1, "at": LONG_AGO}, 0, ""),
        (["--hours", "3"], {"crashes": 1, "at": LONG_AGO}, 1, "steps that crashed"),
        (["--hours", "0.1"], {"crashes": 1, "at": MINUTE - 420}, 0, ""),
        ([], {"crashes": 1, "at": MINUTE + 60}, 0, ""),
    ],
)
def test_verdicts(tmp_path: Path, limits: list[str], seen: dict[str, Any], status: int, reason: str) -> None:
    found, reasons = judged(tmp_path, *limits, **seen)
    assert (found, reasons.startswith(reason), bool(reasons)) == (status, True, bool(reason)), reasons


def test_a_living_daemon_is_healthy(tmp_path: Path) -> None:
    with lived_in(state_of(tmp_path, {"health": {}, "queue": {}})) as state:
        status, report = check(state)
        assert (status, report["verdict"], report["reasons"]) == (0, "HEALTHY", [])


def test_a_silent_daemon_is_not(tmp_path: Path) -> None:
    with lived_in(state_of(tmp_path, {"health": {}, "queue": {}}), silent_s=300) as state:
        status, report = check(state)
        assert status == 2
        assert report["daemon"]["condition"] == "silent"
        assert check(state, "--stale-seconds", "1000")[0] == 0


def test_a_full_disk(tmp_path: Path) -> None:
    with lived_in(state_of(tmp_path, {"health": {}, "queue": {}})) as state:
        status, report = check(state, "--free-mib", str(10**9))
        assert status == 2
        assert "MiB are free for state/: make room" in report["reasons"][0]["words"]


def test_no_state_yet(tmp_path: Path) -> None:
    status, report = check(tmp_path / "nowhere")
    assert status == 2
    assert "start it with `bash startup.sh`" in report["reasons"][0]["words"]
    assert tool("monitor_2hour_check", "--state", tmp_path / "nowhere").returncode == 2


@pytest.mark.parametrize("broken", [None, *BROKEN_VIEWS])
@pytest.mark.parametrize("name", ["queue", "health"])
def test_nobody_vouches_for_what_cannot_be_read(tmp_path: Path, name: str, broken: str | None) -> None:
    views: dict[str, object] = {"queue": {}, "health": {}}
    if broken is None:
        del views[name]
    else:
        views[name] = BROKEN_VIEWS[broken]
    with lived_in(state_of(tmp_path, views)) as state:
        status, report = check(state)
        assert status == 2
        assert f"views/{name}.json" in report["reasons"][0]["words"]


@pytest.mark.parametrize("old", OLD_VIEWS)
def test_views_of_another_version(tmp_path: Path, old: str) -> None:
    with lived_in(state_of(tmp_path, dict.fromkeys(("queue", "health"), OLD_VIEWS[old]))) as state:
        assert check(state)[0] == 0


def test_hostile_words_reach_the_terminal_as_mere_words(tmp_path: Path) -> None:
    minute = {"settled": {HOSTILE: 1}, "failures": {HOSTILE: 1}, "faults": {HOSTILE: 99}}
    queue = {"intake_paused": HOSTILE, "running": [{"run": HOSTILE, "worker": HOSTILE, "since": -1e300}]}
    state = state_of(tmp_path, {"health": {"minutes": {str(MINUTE): minute}}, "queue": queue})
    done = tool("monitor_2hour_check", "--state", state, "--now", str(NOW), columns=400)
    assert done.returncode == 2, done.stderr
    assert all(line.isprintable() for line in done.stdout.split("\n"))
    assert "[bold red]markup[/]" in done.stdout


def test_the_page_for_people(tmp_path: Path) -> None:
    minute = {"accepted": 7, "rejected": 1, "settled": {"certified": 4, "failed": 2}, "failures": {"syntax": 3}}
    views = {"health": {"minutes": {str(MINUTE): minute}}, "queue": PAUSED}
    done = tool("monitor_2hour_check", "--state", state_of(tmp_path, views), "--now", str(NOW))
    words = " ".join(done.stdout.split())
    assert words.startswith("HEALTHY")
    for figure in (
        "accepted 7, rejected 1",
        "settled 6, 3.0 an hour",
        "certified 4 · failed 2",
        "failed syntax 3",
        "paused no run is taken up",
    ):
        assert figure in words


def test_a_narrow_terminal_shows_the_end_of_the_course(tmp_path: Path) -> None:
    view = {"minutes": {str(int(NOW) // 60 * 60): {"settled": {"certified": 4}}}}
    state = state_of(tmp_path, {"health": view, "queue": {}})
    done = tool("monitor_2hour_check", "--state", state, "--now", str(NOW), columns=40)
    assert next(line for line in done.stdout.splitlines() if "in 5 min" in line).rstrip().endswith("█")


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--hours", "4"),
        ("--hours", "0"),
        ("--hours", "nan"),
        ("--now", "soon"),
        ("--now", "nan"),
        ("--now", "1e300"),
        ("--stuck-minutes", "nan"),
        ("--stale-seconds", "-1"),
    ],
)
def test_what_cannot_be_asked(option: str, value: str) -> None:
    done = tool("monitor_2hour_check", option, value)
    assert done.returncode == 2
    assert "error: argument" in done.stderr


def test_the_life_of_a_real_daemon(tmp_path: Path) -> None:
    """Healthy; then a crash and a fault; killed in mid-write; alive again with a scar; stopped."""
    with DaemonProcess(tmp_path) as daemon:
        daemon.start().wait_until(lambda: daemon.view("health").get("lives"))
        assert check(daemon.state)[0] == 0

        daemon.drop("a.json", [repair("a"), repair("b", "crash 1, fault 1, fail, fix"), repair("c", "green")])
        daemon.wait_until(lambda: daemon.settled() == 3)
        status, report = check(daemon.state)
        assert (status, report["verdict"]) == (1, "DEGRADED")
        window = report["window"]
        assert window["accepted"] == 3
        assert window["settled"] == {"certified": 2, "refused": 1}
        assert (window["failures"], window["faults"], window["crashes"]) == ({"same_failure": 1}, {"scripted": 1}, 1)

        daemon.kill()
        status, report = check(daemon.state)
        assert status == 2
        assert "ended without a clean stop" in report["reasons"][0]["words"]

        with max((daemon.state / "log").glob("*.jsonl")).open("ab") as log:
            log.write(b'{"seq":99')
        daemon.start().wait_until(lambda: len(daemon.view("health")["lives"]) == 2)
        status, report = check(daemon.state, "--crashes", "1")
        assert status == 1
        assert [reason["words"] for reason in report["reasons"]] == [
            "the daemon ended uncleanly: 1",
            "torn ends cut off the log: 1",
        ]
        assert report["starts"] == 2

        daemon.stop()
        status, report = check(daemon.state)
        assert status == 2
        assert "stopped" in report["reasons"][0]["words"]


def test_a_real_daemon_without_room(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path, min_free_bytes=2**60) as daemon:
        daemon.drop("a.json", repair("a"))
        daemon.start().wait_until(lambda: daemon.view("queue").get("intake_paused") and daemon.view("health"))
        status, report = check(daemon.state)
        assert status == 2
        assert report["reasons"][0]["words"].startswith("nothing is taken in: ")
