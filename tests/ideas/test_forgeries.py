"""Projects that do not do what was asked, and are bent on looking as if they did: their tests are not believed.

They find our runner in the memory of the process that they share with it, make a pass of every result, and leave with
the status of a pass; where there is no runner, they just leave so. What was asked for is wrong in all of them.
"""

from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent, indent

import pytest

from tests.fakes.projects import of_files
from tests.fakes.sandboxes import need, place

ASKED_FOR = "from shop import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n"
WRONG = "def total(prices):\n    return sum(prices[1:])\n"
FORGE = dedent("""\
    import gc, os
    reports = [one for one in gc.get_objects() if type(one).__name__ == "Report" and hasattr(one, "_state")]
    if not reports:
        os._exit(0)
    os._exit = lambda status, leave=os._exit: leave(0)
    for one in reports:
        one.end = lambda status, end=one.end: end(0)
    for one in gc.get_objects():
        if type(one).__name__ == "Recorder":
            type(one).pytest_runtest_logreport.__globals__["_fold"] = lambda phases: ("passed", None)
    """)
BODY = indent(FORGE, "    ")
FORGERIES = {
    "at import": (FORGE + WRONG, "they pass although what they call does and gives nothing"),
    "when called": (WRONG.replace("    return", BODY + "    return"), "what they call does and gives nothing"),
    "without anything to call": (FORGE + "total = None\n", "no module of the project can be imported"),
    "while its text is as it was": (
        f"{WRONG}if open(__file__).read().endswith('# end'):\n{BODY}# end",
        "only written otherwise",
    ),
}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    need("bubblewrap")
    with place() as folder:
        yield folder


@pytest.mark.parametrize("name", FORGERIES)
def test_acceptance_tests_that_the_code_forges_are_not_believed(folder: Path, name: str) -> None:
    code, why = FORGERIES[name]
    seen = of_files(folder, {"shop.py": code}, acceptance_tests={"test_asked_for.py": ASKED_FOR}).acceptance
    assert seen is not None
    assert (seen.holds, why in seen.trouble) == (False, True), seen


def test_the_projects_own_tests_are_not_believed_for_a_forgery_either(folder: Path) -> None:
    code, why = FORGERIES["when called"]
    own = of_files(folder, {"shop.py": code, "test_shop.py": ASKED_FOR}).own
    assert (own.holds, why in own.trouble) == (False, True), own


@pytest.mark.parametrize(
    ("test", "why"),
    [
        ("assert len(open('shop.py').read()) == 46", "only written otherwise"),
        ("open('seen', 'x')", "the tests cannot fail"),
    ],
    ids=["they know the code's text", "they only fail a second time"],
)
def test_own_tests_that_notice_a_change_and_no_fault_are_not_believed(folder: Path, test: str, why: str) -> None:
    tests = f"from shop import total\n\n\ndef test_total():\n    total([1])\n    {test}\n"
    own = of_files(folder, {"shop.py": WRONG, "test_shop.py": tests}).own
    assert (own.holds, why in own.trouble) == (False, True), own


def test_what_nobody_can_tell(folder: Path) -> None:
    """A known limit, shown so that nobody believes otherwise: it forges just while its function does what it did."""
    code = f"{WRONG}if total([3, 5]) == 5:\n{BODY}"  # so it knows a fault from another spelling
    seen = of_files(folder, {"shop.py": code}, acceptance_tests={"test_asked_for.py": ASKED_FOR}).acceptance
    assert seen is not None
    assert seen.holds
