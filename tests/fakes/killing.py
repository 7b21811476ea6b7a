"""A story that ends well however often its daemon is killed: drops of all kinds, random `kill -9`, the books.

`Killing.go` feeds and kills; `Killing.settle` lets the daemon finish; `Killing.check` compares what was dropped with
what the log, the folders and a replay from zero say. Everything random comes from one seed.
"""

import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import orjson

from daemon import events as e
from daemon.events import AnyFact
from daemon.state import load_snapshot
from tests.fakes.daemon_process import DaemonProcess, idea, repair

SETTINGS: dict[str, Any] = {
    "deaths_per_run": 1_000_000,  # here a death is never the run's fault
    "crashes_per_run": 1_000_000,  # the world counts its crashes in memory, so they come again after each death
    "faults_per_run": 1_000_000,
    "fault_backoff_max_s": 0.1,
    "run_backoff_max_s": 0.1,
    "restart_backoff_max_s": 0.1,
    "crash_loop_restarts": 1_000_000,
    "attempts_per_run": 2,
    "segment_bytes": 100_000,
    "snapshot_every_facts": 100,
    "view_rows": 10_000,
}

# Script of a repair → how it must end, whatever else happens
REPAIRS = {
    "fix": "certified",
    "fail, fix": "certified",
    "no_answer, fix": "certified",
    "edit_did_not_land; regression, fix": "certified",
    "fail; fail; fail; fix": "certified",  # on the first rung
    "fail; timeout; fail; fail; fail; syntax; fail, fix": "certified",  # on a later one
    "fail": "failed",  # on all of them
    "green": "refused",
    "broken": "refused",
    "flaky": "refused",
    "fault 2, fix": "certified",
    "crash 2, fix": "certified",
    "die 1, fix": "certified",
    "fail, die 2, fix": "certified",
    "stall 0.1, fail, stall 0.1, fix": "certified",
}
IDEAS = {"fix": "certified", "score 40, score 95": "certified", "score 10": "failed"}
ENDLESS = "stall 100000, fix"
SETTLED_WITHIN_S = 180.0
LONGEST_LIFE_S = 0.4  # after it is ready


class Reader(threading.Thread):
    """Reads the published views all the time, as a monitor would: each must be whole, and none may go back in time."""

    def __init__(self, folder: Path) -> None:
        super().__init__(daemon=True)
        self.folder = folder
        self.reads = 0
        self.wrong: list[str] = []
        self.enough = threading.Event()

    def run(self) -> None:
        """Until it is enough."""
        last: dict[str, int] = {}
        while not self.enough.wait(0.005):
            for path in self.folder.glob("*.json"):
                try:
                    seq = orjson.loads(path.read_bytes())["seq"]
                except (ValueError, KeyError, OSError) as error:
                    self.wrong.append(f"{path.name}: {error!r}")
                    continue
                if seq < last.get(path.name, 0):
                    self.wrong.append(f"{path.name}: fact {seq} after fact {last[path.name]}")
                last[path.name] = seq
                self.reads += 1


