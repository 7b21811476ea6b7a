"""What a runner tells the world outside: JSON lines, each sealed with a secret that the tests were not given.

The report file can be written by anybody in the sandbox. A line counts only with a seal made from the secret, the line
and all lines before it; the secret's file is gone before this script lets the repository in. It stays in this
process's memory, so code that searches that memory can still forge what comes after: see docs/decisions/0012-gates.md.
"""

import argparse
import builtins
import contextlib
import fcntl
import hashlib
import importlib
import inspect
import json
import linecache
import os
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any, Dict, List, Optional, Set, Tuple

VERSION = 1
MESSAGE_CHARACTERS = 2000
DETAIL_CHARACTERS = 6000
OUTPUT_CHARACTERS = 2000
DETAILS_IN_ALL = 16 * 2**20  # after this much, failures are told without their long form
FRAMES = 20
CAUSES = 10  # links of a chain of exceptions that are followed
OUT_OF_THE_WAY = 200  # our descriptor stands above those that tests count or close
METHODS = (staticmethod, classmethod, property)
NOT_OWN = {"site-packages", "dist-packages", ".venv", "venv", ".tox", ".nox", "node_modules"}

_sha256, _dumps, _write, _getpid = hashlib.sha256, json.dumps, os.write, os.getpid  # kept, whatever tests replace


def options(arguments: List[str]) -> Tuple[argparse.Namespace, List[str]]:
    """Our own options, and after `--` those of the test runner."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--report", required=True, help="the file to write; it must not exist yet")
    parser.add_argument("--secret", default="", help="a file with the secret of the seals; it is removed")
    parser.add_argument("--path", action="append", help="put this folder on sys.path; the current one if none is named")
    split = arguments.index("--") if "--" in arguments else len(arguments)
    return parser.parse_args(arguments[:split]), arguments[split + 1 :]


def begin(runner: str, arguments: List[str], judges: List[str]) -> Tuple["Report", "Machinery", List[str]]:
    """Open the report, keep how the judges are, then let the repository onto the path in the place of this folder."""
    ours, theirs = options(arguments)
    secret = b""
    if ours.secret:
        with open(ours.secret, "rb") as file:
            secret = file.read()
        os.unlink(ours.secret)
    report = Report(ours.report, secret)
    already = set(sys.modules)
    machinery = Machinery(judges)
    paths = stand_on(ours.path or ["."])
    _give_way(paths, set(sys.modules) - already, judges)
    sys.argv[1:] = theirs
    report.tell(
        "header",
        version=VERSION,
        runner=runner,
        python=sys.version.split()[0],
        optimize=sys.flags.optimize,
        nonce=_sha256(b"nonce" + secret).hexdigest()[:16],
        own=sorted({name for path in [*paths, os.path.join(os.getcwd(), "src")] for name in _importable(path)}),
    )
    return report, machinery, theirs


def stand_on(folders: List[str]) -> List[str]:
    """Let what lies in these folders be imported, in the place of what lies beside this script."""
    paths = [os.path.abspath(path) for path in folders]
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = paths + [path for path in sys.path if os.path.abspath(path) != here]
    return paths


def _give_way(paths: List[str], loaded: Set[str], judges: List[str]) -> None:
    """Forget what the judges needed and the repository has under the same name: its tests are to import its own."""
    spared = {judge.partition(".")[0] for judge in judges}
    tops = {name.partition(".")[0] for name in loaded} - spared
    own = {top for top, found in [(top, PathFinder.find_spec(top, paths)) for top in tops] if found and found.loader}
    for name in loaded:
        if name.partition(".")[0] in own:
            del sys.modules[name]


class Report:
    """The sealed lines."""

    def __init__(self, path: str, secret: bytes) -> None:
        self.root = os.path.realpath(os.getcwd())
        self._path = os.path.abspath(path)
        self._fd = self._open(os.O_CREAT | os.O_EXCL)
        self._file = _identity(self._fd)
        self._pid = _getpid()
        self._state = _sha256(secret).digest()
        self._details_left = DETAILS_IN_ALL

    def tell(self, kind: str, **fields: Any) -> None:
        """Write one line, at once; a fork of this process stays silent."""
        if _getpid() != self._pid:
            return
        fields["kind"] = kind
        body = _dumps(fields, sort_keys=True).encode()
        seal = _sha256(self._state + body).hexdigest()[:32]
        self._state = _sha256(b"next" + self._state + body).digest()
        line = body[:-1] + b', "seal": "' + seal.encode() + b'"}\n'
        if _identity(self._fd) != self._file:  # a test closed it; by now it may be another file's number
            self._fd = self._open(0)
        while line:
            line = line[_write(self._fd, line) :]

    def end(self, status: int) -> None:
        """Tell the exit status and leave with it, whatever threads and exit hooks the tests left behind."""
        self.tell("footer", status=status)
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # a test may have closed or replaced it
                stream.flush()
        os._exit(status)

    def detail(self, text: str) -> str:
        """The long form of a failure: its head and its tail, while there is room for it."""
        text = clean(text)
        if len(text) > DETAIL_CHARACTERS:
            half = DETAIL_CHARACTERS // 2
            text = text[:half] + "\n[...]\n" + text[-half:]
        text = text if len(text) <= self._details_left else ""
        self._details_left -= len(text)
        return text

    def cause(self, error: BaseException) -> Dict[str, Any]:
        """What an exception says of itself, and its frames in the repository."""
        frames: List[List[Any]] = []
        place: Optional[str] = None
        trace = error.__traceback__
        while trace is not None:
            place = self.own(trace.tb_frame.f_code.co_filename)
            if place is not None:
                frames.append([place, trace.tb_lineno, clean(trace.tb_frame.f_code.co_name)])
            trace = trace.tb_next
        if isinstance(error, SyntaxError) and error.filename:
            place = self.own(error.filename)
            if place is not None:
                frames.append([place, error.lineno or 0, "<module>"])
        module, origin = getattr(error, "name", None), getattr(error, "path", None)
        return {
            "type": clean(type(error).__name__),
            "message": said(error),
            "name": clean(module) if isinstance(module, str) else _imported_from(error),
            "origin": (self.own(origin) or "") if isinstance(origin, str) else "",
            "frames": frames[-FRAMES:],
            "ends_here": place is not None,
        }

    def own(self, file: str) -> Optional[str]:
        """Where a file stands in the repository, if it does."""
        path = os.path.realpath(os.path.join(self.root, file))
        if not path.startswith(self.root + os.sep) or file.startswith("<"):
            return None
        inside = os.path.relpath(path, self.root)
        return None if NOT_OWN & set(inside.split(os.sep)) else clean(inside.replace(os.sep, "/"))

    def _open(self, how: int) -> int:
        low = os.open(self._path, os.O_WRONLY | os.O_APPEND | how, 0o644)
        try:
            return fcntl.fcntl(low, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
        finally:
            os.close(low)


class Machinery:
    """The functions that judge tests, as they were before any code of the repository ran."""

    def __init__(self, modules: List[str]) -> None:
        for name in modules:
            with contextlib.suppress(ImportError):  # not every version has every one
                importlib.import_module(name)
        self._parts = [(part, name, value, code) for part, name, value, code in _functions(modules)]
        self._tests: List[Tuple[str, Any, Any]] = []

    def watch(self, tests: Dict[str, Any]) -> None:
        """The tests' own functions, as they were collected."""
        self._tests = [(name, test, getattr(test, "__code__", None)) for name, test in tests.items()]

    def changed(self) -> List[str]:
        """Which of them are not what they were."""
        swapped = [name for name, test, code in self._tests if getattr(test, "__code__", None) is not code]
        return sorted("the code of " + clean(name) + " was replaced" for name in swapped) + sorted(
            f"{_called(part)}.{name} was replaced"
            for part, name, value, code in self._parts
            if vars(part).get(name) is not value or _code(value) is not code
        )


