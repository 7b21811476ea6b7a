"""Small right programs to seed bugs into: what they should return is what they do return.

`programs.txt` are those that rules were written with; `programs_held_out.txt` were written when the rules stood.
A program is one or two definitions, of which the last is called; `#:` lines before it are the arguments of its calls.
They were written for this, in Python 3.8 to 3.13, and belong to no benchmark of others.
"""

from pathlib import Path

from msgspec import Struct


class Program(Struct, frozen=True):
    """A right program, and arguments to call it with."""

    name: str
    source: str
    calls: list[str]


def read(name: str = "programs") -> list[Program]:
    """All programs of a file."""
    text = Path(__file__).with_name(f"{name}.txt").read_text()
    return [_program(part) for part in text.split("----\n") if part.strip()]


def _program(part: str) -> Program:
    lines = part.strip("\n").split("\n")
    calls = [line.removeprefix("#: ") for line in lines if line.startswith("#: ")]
    source = "\n".join(line for line in lines if not line.startswith("#: ")) + "\n"
    called = [line for line in lines if line.startswith("def ")][-1]
    return Program(called.removeprefix("def ").partition("(")[0], source, calls)
