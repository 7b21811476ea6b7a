"""Proves candidates: asks the process that holds the collected tests, and starts it again when it has died.

This side never runs code of the repository. Nothing that a candidate does reaches further than the fork it is tried
in; what passes here is *plausible*, and the gate outside has the last word.
"""

import os
import resource
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from typing import Any, Dict, List, Optional, Sequence, Set

from .forks import children, processor_s
from .messages import NoMessage, answer, heard
from .verdicts import Baseline, Limits, Place, Test, Verdict

ENTRY = os.path.join(os.path.dirname(os.path.abspath(__file__)), "run.py")
COLLECT_S = 120.0  # to import and collect; the largest suites take half of it
DEATHS_AT_MOST = 20  # of the server: more than any search meets by chance
SLACK_S = 5.0  # over what the server allows its forks
FRESH_SLACK_S = 2.0
MARK = "\ufeff"  # of the order of bytes: it belongs to a file, and no parser of texts takes it


class Dead(Exception):  # noqa: N818  said of the server
    """The server cannot be had, or has died."""


class Judge:
    """Starts with the first question. `sources`: the text of the repository's own files that candidates change."""

    def __init__(  # noqa: PLR0913, PLR0917  what a test session is made of
        self,
        root: str,
        test_places: Sequence[str],
        targets: Sequence[str],
        runner: str = "pytest",
        limits: Optional[Limits] = None,
        sources: Optional[Dict[str, str]] = None,
    ) -> None:
        self.root = os.path.realpath(root)
        self._limits = limits or Limits()
        found = own_sources(self.root, targets) if sources is None else sources
        self.sources = bare(found)
        self._marked = {path for path, text in found.items() if text.startswith(MARK)}
        self._told: Dict[str, Any] = {
            "root": self.root,
            "places": list(test_places),
            "targets": list(targets),
            "runner": runner,
            "limits": list(self._limits),
            "sources": self.sources,
        }
        self._paths = sorted(self.sources)
        self._server: Optional[Server] = None
        self._fresh: Optional[Server] = None
        self._deaths = 0
        self._seconds: Dict[str, float] = {}
        self._kept: List[str] = []
        self._failing: List[str] = []
        self._results: Dict[str, Any] = {}  # by the number of a test
        self.tried: Dict[int, int] = {}  # by rung, for the statistics

    def measure(self) -> None:
        """Run the tests as they are: enough to try candidates."""
        server = self._begin()
        self._results = results = self._measure(server)
        names = {int(n): server.ids[int(n)] for n in results}
        self._seconds = {names[int(n)]: each["seconds"] for n, each in results.items()}
        self._kept = [names[int(n)] for n, each in results.items() if each["passed"]]
        self._failing = sorted(set(self._told["targets"]).difference(self._kept))

    def baseline(self) -> Baseline:
        """Run the tests as they are, and again with each line watched."""
        if not self._results:
            self.measure()
        server, results, targets = self._server or self._restarted(), self._results, set(self._told["targets"])
        names = {int(n): server.ids[int(n)] for n in results}
        failing = [n for n in names if not results[str(n)]["passed"] and names[n] in targets]
        order = failing + [n for n in names if results[str(n)]["passed"]]
        traced = self._ask(
            server, self._limits.all_seconds, do="trace", numbers=order, seconds=self._limits.all_seconds
        )
        parts = self._ask(server, self._limits.all_seconds, do="take_apart", numbers=failing, seconds=SLACK_S)
        found = traced["results"]
        tests = [
            self._test(names[int(n)], {**found.get(n, {}), "passed": each["passed"], "seconds": each["seconds"]})
            for n, each in results.items()
            if each["passed"] or names[int(n)] in targets  # what fails besides is nobody's business here
        ]
        pieces = [
            self._test(f"{names[int(n)]}#{place}", {**each, "seconds": 0.0})
            for n, some in parts["parts"].items()
            for place, each in enumerate(some, 1)
        ]
        return Baseline(tests, {path: set(lines) for path, lines in server.imported.items()}, pieces)

    def try_(self, changes: Dict[str, str], lowest: int = 1) -> Verdict:
        """What the tests say of these new texts, from this rung of the ladder upwards."""
        began = time.monotonic()
        told: Optional[Dict[str, Any]] = None
        try:
            server = self._server or self._restarted()
            told = self._ask(server, self._limits.all_seconds, do="try_", changes=changes, lowest=lowest)
            if told["unsure"]:
                told = self._anew(changes)
        except Dead:
            self._forget()
        if told is None:
            told = {"passed": False, "fixed": [], "broken": [], "hung": False, "rung": 0}
        self.tried[told["rung"]] = self.tried.get(told["rung"], 0) + 1
        return Verdict(told["passed"], told["fixed"], told["broken"], told["hung"], time.monotonic() - began)

    def as_files(self, changes: Dict[str, str]) -> Dict[str, str]:
        """These texts as their files are to be, with the marks of those that have one."""
        return {path: MARK + text if path in self._marked else text for path, text in changes.items()}

    def witnessed(self, test: str, lines: Sequence[Place]) -> List[Dict[str, Any]]:
        """What variables hold on these lines while a test runs; the baseline has to be known."""
        server = self._server or self._restarted()
        numbers: Dict[str, List[int]] = {}
        for path, line in lines:
            numbers.setdefault(str(self._paths.index(path)), []).append(line)
        told = self._ask(server, self._limits.test_seconds, do="witness", number=server.ids.index(test), lines=numbers)
        return [
            {"path": self._paths[file], "line": line, "how": each["how"], "values": each["values"]}
            for each in told["seen"]
            for file, line in [each["seen"]]
        ]

    def processor_s(self) -> float:
        """What the servers have had of a processor, with their forks: those that live, and those that have ended."""
        living = [pid for server in (self._server, self._fresh) if server is not None for pid in server.processes()]
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        return ended.ru_utime + ended.ru_stime + sum(processor_s(pid) for pid in living)

    def close(self) -> None:
        """Leave nothing behind."""
        for server in (self._server, self._fresh):
            if server is not None:
                server.end()
        self._server = self._fresh = None

    def _begin(self) -> "Server":
        self._forget()
        self._server = Server(self._told, fresh=False)
        return self._server

    def _restarted(self) -> "Server":
        """Another server in the place of one that died."""
        self._deaths += 1
        if self._deaths > DEATHS_AT_MOST:
            raise Dead("it dies again and again")
        server = self._begin()
        self._measure(server)
        return server

    def _measure(self, server: "Server") -> Dict[str, Any]:
        found: Dict[str, Any] = self._ask(server, self._limits.all_seconds, do="measure")["results"]
        return found

    def _ask(self, server: "Server", patience_s: float, **question: Any) -> Dict[str, Any]:
        try:
            return server.ask(3 * patience_s + SLACK_S, **question)
        except Dead:
            self._forget()
            raise

    def _forget(self) -> None:
        if self._server is not None:
            self._server.end()
            self._server = None

    def _anew(self, changes: Dict[str, str]) -> Dict[str, Any]:
        """The third rung where modules have to be imported anew."""
        targets = self._failing
        wanted = {*targets, *self._kept}
        longest = self._limits.test_seconds
        seconds = {name: min(longest, max(0.5, 10 * self._seconds.get(name, 0.0))) for name in wanted}
        collecting = self._server.collecting_s if self._server else COLLECT_S
        wall = FRESH_SLACK_S + 5 * collecting + 10 * sum(min(self._seconds.get(name, 0.0), longest) for name in wanted)
        wall = min(wall, COLLECT_S + self._limits.all_seconds)
        if self._fresh is None:
            self._fresh = Server(self._told, fresh=True)
        try:
            told = self._fresh.ask(wall + SLACK_S, changes=changes, seconds=seconds, wall=wall)
        except Dead:
            self._fresh.end()
            self._fresh = None
            raise
        passed = set(told["passed"])
        fixed = [name for name in targets if name in passed]
        broken = [name for name in self._kept if name not in passed]
        all_pass = bool(targets) and len(fixed) == len(targets) and not broken
        return {"passed": all_pass, "fixed": fixed, "broken": broken, "hung": told["hung"], "rung": 3}

    def _test(self, name: str, told: Dict[str, Any]) -> Test:
        executed = {self._paths[int(n)]: set(lines) for n, lines in told.get("lines", {}).items()}
        frames = [(self._paths[n], line) for n, line in told.get("frames", [])]
        return Test(name, told["passed"], told["seconds"], executed, told.get("error", ""), frames)


