"""A tool of tools/ as a person runs it, and states made by hand to run it on: whole, broken, old or hostile ones."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

TOOLS = Path(__file__).parents[2] / "tools"
HOSTILE = (
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 [bold red]markup[/] \\[x] :smile: "
    "two\nlines\r\ttab \u202eidib \u200b\x9b31m \x00"
)
BROKEN_VIEWS = {
    "empty": b"",
    "cut short": b'{"seq": 12, "dep',
    "binary": bytes(range(256)),
    "a list": b"[]",
    "null": b"null",
    "wrong types": json.dumps(
        {"depth": "many", "minutes": [], "lives": 7, "open_jobs": {"a": 1}, "settled": [], "fixes": {}, "tried": "x"}
    ).encode(),
    "deep": b'{"x": ' + b"[" * 100_000,
}
OLD_VIEWS = {"with nothing but a seq": {"seq": 1}, "with fields of tomorrow": {"seq": 1, "of_tomorrow": [{"a": None}]}}


def tool(
    name: str,
    *arguments: str | Path,
    columns: int = 100,
    cwd: Path | None = None,
    tools: Path = TOOLS,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run a tool to its end, in a terminal-less place with that many columns."""
    return subprocess.run(
        command(name, *arguments, tools=tools),
        cwd=cwd,
        env=clean_environment(columns) | environment,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )


def command(name: str, *arguments: str | Path, tools: Path = TOOLS) -> list[str]:
    """The words of its command line."""
    return [sys.executable, str(tools / f"{name}.py"), *map(str, arguments)]


def tools_of(project: Path, settings: str = "") -> Path:
    """The tools of another project, which has these settings."""
    (project / "tools").mkdir(parents=True)
    (project / "settings.toml").write_text(settings)
    for path in TOOLS.glob("*.py"):
        shutil.copy(path, project / "tools")
    return project / "tools"


def clean_environment(columns: int) -> dict[str, str]:
    """This environment without settings of the daemon or the terminal."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("MENDD_")}
    return ours | {"COLUMNS": str(columns), "TERM": "xterm-256color", "PYTHONIOENCODING": "utf-8"}


def state_of(folder: Path, views: Mapping[str, object]) -> Path:
    """A state folder with these views, as bytes or to be encoded; some daemon was there once."""
    (folder / "views").mkdir(parents=True, exist_ok=True)
    (folder / "run").mkdir(exist_ok=True)
    (folder / "run" / "lock").write_text(f"pid {os.getpid()}, since yesterday\n")
    for name, view in views.items():
        put_view(folder, name, view)
    return folder


def put_view(folder: Path, name: str, view: object) -> None:
    """Replace a view in one move, as the publisher does."""
    written = folder / "views" / f".{name}.tmp"
    written.write_bytes(view if isinstance(view, bytes) else json.dumps(view).encode())
    written.rename(folder / "views" / f"{name}.json")


@contextmanager
def lived_in(state: Path, *, silent_s: float = 0.0) -> Iterator[Path]:
    """Hold the lock of a state and let its heart beat, that many seconds ago for the last time."""
    heartbeat = state / "run" / "heartbeat"
    heartbeat.touch()
    beat_at = heartbeat.stat().st_mtime - silent_s
    os.utime(heartbeat, (beat_at, beat_at))
    with (state / "run" / "lock").open("r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield state
