"""What lies in an inlet is taken in once, whatever dies or changes in between; nothing is taken that is not whole."""

import json
import os
import shutil
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import anyio
import pytest
from msgspec import convert

from daemon import events as e
from daemon.drops import Repair
from daemon.events import AnyFact
from daemon.inlet import Inlet, find_settled
from daemon.letter import Letter, NotYet, open_letter, reject
from daemon.log import Log
from daemon.reading import facts_in
from daemon.settings import Settings
from daemon.state import State
from daemon.views.jobs import SETTLED_KEPT

JOB: dict[str, Any] = {"repo": "/repos/shop", "tests": ["t::a"]}
BAD: dict[str, Any] = {"repo": "/repos/shop"}
LATER_S = 100.0


class DiedError(Exception):
    """The daemon died here."""


class DiesBeforeClearing(Inlet):
    """It has recorded what it took, and then it is gone."""

    async def _clear_away(self, letters: list[Letter]) -> list[Letter]:
        if letters:
            raise DiedError
        return letters


class Overtaken(Inlet):
    """Somebody writes into each file just before it would be removed."""

    async def _clear_away(self, letters: list[Letter]) -> list[Letter]:
        for letter in letters:
            letter.path.write_bytes(json.dumps(JOB | {"title": "written over"}).encode())
        return await super()._clear_away(letters)


class Home:
    """A queue and a state, and one life after the other in this process."""

    def __init__(self, folder: Path) -> None:
        self.queue, self.state = folder / "queue", folder / "state"
        self.late_s = LATER_S  # so that nothing is young
        for inlet in ("ideas", "errors", "retries", "tmp"):
            (self.queue / inlet).mkdir(parents=True)

    def live(
        self, do: Callable[[Inlet], Awaitable[object]] = Inlet.look, kind: type[Inlet] = Inlet, **settings: float
    ) -> None:
        """Open the state, do this, and close it again; a death in between is one."""
        anyio.run(self._live, do, kind, convert({"min_free_bytes": 0} | settings, Settings))

    async def _live(self, do: Callable[[Inlet], Awaitable[object]], kind: type[Inlet], settings: Settings) -> None:
        with anyio.fail_after(60):
            state = State(self.state, settings, lambda: time.time() + self.late_s)
            state.catch_up()
            try:
                async with anyio.create_task_group() as group:
                    group.start_soon(state.keep)
                    await do(kind(self.queue, state))
                    group.cancel_scope.cancel()
            except* DiedError:
                pass
            finally:
                state.close()

    def drop(self, name: str, value: object, inlet: str = "ideas") -> Path:
        path = self.queue / inlet / name
        path.write_bytes(value if isinstance(value, bytes) else json.dumps(value).encode())
        return path

    def facts(self, *types: type[AnyFact]) -> list[Any]:
        found = [fact for facts in facts_in(self.state) for fact in facts]
        return [fact for fact in found if isinstance(fact, types)] if types else found

    def titles(self) -> list[str]:
        return [fact.title for fact in self.facts(e.JobAccepted)]

    def lying(self) -> list[str]:
        return [path.name for inlet in ("ideas", "errors", "retries") for path in (self.queue / inlet).iterdir()]

    def rejected(self) -> list[str]:
        return sorted(path.name for path in (self.queue / "rejected").iterdir())


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


# What becomes of what


def test_each_inlet_leads_to_its_facts(home: Home) -> None:
    home.drop("a.json", [JOB, {"title": "Counter", "description": "Count."}])
    home.drop("b.json", {"project": "shop", "message": "KeyError: 'a'\nsecond line"}, "errors")
    home.drop("c.json", {"project": "shop", "traceback": "Traceback …\n  File …\nKeyError: 'b'\n"}, "errors")
    home.drop("d.json", {"project": "shop", "message": "KeyError: 'a'", "repo": "/r", "tests": ["t"]}, "errors")
    home.live()
    assert [fact.job for fact in home.facts(e.JobAccepted)] == ["r-000001", "i-000002", "r-000003"]
    first, second = home.facts(e.ErrorReported)
    assert (first.message, second.message) == ("KeyError: 'a'", "KeyError: 'b'")
    assert first.signature == second.signature, "the quoted key is what varies"
    mended = home.facts(e.JobAccepted)[-1].drop
    assert (mended.repo, mended.tests, mended.project, mended.problem) == ("/r", ["t"], "shop", "KeyError: 'a'")
    assert home.lying() == []


