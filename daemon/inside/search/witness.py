"""What variables hold on some lines while a test runs: the first times that each line is met, and how its call ends.

It runs in a fork, beside the repository's code, and calls that code's `__repr__`: everything it says is short, told at
once, and untrusted. Which lines are worth it, and what follows from a value, is not said here.
"""

import reprlib
import sys
from dis import findlinestarts
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any, Callable, Dict, List, Mapping, Optional, Set, Tuple
from unittest import TestCase

MET = 3  # times that a line is told with its values; later ones are only counted
NAMES = 8  # variables of one line
CHARACTERS = 80  # of one value
UNTOLD = (ModuleType, FunctionType, BuiltinFunctionType, type)  # they say nothing of the state
OWN = "self"  # its attributes are told in its place

Told = Callable[..., None]


class Witness:
    """Watches the lines of some files, told by their real paths."""

    def __init__(self, lines: Mapping[str, Set[int]], number: Callable[[str], Optional[int]], tell: Told) -> None:
        """`number` knows a file by whatever name code has for it; `lines` are by that number."""
        self._lines, self._number, self._tell = lines, number, tell
        self._wanted: Dict[CodeType, Tuple[Optional[int], Set[int]]] = {}
        self._met: Dict[Tuple[int, int, str], int] = {}
        self._short = reprlib.Repr()
        self._short.maxstring = self._short.maxother = CHARACTERS
        self._short.maxlong = CHARACTERS

    def start(self) -> None:
        """Listen, in this thread, until the process ends."""
        sys.settrace(self._enter)

    def _enter(self, frame: Any, _event: str, _argument: Any) -> Any:
        code = frame.f_code
        if code not in self._wanted:
            file = self._number(code.co_filename)
            self._wanted[code] = (
                file,
                self._lines.get(str(file), set()).intersection(line for _, line in findlinestarts(code)),
            )
        file, wanted = self._wanted[code]
        if file is None or not wanted:
            return None
        is_met, raised = False, ""

        def each(inner: Any, event: str, argument: Any) -> Any:
            nonlocal is_met, raised
            line = inner.f_lineno
            if event == "exception":
                raised = argument[0].__name__
            elif event == "line":
                raised = ""
                if line in wanted:
                    is_met = True
                    self._note(file, line, "", self._values(inner.f_locals))
            elif event == "return" and is_met:
                end = ["raised", raised] if raised else ["return", self._said(argument)]
                self._note(file, line, "return", [*self._values(inner.f_locals), end])
            return each

        return each

    def _note(self, file: int, line: int, how: str, values: List[List[str]]) -> None:
        times = self._met[file, line, how] = self._met.get((file, line, how), 0) + 1
        if times <= MET:
            self._tell(seen=[file, line], how=how, values=values)

    def _values(self, variables: Mapping[str, Any]) -> List[List[str]]:
        """The variables, those of comprehensions and whatever is no value left aside."""
        found: List[List[str]] = []
        for name, value in list(variables.items()):
            if name == OWN and hasattr(value, "__dict__"):
                hides = "_" if isinstance(value, TestCase) else "__"  # what a case keeps for itself says nothing
                shown = [(inner, one) for inner, one in list(vars(value).items()) if not inner.startswith(hides)]
                found += [[f"{OWN}.{inner}", self._said(one)] for inner, one in shown[:NAMES]]
            elif name.isidentifier() and not isinstance(value, UNTOLD):
                found.append([name, self._said(value)])
        return found[:NAMES]

    def _said(self, value: Any) -> str:
        """In short, whatever its own words are."""
        try:
            text = self._short.repr(value)
        except Exception:  # noqa: BLE001  its __repr__ is code of the repository
            return f"<{type(value).__name__} that cannot be shown>"
        return text if len(text) <= CHARACTERS else f"{text[: CHARACTERS - 1]}…"