class Killing:
    """One daemon's home, what was dropped there, and what must come of it."""

    def __init__(self, home: Path, seed: int) -> None:
        self.dice = Random(seed)  # noqa: S311  a story, not a secret
        self.daemon = DaemonProcess(home, **SETTINGS)
        self.reader = Reader(self.daemon.state / "views")
        self.kills = self.supervised_kills = self.own_deaths = self.starts_from_snapshot = 0
        self.heard_of = 0  # facts that the log held before the last start
        self.ends: dict[str, str] = {}  # title → outcome
        self.reported: list[str] = []  # messages of error reports without a repository
        self.rejected: Counter[tuple[str, int]] = Counter()  # file, entry
        self.reopened: set[str] = set()
        self.cancelled: set[str] = set()
        self._stories = self._all_stories()
        self._dropped = 0

    # Feeding

    def _all_stories(self) -> Iterator[tuple[str, object, str]]:
        """One drop after the other, every kind again and again: the file's ending, its content, its inlet."""
        while True:
            for script, end in REPAIRS.items():
                yield ".json", repair("r", script, title=self._title(end)), "ideas"
                if self.dice.random() < 0.3:
                    yield ".json", {"kind": "repair", "repo": "/repos/no-tests"}, "ideas"
            for script, end in IDEAS.items():
                yield ".json", idea(self._title(end), script), "ideas"
            yield ".json", repair("endless", ENDLESS, title=self._title("cancelled")), "ideas"
            good = [repair("array", "fail, fix", title=self._title("certified")) for _ in range(3)]
            yield ".json", [*good[:2], {"kind": "nonsense"}, good[2]], "ideas"
            lines = [json.dumps(repair("lines", "fix", title=self._title("certified"))) for _ in range(3)]
            yield ".jsonl", "\n".join(lines).encode(), "ideas"
            yield ".json", b'{"kind": "repair", "repo": ', "ideas"
            message = f"IndexError: list index out of range, case {len(self.reported)}"
            self.reported.append(message)
            yield ".json", {"project": "shop", "message": message}, "errors"
            report = {"project": self._title("certified"), "message": "KeyError: 'a'", "repo": "/r", "tests": ["t::a"]}
            yield ".json", report, "errors"
            yield ".json", {"message": "of which project?"}, "errors"
            yield ".json", {"job": "r-99999999"}, "retries"
            yield ".json", [{"job": "r-99999999"}, {"job": "never"}, {"job": "r-88888888", "cancel": True}], "retries"

    def _title(self, end: str) -> str:
        title = f"{end} {len(self.ends)}"
        self.ends[title] = end
        return title

    def drop_one(self) -> Path:
        """Drop the next story."""
        suffix, value, inlet = next(self._stories)
        name = self._name(suffix)
        for entry in self._bad_entries(value, inlet):
            self.rejected[name, entry] += 1
        return self.daemon.drop(name, value, inlet)

    def _name(self, suffix: str) -> str:
        self._dropped += 1
        return f"{self._dropped:05d}{suffix}"

    @staticmethod
    def _bad_entries(value: object, inlet: str) -> list[int]:
        if isinstance(value, bytes):
            return [] if value.endswith(b"}") else [0]
        entries = value if isinstance(value, list) else [value]
        good = {"ideas": "title", "errors": "project", "retries": "no retry among the stories is good"}[inlet]
        return [number for number, entry in enumerate(entries) if good not in entry]

    def drop_retries(self) -> None:
        """Cancel what would never end, and open a settled job again."""
        for row in self.daemon.view("jobs").get("open_jobs", []):
            if row["title"].startswith("cancelled") and row["job"] not in self.cancelled:
                self.cancelled.add(row["job"])
                self.daemon.drop(self._name(".json"), {"job": row["job"], "cancel": True}, "retries")
        if self.dice.random() < 0.2:
            self.reopen_one()

    def reopen_one(self) -> None:
        """Open a settled job again that was not opened again before."""
        settled = {fact.job for fact in self.daemon.facts_of(e.JobSettled) if isinstance(fact, e.JobSettled)}
        if choice := sorted(settled - self.cancelled - self.reopened):
            job = self.dice.choice(choice)
            self.reopened.add(job)
            self.daemon.drop(self._name(".json"), {"job": job, "hint": "look again"}, "retries")

    # Killing

    def go(self, kills: int, *, supervised_share: float = 0.1) -> None:
        """Kill so often, and drop all the time in between."""
        self.reader.start()
        with self.daemon:
            while self.kills < kills:
                self.starts_from_snapshot += load_snapshot(self.daemon.state / "snapshot") is not None
                if self.dice.random() < supervised_share:
                    self._supervised_lives(min(5, kills - self.kills))
                else:
                    self._life()

    def _life(self) -> None:
        ready = self.daemon.said().count("  ready")
        self.daemon.start("work")
        process = self.daemon.process
        assert process is not None
        if self.dice.random() < 0.15:  # while it starts
            process_ended = self._dies_within(self.dice.uniform(0, LONGEST_LIFE_S))
        else:
            self.daemon.wait_until(lambda: self.daemon.said().count("  ready") > ready or process.poll() is not None)
            self._drop_some()
            if self.dice.random() < 0.4:  # just when it takes something in
                process_ended = self._dies_within(LONGEST_LIFE_S, taking=self.drop_one())
            else:
                process_ended = self._dies_within(self.dice.choice((0.02, 0.1, LONGEST_LIFE_S)) * self.dice.random())
        if process_ended:
            self.own_deaths += 1
            assert process.returncode == -signal.SIGKILL, self.daemon.said()[-4000:]
        else:
            self.daemon.kill()
            self.kills += 1

    def _drop_some(self) -> None:
        for _ in range(self.dice.randrange(3)):
            self.drop_one()
        self.drop_retries()

    def _dies_within(self, seconds: float, taking: Path | None = None) -> bool:
        """Let it live for this long, or until it has taken this file away; whether it ended by itself."""
        assert self.daemon.process is not None
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            if self.daemon.process.poll() is not None:
                return True
            if taking is None:
                time.sleep(0.001)
            elif not taking.exists():
                break
        return False

    def _supervised_lives(self, kills: int) -> None:
        """Kill only the daemon, again and again, and let the supervisor bring it back; at last both."""
        self.daemon.start("run")
        killed = 0
        for _ in range(kills):
            killed = self._next_child(killed)
            self._drop_some()
            time.sleep(self.dice.random() * LONGEST_LIFE_S)
            try:
                os.kill(killed, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it was in the script that it dies
            self.kills += 1
            self.supervised_kills += 1
        self.daemon.kill()

    def _next_child(self, after: int) -> int:
        return self.daemon.wait_until(lambda: self._other_child(after))

    def _other_child(self, than: int) -> int:
        """The supervised daemon that holds the state now, if it is another one."""
        assert self.daemon.process is not None
        try:
            pid = int((self.daemon.state / "run" / "lock").read_text().split()[1].rstrip(","))
            parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            return 0
        return pid if pid != than and parent == self.daemon.process.pid else 0

    # The end

    def settle(self) -> None:
        """Let the daemon finish everything, however often the scripts say that it dies, and stop it."""
        self.drop_retries()
        self.heard_of = len(list(self.daemon.facts()))
        with self.daemon:
            until = time.monotonic() + SETTLED_WITHIN_S
            self.daemon.start("run")
            self._next_child(0)  # a supervisor that does not listen yet would die of being asked to stop
            while not self._is_over():
                assert time.monotonic() < until, self.daemon.said()[-4000:]
                self.drop_retries()
                time.sleep(0.1)
            assert self.daemon.stop() == 0, self.daemon.said()[-4000:]
        self.reader.enough.set()
        self.reader.join()

    def _is_over(self) -> bool:
        jobs = self.daemon.view("jobs")
        settled = sum(jobs.get("settled", {}).values())
        lying = [path for inlet in ("ideas", "errors", "retries") for path in (self.daemon.queue / inlet).iterdir()]
        expected = len(self.ends) + len(self.reopened)
        assert settled <= expected, "something was taken or settled twice"
        is_told_anew = jobs.get("seq", 0) > self.heard_of  # what was told before its start may be behind the log
        return is_told_anew and not lying and not jobs.get("open") and settled == expected

    # The books

    def check(self) -> None:
        """Nothing lost, nothing twice, nothing that a replay from zero would not say as well."""
        facts = list(self.daemon.facts())
        assert [fact.seq for fact in facts] == list(range(1, len(facts) + 1))
        self._check_intake(facts)
        self._check_lives(facts)
        self._check_runs(facts)
        whole = self.daemon.ask("check")
        assert whole.returncode == 0, whole.stderr
        self._check_replay()
        assert list(self.daemon.state.glob(".*")) == list((self.daemon.state / "views").glob(".*")) == []
        assert self.reader.wrong == []
        assert self.reader.reads > 0
        assert self.starts_from_snapshot > 0, "snapshots were never used"

    def _check_intake(self, facts: list[AnyFact]) -> None:
        accepted = Counter(_title_of(fact) for fact in facts if isinstance(fact, e.JobAccepted))
        assert accepted == Counter(dict.fromkeys(self.ends, 1))
        assert Counter(f.message for f in facts if isinstance(f, e.ErrorReported)) == Counter(self.reported)
        assert Counter((f.name, f.entry) for f in facts if isinstance(f, e.DropRejected)) == self.rejected
        assert Counter(f.job for f in facts if isinstance(f, e.CancelAsked)) == Counter(self.cancelled)
        assert Counter(f.job for f in facts if isinstance(f, e.JobReopened)) == Counter(self.reopened)
        names = {name for name, _ in self.rejected}
        lying = {path.name for path in (self.daemon.queue / "rejected").iterdir() if not path.name.startswith(".")}
        assert lying == names | {f"{name}.why.json" for name in names}

    def _check_lives(self, facts: list[AnyFact]) -> None:
        """Each job is opened, settles, and is opened again only then."""
        ends: dict[str, str] = {}
        is_open: Counter[str] = Counter()
        for fact in facts:
            if isinstance(fact, e.JobAccepted):
                ends[fact.job] = self.ends[_title_of(fact)]
            if isinstance(fact, e.JobAccepted | e.JobReopened):
                is_open[fact.job] += 1
                assert is_open[fact.job] == 1
            if isinstance(fact, e.JobSettled):
                is_open[fact.job] -= 1
                assert is_open[fact.job] == 0
                assert fact.outcome == ends[fact.job], fact
        assert not +is_open

    @staticmethod
    def _check_runs(facts: list[AnyFact]) -> None:
        """No run is opened or settled twice, and no attempt of it ends twice."""
        opened = Counter(fact.run for fact in facts if isinstance(fact, e.RunOpened))
        settled = Counter(fact.run for fact in facts if isinstance(fact, e.RunSettled))
        attempts = Counter((fact.run, fact.attempt) for fact in facts if isinstance(fact, e.AttemptFailed))
        assert set(opened.values()) == {1}
        assert opened == settled
        assert set(attempts.values()) == {1}

    def _check_replay(self) -> None:
        again = self.daemon.home / "replayed"
        replayed = self.daemon.ask("replay", "--into", again)
        assert replayed.returncode == 0, replayed.stderr
        for part in ("views", "results"):
            here, there = _files(self.daemon.state / part), _files(again / part)
            differing = {name: (here.get(name), there.get(name)) for name in {*here, *there}}
            assert {name: both for name, both in differing.items() if both[0] != both[1]} == {}


def _title_of(fact: e.JobAccepted) -> str:
    """The title that the story gave it; an error report can only name a project."""
    return fact.title.partition(":")[0]


def _files(folder: Path) -> dict[str, bytes]:
    """All files below, without the unfinished ones that a killed daemon left behind."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.name.startswith(".")
    }