async def settle(inlet: Inlet, *jobs: str) -> None:
    for job in jobs:
        await inlet.state.record(e.JobSettled(job=job, outcome="failed", reason="it was too hard"))


def test_a_settled_job_is_opened_again_at_a_rung_with_a_hint(home: Home) -> None:
    home.drop("a.json", JOB | {"gold_patch": "the answer", "priority": 7})

    async def story(inlet: Inlet) -> None:
        await inlet.look()
        await settle(inlet, "r-000001")
        home.drop("again.json", {"job": "r-000001", "rung": "A2", "hint": "the cache"}, "retries")
        await inlet.look()
        assert "r-000001" in inlet.state.views.jobs.open

    home.live(story)
    (reopened,) = home.facts(e.JobReopened)
    assert (reopened.rung, reopened.hint, reopened.priority) == ("A2", "the cache", 7)
    assert reopened.drop.gold_patch == "", "nobody at work sees it"
    assert [fact.drop.gold_patch for fact in home.facts(e.JobAccepted)] == ["the answer"], "and the log keeps it"


def test_a_job_that_only_the_log_knows_is_opened_again(home: Home) -> None:
    count = 2 * SETTLED_KEPT + 20
    jobs = [f"r-{number:06d}" for number in range(1, count + 1)]
    home.drop("many.json", [JOB | {"title": f"job {number}"} for number in range(1, count + 1)])

    async def story(inlet: Inlet) -> None:
        await inlet.look()
        opened = e.RunOpened(job=jobs[2], run=f"{jobs[2]}.1", number=1, attempts=6)
        await inlet.state.record(opened, e.RunSettled(job=jobs[2], run=f"{jobs[2]}.1", outcome="failed"))
        await settle(inlet, *jobs)
        assert jobs[2] not in inlet.state.views.jobs.settled
        home.drop("again.json", [{"job": jobs[2]}, {"job": jobs[4]}, {"job": jobs[2]}, {"job": "i-000003"}], "retries")
        await inlet.look()

    home.live(story, segment_bytes=2048)
    first, second = home.facts(e.JobReopened)
    assert (first.title, first.runs_before, second.title, second.runs_before) == ("job 3", 1, "job 5", 0)
    told = [(fact.entry, fact.got) for fact in home.facts(e.DropRejected)]
    assert told == [(2, "r-000003, which is still open"), (3, "i-000003, which does not")]


def test_jobs_are_recalled_in_one_reading_up_to_what_is_durable(home: Home) -> None:
    home.drop("a.json", [JOB, JOB, JOB])

    async def story(inlet: Inlet) -> None:
        await inlet.look()
        await settle(inlet, "r-000001", "r-000002")
        until = inlet.state.seq
        await settle(inlet, "r-000003")
        log = home.state / "log"
        with next(iter(log.iterdir())).open("ab") as file:
            file.write(b'{"half a fact')
        wanted = {"r-000001", "r-000002", "r-000003"}
        assert set(find_settled(log, wanted, inlet.state.seq)) == wanted
        assert set(find_settled(log, wanted - {"r-000003"}, until)) == {"r-000001", "r-000002"}

    home.live(story)


def test_an_open_job_is_cancelled_and_a_settled_one_is_not(home: Home) -> None:
    home.drop("a.json", [JOB, JOB])

    async def story(inlet: Inlet) -> None:
        await inlet.look()
        await settle(inlet, "r-000002")
        home.drop("stop.json", [{"job": "r-000001", "cancel": True}, {"job": "r-000002", "cancel": True}], "retries")
        await inlet.look()

    home.live(story)
    assert [fact.job for fact in home.facts(e.CancelAsked)] == ["r-000001"]
    assert [fact.field for fact in home.facts(e.DropRejected)] == ["cancel"]
    assert json.loads((home.queue / "rejected" / "stop.json").read_bytes()) == [{"job": "r-000002", "cancel": True}]


