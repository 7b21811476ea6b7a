"""An idea that nobody could make real is refused before a model is asked, with the reason."""

import pytest

from daemon.drops import Idea
from daemon.text.impossible import impossible

TEST = "def test_x():\n    assert True\n"


def asked(**fields: object) -> list[str]:
    return impossible(Idea(**{"title": "T", "description": "D"} | fields))  # type: ignore[arg-type]  # fields of an idea


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"title": " "}, "title and description say nothing"),
        ({"acceptance_tests": {f"test_{number}.py": TEST for number in range(10_000)}}, "it brings 10000"),
        ({"acceptance_tests": {"con/test_x.py": TEST}}, "cannot be a file of the project: 'con/test_x.py'"),
        ({"acceptance_tests": {"test_x.py": "def test_x(:\n"}}, "cannot be run: test_x.py:1: is no Python"),
        ({"acceptance_tests": {"data.txt": "x", "conftest.py": ""}}, "no test among the acceptance tests: conftest.py"),
        ({"dependencies": ["rich", "os"]}, "a dependency cannot be installed: os is part of Python"),
        ({"dependencies": ["https://a.example/b.whl"]}, "is a place, not a name"),
    ],
)
def test_what_nobody_could_make_is_told(fields: dict[str, object], why: str) -> None:
    [reason] = asked(**fields)
    assert why in reason


def test_what_a_person_may_ask_for() -> None:
    """A name that nobody knows and that looks like another one is their word."""
    given = {"checks.py": "import adder\n\nassert adder.total([]) == 0\n", "data/in.json": "{}"}
    assert asked(dependencies=["reqeusts>=1", "Rich[all]"], acceptance_tests=given) == []
