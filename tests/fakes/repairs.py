"""Real repairs for tests: small broken repositories, drops, scripted answers over HTTP, and what the record says.

    asks = [Ask("one_file", {"shop.py": …, "tests/test_shop.py": …}, ["tests/test_shop.py::test_total"], [whole(…)])]
    with mending(tmp_path, asks) as daemon:
        told = settled(daemon)["one_file"]

The daemon is a process of its own, with its real hands; only the model is played. Many jobs go into one start, for a
start costs more than a small repair. What a repository is broken by is the test's own affair.
"""

import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from daemon import certificate
from daemon import events as e
from daemon.certificate import Proof
from daemon.events import AnyFact, Fact
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.ollama_server import OllamaServer, Reply, Rule, Rules

Files = Mapping[str, str | bytes]
AnyKind = TypeVar("AnyKind", bound=Fact)

REAL: dict[str, Any] = {
    "world": "real",
    "models": "tiny",
    "search_s": 0,  # a search without a model has tests of its own, and would mend some of these
    "memory_holdout": 1.0,  # each job for itself: what one is certified for would mend the next
    "gate_runs": 1,  # flakiness has tests of its own
    "run_backoff_s": 0.05,
    "fault_backoff_s": 0.05,
    "fault_backoff_max_s": 0.5,
    "scan_every_s": 0.5,
    "workspace_bytes": 32 * 2**20,
    "sandbox_memory_bytes": 512 * 2**20,
    "sandbox_scratch_bytes": 16 * 2**20,
    "sandbox_output_bytes": 64 * 1024,
    "sandbox_processes": 64,
    "sandbox_timeout_s": 60.0,
}
GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false", "-c", "core.autocrlf=false")


class Ask(Struct):
    """A repair: the repository as it is, the tests that fail, and what a model answers, one attempt after the other."""

    name: str
    files: Files
    tests: list[str]
    answers: Sequence[str | Reply]
    fields: Mapping[str, object] = {}  # more of the drop's
    folder: str = ""  # the repository's name, where it matters

    @property
    def mark(self) -> str:
        """What stands in every prompt of this job, and in no other."""
        return f"[{self.name}]"

    @property
    def rule(self) -> Rule:
        """Its answers, for whoever plays the model."""
        return Rule(list(self.answers), self.mark)

    def drop(self, repo: Path) -> dict[str, object]:
        """The drop."""
        problem = f"{self.mark} Something is wrong here."
        asked = {"kind": "repair", "repo": str(repo), "tests": self.tests, "title": self.name, "problem": problem}
        return asked | dict(self.fields)


class Told(Struct):
    """What the record says of one job."""

    job: str
    facts: list[AnyFact]
    state: Path

    def of(self, kind: type[AnyKind]) -> list[AnyKind]:
        """Its facts of one kind."""
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def outcome(self) -> str:
        """How the job ended; "" while it has not."""
        return next((fact.outcome for fact in reversed(self.of(e.JobSettled))), "")

    @property
    def reason(self) -> str:
        """Why it ended so."""
        return next((fact.reason for fact in reversed(self.of(e.JobSettled))), "")

    @property
    def proof(self) -> Proof:
        """What its certificate proves, the signature checked."""
        key = self.state / "keys" / "ed25519.pub"
        return certificate.read(self._result("certificate.json"), certificate.trust(key.read_bytes()))

    @property
    def patch(self) -> bytes:
        """The patch that it ended with."""
        return self._result("patch.diff")

    @property
    def report(self) -> str:
        """The page for a person."""
        return self._result("report.md").decode()

    def _result(self, name: str) -> bytes:
        return (self.state / "results" / self.job / name).read_bytes()


def write(folder: Path, files: Files) -> Path:
    """Files in a folder, their bytes as they are given."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(as_bytes(text))
    return folder


def as_bytes(text: str | bytes) -> bytes:
    """As it stands in a file."""
    return text if isinstance(text, bytes) else text.encode()


def git(folder: Path, *arguments: str, given: bytes = b"") -> str:
    """What git answers there."""
    ran = subprocess.run([*GIT, *arguments], cwd=folder, input=given, capture_output=True, check=True)
    return ran.stdout.decode()


def commit(folder: Path) -> str:
    """Make a repository of the folder; the name of its one commit."""
    git(folder, "init", "--quiet")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message", "as it was")
    return git(folder, "rev-parse", "HEAD").strip()


def whole(path: str, text: str) -> str:
    """An answer, or a part of one, that writes a file anew."""
    return f"FILE: {path}\nLINES: all\nREASONING: it is short\nREPLACEMENT:\n```\n{text.rstrip()}\n```\n\n"


def edit(path: str, lines: str, original: str, replacement: str) -> str:
    """An answer, or a part of one, that changes these lines; without an original it puts new ones in."""
    quoted = f"```\n{original}\n```\n" if original else "\n"
    return f"FILE: {path}\nLINES: {lines}\nREASONING: so\nORIGINAL:\n{quoted}REPLACEMENT:\n```\n{replacement}\n```\n\n"


@contextmanager
def model(asks: Sequence[Ask]) -> Iterator[OllamaServer]:
    """A server that plays these answers."""
    with OllamaServer(Rules(*(ask.rule for ask in asks)), parallel=8) as server:
        yield server


def home(folder: Path, server: OllamaServer, asks: Sequence[Ask], **settings: object) -> DaemonProcess:
    """A daemon that is not started yet, with everything dropped that it is asked."""
    everything: dict[str, Any] = REAL | {"ollama_url": server.url} | settings
    daemon = DaemonProcess(folder / "home", **everything)
    for number, ask in enumerate(asks):
        repo = write(folder / "repos" / (ask.folder or ask.name), ask.files)
        daemon.drop(f"{number}.json", ask.drop(repo))
    return daemon


def mended(folder: Path, asks: Sequence[Ask], deadline_s: float = 240.0, **settings: object) -> dict[str, Told]:
    """Let the daemon work until everything is settled; what it says of each job, by the ask's name."""
    with model(asks) as server, home(folder, server, asks, **settings) as daemon:
        daemon.start("once")
        daemon.wait(deadline_s)
        return told(daemon)


def told(daemon: DaemonProcess) -> dict[str, Told]:
    """What the record says of each job, by its title."""
    found: dict[str, Told] = {}
    facts = list(daemon.facts())
    for fact in facts:
        if isinstance(fact, e.JobAccepted):
            mine = [other for other in facts if getattr(other, "job", "") == fact.job]
            found[fact.title] = Told(fact.job, mine, daemon.state)
    return found
