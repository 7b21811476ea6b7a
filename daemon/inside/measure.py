"""Measures a project that was written for somebody, one question a run: `measure.py QUESTION --report R -- …`.

    look      does every file parse, what do linter and type checker say     nothing of the project is run
    imports   can every module be imported, and what does importing do       each in a process of its own
    cover     how do the project's own tests end, what do they reach         in this process, under a tracer of our own
    faults    which small faults could be put into the code                  nothing of the project is run
    trial     the tests once more, on code with a fault                      nothing is told but the status of the end

What comes out is sealed as every runner's report is, and believed as little: see `mendd_wire`. Nothing is judged here.
"""

import argparse
import ast
import contextlib
import dis
import importlib
import importlib.util
import inspect
import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import threading
import time
import warnings
from functools import partial
from types import CodeType, FrameType
from typing import Any, Callable, Dict, List, NoReturn, Optional, Set, Tuple

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mendd_faults  # type: ignore[import-not-found]  # found beside this script, wherever it is mounted
import mendd_look  # type: ignore[import-not-found]  # the same
import mendd_wire as wire  # type: ignore[import-not-found]  # the same

FINDINGS = 60  # told of one kind; more say nothing new
TOOL_S = 60.0  # a linter or type checker that takes longer does not answer
TOLD_BYTES = 65_536  # read of what a child says
LOOK_EVERY_S = 0.005
REACHES = {
    **dict.fromkeys(("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto"), "the network"),
    **dict.fromkeys(("subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.fork"), "other programs"),
    "builtins.input": "the keyboard",
}
WRITES = os.O_WRONLY | os.O_RDWR | os.O_APPEND | os.O_CREAT


def main(arguments: List[str]) -> None:
    """Answer one question, and leave."""
    question = {"look": look, "imports": imports, "cover": cover, "faults": faults, "trial": trial}[arguments[0]]
    question(arguments[1:])


def _begin(question: str, arguments: List[str]) -> Any:
    """The report, and what to ask about."""
    report, _, theirs = wire.begin(question, arguments, [])
    parser = argparse.ArgumentParser()
    parser.add_argument("--test", action="append", default=[], help="a file of the project's own tests")
    parser.add_argument("--seconds", type=float, default=60.0, help="the limit of one child")
    parser.add_argument("names", nargs="*", help="files or modules of the product")
    return report, parser.parse_args(theirs)


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


# The question: look


def look(arguments: List[str]) -> None:
    """Read the files; run only a linter and a type checker that are installed, and not the project's."""
    tools = {name: _is_installed(name) for name in ("ruff", "mypy")}
    report, asked = _begin("look", arguments)
    trees = {path: tree for path in [*asked.names, *asked.test] for tree in [_parsed(path, report)] if tree}
    linted = _by_ruff(trees) if tools["ruff"] else None
    typed = _by_mypy([path for path in trees if path in asked.names]) if tools["mypy"] else None
    own = [(path, each) for path, tree in trees.items() for each in mendd_look.lint(tree, path)]
    functions, bare = 0, []
    for path in asked.names:
        count, found = mendd_look.types(trees[path]) if path in trees else (0, [])
        functions += count
        bare += [(path, each) for each in found]
    for kind, found in (("lint", own if linted is None else linted), ("types", bare if typed is None else typed)):
        for path, seen in sorted(found)[:FINDINGS]:
            report.tell("finding", of=kind, path=wire.clean(path), line=seen.line, what=wire.clean(seen.what))
    lint_by, types_by = ("own checks" if linted is None else "ruff"), ("own checks" if typed is None else "mypy")
    report.tell("looked", lint_by=lint_by, types_by=types_by, functions=functions)
    report.end(0)


