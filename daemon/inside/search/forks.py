"""A fork of this process does one piece of work that may go wrong in any way, and leaves nothing behind.

It has limits of memory and file sizes, a session of its own, and a deadline; whatever descends from it dies with it.
What it wrote in the tree is undone. What it did is read from a tape (`tape.py`), never from a pipe that it could close.
"""

import ctypes
import fcntl
import mmap
import os
import resource
import shutil
import signal
import tempfile
import time
import warnings
from contextlib import suppress
from sys import addaudithook
from typing import Any, Callable, Iterable, List, NamedTuple, Tuple, Union

from .tree import Tree
from .verdicts import Limits

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
KILLS = 1_000  # rounds of killing what is orphaned meanwhile; the sandbox bounds how many there can be
BUSY_MACHINE = 4.0  # times what a process may use of a processor, to have used it, at least
BUSY_AGAIN = 2.0  # times as many as want a processor: what waits for another waits for that one's turn, too
CORES = os.cpu_count() or 1
LEAST_WALL_S = 4.0  # to start a process on a busy machine, and wait for it
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
CHANGES = {
    *("os.remove", "os.rename", "os.mkdir", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod"),
    *("os.chown", "os.utime", "os.setxattr", "os.removexattr", "sqlite3.connect"),
}
BIRTHS = {"os.fork", "os.forkpty", "os.posix_spawn", "os.system", "os.exec", "os.spawn", "subprocess.Popen"}
BY_DESCRIPTOR = {"os.remove", "os.rmdir"}  # whose last argument may be the folder that a name stands in
IN_TREE, ELSEWHERE, BORN, FRESH = range(4)  # what may have been done
FRESH_NAMES = ("pytest-of-", "tmp")  # in our scratch folder, with a number or chance behind: nobody meets them again
OUT_OF_THE_WAY = 200  # our descriptors stand above those that tests count or close

_getpid, _exit, _abspath, _join, _readlink = os.getpid, os._exit, os.path.abspath, os.path.join, os.readlink
_load = os.getloadavg


class Ended(NamedTuple):
    """How a fork came to its end."""

    in_time: bool
    was_rude: bool  # it wrote files or started processes


class Forks:
    """Made in the process that will be forked."""

    def __init__(self, root: str, limits: Limits, tree: Tree, scratch: str) -> None:
        self._root, self._limits, self._tree = root, limits, tree
        self._done = mmap.mmap(-1, mmap.PAGESIZE)
        self._spared: List[int] = []  # children that are to live
        self._scratch = scratch
        self._fresh: Tuple[str, ...] = ()
        tempfile.tempdir = os.environ["TMPDIR"] = scratch
        adopt_orphans()
        signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
        warnings.filterwarnings("ignore", message="This process .* is multi-threaded")  # the child only goes on here

    def start(self, work: Callable[[], None], keep: Iterable[int] = ()) -> int:
        """Begin a piece of work; `keep` are the descriptors that it needs."""
        self._done[: FRESH + 1] = bytes(FRESH + 1)
        memory = _memory_bytes() + self._limits.memory_bytes
        kept = list(keep)
        pid = os.fork()
        if pid:
            return pid
        try:
            os.setsid()
            _ask_kernel(PR_SET_PDEATHSIG, signal.SIGKILL)  # who kills this process goes, too, before it kills the next
            signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGCHLD])
            self._enter(memory, kept)
            work()
        finally:
            _exit(0)  # whatever was raised: it must not go on as a second server

    def run(self, work: Callable[[], None], seconds: float) -> Ended:
        """Do the work, to its end or that of its time."""
        pid = self.start(work)
        in_time = self.wait(pid, seconds)
        return Ended(in_time, self.end(pid))

    def wait(self, pid: int, seconds: float) -> bool:
        """Whether it ends within this time."""
        patience = Patience(pid, seconds)
        while _waited(pid, os.WNOHANG) == 0:
            left = patience.left()
            if left <= 0:
                return False
            signal.sigtimedwait([signal.SIGCHLD], left)
        return True

    def spare(self, pid: int) -> None:
        """Let it live while others end."""
        self._spared = [pid]

    def end(self, pid: int) -> bool:
        """End it and all that it left; whether it had been rude."""
        if pid in self._spared:
            self._spared = []
        for kill in (os.kill, os.killpg):
            with suppress(OSError):  # it may have ended, or never have begun
                kill(pid, signal.SIGKILL)
        _waited(pid, 0)
        end_orphans(self._spared)
        return self._undo(pid)

    def was_rude(self) -> bool:
        """Whether something was done that a later candidate might meet."""
        return any(self._done[: BORN + 1])

    def _undo(self, pid: int) -> bool:
        in_tree, elsewhere, born, _ = self._done[: FRESH + 1]
        if in_tree or born:
            self._tree.restore()
        rude = bool(in_tree or elsewhere or born)
        spared = {str(other) for other in self._spared}
        for name in [each for each in os.listdir(self._scratch) if each not in spared] if rude else [str(pid)]:
            _clear(os.path.join(self._scratch, name))
        return rude

    def _enter(self, memory: int, kept: List[int]) -> None:
        """Go into the limits."""
        for limit, wanted in (
            (resource.RLIMIT_AS, memory),
            (resource.RLIMIT_FSIZE, self._limits.file_bytes),
            (resource.RLIMIT_CORE, 0),
        ):
            hard = resource.getrlimit(limit)[1]
            value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
            resource.setrlimit(limit, (value, value))
        for fd in sorted(set(map(int, os.listdir("/proc/self/fd"))) - set(kept)):
            if fd >= OUT_OF_THE_WAY:  # ours; what the tests opened when they were collected stays open
                with suppress(OSError):  # that of the listing itself
                    os.close(fd)
        os.chdir(self._root)
        folder = os.path.join(os.path.realpath(self._scratch), str(_getpid()))  # what others clear, this one keeps
        os.mkdir(folder)
        tempfile.tempdir = os.environ["TMPDIR"] = folder
        self._fresh = tuple(os.path.join(folder, name) for name in FRESH_NAMES)
        addaudithook(self._hear)

    def _hear(self, event: str, arguments: Any) -> None:
        if event == "open":
            if arguments[2] & WRITES:
                self._touch(arguments[0])
        elif event in CHANGES:
            folder = _folder(arguments[-1]) if event in BY_DESCRIPTOR else ""
            for path in arguments[:2] if event in ("os.rename", "os.link") else arguments[:1]:
                self._touch(path, folder)
        elif event in BIRTHS:
            self._done[BORN] = 1

    def _touch(self, path: Any, folder: str = "") -> None:
        if isinstance(path, int):
            return  # what is open was opened before
        name = path.decode(errors="replace") if isinstance(path, bytes) else str(path)
        if name == os.devnull:
            return
        name = _join(folder, name)
        if _abspath(name).startswith(self._fresh):
            self._done[FRESH] = 1
            return
        inside = not name.startswith("/") or f"{_abspath(name)}/".startswith(f"{self._root}/")
        self._done[IN_TREE if inside else ELSEWHERE] = 1


