"""The state is what the log says, however it was come by: from zero, from a snapshot and a tail, after damage."""

import ast
import hashlib
import os
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest
from anyio.lowlevel import checkpoint

from daemon import codec
from daemon import events as e
from daemon.events import AnyFact, Fact
from daemon.exits import Exit
from daemon.log import Log, LogBroken, segments
from daemon.publisher import documents_of
from daemon.reading import facts_in
from daemon.settings import Settings
from daemon.state import DIGEST_BYTES, State, code_digest, load_snapshot, sources_of_views
from tests.fakes.daemon_process import DaemonProcess, idea, repair

SETTINGS = Settings(segment_bytes=2_000)


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> DaemonProcess:
    """A daemon that has had two lives, the first one ended by its script, with jobs of all kinds."""
    daemon = DaemonProcess(tmp_path_factory.mktemp("lived"), segment_bytes=2_000, attempts_per_run=2, base_runs=1)
    stories = ["fix", "fail, fix", "green", "fault 1, fix", "crash 1, fix", "die 1, fix"]
    daemon.drop("repairs.json", [repair(script, script) for script in stories] + [{"kind": "nonsense"}])
    daemon.drop("idea.json", idea("counter", "score 40, fix"))
    daemon.drop("error.json", {"project": "shop", "message": "KeyError: 'a'"}, "errors")
    daemon.start("once").wait()
    return daemon


@pytest.fixture
def folder(lived: DaemonProcess, tmp_path: Path) -> Path:
    """A state folder with that daemon's log and nothing else."""
    shutil.copytree(lived.state / "log", tmp_path / "log")
    assert len(segments(tmp_path / "log")) > 3
    return tmp_path


def opened(folder: Path) -> State:
    state = State(folder, SETTINGS)
    state.catch_up()
    return state


def documents(state: State) -> list[tuple[str, bytes]]:
    return list(documents_of(state.views, state.seq, rows=100))


def same(state: State, other: State) -> bool:
    return (state.seq, state.views, documents(state)) == (other.seq, other.views, documents(other))


def snapshot_after(folder: Path, facts: int) -> bytes:
    """The snapshot of a daemon that had come so far."""
    state = State(folder.with_name(f"{folder.name}-{facts}"), SETTINGS)
    state.catch_up()
    log = Log(state.folder / "log", SETTINGS.segment_bytes)
    for fact in flat(folder)[:facts]:
        log.stage(fact)
    log.write(log.take_staged())
    log.close()
    state.catch_up()
    assert state.seq == facts
    return state.snapshot()


def flat(folder: Path) -> list[AnyFact]:
    return [fact for facts in facts_in(folder) for fact in facts]


# Snapshots


def test_a_snapshot_and_the_tail_equal_the_full_fold(folder: Path) -> None:
    """Wherever the snapshot was taken: the views, and their documents to the byte."""
    from_zero = opened(folder)
    for facts in range(1, from_zero.seq + 1):
        (folder / "snapshot").write_bytes(snapshot_after(folder, facts))
        snapshot = load_snapshot(folder / "snapshot")
        assert snapshot is not None
        assert snapshot.position.seq == facts
        assert same(opened(folder), from_zero)


def told_apart(folder: Path) -> bytes:
    """A whole snapshot whose views say something that the log does not, so that one sees whether it was used."""
    state = opened(folder)
    state.views.jobs.rejected += 1_000
    return state.snapshot()


def was_used(folder: Path) -> bool:
    return opened(folder).views.jobs.rejected > 1_000


def with_digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=DIGEST_BYTES).digest() + body


def test_a_whole_snapshot_is_used(folder: Path) -> None:
    (folder / "snapshot").write_bytes(told_apart(folder))
    assert was_used(folder)


def test_a_damaged_snapshot_is_ignored(folder: Path) -> None:
    """A flipped bit anywhere, an end that is missing."""
    data = told_apart(folder)
    for offset in range(0, len(data), 97):
        flipped = bytearray(data)
        flipped[offset] ^= 1 << offset % 8
        (folder / "snapshot").write_bytes(flipped)
        assert load_snapshot(folder / "snapshot") is None
        (folder / "snapshot").write_bytes(data[:offset])
        assert load_snapshot(folder / "snapshot") is None
    assert not was_used(folder)


