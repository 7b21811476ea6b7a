"""The ramp's tool: what it reads, whom it chooses, what it draws, and a whole ramp through a real daemon."""

import json
import signal
import subprocess
import sys
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.daemon_process import DaemonProcess, repair
from tests.fakes.tool import clean_environment, command, state_of, tool

ROWS = [
    {"instance_id": f"{repo}__{number}", "repo": f"{repo}/{repo}", "base_commit": "c", "problem_statement": "p"}
    | {"FAIL_TO_PASS": ["t"], "health": {"class": "healthy"}}
    for repo in ("ab", "cd")
    for number in range(3)
]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


def dropped(tmp_path: Path, *arguments: str | Path) -> dict[str, Any]:
    queue = tmp_path / "queue"
    done = tool("ramp", "--no-follow", "--queue", queue, "--state", tmp_path / "state", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads((queue / "ideas" / "ramp.json").read_bytes())
    return found


def names(drop: dict[str, Any]) -> list[str]:
    return [row["instance_id"] for row in drop["instances"]]


def test_the_order_of_the_file_and_the_phases_of_the_notes(tmp_path: Path, file: Path) -> None:
    drop = dropped(tmp_path, file)
    assert names(drop) == [row["instance_id"] for row in ROWS]
    assert drop["phases"] == [1, 5, 10, 20, 50, 100, 300]
    assert drop["targets"] == [1.0] * 6 + [0.9]
    assert "health" not in drop["instances"][0]


def test_easiest_first_among_those_of_a_repository(tmp_path: Path, file: Path) -> None:
    table = tmp_path / "evidence.tsv"
    table.write_text("rank\tinstance_id\tsolved_ratio\n1\tcd__2\t0.9\n2\tcd__0\t0.5\n")
    drop = dropped(tmp_path, file, "--repository", "cd", "--easiest", table, "--phases", "1,3")
    assert names(drop) == ["cd__2", "cd__0", "cd__1"]


def test_a_task_folder_of_the_benchmark(tmp_path: Path) -> None:
    task = tmp_path / "tasks" / "ab__0"
    task.mkdir(parents=True)
    (task / "task.yaml").write_text("repo: ab/ab\nbase_commit: 'c0ffee'\nnotes: |\n  nothing\n")
    (task / "problem_statement.md").write_text("It breaks.")
    (task / "gold.patch").write_bytes(b"--- a\r\n")
    (task / "tests.json").write_text('{"FAIL_TO_PASS": ["t"], "PASS_TO_PASS": []}')
    [row] = dropped(tmp_path, tmp_path)["instances"]
    assert (row["instance_id"], row["base_commit"], row["patch"]) == ("ab__0", "c0ffee", "--- a\r\n")


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.parquet", "PAR1", "pyarrow"),
        ("a.json", "{", "neither JSON nor JSON lines"),
        ("b.json", "\udcff", "is no text"),
        ("b.jsonl", "[3]", "instances"),
        ("c.json", "3", "instances"),
        ("d.jsonl", "", "holds no instances"),
        ("tasks/readme", "", "has no tasks/<instance>/task.yaml"),
        ("tasks/a/task.yaml", "a: \udcff", "task.yaml is no text"),
        ("tasks/a/tests.json", "[1, 2]", "tests.json is no object with FAIL_TO_PASS"),
        ("tasks/a/tests.json", "{", "tests.json is neither JSON nor JSON lines"),
    ],
)
def test_what_cannot_be_read_is_told_with_a_remedy(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / "tasks" / "a").mkdir(parents=True)
    if "/a/" in name:
        (tmp_path / "tasks" / "a" / "task.yaml").touch()
    (tmp_path / name).write_bytes(text.encode(errors="surrogateescape"))
    read = tmp_path if name.startswith("tasks") else tmp_path / name
    done = tool("ramp", read, "--queue", tmp_path / "queue", "--state", tmp_path / "state")
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--phases", "1,b", "'b' is no whole number from 1"),
        ("--targets", "2", "above 0 and at most 1"),
        ("--sample", "0", "no whole number from 1"),
        ("--ids", "nobody", "not in the file: nobody"),
        ("--ids", sys.executable, "is no text: a list of ids is wanted"),
        ("--easiest", "absent.tsv", "absent.tsv: No such file"),
        ("--easiest", __file__, "columns instance_id and solved_ratio"),
    ],
)
def test_what_cannot_be_asked_is_told(tmp_path: Path, file: Path, option: str, value: str, words: str) -> None:
    done = tool("ramp", file, option, value, "--queue", tmp_path / "queue", "--state", tmp_path / "state")
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_what_the_benchmark_has_dropped_is_left_out(tmp_path: Path) -> None:
    for name, split in (("a", "test"), ("b", "deprecated")):
        (tmp_path / "tasks" / name).mkdir(parents=True)
        (tmp_path / "tasks" / name / "task.yaml").write_text(f"repo: ab/ab\nsplit: {split}\n")
        (tmp_path / "tasks" / name / "tests.json").write_text("{}")
    assert names(dropped(tmp_path, tmp_path)) == ["a"]


