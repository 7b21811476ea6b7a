"""What is known of the tests before the search, and what is said of each candidate: values, nothing that runs."""

from typing import Dict, List, NamedTuple, Set, Tuple

Place = Tuple[str, int]  # a file of the repository, a line of it


class Test(NamedTuple):
    """A test on the untouched tree. `frames`: where its exception passed through own code, innermost last."""

    id: str
    passed: bool
    seconds: float
    executed: Dict[str, Set[int]]
    error: str = ""
    frames: List[Place] = []  # noqa: RUF012  a tuple's default; nobody writes to it


class Baseline(NamedTuple):
    """The tests of one run, and what runs already when modules are imported.

    `parts`: the asserts of failing tests one by one, only to tell where the bug is; they are no tests of their own.
    """

    tests: List[Test]
    imported: Dict[str, Set[int]]
    parts: List[Test] = []  # noqa: RUF012  see above


class Verdict(NamedTuple):
    """`passed`: all targets pass, and all that passed before still does. `hung`: a limit of time or steps ended it."""

    passed: bool
    fixed: List[str]
    broken: List[str]
    hung: bool
    seconds: float


class Limits(NamedTuple):
    """What the tests of one candidate may take."""

    test_seconds: float = 10.0  # a test that takes longer has hung; whole suites of unit tests take less
    all_seconds: float = 120.0  # to run all tests once; the search could not try much beyond
    memory_bytes: int = 2**30  # beside what the collected session has already; four of them fit into a sandbox
    file_bytes: int = 64 * 2**20  # of one file that tests write
    steps: int = 20_000  # of loops and calls; ten times what the passing tests take, where that is more
