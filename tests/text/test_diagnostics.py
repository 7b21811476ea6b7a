"""What static checks say is true of the line that they name, and of code without these mistakes they say nothing."""

from pathlib import Path

import pytest

from daemon.text.diagnostics import MOST, diagnostics

FOUND = {
    "a name that nobody binds": ("def f():\n    return sqrt(2)\n", 2, "the name sqrt is bound nowhere"),
    "a shared default": ("def f(a, b=[]):\n    return b\n", 1, "shared by all calls"),
    "a shared default by keyword": ("def f(*, b={}):\n    return b\n", 1, "shared by all calls"),
    "identity of a value": ("a = 1\nb = a is 'x'\n", 2, "`==` compares values"),
    "a tuple that always holds": ("assert (1, 'why')\n", 1, "always holds"),
    "what never runs": ("def f():\n    return 1\n    print(2)\n", 3, "line 2 has left the block"),
}


@pytest.mark.parametrize("name", FOUND)
def test_a_mistake_is_told_with_its_line(name: str) -> None:
    source, line, what = FOUND[name]
    [said] = diagnostics({"a.py": source}, ["a.py"]).splitlines()
    assert said.startswith(f"a.py:{line}: ")
    assert what in said


def test_of_this_house_they_say_nothing() -> None:
    house = {str(path): path.read_text() for path in (Path(__file__).parents[2] / "daemon" / "text").glob("*.py")}
    assert diagnostics(house, house) == ""


def test_what_cannot_be_read_is_left_out_and_much_is_cut() -> None:
    files = {"a.py": "def f(:\n", "b.py": "\n".join(f"a{number}" for number in range(99))}
    assert len(diagnostics(files, ["a.py", "b.py", "c.py"]).splitlines()) == MOST