# Once, whatever happens


DROPS: dict[str, tuple[str, object, str]] = {
    "a job": ("a.json", JOB, "ideas"),
    "an array": ("a.json", [JOB | {"title": str(n)} for n in range(3)], "ideas"),
    "an array with a bad one": ("a.json", [JOB, BAD, JOB], "ideas"),
    "lines with a broken one": ("a.jsonl", json.dumps(JOB).encode() + b"\n{\n" + json.dumps(JOB).encode(), "ideas"),
    "a broken file": ("a.json", b"{", "ideas"),
    "a report": ("a.json", {"project": "shop", "message": "KeyError: 'a'"}, "errors"),
    "retries": ("a.json", [{"job": "r-000001", "cancel": True}, {"job": "r-999999"}], "retries"),
    "a name with line ends": ('a\n\x1b\udcff".json', [JOB, BAD], "ideas"),
}


@pytest.mark.parametrize(("name", "value", "inlet"), DROPS.values(), ids=DROPS)
def test_a_death_between_recording_and_removing_takes_nothing_twice(
    home: Home, name: str, value: object, inlet: str
) -> None:
    home.drop("first.json", JOB | {"title": "first"})
    home.live()
    dropped = home.drop(name, value, inlet)
    home.live(kind=DiesBeforeClearing)
    taken = home.facts()
    assert len(taken) > 1
    assert dropped.exists()
    home.live()
    assert home.facts() == taken
    assert home.lying() == []
    is_bad = any(isinstance(fact, e.DropRejected) for fact in taken)
    assert len(home.rejected()) == (2 if is_bad else 0), "the thing and its reasons, or nothing"


@pytest.mark.parametrize("durable", range(4))
def test_a_death_in_the_middle_of_a_drop_takes_the_rest(home: Home, durable: int) -> None:
    """However many of its entries had become durable."""
    home.drop("a.json", [JOB | {"title": "0"}, BAD, JOB | {"title": "2"}])
    home.live(kind=DiesBeforeClearing)
    (segment,) = (home.state / "log").iterdir()
    lines = segment.read_bytes().splitlines(keepends=True)
    segment.write_bytes(b"".join(lines[:durable]))
    home.live()
    assert [type(fact) for fact in home.facts()] == [e.JobAccepted, e.DropRejected, e.JobAccepted]
    assert home.titles() == ["0", "2"]
    assert home.lying() == []
    assert json.loads((home.queue / "rejected" / "a.json").read_bytes()) == [BAD]


@pytest.mark.parametrize("others", [[], ["a.json"]], ids=["alone", "beside one of its name"])
def test_a_death_between_the_reasons_and_the_thing_leaves_one_of_each(home: Home, others: list[str]) -> None:
    class DiesWhenMoved(type(Path())):  # type: ignore[misc]  # the kind of paths that this system has
        def rename(self, target: object) -> Path:
            raise DiedError(target)

    dropped = home.drop("a.json", b"{")
    rejected = home.queue / "rejected"
    rejected.mkdir()
    for other in others:
        (rejected / other).write_bytes(b"another one")
    letter = open_letter(dropped, "ideas", Settings(half_written_s=0), 0.0)
    letter.path = DiesWhenMoved(dropped)
    with pytest.raises(DiedError):
        reject(letter, rejected)
    letter.path = dropped
    reject(letter, rejected)
    reasons = [name for name in home.rejected() if name.endswith(".why.json")]
    assert len(reasons) == 1
    assert (rejected / reasons[0].removesuffix(".why.json")).read_bytes() == b"{"
    assert len(home.rejected()) == 2 + len(others)


def test_a_file_that_was_written_over_after_it_was_read_is_a_new_drop(home: Home) -> None:
    home.drop("a.json", JOB | {"title": "as it was"})
    home.live(kind=Overtaken)
    assert home.lying() == ["a.json"]
    home.live()
    assert home.titles() == ["as it was", "written over"]
    assert home.lying() == []