class Patience:
    """How long to wait for a process: until it has had its seconds of a processor, however many share that with it.

    One that sleeps is waited for no longer than some times as long.
    """

    def __init__(self, pid: int, seconds: float) -> None:
        self._pid, self._seconds = pid, seconds
        self._processor_s = processor_s(pid)
        self._end = time.monotonic() + max(_shared_by() * seconds, LEAST_WALL_S)

    def left(self) -> float:
        """Seconds to wait before asking again; none, if it has had its time."""
        had = processor_s(self._pid) - self._processor_s
        return min(self._seconds - had, self._end - time.monotonic())


def _shared_by() -> float:
    """How many times its seconds of a processor something takes on the clock, as busy as this machine is now."""
    return max(BUSY_MACHINE, BUSY_AGAIN * _load()[0] / CORES)


def _folder(descriptor: Any) -> str:
    """Where an open folder is; "" for none."""
    try:
        return _readlink(f"/proc/self/fd/{descriptor}") if isinstance(descriptor, int) and descriptor >= 0 else ""
    except OSError:
        return ""


def watch(pid: int, scratch: str) -> None:
    """In the process above all others: wait for the end of this one, whoever brings it, and clear up after it."""
    adopt_orphans()
    _waited(pid, 0)
    end_orphans([])
    shutil.rmtree(scratch, ignore_errors=True)


def _clear(path: str) -> None:
    try:
        os.rmdir(path)  # most are empty
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
        with suppress(OSError):  # a file, a link
            os.unlink(path)


def adopt_orphans() -> None:
    """Become the parent of all descendants whose own parent ends."""
    _ask_kernel(PR_SET_CHILD_SUBREAPER, 1)


def _ask_kernel(option: int, value: int) -> None:
    with suppress(OSError, AttributeError):  # a C library without it; then only groups are killed
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def end_orphans(spared: List[int]) -> None:
    """Kill until nobody is left: what is orphaned meanwhile comes to us."""
    for _ in range(KILLS):
        left = [child for child in children() if child not in spared]
        if not left:
            break
        for child in left:
            with suppress(OSError):
                os.kill(child, signal.SIGKILL)
        for child in left:
            _waited(child, 0)  # only when it is really gone are its own children ours


def _waited(pid: int, how: int) -> int:
    try:
        return os.waitpid(pid, how)[0]
    except ChildProcessError:  # it was waited for before
        return pid


def children(pid: Union[int, str] = "self") -> List[int]:
    """The children of a process, and where it adopts orphans, those among its descendants."""
    found: List[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += map(int, file.read().split())
    except OSError:  # a kernel without it; the groups have been killed
        pass
    return found


def processor_s(pid: int) -> float:
    """What it has used so far, with its children that have ended."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
    except OSError:  # it has ended
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS_PER_S


def _memory_bytes() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * mmap.PAGESIZE


def high(descriptor: int) -> int:
    """The same file under a number that is out of the way."""
    made = fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, OUT_OF_THE_WAY)
    os.close(descriptor)
    return made