class Server:
    """A process of `server.py`, and our end of the line to it."""

    def __init__(self, told: Dict[str, Any], *, fresh: bool) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  our own script
                [sys.executable, ENTRY, "--serve", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        self._connection = ours
        began = time.monotonic()
        try:
            first = self.ask(COLLECT_S, fresh=fresh, **told)
        except Dead:
            self.end()
            raise
        self.collecting_s = time.monotonic() - began
        self.ids: List[str] = first["ids"]
        self.imported: Dict[str, List[int]] = first["imported"]

    def ask(self, patience_s: float, **question: Any) -> Dict[str, Any]:
        """One question, one answer; `Dead` where none comes."""
        self._connection.settimeout(patience_s)
        try:
            answer(self._connection, question)
            told = heard(self._connection)
        except (OSError, NoMessage) as error:
            raise Dead(f"the server does not answer: {type(error).__name__}") from None
        if told is None:
            raise Dead("the server has gone")
        return told

    def processes(self) -> List[int]:
        """The server, and the forks that it has now."""
        servers = children(self._process.pid)
        return servers + [pid for server in servers for pid in children(server)]

    def end(self) -> None:
        """End it and all that it started: the process above it stays until nobody of them is left."""
        self._connection.close()
        try:
            self._process.wait(SLACK_S)
        except subprocess.TimeoutExpired:  # it does not hear any more
            for pid in children(self._process.pid):
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        self._process.wait()


def bare(texts: Dict[str, str]) -> Dict[str, str]:
    """The texts of files without their marks."""
    return {path: text[text.startswith(MARK) :] for path, text in texts.items()}


# Which files may be changed

TEST_FOLDERS = {"test", "tests", "testing"}
NOT_OWN = {"site-packages", "dist-packages", ".venv", "venv", ".tox", ".nox", "node_modules", ".git"}
CONFIGURATION = {"conftest.py", "setup.py", "sitecustomize.py", "usercustomize.py"}
SOURCE_BYTES = 2**20  # a larger file was not written by people
SOURCES_AT_MOST = 4_000  # files


def own_sources(root: str, targets: Sequence[str]) -> Dict[str, str]:
    """The Python files of the repository that are no tests, by their path from its root."""
    target_files = {name.partition("::")[0] for name in targets}
    found: Dict[str, str] = {}
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in NOT_OWN and not name.startswith("."))
        for name in sorted(files):
            path = os.path.relpath(os.path.join(folder, name), root).replace(os.sep, "/")
            if name.endswith(".py") and not _is_test(path, target_files) and len(found) < SOURCES_AT_MOST:
                text = _text(os.path.join(folder, name))
                if text is not None:
                    found[path] = text
    return found


def _is_test(path: str, targets: Set[str]) -> bool:
    *folders, name = path.split("/")
    by_name = name.startswith("test_") or name.endswith("_test.py") or name in CONFIGURATION or name == "tests.py"
    return by_name or path in targets or bool(TEST_FOLDERS & set(folders))


def _text(file: str) -> Optional[str]:
    """As the file has it, line ends included; None where it is no text that could be changed."""
    try:
        if os.path.getsize(file) > SOURCE_BYTES or os.path.islink(file):
            return None
        with open(file, encoding="utf-8", newline="") as opened:
            return opened.read()
    except (OSError, ValueError):
        return None
