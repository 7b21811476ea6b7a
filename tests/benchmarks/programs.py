"""Small right programs to seed bugs into, from programs.txt: what they should return is what they do return.

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


def read() -> list[Program]:
    """All of them."""
    return [_program(part) for part in Path(__file__).with_suffix(".txt").read_text().split("----\n") if part.strip()]


def _program(part: str) -> Program:
    lines = part.strip("\n").split("\n")
    calls = [line.removeprefix("#: ") for line in lines if line.startswith("#: ")]
    source = "\n".join(line for line in lines if not line.startswith("#: ")) + "\n"
    called = [line for line in lines if line.startswith("def ")][-1]
    return Program(called.removeprefix("def ").partition("(")[0], source, calls)