@pytest.mark.parametrize("body", [b"", b"\x80", b"\x83", b"no snapshot"], ids=["nothing", "empty", "cut", "words"])
def test_what_is_no_snapshot_is_ignored(folder: Path, body: bytes) -> None:
    (folder / "snapshot").write_bytes(with_digest(body))
    assert load_snapshot(folder / "snapshot") is None
    assert not was_used(folder)


def test_a_snapshot_by_other_code_is_ignored(folder: Path) -> None:
    """Other code may fold the same facts into other views."""
    body = told_apart(folder)[DIGEST_BYTES:]
    other = body.replace(code_digest().encode(), b"0" * len(code_digest()))
    assert other != body
    (folder / "snapshot").write_bytes(with_digest(body))
    assert was_used(folder)
    (folder / "snapshot").write_bytes(with_digest(other))
    assert not was_used(folder)


def test_a_snapshot_knows_all_the_code_that_its_views_are_made_by() -> None:
    """Whatever of ours the views import, and what that imports in turn."""
    sources = sources_of_views()
    package = sources[0].parent
    names = {".".join(path.relative_to(package.parent).with_suffix("").parts) for path in sources}
    imported = {
        module
        for path in sources
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("daemon")
        for module in ([f"daemon.{alias.name}" for alias in node.names] if node.module == "daemon" else [node.module])
    }
    assert {name for name in imported if name not in names and f"{name}.__init__" not in names} == set()


def test_a_log_that_lost_what_its_snapshot_knows_is_not_written_on(folder: Path) -> None:
    """Those facts were durable, and their numbers would be given again. The remedy is the owner's to choose."""
    (folder / "snapshot").write_bytes(told_apart(folder))
    last = folder / "log" / segments(folder / "log")[-1]
    os.truncate(last, last.stat().st_size - 10)
    before = last.read_bytes()
    with pytest.raises(LogBroken, match="were durable and are gone"):
        opened(folder)
    assert last.read_bytes() == before, "nothing was changed"
    (folder / "snapshot").unlink()
    state = opened(folder)
    anyio.run(recorded, state, e.IntakeResumed())
    assert [fact.seq for fact in flat(folder)] == list(range(1, state.seq + 1))


def test_a_snapshot_without_its_log_is_ignored(folder: Path) -> None:
    """Without the log the daemon has forgotten its life."""
    (folder / "snapshot").write_bytes(told_apart(folder))
    shutil.rmtree(folder / "log")
    assert opened(folder).seq == 0


def test_a_snapshot_does_not_hide_that_the_log_is_broken(folder: Path) -> None:
    (folder / "snapshot").write_bytes(snapshot_after(folder, 20))
    last = folder / "log" / segments(folder / "log")[-1]
    flip(last, 5)
    with pytest.raises(LogBroken) as caught:
        opened(folder)
    assert caught.value.segment == last.name


# Torn ends


def test_a_torn_end_is_told_in_the_log_itself(folder: Path) -> None:
    last = folder / "log" / segments(folder / "log")[-1]
    os.truncate(last, last.stat().st_size - 10)
    state = opened(folder)
    anyio.run(recorded, state)
    told = flat(folder)[-1]
    assert isinstance(told, e.TailCut)
    assert told.segment == last.name
    assert (folder / "log" / told.kept_as).stat().st_size == told.lost_bytes
    assert state.views.health.torn_ends == 1


# Recording


async def keeping(state: State, work: Callable[[], Awaitable[None]]) -> None:
    """Do the work beside the keeper."""
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(state.keep)
        await work()
        tasks.cancel_scope.cancel()
    state.close()


async def recorded(state: State, *facts: Fact) -> None:
    await keeping(state, lambda: state.record(*facts))


RECORDERS = 500


