"""Hostile answers and repositories, let loose on a real daemon, all in one start; and what came of it, in words.

Answers stand in line in a few jobs about one honest repository, one attempt after the other, and an honest answer comes
last: it must be certified, in a tree and a sandbox that show nothing of what went before. Each hostile repository is a
job of its own. What is returned is everything that is not as the table says; nothing is the good news.
"""

import contextlib
import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from daemon import events as e
from daemon.effects.sandbox import Level
from daemon.effects.sandbox.host import label
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.ollama_server import OllamaServer, Rules
from tests.fakes.repairs import Ask, Told, home, model, told, write
from tests.fakes.sandboxes import alive
from tests.repairs.hostile import (
    EXHAUSTING,
    FORGED,
    HONEST,
    LOOT,
    PLAIN,
    REFUSED,
    REPOSITORIES,
    SECRET,
    STOLEN,
    TARGET,
    Answer,
    Repository,
)

MOST_ATTEMPTS = 20  # of a run, by the settings; the last one is honest
PLACES = ("/tmp", "/dev/shm", "/var/tmp", "/usr/lib", "/etc/cron.d", str(Path.home()))  # noqa: S108  where loot is looked for


def besieged(
    folder: Path,
    level: Level,
    answers: Sequence[Sequence[Answer]],
    repositories: Sequence[Repository] = (),
    deadline_s: float = 240.0,
    **settings: object,
) -> list[str]:
    """Everything that is not as the table says. Each sequence of answers becomes a job, cut where a run is over."""
    rows = [part for line in answers for part in _parts(line)]
    asks = [_about_plain(number, part) for number, part in enumerate(rows)] + [_about(row) for row in repositories]
    with model(asks) as server:
        port = server.url.rpartition(":")[2]
        daemon = home(folder, server, [], sandbox=level, attempts_per_run=MOST_ATTEMPTS, base_runs=1, **settings)
        asks = [_placed(ask, str(daemon.state), port) for ask in asks]
        server.script = Rules(*(ask.rule for ask in asks))
        repos = {ask.name: write(folder / "repos" / (ask.folder or ask.name), ask.files) for ask in asks}
        for row in repositories:
            row.make(repos[row.name])
        for ask in asks:
            daemon.drop(f"{ask.name.replace('/', '-')}.json", ask.drop(repos[ask.name]))
        before = _listing(folder / "repos")
        with daemon:
            daemon.start("once").wait(deadline_s)
            seen = told(daemon)
        return [
            *(what for number, part in enumerate(rows) for what in _attempts_told(part, seen[f"answers {number}"])),
            *(what for row in repositories for what in _told(row, seen[row.name])),
            *_left(folder, daemon),
            *(["the repositories are not as they were"] if _listing(folder / "repos") != before else []),
            *(f"a prompt holds {what}" for what in _shown(server)),
        ]


# What is asked


def _parts(rows: Sequence[Answer]) -> Iterator[Sequence[Answer]]:
    most = MOST_ATTEMPTS - 1
    return (rows[start : start + most] for start in range(0, len(rows), most))


def _about_plain(number: int, rows: Sequence[Answer]) -> Ask:
    return Ask(f"answers {number}", PLAIN, [TARGET], [*(row.text for row in rows), HONEST])


def _about(row: Repository) -> Ask:
    return Ask(row.name, row.files, list(row.tests), row.answers, row.fields, row.folder)


def _placed(ask: Ask, state: str, port: str) -> Ask:
    """With the real places in the place of STATE and PORT."""

    def placed(text: str) -> str:
        return text.replace("STATE/", f"{state}/").replace("PORT", port)

    fields = {name: placed(value) if isinstance(value, str) else value for name, value in ask.fields.items()}
    return Ask(ask.name, ask.files, ask.tests, [placed(str(text)) for text in ask.answers], fields, ask.folder)


# What came of it


def _attempts_told(rows: Sequence[Answer], seen: Told) -> Iterator[str]:
    """Each answer failed as it should, and the honest one after them all is certified."""
    failed = {fact.attempt: fact for fact in seen.of(e.AttemptFailed)}
    for number, row in enumerate(rows, 1):
        fact = failed.get(number)
        if fact is None:
            yield f"{row.name}: NOT STOPPED"
        elif fact.failure not in row.failure.split("|") or not re.search(row.named, fact.message):
            yield f"{row.name}: {fact.failure}: {fact.message}"
    yield from _crashes(seen)
    if seen.outcome != "certified" or len(seen.of(e.Proposed)) != len(rows) + 1:
        yield f"{seen.job}: {seen.outcome} after {len(seen.of(e.Proposed))} answers: {seen.reason}"


