"""A judge that runs tests in this very process: a peer of the real one for trustworthy little programs, and only those.

A test is a function `test_…` of a module text; a candidate that loops for ever runs out of fuel.
"""

import ast
import sys
import time
from collections.abc import Callable, Mapping
from types import CodeType, FrameType, ModuleType
from typing import Any

from daemon.inside.search.verdicts import Baseline, Test, Verdict

FUEL_STEPS = 20_000  # turns of loops and calls that one test may take


class OutOfFuel(BaseException):
    """No test catches it."""


class InProcess:
    """Judges changes of `sources` (path → text) by the test functions of one module text."""

    def __init__(self, sources: Mapping[str, str], tests: str) -> None:
        self.sources, self.tests = dict(sources), compile(tests, "tests.py", "exec")
        self.red: list[str] = []
        self.green: list[str] = []
        self.tried = 0

    @staticmethod
    def processor_s() -> float:
        """Nothing besides this process."""
        return 0.0

    def baseline(self) -> Baseline:
        executed: dict[str, set[int]] = {}
        names = self._names(executed)
        found, imported = [], {path: set(lines) for path, lines in executed.items()}
        for name in names:
            executed.clear()
            began = time.monotonic()
            error, frames, _ = self._run(self.sources, name, executed)
            lines = {path: set(numbers) for path, numbers in executed.items()}
            found.append(Test(name, not error, time.monotonic() - began, lines, error, frames))
        self.red = [test.id for test in found if not test.passed]
        self.green = [test.id for test in found if test.passed]
        return Baseline(found, imported)

    def try_(self, changes: Mapping[str, str]) -> Verdict:
        began = time.monotonic()
        self.tried += 1
        sources = {**self.sources, **changes}
        outcomes, hung = {}, False
        for name in [*self.red, *self.green]:
            error, _, out_of_fuel = self._run(sources, name)
            outcomes[name], hung = not error, hung or out_of_fuel
            if hung:
                break
        fixed = [name for name in self.red if outcomes.get(name)]
        broken = [name for name in self.green if not outcomes.get(name)]
        return Verdict(len(fixed) == len(self.red) and not broken, fixed, broken, hung, time.monotonic() - began)

    def _names(self, executed: dict[str, set[int]]) -> list[str]:
        try:
            space = self._loaded(self.sources, executed)
        except Exception:  # noqa: BLE001  a program that cannot be imported fails all its tests
            return [name for name in self.tests.co_names if name.startswith("test")]
        return [name for name in space if name.startswith("test")]

    def _run(
        self, sources: Mapping[str, str], name: str, executed: dict[str, set[int]] | None = None
    ) -> tuple[str, list[tuple[str, int]], bool]:
        try:
            space = self._loaded(sources)
            if executed is not None:
                sys.settrace(_tracer(executed, sources))
            space[name]()
        except OutOfFuel:
            return "out of fuel", [], True
        except BaseException as error:  # noqa: BLE001  a test may raise anything
            sys.settrace(None)
            return f"{type(error).__name__}: {error}", _frames(error, sources), False
        finally:
            sys.settrace(None)
        return "", [], False

    def _loaded(self, sources: Mapping[str, str], executed: dict[str, set[int]] | None = None) -> dict[str, Any]:
        """The tests' names, after the modules are imported anew."""
        fuel = [FUEL_STEPS]

        def burn() -> None:
            fuel[0] -= 1
            if fuel[0] < 0:
                raise OutOfFuel

        for path, text in sources.items():
            module = ModuleType(path.removesuffix(".py"))
            sys.modules[module.__name__] = module
            vars(module)["burn__"] = burn
            if executed is not None:
                sys.settrace(_tracer(executed, sources))
            try:
                exec(_fuelled(text, path), vars(module))  # noqa: S102  the programs of these tests are our own
            finally:
                sys.settrace(None)
        space: dict[str, Any] = {}
        exec(self.tests, space)  # noqa: S102  the same
        return space


def _fuelled(text: str, path: str) -> CodeType:
    tree = ast.parse(text)
    for node in ast.walk(tree):
        if isinstance(node, ast.For | ast.While | ast.FunctionDef):
            step = ast.parse("burn__()").body[0]
            for each in ast.walk(step):
                ast.copy_location(each, node.body[0])
            node.body.insert(0, step)
    compiled: CodeType = compile(tree, path, "exec")
    return compiled


def _tracer(executed: dict[str, set[int]], sources: Mapping[str, str]) -> Callable[[FrameType, str, Any], Any]:
    def trace(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401  what sys.settrace wants
        path = frame.f_code.co_filename
        if path in sources and event == "line":
            executed.setdefault(path, set()).add(frame.f_lineno)
        return trace if path in sources else None

    return trace


def _frames(error: BaseException, sources: Mapping[str, str]) -> list[tuple[str, int]]:
    frames, trace = [], error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename in sources:
            frames.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    return frames