def _parsed(path: str, report: Any) -> Optional[ast.Module]:
    """A file's tree; what keeps it from being one is told."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(_read(path), path)
            compile(tree, path, "exec")  # some mistakes only show here
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        what = wire.clean(str(getattr(error, "msg", None) or wire.said(error)))
        report.tell("unparsed", path=wire.clean(path), line=line, what=what)
        return None
    return tree


def _is_installed(tool: str) -> bool:
    try:
        return importlib.util.find_spec(tool) is not None
    except (ImportError, ValueError):
        return False


def _by_ruff(paths: Any) -> Optional[List[Any]]:
    return _tool(
        ["ruff", "check", "--isolated", "--no-cache", "--select", "E7,E9,F,B", "--output-format", "concise"], paths
    )


def _by_mypy(paths: Any) -> Optional[List[Any]]:
    strict = ["--disallow-untyped-defs", "--check-untyped-defs", "--ignore-missing-imports", "--hide-error-context"]
    return _tool(["mypy", "--config-file=", "--cache-dir=/dev/null", "--no-error-summary", *strict], paths)


def _tool(words: List[str], paths: Any) -> Optional[List[Any]]:
    """What an installed tool finds, started outside of the project so that none of its files stands in for the tool."""
    here = os.getcwd()
    files = [os.path.join(here, path) for path in paths]
    if not files:
        return []
    command = [sys.executable, "-m", *words, *files]
    environment = {**os.environ, "MYPYPATH": here}
    try:
        ran = subprocess.run(  # noqa: S603  what runs here is in a sandbox, and so is what it reads
            command,
            cwd="/",
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=TOOL_S,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    if ran.returncode not in (0, 1):
        return None
    found = []
    for line in ran.stdout.decode("utf-8", "replace").splitlines():
        match = re.match(r"(.+?):(\d+):(?:\d+:)? (?:error: )?(.*)", line)
        if match and ": note: " not in line:
            path = os.path.relpath(os.path.join("/", match.group(1)), here)
            found.append((path, mendd_look.Seen(int(match.group(2)), match.group(3))))
    return found


# The question: imports


def imports(arguments: List[str]) -> None:
    """Import each module in a child, and tell how it went and what it reached for."""
    report, asked = _begin("imports", arguments)
    for module in asked.names:
        said, status = _child(partial(_import, module), asked.seconds)
        told = _json(said)
        trouble = str(told.get("trouble", "importing it ends the program"))
        ends = status is not None
        if not ends:
            trouble = f"importing it does not end within {asked.seconds:g} s"
        reached = sorted(map(str, told.get("reached", [])))
        report.tell("module", name=wire.clean(module), trouble=wire.clean(trouble), reached=reached, ends=ends)
        if not ends:  # the others import it, as likely as not
            break
    report.end(0)


def _import(module: str, descriptor: int) -> int:
    """In the child: import, and say what came of it."""
    reached: Set[str] = set()

    def hook(event: str, told: Any) -> None:
        if event in REACHES:
            reached.add(REACHES[event])
        elif event == "open" and isinstance(told[2], int) and told[2] & WRITES and told[0] != os.devnull:
            reached.add("a file to write")

    trouble = ""
    if hasattr(sys, "addaudithook"):  # Python 3.8
        sys.addaudithook(hook)
    try:
        importlib.import_module(module)
    except SystemExit:
        trouble = "importing it ends the program"
    except BaseException as error:  # noqa: BLE001  whatever a module raises
        trouble = _told(error)
    os.write(descriptor, json.dumps({"trouble": trouble, "reached": sorted(reached)}).encode()[:TOLD_BYTES])
    return 0


def _told(error: BaseException) -> str:
    """An exception, and the last place in the project that it came through."""
    place, trace, root = "", error.__traceback__, os.path.realpath(os.getcwd()) + os.sep
    while trace is not None:
        file = os.path.realpath(trace.tb_frame.f_code.co_filename)
        if file.startswith(root) and "site-packages" not in file:
            place = f" ({file[len(root) :]}:{trace.tb_lineno})"
        trace = trace.tb_next
    return f"{type(error).__name__}: {wire.said(error)}{place}"


def _json(said: bytes) -> Dict[str, Any]:
    try:
        told = json.loads(said.decode("utf-8", "replace"))
    except ValueError:
        return {}
    return told if isinstance(told, dict) else {}


def _child(work: Callable[[int], int], seconds: float) -> Tuple[bytes, Optional[int]]:
    """Do work in a child, which may write to a descriptor: what it wrote, and its status, None if it was late."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        _work(work, writes)
    os.close(writes)
    said, status = _awaited(child, reads, time.monotonic() + seconds)
    os.close(reads)
    with contextlib.suppress(OSError):
        os.killpg(child, signal.SIGKILL)
    if status is None:
        os.waitpid(child, 0)
    return said, status


def _work(work: Callable[[int], int], writes: int) -> NoReturn:
    """In the child: do it, in a group of its own and in silence."""
    status = 1
    try:
        os.setsid()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        status = work(writes)
    finally:
        os._exit(status)


def _awaited(child: int, reads: int, deadline: float) -> Tuple[bytes, Optional[int]]:
    """What the child writes until it ends or time is up, and how it ended."""
    said = b""
    while time.monotonic() < deadline:
        done, code = os.waitpid(child, os.WNOHANG)
        while len(said) < TOLD_BYTES and select.select([reads], [], [], 0 if done else LOOK_EVERY_S)[0]:
            more = os.read(reads, TOLD_BYTES)
            if not more:  # it closed its end; that it is over will soon be seen
                time.sleep(LOOK_EVERY_S)
                break
            said += more
        if done:
            return said, os.WEXITSTATUS(code) if os.WIFEXITED(code) else 128 + os.WTERMSIG(code)
    return said, None


# The question: cover