def _told(row: Repository, seen: Told) -> Iterator[str]:
    if seen.outcome != row.outcome:
        yield f"{row.name}: {seen.outcome}: {seen.reason}"
    if not any(re.search(row.named, str(fact)) for fact in seen.facts):
        yield f"{row.name}: nothing is told of {row.named!r}: {seen.reason}"
    if seen.outcome == "refused" and seen.of(e.Proposed):
        yield f"{row.name}: somebody was asked"
    if seen.outcome == "certified" and set(re.findall(rb"^diff --git a/(\S+)", seen.patch, re.MULTILINE)) != {
        b"numerals.py"
    }:
        yield f"{row.name}: the patch has more in it: {seen.patch!r}"
    if re.search(r"[\x00-\x09\x0b-\x1f]", seen.report):
        yield f"{row.name}: the report has control characters"
    yield from _crashes(seen)


def _crashes(seen: Told) -> Iterator[str]:
    for fact in seen.facts:
        if isinstance(fact, e.StepCrashed):
            yield f"{seen.job}: {fact.step} crashed: {fact.error}"
        elif isinstance(fact, e.WorldFaulted):
            yield f"{seen.job}: {fact.step} says {fact.fault}: {fact.message}"


def _left(folder: Path, daemon: DaemonProcess) -> Iterator[str]:
    """What is left outside of where it belongs: loot, mounts, workspaces, processes, containers."""
    own = label(str(daemon.state.resolve()))
    yield from (f"left behind: {path}" for place in PLACES for path in Path(place).glob(f"*{LOOT}*"))
    inside = (
        path for path in daemon.state.rglob(f"*{LOOT}*") if "trees" not in path.parts
    )  # which hold what was given
    yield from (f"left behind: {path}" for path in inside)
    yield from (
        f"left mounted: {line}" for line in Path("/proc/mounts").read_text().splitlines() if str(folder) in line
    )
    yield from (f"left in workspaces: {path}" for path in (daemon.state / "workspaces").glob("*/*"))
    yield from (f"still running: {pid}" for pid in alive(str(daemon.state)))
    yield from (f"left as a container: {name}" for name in _containers(own))


def _containers(owner: str) -> list[str]:
    with contextlib.suppress(FileNotFoundError):
        words = ["docker", "ps", "--all", "--quiet", "--filter", f"label=mendd.sandbox={owner}"]
        return subprocess.run(words, capture_output=True, text=True, check=False).stdout.split()
    return []


def _listing(folder: Path) -> dict[str, object]:
    """Every file below, and what is in it."""
    found: dict[str, object] = {}
    for path in folder.rglob("*"):
        if path.is_symlink():
            found[str(path)] = path.readlink()
        elif path.is_file():
            found[str(path)] = path.read_bytes()
    return found


def _shown(server: OllamaServer) -> Iterator[str]:
    """What no model may be shown, and was."""
    everything = str(server.chats)
    if SECRET in everything:
        yield "a secret"
    with contextlib.suppress(PermissionError):
        if Path("/etc/shadow").read_text().partition("\n")[0] in everything:
            yield "/etc/shadow"


# The page for a person

PAGE = Path(__file__).parents[2] / "docs" / "hostile.md"  # what stands above its tables is written by hand
TITLES = {
    "Answers that do not land": REFUSED,
    "Answers that forge a pass": FORGED,
    "Answers that reach for what is not theirs": STOLEN,
    "Answers that exhaust the machine": EXHAUSTING,
}


def page() -> str:
    """docs/hostile.md, as it should be."""
    lines = [PAGE.read_text().partition("\n## ")[0].rstrip()]
    for title, rows in TITLES.items():
        lines += [
            "",
            f"## {title}",
            "",
            _row("what it does", "what stops it", "how the record names it"),
            "| --- | --- | --- |",
        ]
        lines += [_row(row.name, row.stopped_by, f"`{row.failure}`, {_words(row.named)}") for row in rows]
    lines += [
        "",
        "## Hostile repositories and drops",
        "",
        _row("what it holds", "what stops it", "how it ends"),
        "| --- | --- | --- |",
    ]
    lines += [_row(row.name, row.stopped_by, _end(row)) for row in REPOSITORIES]
    return "\n".join(lines) + "\n"


def _end(row: Repository) -> str:
    return row.outcome if row.named == "Certified" else f"{row.outcome}, {_words(row.named)}"


def _words(named: str) -> str:
    return " or ".join(f"“{words}”" for words in named.split("|"))


def _row(*cells: str) -> str:
    escaped = (cell.replace("`|`", "`or`").replace("|", "\\|") for cell in cells)
    return f"| {' | '.join(escaped)} |"


if __name__ == "__main__":
    PAGE.write_text(page())