def root_cause(error: BaseException) -> BaseException:
    """The first exception of a chain: what a runner's own exception was made from."""
    for _ in range(CAUSES):
        earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if earlier is None:
            break
        error = earlier
    return error


def said(error: BaseException) -> str:
    """The message of an exception that may refuse to tell it."""
    try:
        return clean(str(error))[:MESSAGE_CHARACTERS]
    except BaseException:  # noqa: BLE001  its __str__ is code of the repository
        return "<unprintable>"


def clean(text: str) -> str:
    """Text that can be written as UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def tail(text: str) -> str:
    """The end of what was printed."""
    return clean(text[-OUTPUT_CHARACTERS:])


def uninvited(report: Report) -> List[str]:
    """Modules of the repository that stand where the interpreter's own or the runner's are expected."""
    expected = ("sitecustomize", "usercustomize", "pytest", "_pytest", "pluggy", "unittest")
    found = [(name, getattr(sys.modules.get(name), "__file__", None)) for name in expected]
    return [f"{name} comes from {report.own(file)}" for name, file in found if file and report.own(file)]


def _functions(modules: List[str]) -> List[Tuple[Any, str, Any, Any]]:
    known = [sys.modules[name] for name in modules if isinstance(sys.modules.get(name), ModuleType)]
    classes = [
        value
        for module in known
        for value in vars(module).values()
        if inspect.isclass(value) and value.__module__ == module.__name__
    ]
    found = [
        (part, name, value, _code(value))
        for part in [*known, *classes]
        for name, value in list(vars(part).items())
        if callable(value) or isinstance(value, METHODS) or type(value) in classes  # pytest.mark is one of the last
    ]
    return found + [(builtins, name, value, None) for name, value in vars(builtins).items() if callable(value)]


def _code(value: Any) -> Any:
    """What a function runs; anything else that is asked for it, `mock.call` for one, may make an answer up."""
    function = value.__func__ if isinstance(value, (staticmethod, classmethod)) else value
    return function.__code__ if inspect.isfunction(function) else None


def _called(part: Any) -> str:
    return f"{part.__module__}.{part.__qualname__}" if inspect.isclass(part) else str(part.__name__)


def _imported_from(error: BaseException) -> str:
    """What Python 3.6 does not say of a name that could not be imported: from where. Its line of source does."""
    trace = error.__traceback__ if isinstance(error, ImportError) else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    words = linecache.getline(trace.tb_frame.f_code.co_filename, trace.tb_lineno).split()
    module = words[1] if words[:1] == ["from"] and len(words) > 1 else ""
    return clean(str(trace.tb_frame.f_globals.get("__package__", "")) if module.startswith(".") else module)


def _identity(fd: int) -> Optional[Tuple[int, int]]:
    try:
        about = os.fstat(fd)
    except OSError:
        return None
    return about.st_dev, about.st_ino


def _importable(folder: str) -> List[str]:
    try:
        names = os.listdir(folder)
    except OSError:
        return []
    modules = [clean(name[:-3]) for name in names if name.endswith(".py")]
    packages = [clean(name) for name in names if os.path.isdir(os.path.join(folder, name)) and name.isidentifier()]
    return modules + packages