@pytest.mark.parametrize("waiting", [0, 1])
def test_no_end_is_foretold_while_somebody_waits_for_the_world(tmp_path: Path, waiting: int) -> None:
    phase: dict[str, Any] = {"size": 3, "viable": 3, "solved": 1, "open": 2, "busy_s": 90.0, "measured": 1}
    phase |= {"waiting": waiting, "first_waits_for": "models_down: nobody listens", "first_waits_until": 0.0}
    ramp = {"ramp": "m-000001", "sizes": [3, 5], "phases": [phase]}
    said = followed(state_of(tmp_path, {"ramp": {"ramps": [ramp]}}))
    assert ("  waiting: 1 instance, the first until " in said) == bool(waiting)
    assert (": models_down: nobody listens\n" in said) == bool(waiting)
    assert ("1.5 min left besides the waiting, 90.0 s of a worker" in said) == bool(waiting)
    assert ("phase of 5: over at " in said) != bool(waiting)


def followed(state: Path) -> str:
    """The first that is shown to who follows."""
    follow = command("ramp", "--follow", "m-000001", "--state", state)
    with subprocess.Popen(follow, stdout=subprocess.PIPE, text=True, env=clean_environment(100)) as process:
        assert process.stdout
        told = "".join(takewhile(lambda line: "no daemon" not in line and "the daemon is" not in line, process.stdout))
        process.send_signal(signal.SIGINT)
        process.stdout.read()
    return told


def test_a_ramp_is_followed_to_its_end_and_says_what_to_type_next(tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps([repair("a", "fix", title="good"), repair("b", "other_failure", title="bad")]))
    with DaemonProcess(tmp_path / "home", base_runs=1, attempts_per_run=1, job_model_calls=1) as daemon:
        daemon.start().wait_until_said("ready")
        done = tool("ramp", rows, "--phases", "1,2", "--queue", daemon.queue, "--state", daemon.state)
    assert done.returncode == 1, done.stderr
    told = done.stdout
    assert "phase 1 [████████████████] 1/1 = 100% (21-100%)\n" in told
    assert "stopped: phase 2 missed its target: 1 of 2 viable solved" in told
    assert "failed: bad" in told
    assert "next: python tools/ramp.py --again m-000001" in told


def test_again_is_followed_to_its_own_end_and_a_refusal_is_told(tmp_path: Path) -> None:
    """The same file is dropped twice, and rejected once: each answer is told to whoever asked for it."""
    good, bad = tmp_path / "good.json", tmp_path / "bad.json"
    good.write_text(json.dumps([repair("a", "other_failure", title="a")]))
    bad.write_text(json.dumps([repair("a", title="a", tests=[])]))
    with DaemonProcess(tmp_path / "home", base_runs=1, attempts_per_run=1, job_model_calls=1) as daemon:
        daemon.start().wait_until_said("ready")
        where = ("--queue", daemon.queue, "--state", daemon.state)
        rejected = tool("ramp", bad, *where)
        assert rejected.returncode == 2
        assert "instances[0].tests" in rejected.stderr
        assert tool("ramp", good, *where).returncode == 1
        again = tool("ramp", "--again", "m-000001", *where)
        assert again.returncode == 1
        assert "the same as last time: a" in again.stdout
        refused = tool("ramp", "--again", "m-000001", "--instance", "b", *where)
        assert refused.returncode == 2
        assert "instance: expected an instance that the ramp has come to, got b" in refused.stderr


def test_who_drops_without_a_daemon_is_told_so_and_follows_once_there_is_one(tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps([repair("a", title="a")]))
    with DaemonProcess(tmp_path / "home") as daemon:
        drop = command("ramp", rows, "--phases", "1", "--queue", daemon.queue, "--state", daemon.state)
        with subprocess.Popen(drop, stdout=subprocess.PIPE, text=True, env=clean_environment(100)) as process:
            assert process.stdout
            assert process.stdout.readline().startswith(f"dropped {daemon.queue}/ideas/ramp.json")
            assert "no daemon has run there: start it with `bash startup.sh`" in process.stdout.readline()
            daemon.start()
            assert "reached: " in process.stdout.read()
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("view", "words"),
    [
        (None, "no daemon has run there: start it"),
        (b'{"ramps": [', "views/ramp.json cannot be read: `python -m daemon replay` remakes it"),
        (b'{"ramps": []}', "tells of no m-000001; `python -m daemon explain m-000001` may"),
    ],
)
def test_a_ramp_that_nothing_is_told_of(tmp_path: Path, view: bytes | None, words: str) -> None:
    state = tmp_path / "nowhere" if view is None else state_of(tmp_path, {"ramp": view})
    done = tool("ramp", "--follow", "m-000001", "--state", state, MENDD_WORKERS="many")
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_who_follows_without_a_daemon_is_told_so(tmp_path: Path) -> None:
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps([repair("a", "stall 1000, fix", title="a")]))
    with DaemonProcess(tmp_path / "home") as daemon:
        daemon.start().wait_until_said("ready")
        daemon.drop("ramp.json", {"kind": "ramp", "instances": json.loads(rows.read_text())})
        daemon.wait_until(lambda: daemon.view("ramp").get("ramps"))
        daemon.kill()
        follow = command("ramp", "--follow", "m-000001", "--queue", daemon.queue, "--state", daemon.state)
        with subprocess.Popen(follow, stdout=subprocess.PIPE, text=True, env=clean_environment(100)) as process:
            assert process.stdout
            told = list(takewhile(lambda line: "the daemon is" not in line, process.stdout))
            assert told[0].startswith("m-000001")
            process.send_signal(signal.SIGINT)
            assert "python tools/ramp.py --follow m-000001" in process.stdout.read()