@pytest.mark.parametrize("how", ["written on", "replaced"])
def test_a_file_that_changes_while_it_is_read_is_read_again(home: Home, how: str) -> None:
    """However old it looked: what was read of it would be taken, or rejected, and the whole of it once more."""
    lines = [json.dumps(JOB | {"title": title}).encode() + b"\n" for title in ("first", "second")]

    class Changing(type(Path())):  # type: ignore[misc]  # the kind of paths that this system has
        def __fspath__(self) -> str:
            self.asked = getattr(self, "asked", 0) + 1
            if self.asked == 2:  # it was looked at, and is about to be opened
                with open(str(self), "ab") as file:  # noqa: PTH123  a Path would ask again
                    file.write(lines[1])
            if self.asked == 2 and how == "replaced":
                os.replace(other, str(self))  # noqa: PTH105  the same
            return str(self)

    dropped, other = home.drop("a.jsonl", lines[0]), home.drop("b.jsonl", lines[1])
    with pytest.raises(NotYet):
        open_letter(Changing(dropped), "ideas", Settings(half_written_s=0), 0.0)
    if how == "written on":
        other.unlink()
    home.live()
    assert home.titles() == (["first", "second"] if how == "written on" else ["second"])


def test_a_file_that_was_taken_back_is_no_trouble(home: Home) -> None:
    home.drop("a.json", JOB)
    home.live(kind=DiesBeforeClearing)
    (home.queue / "ideas" / "a.json").unlink()
    home.drop("b.json", JOB)
    home.live()
    assert len(home.titles()) == 2


@pytest.mark.parametrize("again", [shutil.copy2, os.link], ids=["cp -p", "ln"])
def test_dropping_the_same_again_asks_again(home: Home, tmp_path: Path, again: Callable[[Path, Path], object]) -> None:
    """The same name, content, size and time, and perhaps the same inode: it is a new drop all the same."""
    mine = tmp_path / "mine.json"
    mine.write_bytes(json.dumps(JOB).encode())
    os.utime(mine, (1_000_000_000, 1_000_000_000))

    async def story(inlet: Inlet) -> None:
        for _ in range(5):
            again(mine, home.queue / "ideas" / "a.json")
            await inlet.look()

    home.live(story)
    home.live(story)
    assert len(home.titles()) == 10


def test_more_files_than_a_batch_holds_are_taken_in_once(home: Home) -> None:
    for number in range(40):
        home.drop(f"{number:02d}.json", JOB | {"title": str(number), "problem": "x" * 300 * (number % 3)})
    batches: list[list[Letter]] = []

    class Counted(Inlet):
        async def _clear_away(self, letters: list[Letter]) -> list[Letter]:
            batches.append(letters)
            return await super()._clear_away(letters)

    home.live(kind=Counted, intake_batch=7, drop_max_bytes=1_500)
    sizes = [sum(letter.seen[2] for letter in batch) for batch in batches]
    assert max(map(len, batches)) <= 7
    assert max(sizes) < 2 * 1_500, "however many files there are, so many bytes are in memory"
    assert home.titles() == [str(number) for number in range(40)]
    assert home.lying() == []


# Not before it is whole


@pytest.mark.parametrize(
    ("name", "half", "whole"),
    [
        ("a.json", b'{"repo": "/r", ', b'{"repo": "/r", "tests": ["t"]}'),
        ("a.json", b"", json.dumps(JOB).encode()),
        ("a.jsonl", json.dumps(JOB).encode() + b"\n", (json.dumps(JOB).encode() + b"\n") * 2),
        ("a.json", (json.dumps(JOB).encode() + b"\n") * 2 + b'{"re', (json.dumps(JOB).encode() + b"\n") * 3),
    ],
)
def test_what_may_still_be_being_written_is_left_alone(home: Home, name: str, half: bytes, whole: bytes) -> None:
    home.late_s = 0.0
    home.drop(name, half)
    home.drop("good.json", JOB | {"title": "good"})
    home.live(half_written_s=50)
    assert home.titles() == ["good"]
    assert home.lying() == [name]
    home.drop(name, whole)
    home.late_s = LATER_S
    home.live(half_written_s=50)
    assert len(home.titles()) == 1 + whole.count(b"tests")
    assert home.lying() == []
    assert home.rejected() == []