def test_many_who_record_at_once_share_syncs_and_each_is_durable_in_order(tmp_path: Path) -> None:
    state = State(tmp_path, Settings())
    state.catch_up()
    path = tmp_path / "log" / "000000000001.jsonl"
    returned: list[int] = []
    sizes: set[int] = set()  # the log grows with each write, and each write is one sync

    async def record(number: int) -> None:
        await state.record(e.ErrorReported(source=f"{number}", project="p", signature="s", message="m"))
        data = path.read_bytes()
        last = codec.decode(data.splitlines()[-1])
        mine = next(fact for fact in codec.decode_lines(data) if getattr(fact, "source", "") == f"{number}")
        assert data.endswith(b"\n")
        assert last.seq >= mine.seq
        returned.append(mine.seq)
        sizes.add(len(data))

    async def all_at_once() -> None:
        async with anyio.create_task_group() as recorders:
            for number in range(RECORDERS):
                recorders.start_soon(record, number)

    anyio.run(keeping, state, all_at_once)
    assert len(returned) == state.seq == RECORDERS
    assert len(sizes) <= RECORDERS / 20
    assert flat(tmp_path) == sorted(flat(tmp_path), key=lambda fact: fact.seq)
    assert [getattr(fact, "source", "") for fact in flat(tmp_path)] == [f"{n}" for n in range(RECORDERS)]


def test_a_noted_fact_is_seen_at_once_and_durable_only_when_the_disk_has_it(tmp_path: Path) -> None:
    """`durable` waits for all that has happened so far, and for nothing where everything is on the disk."""
    state = opened(tmp_path)
    path = tmp_path / "log" / "000000000001.jsonl"
    passed = []

    async def wait_for_the_disk() -> None:
        await state.durable()
        passed.append(path.exists() and len(path.read_bytes().splitlines()))

    async def story() -> None:
        await state.durable()  # nothing happened yet
        async with anyio.create_task_group() as tasks:
            state.note(e.IntakePaused(reason="no room"), e.IntakeResumed())
            state.note(e.IntakePaused(reason="again"))
            assert state.views.queue.paused == "again"
            tasks.start_soon(wait_for_the_disk)
            for _ in range(100):
                await checkpoint()
            assert not passed, "nobody has kept anything yet"
            assert not path.exists()
            await keeping(state, wait_for_the_disk)

    anyio.run(story)
    assert passed == [3, 3]


def test_what_nobody_waits_for_becomes_durable_all_the_same(tmp_path: Path) -> None:
    state = opened(tmp_path)
    path = tmp_path / "log" / "000000000001.jsonl"

    async def story() -> None:
        state.note(e.IntakePaused(reason="no room"))
        while not (path.exists() and path.read_bytes()):
            await checkpoint()

    anyio.run(keeping, state, story)
    assert opened(tmp_path).views.queue.paused == "no room"


def test_half_a_character_is_folded_as_it_is_written(tmp_path: Path) -> None:
    """A file's name that is no text gets into messages, and neither stops the daemon nor makes a replay differ."""
    state = opened(tmp_path)

    async def story() -> None:
        await state.record(e.IntakePaused(reason="no room for caf\udce9"))

    anyio.run(keeping, state, story)
    assert state.views.queue.paused == "no room for caf?"
    assert opened(tmp_path).views.queue.paused == "no room for caf?"


# A broken log


def flip(path: Path, offset: int) -> None:
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("verb", ["work", "run", "check"])
def test_a_broken_log_keeps_the_daemon_down_and_is_located(folder: Path, tmp_path: Path, verb: str) -> None:
    """Status 78, with segment and offset; the supervisor does not try again, and the log is left as it is."""
    broken = folder / "log" / segments(folder / "log")[1]
    second_line = broken.read_bytes().index(b"\n") + 1
    flip(broken, second_line + 9)
    before = {path.name: path.read_bytes() for path in (folder / "log").iterdir()}
    with DaemonProcess(tmp_path / "home", state=folder) as daemon:
        assert daemon.start(verb).wait() == Exit.STAY_DOWN
        assert f"log segment {broken.name} is broken at byte {second_line}" in daemon.said()
        assert "Traceback" not in daemon.said()
    assert {path.name: path.read_bytes() for path in (folder / "log").iterdir()} == before
