"""What is shown beside the failing function: the most alike that no failure passed through."""

import pytest

from daemon.text.outcomes import Frame
from daemon.text.siblings import siblings

FILES = {
    "days.py": (
        "def first_days(days, count):\n    if not days:\n        return []\n    return days[:count]\n\n\n"
        "def last_days(days, count):\n    return days[-count + 1:]\n\n\n"
        "class Week:\n    def send(self, address):\n        with open(address) as file:\n            file.write('x')\n"
    ),
    "weeks.py": "def last_weeks(weeks, count):\n    if not weeks:\n        return []\n    return weeks[-count:]\n",
    "broken.py": "def (:\n",
}
FAILED = Frame("days.py", 8, "last_days")


def test_the_most_alike_come_first_and_what_is_not_alike_does_not_come() -> None:
    found = siblings([FAILED], FILES, ["weeks.py", "broken.py", "gone.py"])
    assert [one.text.partition("(")[0] for one in found] == ["def first_days", "def last_weeks"]
    assert [one.path for one in found] == ["days.py", "weeks.py"]


def test_what_the_failure_passed_through_is_no_sibling() -> None:
    found = siblings([Frame("days.py", 4, "first_days"), FAILED], FILES, [])
    assert found == []


@pytest.mark.parametrize("frames", [[], [Frame("lib.py", 1, "f")], [Frame("days.py", 10, "<module>")]])
def test_without_a_function_of_its_own_a_failure_has_no_siblings(frames: list[Frame]) -> None:
    assert siblings(frames, FILES, list(FILES)) == []
