"""What was learned, told from the fix database: of a real daemon, of views by hand, of broken and hostile ones."""

import json
import time
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.daemon_process import DaemonProcess, repair
from tests.fakes.tool import BROKEN_VIEWS, HOSTILE, OLD_VIEWS, state_of, tool

DAY_S = 86_400


def stats(state: Path, *arguments: str) -> dict[str, Any]:
    done = tool("fix_stats", "--json", "--state", state, *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def page(state: Path, *arguments: str, columns: int = 100) -> str:
    done = tool("fix_stats", "--state", state, *arguments, columns=columns)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def by_hand(now: float) -> dict[str, Any]:
    today = int(now) // DAY_S * DAY_S
    signature = {"certified": 1, "first_at": now - 9, "last_at": now - 60}
    fix = {"signature": "v1:a", "job": "r-000001", "before": "a < b", "after": "a <= b", "learned_at": now - 7200}
    return {
        "signatures": 140,
        "fixes": 51,
        "seen": 320,
        "tried": 40,
        "worked": 30,
        "certified_jobs": 200,
        "reuse_rate": 0.15,
        "reuse_rate_across_projects": 0.1,
        "reuse_rate_without_model": 0.05,
        "reuse_by_day": {str(today - DAY_S): [100, 5, 0], str(today): [100, 25, 10]},
        "does_memory_help": {
            "with_memory": {"jobs": 100, "certified": 80},
            "held_out": {"jobs": 50, "certified": 20},
            "difference": [0.4, 0.24, 0.54],
        },
        "learned_by_day": {str(today): 4, str(today - DAY_S): 2, str(today - 20 * DAY_S): 1, "0": 44},
        "latest_signatures": {
            "v1:rare": signature | {"seen": 1, "example": "KeyError: 'x'"},
            "v1:often": signature | {"seen": 70, "example": "IndexError: list index out of range"},
        },
        "best_fixes": {"f-1": fix | {"tried": 10, "worked": 9, "at_least": 0.71}, "f-2": fix | {"tried": 0}},
    }


def test_a_real_daemon(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.drop(
            "a.json", [repair(f"a{n}", title="the same") for n in range(3)] + [repair("b", "fail", title="hard")]
        )
        assert daemon.start("once").wait() == 1
        found = stats(daemon.state)
        assert (found["signatures"], found["seen"], found["fixes"], found["certified_jobs"]) == (2, 4, 1, 3)
        assert list(found["learned_by_day"].values()) == [1]
        assert found["learned_in_7_days"] == 1
        first, second = found["most_frequent_signatures"].values()
        assert (first["seen"], first["certified"], second["seen"], second["certified"]) == (3, 3, 1, 0)
        said = page(daemon.state)
        assert "the same is not mended" in said
        assert "broken → mended" in said


def test_figures(tmp_path: Path) -> None:
    state = state_of(tmp_path, {"fix_database": by_hand(time.time())})
    found = stats(state)
    assert list(found["most_frequent_signatures"]) == ["v1:often", "v1:rare"]
    assert found["worked_rate"] == 0.75
    said = " ".join(page(state).split())
    for words in (
        "signatures 140, seen 320 times",
        "tries 40, worked 30 (75%)",
        "15% of 200 certified jobs mended by a remembered fix",
        "today 4, in 7 days 6, in 30 days 7",
        "most frequent failures of the 2 seen last",
        "by a remembered fix, 10% by one of another project, 5% by one that was replayed, with no model asked",
        "; by day, older half 5%, newer half 25%",
        "certified: 80 (80%) of 100 jobs that got what it had, 20 (40%) of 50 that were held out",
        "+40 points (+24 to +54): it helps",
        "f-1 10 9 (90%) 71% 2.0 h ago a < b → a <= b",
        "f-2 0 0 2.0 h ago",
    ):
        assert words in said


def test_what_memory_had_no_part_in_is_not_put_down_to_it(tmp_path: Path) -> None:
    """Five jobs were mended without it, and it had something for four of them: that is no success of its own."""
    nothing = {"reuse_rate": 0.0, "reuse_rate_across_projects": 0.0, "reuse_rate_without_model": 0.0, "worked": 0}
    helped = {"with_memory": {"jobs": 4, "certified": 4}, "held_out": {"jobs": 0}, "difference": None}
    known = {"certified_jobs": 5, "tried": 2, "does_memory_help": helped}
    said = " ".join(page(state_of(tmp_path, {"fix_database": nothing | known})).split())
    assert "tries 2, worked 0 (0%)" in said
    assert "none of 5 certified jobs mended by a remembered fix memory" in said
    assert "memory it had something for 4 jobs, 0 of them held out: nothing to compare yet" in said


def test_one_is_one_and_nothing_has_no_sign(tmp_path: Path) -> None:
    even = {"with_memory": {"jobs": 1, "certified": 1}, "held_out": {"jobs": 1, "certified": 1}}
    helped = even | {"difference": [-0.001, -0.5, -0.004]}
    said = " ".join(page(state_of(tmp_path, {"fix_database": {"seen": 1, "does_memory_help": helped}})).split())
    assert "seen 1 time " in said
    assert "1 (100%) of 1 job that got what it had" in said
    assert "+0 points (-50 to +0): it harms" in said


def test_where_memory_had_nothing_nothing_is_said_of_it(tmp_path: Path) -> None:
    nobody = {"with_memory": {"jobs": 0}, "held_out": {"jobs": 0}, "difference": None}
    said = page(state_of(tmp_path, {"fix_database": {"tried": 0, "worked": 0, "does_memory_help": nobody}}))
    assert "memory" not in said
    assert "tries" not in said


def test_a_failure_is_shown_by_what_was_raised(tmp_path: Path) -> None:
    database = by_hand(time.time())
    report = "tests/test_cart.py::test_total\n  failed: KeyError: 'sku'\n  at cart.py:3 in total"
    database["latest_signatures"]["v1:rare"]["example"] = report
    said = page(state_of(tmp_path, {"fix_database": database}))
    assert "KeyError: 'sku'" in said
    assert "test_total" not in said


def test_rows(tmp_path: Path) -> None:
    state = state_of(tmp_path, {"fix_database": by_hand(time.time())})
    assert list(stats(state, "--rows", "1")["best_fixes"]) == ["f-1"]
    assert "v1:rare" not in page(state, "--rows", "1")


def test_a_narrow_terminal_tells_each_figure_with_its_heading(tmp_path: Path) -> None:
    view = by_hand(time.time())
    view["best_fixes"]["f-1"]["taught"] = 3
    said = page(state_of(tmp_path, {"fix_database": view}), columns=40)
    assert "taught 3, tried 10, worked 9 (90%), at least 71%" in " ".join(said.split())
    assert "seen 70, certified 1, last 1.0 min ago IndexError: list" in " ".join(said.split())
    assert max(map(len, said.splitlines())) <= 40


@pytest.mark.parametrize("rows", ["-1", "few"])
def test_rows_that_cannot_be_asked_for(rows: str) -> None:
    done = tool("fix_stats", "--rows", rows)
    assert done.returncode == 2
    assert f"argument --rows: '{rows}' is no whole number from 0" in done.stderr


@pytest.mark.parametrize("old", OLD_VIEWS)
def test_a_view_of_another_version(tmp_path: Path, old: str) -> None:
    """What it did not count is left out, not told as none."""
    said = page(state_of(tmp_path, {"fix_database": OLD_VIEWS[old]}))
    assert "signatures" in said
    assert "tries" not in said
    assert "learned" not in said


@pytest.mark.parametrize("broken", [None, *BROKEN_VIEWS])
def test_a_view_that_cannot_be_read(tmp_path: Path, broken: str | None) -> None:
    state = state_of(tmp_path, {} if broken is None else {"fix_database": BROKEN_VIEWS[broken]})
    done = tool("fix_stats", "--state", state)
    assert done.returncode == 1
    assert done.stderr.startswith("fix_stats: views/fix_database.json ")
    assert "Traceback" not in done.stderr


def test_no_state_yet(tmp_path: Path) -> None:
    done = tool("fix_stats", "--state", tmp_path / "nowhere")
    assert done.returncode == 2
    assert "start it with `bash startup.sh`" in done.stderr


def test_hostile_words_reach_the_terminal_as_mere_words(tmp_path: Path) -> None:
    view = by_hand(time.time())
    view["latest_signatures"][HOSTILE] = {"example": HOSTILE, "last_at": -1e300}
    view["best_fixes"][HOSTILE] = {"before": HOSTILE * 100, "after": HOSTILE, "learned_at": 1e300}
    said = page(state_of(tmp_path, {"fix_database": view}), columns=400)
    assert all(line.isprintable() for line in said.split("\n"))
    assert "[bold red]markup[/]" in said
