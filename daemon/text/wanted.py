"""A wanted test → the reported ones that it stands for: ids change their looks between runners, versions and runs.

Addresses, times and days in parameters change with every run; SWE-bench's ids end at their first space; unittest says
a method once or twice; JUnit says dots where pytest says slashes; a drop may name a file, a class or a bare function.
"""

import re
from collections.abc import Callable

from daemon.text.outcomes import Outcomes

_ADDRESS = re.compile(r"\b0x[0-9a-fA-F]{4,}")
_TIME = re.compile(r"(?<!\d)\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?!\d)")
_DAY = re.compile(r"(?<!\d)(?:\d{4}([-/.])\d\d\1\d\d|\d\d([-/.])\d\d\2\d{4})(?!\d)")
_UNITTEST_ID = re.compile(r"(\w+) \(([\w.]+?)(?:\.\1)?\)")
_PATH_OPTION = re.compile(r"\[(/[^/*][^*]*)\]$")


class Reported:
    """The tests that a session reported or collected, to be found under other names."""

    def __init__(self, outcomes: Outcomes) -> None:
        self._labels = outcomes.labels
        self._names = list(dict.fromkeys([*outcomes.tests, *(outcomes.collected or ())]))
        self._known = set(self._names)
        self._looks: dict[Callable[[str], str], dict[str, list[str]]] = {}

    def find(self, wanted: str) -> list[str]:
        """Those that are meant, by the first rule that finds any. More than one: all of them; ambiguous: none."""
        if wanted in self._known:
            return [wanted]
        if wanted in self._labels:
            return self._labels[wanted]
        starts = (f"{wanted}::", f"{wanted}[", f"{wanted.rstrip('/')}/")  # a file, a class, a function, a folder
        return [name for name in self._names if name.startswith(starts)] or self._near(wanted)

    def _near(self, wanted: str) -> list[str]:
        for look in (_without_second_method, _without_folder, _with_dots):
            alike = self._alike(look).get(look(wanted), [])
            if len(alike) == 1:
                return alike
        if same := self._alike(lasting).get(lasting(wanted)):
            return same
        if wanted.count("[") > wanted.count("]"):  # cut at its first space
            return [name for name in self._names if lasting(name).startswith(lasting(wanted))]
        ends = [name for name in self._names if _ends_with(name, wanted) or _ends_with(wanted, name)]
        return ends if len(ends) == 1 else []

    def _alike(self, look: Callable[[str], str]) -> dict[str, list[str]]:
        if look not in self._looks:
            alike: dict[str, list[str]] = {}
            for name in self._names:
                alike.setdefault(look(name), []).append(name)
            self._looks[look] = alike
        return self._looks[look]


def _ends_with(longer: str, shorter: str) -> bool:
    return longer.endswith((f"/{shorter}", f"::{shorter}"))


def lasting(name: str) -> str:
    """What of an id is the same in every session of the same tests: not an address, nor where and when it was."""
    return _DAY.sub("0000-00-00", _TIME.sub("00:00", _ADDRESS.sub("0x", _without_folder(name))))


def _without_second_method(name: str) -> str:
    """From Python 3.11 on, unittest says the method twice."""
    found = _UNITTEST_ID.fullmatch(name)
    return f"{found[1]} ({found[2]})" if found else name


def _without_folder(name: str) -> str:
    """A parameter that is a path says where the repository stood; SWE-bench keeps its last part."""
    return _PATH_OPTION.sub(lambda found: f"[/{found[1].rpartition('/')[2]}]", name)


def _with_dots(name: str) -> str:
    """`tests/test_x.py::TestC::test_y[1]` and JUnit's `tests.test_x.TestC::test_y[1]` look alike with dots."""
    bare, bracket, parameters = name.partition("[")
    return bare.replace(".py::", ".").replace("::", ".").replace("/", ".") + bracket + parameters
