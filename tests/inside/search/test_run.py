"""The search as a process of its own, from the request to the report, with candidates that want to outlive it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from tests.fakes.sessions import INSIDE, standing_in, write

SUMS = dedent("""\
    import os, time

    def total(prices):
        return sum(prices[1:])
    """)
TESTS = "import sums\ndef test_total(): assert sums.total([1, 2]) == 3\ndef test_none(): assert sums.total([]) == 0\n"
MENDED = SUMS.replace("[1:]", "")
MURDER = dedent("""\
    import os, time

    def total(prices):
        server = os.getppid()
        watcher = int(open(f"/proc/{server}/stat").read().split()[3])
        if os.fork():
            os.kill(watcher, 9)
            os.kill(server, 9)
        os.setsid()
        time.sleep(1000)
    """)


def searched(
    folder: Path, offers: list[str], seconds: float = 60.0, program: str = SUMS, **other: object
) -> dict[str, Any]:
    """What the search says of these texts for the file of sums, if it is not asked something else."""
    repository = write(folder / "sums", {"sums.py": program, "test_sums.py": TESTS})
    request, report = folder / "request.json", folder / "report.json"
    asked = {"root": str(repository), "places": ["test_sums.py"], "targets": ["test_sums.py::test_total"]}
    changes = [{"sums.py": text} for text in offers]
    more = {"runner": "pytest", "mode": "offers", "offers": changes, "seconds": seconds}
    request.write_text(json.dumps({**asked, **more, **other}))
    command = [sys.executable, str(INSIDE / "search" / "run.py"), "--request", str(request), "--report", str(report)]
    subprocess.run(command, check=True, env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"})
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def test_nobody_outlives_the_search(tmp_path: Path) -> None:
    """Not even where a candidate has killed the server, who was to clear up after that, and lives on in a fork."""
    found = searched(tmp_path, [MURDER, MENDED])
    assert [patch["number"] for patch in found["plausible"]] == [1]
    assert standing_in(tmp_path) == []


def test_no_offer_is_begun_too_late(tmp_path: Path) -> None:
    found = searched(tmp_path, [MENDED, MENDED], seconds=0.0)
    assert (found["plausible"], found["tried"], found["generated"]) == ([], 0, 2)


def test_a_bug_that_is_not_there_is_not_looked_for(tmp_path: Path) -> None:
    found = searched(tmp_path, [], mode="search", targets=["test_sums.py::test_none"])
    assert found["ended"] == "here none of the failing tests fails"


@pytest.mark.parametrize("mode", ["search", "offers"])
def test_a_file_keeps_its_mark(tmp_path: Path, mode: str) -> None:
    """No parser of texts takes the mark of the order of bytes that some editors put before a program."""
    offer, program = (f"\ufeff{text}" for text in (MENDED, SUMS))
    found = searched(tmp_path, [offer], program=program, mode=mode, candidates=3000, seed=0, start_at=0)
    assert {patch["changes"]["sums.py"][:7] for patch in found["plausible"]} == {"\ufeffimport"}
