"""The live view: what it shows of a daemon at work, and that nothing it reads can break or deceive it."""

import os
import pty
import re
import signal
import struct
import subprocess
import termios
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import ioctl
from pathlib import Path
from typing import Any

import pytest
from rich.cells import cell_len

from tests.fakes.daemon_process import DEADLINE_S, DaemonProcess, idea, repair
from tests.fakes.tool import (
    BROKEN_VIEWS,
    HOSTILE,
    OLD_VIEWS,
    clean_environment,
    command,
    lived_in,
    put_view,
    state_of,
    tool,
    tools_of,
)

VIEWS = ("queue", "health", "jobs")
LONG_STALL = "stall 300, fix"


def monitor(state: Path, *arguments: str, columns: int = 100) -> str:
    """One frame."""
    done = tool("monitor_queue", "--once", "--state", state, *arguments, columns=columns)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


@pytest.fixture(scope="module")
def busy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    """A daemon with everything in it: settled jobs of all outcomes, six stalls in hand, a fault, a line, a reject."""
    with DaemonProcess(tmp_path_factory.mktemp("busy"), fault_backoff_s=900, fault_backoff_max_s=900) as daemon:
        daemon.start()
        daemon.drop(
            "quick.json", [repair("a", title="a quick one"), idea("a poem"), repair("b", "green", title="not red")]
        )
        daemon.drop("bad.json", {"kind": "repair", "repo": "/x"})
        daemon.drop("hopeless.json", repair("h", "fail", title="a hopeless one"))
        daemon.drop("fault.json", repair("f", "fault 9, fix", title="out of reach"))
        daemon.wait_until(lambda: daemon.settled() == 4 and daemon.view("queue").get("delayed_depth") == 1)
        daemon.drop("slow.json", [repair(f"s{n}", LONG_STALL, title=f"slow {n}") for n in range(8)])
        daemon.wait_until(lambda: stages_in_hand(daemon) == ["red"] * 6 and daemon.view("queue")["depth"] == 3)
        yield daemon


def stages_in_hand(daemon: DaemonProcess) -> list[str]:
    runs = [run for job in daemon.view("jobs")["jobs_in_hand"] for run in job["runs"]]
    return [run["stage"] for run in runs if run["state"] == "running"]


def test_a_busy_daemon(busy: DaemonProcess) -> None:
    frame = monitor(busy.state, columns=160)
    assert "running, pid" in frame
    said = " ".join(frame.split())
    for words in ("in hand 6 of 6", "ready 2 oldest", "delayed 1 next in"):
        assert words in said
    assert "outcomes of 13 jobs, 9 open" in frame
    for words in ("certified 2", "failed 1", "refused 1", "drops rejected 1"):
        assert words in frame
    hands = [line for line in frame.splitlines() if re.match(r"w\d", line)]
    assert [line.split()[0] for line in hands] == ["w1", "w2", "w3", "w4", "w5", "w6"]
    assert all("slow " in line and " red " in line for line in hands)
    assert "waiting for a free worker 2 · scripted 1" in frame
    assert "out of reach" in frame
    assert "scripted: the script says" in frame
    assert re.search(r"a quick one +results/r-\d{6}/", frame)
    assert "refused: already_green" in frame
    assert "failed: 23 runs with" in frame
    rates = next(line for line in frame.splitlines() if "accepted  " in line)
    assert re.search(r"accepted +\d*[1-9.]\d* ", rates)


@pytest.mark.parametrize("columns", [20, 60, 80, 100, 160, 240])
def test_no_line_is_wider_than_the_terminal(busy: DaemonProcess, columns: int) -> None:
    assert max(map(cell_len, monitor(busy.state, columns=columns).splitlines())) <= columns


def test_a_narrow_terminal_shows_what_the_numbers_are(busy: DaemonProcess) -> None:
    frame = monitor(busy.state, columns=40)
    for words in ("in hand", "of 6", "per minute", "60 min", "accepted", "settled"):
        assert words in frame


def test_an_encoding_that_lacks_its_characters(busy: DaemonProcess) -> None:
    done = tool("monitor_queue", "--once", "--state", busy.state, PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert "running, pid" in done.stdout


def test_a_pipe_gets_one_frame_without_colours(busy: DaemonProcess) -> None:
    done = tool("monitor_queue", "--state", busy.state)
    assert done.returncode == 0
    assert "\x1b" not in done.stdout
    assert "running, pid" in done.stdout


def test_it_writes_nothing(tmp_path: Path) -> None:
    """What lies in a state that nobody lives in is the same before and after."""
    daemon = DaemonProcess(tmp_path)
    daemon.drop("a.json", repair("a"))
    assert daemon.start("once").wait() == 0
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    monitor(daemon.state)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}


