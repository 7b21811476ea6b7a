"""Which lines ran, as the best tracer of this interpreter hears it; it outlives the process that ran them."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from daemon.inside.search.tape import Lines, Tape
from daemon.inside.search.tracer import Tracer, tracer

CODE = "def f(n):\n    if n:\n        return f(n - 1)\n    return 0\n\n\ndef g():\n    return [x for x in range(3)]\n"


@pytest.fixture
def traced(tmp_path: Path) -> Iterator[tuple[ModuleType, Tracer, Lines]]:
    (tmp_path / "own.py").write_text(CODE)
    spec = spec_from_file_location("own", tmp_path / "own.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    lines, before = Lines(1000), sys.gettrace()
    made = tracer([str(tmp_path / "other.py"), str(tmp_path / "own.py")], lines)
    made.start()
    yield module, made, lines
    made.stop()
    sys.settrace(before)


Traced = tuple[ModuleType, Tracer, Lines]


def test_only_own_lines_are_heard_each_once(traced: Traced) -> None:
    module, listening, lines = traced
    for _ in range(3):
        module.f(2)
    assert lines.read() == {1: [2, 3, 4]}
    listening.begin()
    assert lines.read() == {}
    module.f(0)
    assert lines.read() == {1: [2, 4]}


def test_threads_and_deep_recursions_are_heard(traced: Traced) -> None:
    module, listening, lines = traced
    thread = threading.Thread(target=module.g)
    thread.start()
    thread.join()
    assert lines.read() == {1: [8]}
    with pytest.raises(RecursionError):
        module.f(10**6)
    listening.begin()
    module.f(0)
    assert lines.read() == {1: [2, 4]}


def in_a_fork(work: Callable[[], None]) -> None:
    pid = os.fork()
    if not pid:
        try:
            work()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)


def test_what_a_killed_child_told_is_there() -> None:
    tape, lines = Tape(4096), Lines(10)

    def work() -> None:
        tape.take()
        tape.tell(test=1)
        lines.note(0, 7)
        os.kill(os.getpid(), 9)

    in_a_fork(work)
    assert tape.read() == [{"test": 1}]
    assert lines.read() == {0: [7]}


def test_a_stray_fork_tells_nothing_and_a_full_tape_keeps_what_it_has() -> None:
    tape, lines = Tape(100), Lines(4)
    in_a_fork(lambda: tape.tell(stray=True))
    for number in range(50):
        tape.tell(n=number)
        lines.note(0, number)
    assert tape.read() == [{"n": number} for number in range(len(tape.read()))]
    assert 1 < len(tape.read()) < 50
    assert lines.read() == {0: [0, 1, 2]}
    tape.clear()
    assert tape.read() == []
