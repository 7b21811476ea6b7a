"""Real ideas for tests: drops, what a scripted model answers over HTTP, and the daemon that makes projects of them.

    asks = [Ask("First time", [changes(ADDER)])]
    with writing(folder, asks) as (daemon, server):
        daemon.start("once").wait()
        told(daemon)["First time"].outcome

A model is asked for a plan first, which is answered by itself, run after run; `answers` are those to what comes then.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from daemon.text.naming import project_name
from tests.fakes.daemon_process import DaemonProcess
from tests.fakes.ollama_server import OllamaServer, Reply, Rule, Rules
from tests.fakes.repairs import REAL, whole

ENTRY_POINT = "python -m adder"
ADDER = {  # as small as a project can be that gets all points
    "adder/__init__.py": (
        '"""Adds prices up."""\n\n\ndef total(prices: list[int], discount: int = 0) -> int:\n'
        '    """The sum, less a discount."""\n    return sum(prices) - discount\n'
    ),
    "adder/__main__.py": (
        '"""The command."""\n\nimport sys\n\nfrom adder import total\n\n'
        'if __name__ == "__main__":\n    print(total([int(word) for word in sys.argv[1:]]))\n'
    ),
    "tests/test_adder.py": (
        '"""Sums are right."""\n\nfrom adder import total\n\n\n'
        "def test_total() -> None:\n    assert (total([1, 2]), total([5], 2)) == (3, 3)\n"
    ),
    "requirements.txt": "pytest\n",
    "README.md": (
        "# Adder\n\nAdds prices up: `python -m adder 1 2`. To install what its tests need, and to run them:\n\n"
        "    uv venv --quiet .venv\n    uv pip install --quiet --python .venv/bin/python -r requirements.txt\n"
        "    .venv/bin/python -m pytest --quiet\n"
    ),
}


def plan(files: Mapping[str, str], dependencies: str = "none") -> str:
    """A plan of these files."""
    lines = [f"FILE: {path} | what it says" for path in files]
    return "\n".join([*lines, f"DEPENDENCIES: {dependencies}", f"RUN: {ENTRY_POINT}", "TEST: python -m pytest"])


def changes(files: Mapping[str, str], before: Mapping[str, str] | None = None) -> str:
    """The answer that makes these files of those."""
    known = before or {}
    return "".join(whole(path, text) for path, text in files.items() if known.get(path) != text)


class Ask(Struct):
    """An idea, and what a model answers."""

    title: str
    answers: Sequence[str | Reply]
    plans: Sequence[str | Reply] = (plan(ADDER),)
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
        return {"kind": "idea", "title": self.title, "description": "A command that adds prices up."} | {**self.fields}


def home(folder: Path, url: str, asks: Sequence[Ask], **settings: object) -> DaemonProcess:
    """A daemon that is not started yet, with everything dropped that it is asked."""
    everything: dict[str, Any] = REAL | {"ollama_url": url, "sandbox": "bubblewrap"} | settings
    daemon = DaemonProcess(folder / "home", **everything)
    for number, ask in enumerate(asks):
        daemon.drop(f"{number}.json", ask.drop())
    return daemon


@contextmanager
def writing(folder: Path, asks: Sequence[Ask], **settings: object) -> Iterator[tuple[DaemonProcess, OllamaServer]]:
    """A daemon that is not started yet, and its model."""
    rules = Rules(*(rule for ask in asks for rule in ask.rules))
    with OllamaServer(rules, parallel=8) as server, home(folder, server.url, asks, **settings) as daemon:
        yield daemon, server
