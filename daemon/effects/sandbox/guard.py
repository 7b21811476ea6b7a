"""The process level's guard: starts one program, adopts all that descends from it, and outlives none of it.

It runs by its path in an interpreter of its own, so it imports nothing of the daemon, and little else: what it imports
is a part of every start. It is told what to do by a marshalled errand on its standard input, and tells on the
descriptor in its argument how it ended. The end of its input, be it that the daemon wants an end or that it has died,
ends everything.
"""

import ctypes
import marshal
import os
import resource
import select
import sys

PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
SIGKILL, SIGPIPE, SIG_DFL = 9, 13, 0
BETWEEN_KILLS_S = 0.002
UNUSABLE = 125


def descendants(pid: int) -> list[int]:
    """Everything that descends from a process, as of now."""
    found, unseen = [], [pid]
    while unseen:
        tasks = f"/proc/{unseen.pop()}/task"
        try:
            for task in os.listdir(tasks):
                with open(f"{tasks}/{task}/children", encoding="ascii") as children:
                    born = [int(child) for child in children.read().split()]
                found += born
                unseen += born
        except OSError:  # it has ended meanwhile
            pass
    return found


def tasks_of(uid: int) -> int:
    """How many tasks a user has: RLIMIT_NPROC counts them all, whoever started them."""
    tasks = 0
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.stat(f"/proc/{process}").st_uid == uid:
                tasks += len(os.listdir(f"/proc/{process}/task"))
        except OSError:  # it has ended meanwhile
            pass
    return tasks


def main() -> None:
    """One program's life."""
    status = int(sys.argv[1])
    os.set_inheritable(status, False)  # noqa: FBT003  it takes it by place only
    with open(0, "rb", buffering=0, closefd=False) as told:
        errand = marshal.load(told)  # noqa: S302  from the daemon, which runs the same interpreter
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    child = os.fork()
    if child == 0:
        try:
            libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
            libc.signal(SIGPIPE, SIG_DFL)  # Python ignores it, and that would be inherited
            _become(errand)
        except BaseException as error:  # noqa: BLE001  whatever it is, it must not go on as a second guard
            os.write(2, f"{type(error).__name__}: {error}".encode())
            os.write(status, b'{"unusable": true}\n')
        os._exit(UNUSABLE)
    os.close(1)
    os.close(2)
    select.select([0, os.pidfd_open(child)], [], [])
    code = _ended(child)
    _end_all()
    os.write(status, b'{"exit-code": %d}\n' % code)


def _become(errand: dict) -> None:  # type: ignore[type-arg]  # to import typing is a part of every start
    """Go into the limits, give up what rights there are, and be the program."""
    os.setsid()
    for door in errand["doors"]:
        with open(door, "w", encoding="ascii") as members:
            members.write(str(os.getpid()))
    uid, gid = errand["user"]
    limits = {resource.RLIMIT_CORE: 0}
    if not errand["doors"]:
        limits[resource.RLIMIT_DATA] = errand["memory_bytes"]
        limits[resource.RLIMIT_NPROC] = tasks_of(uid) + errand["processes"]
    for limit, wanted in limits.items():
        hard = resource.getrlimit(limit)[1]
        value = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(limit, (value, value))
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    os.chdir(errand["cwd"])
    os.umask(0o022)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    os.execv(errand["argv"][0], errand["argv"])  # noqa: S606  to start it is what we are for


def _ended(child: int) -> int:
    """The status of the program, as shells say it; it is killed if it still runs."""
    if os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        os.kill(child, SIGKILL)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return code if code >= 0 else 128 - code


def _end_all() -> None:
    """Kill until nobody is left: what is orphaned meanwhile comes to us."""
    try:
        while True:
            for pid in descendants(os.getpid()):
                try:
                    os.kill(pid, SIGKILL)
                except OSError:  # it has ended meanwhile
                    pass
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
            select.select([], [], [], BETWEEN_KILLS_S)
    except ChildProcessError:  # nobody is left
        pass


if __name__ == "__main__":
    main()
