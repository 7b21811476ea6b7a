"""Dropping: each file whole in the right inlet under a name that the inlet takes, and never over another."""

import json
from functools import partial
from pathlib import Path

import pytest

from tests.fakes.daemon_process import DaemonProcess, repair
from tests.fakes.tool import tool, tools_of

JOB = {"kind": "repair", "repo": "/x", "tests": ["t::a"], "problem": "script: fix"}
ERROR = {"project": "shop", "message": "IndexError: list index out of range"}
RETRY = {"job": "r-000001"}


def dropped(queue: Path) -> list[str]:
    return sorted(str(path.relative_to(queue)) for path in queue.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("name", "text", "lands"),
    [
        ("a.json", json.dumps(JOB), "ideas/a.json"),
        ("a.json", json.dumps({"title": "A poem", "description": "Write."}), "ideas/a.json"),
        ("a.json", json.dumps(ERROR), "errors/a.json"),
        ("a.json", json.dumps(RETRY), "retries/a.json"),
        ("a.json", json.dumps([RETRY, RETRY]), "retries/a.json"),
        ("a.jsonl", f"{json.dumps(ERROR)}\n{json.dumps(ERROR)}\n", "errors/a.jsonl"),
        ("lines.json", f"\n{json.dumps(RETRY)}\n{json.dumps(RETRY)}\n", "retries/lines.json"),
        ("indented.jsonl", json.dumps(ERROR, indent=2), "errors/indented.jsonl"),
        ("a.json", json.dumps(ERROR | {"kind": "repair"}), "ideas/a.json"),
        ("a.json", "not json", "ideas/a.json"),
        ("a.json", "", "ideas/a.json"),
        ("a.json", "[]", "ideas/a.json"),
        ("a.json", "[" * 100_000, "ideas/a.json"),
        (".hidden.json", json.dumps(JOB), "ideas/hidden.json"),
        ("half.part", json.dumps(JOB), "ideas/half.json"),
        ("half.tmp", json.dumps(JOB), "ideas/half.json"),
        ("x" * 250 + ".json", json.dumps(JOB), f"ideas/{'x' * 250}.json"),
    ],
)
def test_where_a_file_lands(tmp_path: Path, name: str, text: str, lands: str) -> None:
    (tmp_path / name).write_text(text)
    done = tool("drop", name, cwd=tmp_path, MENDD_QUEUE_DIR=str(tmp_path / "queue"))
    assert done.returncode == 0, done.stderr
    assert dropped(tmp_path / "queue") == [lands]
    assert (tmp_path / "queue" / lands).read_text() == text
    assert (tmp_path / name).exists(), "a copy is dropped, the file stays"


def test_a_drop_of_the_same_name_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(JOB))
    for _ in range(2):
        assert tool("drop", "a.json", "a.json", "--queue=queue", cwd=tmp_path).returncode == 0
    assert dropped(tmp_path / "queue") == ["ideas/a-2.json", "ideas/a-3.json", "ideas/a-4.json", "ideas/a.json"]


def test_the_queue_is_found_as_the_daemon_finds_it(tmp_path: Path) -> None:
    """That of the project in which the tool lies, from wherever it is called; what is named here lies here."""
    (tmp_path / "a.json").write_text(json.dumps(JOB))
    project = tmp_path / "project"
    drop = partial(tool, "drop", "a.json", cwd=tmp_path, tools=tools_of(project))
    assert f"dropped {project}/queue/ideas/a.json" in drop().stdout
    (project / "settings.toml").write_text('queue_dir = "mine"\n')
    assert f"dropped {project}/mine/ideas/a.json" in drop().stdout
    assert "dropped theirs/ideas/a.json" in drop(MENDD_QUEUE_DIR="theirs").stdout
    assert "dropped here/errors/a.json" in drop("--queue=here", "--inlet=errors").stdout
    assert dropped(tmp_path / "theirs") == dropped(project / "mine") == dropped(project / "queue") == ["ideas/a.json"]


def test_nothing_is_dropped_when_a_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(JOB))
    done = tool("drop", "a.json", "b.json", "--queue=queue", cwd=tmp_path)
    assert done.returncode == 2
    assert "no such file: b.json; nothing was dropped" in done.stderr
    assert not (tmp_path / "queue").exists()


def test_a_queue_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(JOB))
    (tmp_path / "queue").write_text("a file")
    done = tool("drop", "a.json", "--queue=queue", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("drop: a.json could not be dropped: ")


def test_a_real_daemon_takes_it(tmp_path: Path) -> None:
    (tmp_path / ".a.part").write_text(json.dumps(repair("a")))
    with DaemonProcess(tmp_path) as daemon:
        assert tool("drop", ".a.part", "--queue", daemon.queue, cwd=tmp_path).returncode == 0
        assert daemon.start("once").wait() == 0
        assert daemon.settled() == 1