def test_a_clock_that_is_behind_the_disk_s_does_not_make_a_file_old(home: Home) -> None:
    home.late_s = -1.0
    home.drop("a.json", b"{")
    home.live(half_written_s=50)
    assert home.lying() == ["a.json"]


def test_names_that_say_themselves_that_they_are_not_ready_are_left_alone(home: Home) -> None:
    names = [".a.json", "a.json.part", "a.json.tmp"]
    for name in names:
        home.drop(name, JOB)
    home.live()
    assert sorted(home.lying()) == names
    assert home.titles() == []


# Folders


def test_folders_that_are_removed_are_made_anew(home: Home) -> None:
    async def story(inlet: Inlet) -> None:
        await inlet.look()
        shutil.rmtree(home.queue)
        await inlet.look()
        home.drop("a.json", JOB)
        home.drop("b.json", b"{")
        os.utime(home.queue / "ideas" / "b.json", (0, 0))
        await inlet.look()

    home.live(story)
    assert len(home.titles()) == 1
    assert home.rejected() == ["b.json", "b.json.why.json"]


def test_folders_that_are_removed_at_any_instant_are_no_trouble(home: Home) -> None:
    enough = threading.Event()

    def remove() -> None:
        while not enough.is_set():
            shutil.rmtree(home.queue / "ideas", ignore_errors=True)

    async def story(inlet: Inlet) -> None:
        remover = threading.Thread(target=remove)
        remover.start()
        for _ in range(300):
            await inlet.look()
        enough.set()
        remover.join()
        await inlet.look()
        home.drop("a.json", JOB)
        await inlet.look()
        assert inlet.empty

    home.live(story)
    assert len(home.titles()) == 1


def test_rejected_holds_anything_under_the_names_that_are_wanted(home: Home) -> None:
    """Folders, pipes, junk, files of others: none is opened for long, none is overwritten."""
    rejected = home.queue / "rejected"
    rejected.mkdir()
    makers: list[Callable[[Path], object]] = [Path.mkdir, os.mkfifo, Path.touch, lambda path: path.write_bytes(b"\xff")]
    for number, make in enumerate(makers):
        make(rejected / f"{number}.json.why.json")
        home.drop(f"{number}.json", b"{")
    before = {path.name: path.lstat() for path in rejected.iterdir()}
    home.live()
    assert home.lying() == []
    assert len(home.rejected()) == 4 + 8
    assert {name: (rejected / name).lstat() for name in before} == before


def test_too_little_room_pauses_intake_until_there_is_room(home: Home) -> None:
    home.drop("a.json", JOB)

    async def story(inlet: Inlet) -> None:
        settings = inlet.state.settings
        inlet.state.settings = Settings(min_free_bytes=2**62)
        await inlet.look()
        await inlet.look()
        assert (inlet.empty, home.lying()) == (False, ["a.json"])
        inlet.state.settings = settings
        await inlet.look()
        assert inlet.empty

    home.live(story)
    kinds = [type(fact) for fact in home.facts()]
    assert kinds == [e.IntakePaused, e.IntakeResumed, e.JobAccepted]


def test_what_is_recalled_is_what_the_log_says(home: Home) -> None:
    home.drop("a.json", JOB | {"title": "asked for", "gold_patch": "the answer"})

    async def story(inlet: Inlet) -> None:
        await inlet.look()
        await settle(inlet, "r-000001")

    home.live(story)
    job = find_settled(home.state / "log", {"r-000001"}, 99)["r-000001"]
    assert (job.title, job.outcome, job.reason) == ("asked for", "failed", "it was too hard")
    assert isinstance(job.drop, Repair)
    assert job.drop.gold_patch == ""
    assert sum(map(len, Log(home.state / "log", 1).read())) == 2
