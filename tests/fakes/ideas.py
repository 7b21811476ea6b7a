"""Real ideas for tests: drops, what a scripted model answers over HTTP, and the daemon that makes projects of them.

    asks = [Ask("First time", [files(GOOD)])]
    with writing(tmp_path, asks) as daemon:
        told(daemon)["First time"].outcome

A model is asked for a plan first, which is answered by itself, run after run; `answers` are those to what comes then.
The projects are those of `tests/ideas/projects/`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from daemon.text.naming import project_name
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.ollama_server import OllamaServer, Reply, Rule, Rules
from tests.fakes.projects import ACCEPTANCE_TESTS, ENTRY_POINT, PAGES
from tests.fakes.repairs import REAL, Told, told, whole

__all__ = ["GOOD", "Ask", "Told", "changes", "home", "model", "plan", "told", "whole", "writing"]

GOOD = PAGES["good"].files


def plan(files: Mapping[str, str], dependencies: str = "none") -> str:
    """A plan of these files."""
    lines = [f"FILE: {path} | what it says" for path in files]
    return "\n".join([*lines, f"DEPENDENCIES: {dependencies}", f"RUN: {ENTRY_POINT}", "TEST: python -m pytest"])


def changes(files: Mapping[str, str], before: Mapping[str, str] | None = None) -> str:
    """The answer that makes these files of those."""
    known = before or {}
    gone = "".join(f"FILE: {path}\nLINES: delete\n\n" for path in known if path not in files)
    return gone + "".join(whole(path, text) for path, text in files.items() if known.get(path) != text)


class Ask(Struct):
    """An idea, and what a model answers."""

    title: str
    answers: Sequence[str | Reply]
    plans: Sequence[str | Reply] = (plan(GOOD),)
    fields: Mapping[str, object] = {}  # more of the drop's

    @property
    def name(self) -> str:
        """What its project is called."""
        return project_name(self.title)

    @property
    def rules(self) -> list[Rule]:
        """Its answers, for whoever plays the model."""
        for_plans = Rule(list(self.plans), f"The package is called {self.name}. Now write the plan.")
        return [for_plans, Rule(list(self.answers), f" title>\n{self.title}\n")]

    def drop(self) -> dict[str, object]:
        """The drop."""
        idea = {"kind": "idea", "title": self.title, "description": "A command that counts the words of text files."}
        return idea | {"acceptance_tests": ACCEPTANCE_TESTS, "entry_point": ENTRY_POINT} | dict(self.fields)


@contextmanager
def model(asks: Sequence[Ask]) -> Iterator[OllamaServer]:
    """A server that plays these answers."""
    with OllamaServer(Rules(*(rule for ask in asks for rule in ask.rules)), parallel=8) as server:
        yield server


def home(folder: Path, url: str, asks: Sequence[Ask], **settings: object) -> DaemonProcess:
    """A daemon that is not started yet, with everything dropped that it is asked."""
    everything: dict[str, Any] = REAL | {"ollama_url": url, "sandbox": "bubblewrap"} | settings
    daemon = DaemonProcess(folder / "home", **everything)
    for number, ask in enumerate(asks):
        daemon.drop(f"{number}.json", ask.drop())
    return daemon


@contextmanager
def writing(folder: Path, asks: Sequence[Ask], **settings: object) -> Iterator[DaemonProcess]:
    """A daemon that has not been started, and its model."""
    with model(asks) as server, home(folder, server.url, asks, **settings) as daemon:
        yield daemon