def test_a_daemon_that_was_killed_and_one_that_was_stopped(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.start().wait_until(lambda: daemon.view("health").get("lives"))
        daemon.kill()
        assert "not running: ended without a clean stop" in monitor(daemon.state)
        daemon.start().wait_until(lambda: len(daemon.view("health").get("lives", [])) == 2)
        assert "running, pid" in monitor(daemon.state)
        daemon.stop()
        frame = monitor(daemon.state)
        assert "not running: stopped" in frame
        assert "(SIGTERM)" in frame
        assert "▲ start it with `bash startup.sh`" in frame


def test_no_state_yet(tmp_path: Path) -> None:
    done = tool("monitor_queue", "--once", "--state", tmp_path / "nowhere")
    frame = " ".join(done.stdout.split())
    assert done.returncode == 2
    assert "there is no state in" in frame
    assert "start it with `bash startup.sh`" in frame


def test_the_state_is_found_as_the_daemon_finds_it(tmp_path: Path) -> None:
    """From the settings.toml of the tool's own project, and from the environment before it."""
    tools = tools_of(tmp_path / "project", 'state_dir = "mine"\n')
    state_of(tmp_path / "project" / "mine", {})
    assert "not running" in tool("monitor_queue", "--once", cwd=tmp_path, tools=tools).stdout
    other = tool("monitor_queue", "--once", cwd=tmp_path, tools=tools, MENDD_STATE_DIR="other")
    assert "no state in" in other.stdout


def test_a_heart_that_stopped(tmp_path: Path) -> None:
    with lived_in(state_of(tmp_path, {}), silent_s=100) as state:
        assert f"silent, pid {os.getpid()}, but heartbeat 1.7 min ago" in monitor(state)
        assert "running, pid" in monitor(state, "--stale", "1000")


@pytest.mark.parametrize("view", [None, b'{"cut'])
def test_what_remakes_a_view_is_read_on_a_plain_terminal(tmp_path: Path, view: bytes | None) -> None:
    frame = monitor(state_of(tmp_path, {} if view is None else dict.fromkeys(VIEWS, view)), columns=80)
    assert frame.count("`python -m daemon replay` ") == 3


@pytest.mark.parametrize("broken", BROKEN_VIEWS)
@pytest.mark.parametrize("name", VIEWS)
def test_a_broken_view_is_told_and_the_others_are_shown(tmp_path: Path, name: str, broken: str) -> None:
    views: dict[str, object] = {other: {} for other in VIEWS} | {name: BROKEN_VIEWS[broken]}
    frame = monitor(state_of(tmp_path, views), columns=200)
    assert f"▲ views/{name}.json cannot be read" in frame
    assert frame.count("▲ views") == 1
    assert "no certificate yet" in frame


def test_missing_views(tmp_path: Path) -> None:
    frame = monitor(state_of(tmp_path, {}))
    for name in VIEWS:
        assert f"views/{name}.json is not there (yet)" in frame


@pytest.mark.parametrize("old", OLD_VIEWS)
def test_views_of_another_version(tmp_path: Path, old: str) -> None:
    frame = monitor(state_of(tmp_path, dict.fromkeys(VIEWS, OLD_VIEWS[old])))
    assert "▲ views" not in frame
    assert frame.count("idle") == 6


def hostile_views(words: str) -> dict[str, Any]:
    """Views in which every text is these words."""
    run = {"run": words, "stage": words, "attempts": 2, "reason": words}
    job = {"job": words, "title": words, "runs": [run], "reason": words, "settled_at": 1e300}
    waiting = {"run": words, "job": words, "why": words, "waiting_since": -1e300}
    return {
        "queue": {
            "depth": 3,
            "delayed_depth": 1,
            "waiting_for": {words: 3},
            "running": [{"run": words, "job": words, "worker": words, "since": 1e300}],
            "ready": [waiting],
            "delayed": [waiting | {"not_before": 9e300}],
            "oldest_ready_since": -1.0,
            "intake_paused": words,
        },
        "jobs": {
            "settled": {words: 1, "certified": 1},
            "jobs_in_hand": [job],
            "open_jobs": [job],
            "last_settled": [job | {"outcome": words}, job | {"outcome": "certified"}],
        },
        "health": {"lives": [{"started_at": 1e300, "stopped_at": 1e300, "reason": words}]},
    }


@pytest.mark.parametrize("columns", [80, 160])
def test_hostile_words_reach_the_terminal_as_mere_words(tmp_path: Path, columns: int) -> None:
    frame = monitor(state_of(tmp_path, hostile_views(HOSTILE)), columns=columns)
    assert all(line.isprintable() for line in frame.split("\n"))
    assert max(map(cell_len, frame.splitlines())) <= columns
    assert "[31mred" in frame
    assert "[bold red]markup[/]" in monitor(tmp_path, columns=400)


@pytest.mark.parametrize(
    "words", ["x" * 1_000_000, "幅の広い文字" * 1000, "e\u0301" * 5000, "👩\u200d🚀" * 99], ids=len
)
def test_long_and_wide_words_keep_to_their_place(tmp_path: Path, words: str) -> None:
    frame = monitor(state_of(tmp_path, hostile_views(words)), columns=100)
    assert max(map(cell_len, frame.splitlines())) <= 100
    assert len(frame.splitlines()) < 40


def test_more_workers_than_expected_and_natural_order(tmp_path: Path) -> None:
    running = [{"run": f"r-{n}", "job": "j", "worker": f"w{n}", "since": 0.0} for n in (12, 2, 7)]
    lines = monitor(state_of(tmp_path, {"queue": {"running": running}}), "--workers", "2").splitlines()
    assert [line.split()[0] for line in lines if line.startswith("w") and line[1].isdigit()] == [
        "w1",
        "w2",
        "w7",
        "w12",
    ]


def test_views_that_are_replaced_all_the_time_are_always_whole(tmp_path: Path) -> None:
    state = state_of(tmp_path, hostile_views("words"))
    enough = threading.Event()

    def replace() -> None:
        number = 0
        while not enough.is_set():
            number += 1
            for name, view in hostile_views("words" * (number % 1000)).items():
                put_view(state, name, view)

    publisher = threading.Thread(target=replace)
    publisher.start()
    try:
        with lived_in(state), terminal(state, "--every", "0.01") as screen:
            screen.wait_for("running", times=20)
            assert "▲ views" not in screen.text
    finally:
        enough.set()
        publisher.join()


class Screen:
    """What a tool has written to its terminal."""

    def __init__(self, process: subprocess.Popen[bytes], end: int) -> None:
        self.process = process
        self.text = ""
        self._end = end

    def wait_for(self, words: str, times: int = 1) -> None:
        """Read on until the words were there so many times."""
        until = time.monotonic() + DEADLINE_S
        while self.text.count(words) < times:
            assert time.monotonic() < until, self.text[-2000:]
            self._read()

    def rest(self) -> str:
        """All that comes until the tool has ended."""
        before = len(self.text)
        while self._read():
            pass
        self.process.wait(DEADLINE_S)
        return self.text[before:]

    def _read(self) -> bool:
        try:
            data = os.read(self._end, 65536)
        except OSError:  # the other end is gone
            return False
        self.text += data.decode(errors="replace")
        return bool(data)


@contextmanager
def terminal(state: Path, *arguments: str, rows: int = 24, columns: int = 80) -> Iterator[Screen]:
    """The live monitor on a terminal of this size."""
    ours, its = pty.openpty()
    ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    environment = clean_environment(columns) | {"LINES": str(rows)}
    process = subprocess.Popen(
        command("monitor_queue", "--state", state, *arguments), stdin=its, stdout=its, stderr=its, env=environment
    )
    os.close(its)
    try:
        yield Screen(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_it_cleanly_and_gives_the_screen_back(busy: DaemonProcess, ending: signal.Signals) -> None:
    with terminal(busy.state, "--every", "0.05") as screen:
        screen.wait_for("running", times=2)
        assert "\x1b[?1049h" in screen.text
        screen.process.send_signal(ending)
        last = screen.rest()
        assert screen.process.returncode == 0
        assert "\x1b[?1049l" in last
        assert "Traceback" not in last


@pytest.mark.parametrize(("rows", "columns"), [(24, 80), (35, 100), (50, 160), (24, 40), (5, 30)])
def test_a_live_frame_fits_its_terminal(busy: DaemonProcess, rows: int, columns: int) -> None:
    """Live never draws more lines than there are, so nothing scrolls."""
    with terminal(busy.state, "--every", "0.05", rows=rows, columns=columns) as screen:
        screen.wait_for("mendd", times=3)
        frame = screen.text.split("mendd")[1]
        assert frame.count("\n") <= rows


@pytest.mark.parametrize("lacks", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_a_terminal_without_colours(busy: DaemonProcess, lacks: dict[str, str]) -> None:
    """One that can do nothing but scroll gets one frame without being asked for it."""
    once = ["--once"] if "NO_COLOR" in lacks else []
    ours, its = pty.openpty()
    process = subprocess.Popen(
        command("monitor_queue", *once, "--state", busy.state),
        stdin=its,
        stdout=its,
        stderr=its,
        env=clean_environment(80) | lacks,
    )
    os.close(its)
    text = Screen(process, ours).rest()
    os.close(ours)
    assert process.returncode == 0
    assert "running" in text
    assert "\x1b[32m" not in text