class Tracer:
    """Which lines of which files were reached."""

    def __init__(self, files: List[str]) -> None:
        self.lines: Dict[str, Set[int]] = {os.path.realpath(file): set() for file in files}
        self._known: Dict[str, Optional[Set[int]]] = {}

    def start(self) -> None:
        """Watch this thread and those that begin from now on."""
        threading.settrace(self._called)
        sys.settrace(self._called)

    def stop(self) -> None:
        """Watch no longer."""
        sys.settrace(None)
        threading.settrace(None)

    def _called(self, frame: FrameType, event: str, argument: Any) -> Any:
        name = frame.f_code.co_filename
        if name not in self._known:
            self._known[name] = self.lines.get(os.path.realpath(name))
        return None if self._known[name] is None else self._stepped(frame, event, argument)

    def _stepped(self, frame: FrameType, event: str, argument: Any) -> Any:  # noqa: ARG002  the interpreter's own form
        seen = self._known[frame.f_code.co_filename]
        if seen is not None:
            seen.add(frame.f_lineno)
        return self._stepped


def cover(arguments: List[str]) -> None:
    """Run the tests as a session does, and beside that report tell in another one what they reached."""
    ours, theirs = wire.options(arguments)
    secret = _read(ours.secret) if ours.secret else b""
    beside = wire.Report(f"{ours.report}.reached", secret)
    split = theirs.index("--files") if "--files" in theirs else len(theirs)
    files, places = theirs[split + 1 :], theirs[:split]
    import run_pytest  # type: ignore[import-not-found]  # noqa: PLC0415  found beside this script, like the others

    report, machinery, _ = wire.begin("pytest", arguments, run_pytest.WHAT_JUDGES)
    import pytest  # noqa: PLC0415  it is loaded already, from where the project has no say

    _share_path(ours.path)
    tracer = Tracer(files)
    plugin = run_pytest.recorder(report, machinery)
    tracer.start()
    try:
        status = int(pytest.main([*run_pytest.ALL_OF_THEM, *places], plugins=[plugin]))
    except BaseException as error:  # noqa: BLE001  even SystemExit(0) from a conftest is no success
        report.tell("broke", cause=report.cause(error))
        status = run_pytest.INTERNAL_ERROR
    tracer.stop()
    for file in files:
        lines, lines_of_functions = _coverable(file)
        reached = lines & tracer.lines[os.path.realpath(file)]
        told = {"missing": sorted(lines - reached), "called": sorted(lines_of_functions & reached)}
        beside.tell("covered", path=wire.clean(file), lines=len(lines), reached=len(reached), **told)
    beside.tell("footer", status=0)
    report.end(status)


def _share_path(paths: List[str]) -> None:
    """Let programs that the tests start find the project, too. Not before: our own imports shall not find it."""
    given = [*map(os.path.abspath, paths or ["."]), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, given))


def _coverable(path: str) -> Tuple[Set[int], Set[int]]:
    """The lines that can be reached in a test, and those of them that importing does not reach.

    They are the lines with code, but not those of a program's start.
    """
    source = _read(path)
    try:
        tree = ast.parse(source)
        waiting: List[CodeType] = [compile(source, path, "exec", dont_inherit=True)]
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return set(), set()
    imported: Set[int] = set()
    called: Set[int] = set()
    while waiting:
        code = waiting.pop()
        is_function = code.co_flags & inspect.CO_NEWLOCALS and not code.co_name.startswith("<")
        (called if is_function else imported).update(line for _, line in dis.findlinestarts(code) if line)
        waiting += [one for one in code.co_consts if isinstance(one, CodeType)]
    guarded: Set[int] = mendd_faults.main_lines(tree)
    return (imported | called) - guarded, called - imported - guarded


# The question: faults


def faults(arguments: List[str]) -> None:
    """Tell the small faults that could be put into the files."""
    report, asked = _begin("faults", arguments)
    for path in asked.names:
        for fault in _faults_of(path):
            what, text = wire.clean(fault.what), fault.text.decode()
            place = {"line": fault.line, "start": fault.start, "end": fault.end}
            report.tell("fault", path=wire.clean(path), what=what, text=text, **place)
    report.end(0)


def _faults_of(path: str) -> List[Any]:
    try:
        found: List[Any] = mendd_faults.faults(_read(path))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    return found


# The question: trial


def trial(arguments: List[str]) -> None:
    """Run tests until one fails, in so much of a processor's time, and leave with pytest's status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cpu", type=int, required=True, help="seconds; then the kernel ends it")
    parser.add_argument("--path", action="append", help="put this folder on sys.path")
    split = arguments.index("--")
    asked, words = parser.parse_args(arguments[:split]), arguments[split + 1 :]
    resource.setrlimit(resource.RLIMIT_CPU, (asked.cpu, asked.cpu + 1))
    wire.stand_on(asked.path)
    _share_path(asked.path)
    import pytest  # noqa: PLC0415  see cover

    os._exit(int(pytest.main(["-x", "-q", *words])))


if __name__ == "__main__":
    main(sys.argv[1:])
