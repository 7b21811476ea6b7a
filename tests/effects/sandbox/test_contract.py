"""What all three sandboxes promise: one contract, shown on the real engine, the real bubblewrap and real processes.

What a level does not hold is in the table HOLDS, and is skipped by that table and by nothing else.
"""

import ctypes
import os
import platform
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import anyio
import pytest

from daemon.effects.sandbox import HOLDS, Capability, Level, Mount, Sandbox, host, kernel
from daemon.effects.world import Fault
from tests.fakes.sandboxes import LEVELS, MEBIBYTE, OWNER, alive, command, end, make, need, place, python, run, writable

DAEMONISE = """
import os, signal, sys, time
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
    signal.signal(number, signal.SIG_IGN)
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        for number in range(3):
            os.close(number)
        time.sleep(1000)
    os._exit(0)
print("out", flush=True)
if "stay" in sys.argv:
    time.sleep(1000)
"""


@pytest.fixture(params=LEVELS)
def level(request: pytest.FixtureRequest) -> Level:
    chosen: Level = request.param
    need(chosen)
    return chosen


@pytest.fixture
def mark() -> Iterator[str]:
    name = f"mark-{secrets.token_hex(6)}"
    yield name
    end(alive(name))


@pytest.fixture
def workspace() -> Iterator[Path]:
    with place() as folder:
        yield folder / "workspace"


def test_docker_holds_everything_and_every_level_holds_what_a_weaker_one_does() -> None:
    assert set(get_args(Capability)) == HOLDS["docker"] > HOLDS["bubblewrap"] > HOLDS["process"]


# How it ended


def test_status_and_both_streams_come_back(level: Level) -> None:
    ran = run(level, "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (ran.status, ran.signal, ran.stdout, ran.stderr) == (3, None, b"out\n", b"err\n")
    assert (ran.timed_out, ran.out_of_memory, ran.truncated, ran.passed, ran.level) == (
        False,
        False,
        False,
        False,
        level,
    )


def test_success_has_passed(level: Level) -> None:
    assert run(level, "true").passed


def test_a_signal_is_told(level: Level) -> None:
    ran = run(level, "sh", "-c", "kill -SEGV $$")
    assert (ran.status, ran.signal) == (None, signal.SIGSEGV)


def test_binary_output_arrives_as_it_is(level: Level) -> None:
    ran = python(level, "import sys; sys.stdout.buffer.write(bytes(range(256)) * 100)")
    assert ran.stdout == bytes(range(256)) * 100


def test_a_missing_program_is_127_and_says_so(level: Level) -> None:
    ran = run(level, "no-such-program")
    assert ran.status == 127
    assert b"no-such-program" in ran.stderr


def test_a_missing_mount_is_a_fault_that_names_it(level: Level) -> None:
    with pytest.raises(Fault, match="/no/such/source") as fault:
        run(level, "true", mounts=[Mount("/no/such/source")])
    assert fault.value.fault == "sandbox_setup"


def test_nothing_is_read_from_our_input(level: Level) -> None:
    assert run(level, "cat").stdout == b""


def test_a_program_cannot_speak_for_its_launcher(level: Level) -> None:
    """It has no descriptor but its three, and what it prints is only output."""
    ran = python(level, "import os; print(sorted(os.listdir('/proc/self/fd'))); print('{\"exit-code\": 0}'); exit(4)")
    assert ran.stdout.startswith(b"['0', '1', '2', '3']")  # the fourth is the listing's own
    assert ran.status == 4


# Time


def test_a_time_out_ends_everything_be_it_deaf_to_signals_and_in_a_session_of_its_own(level: Level, mark: str) -> None:
    need(level, "time")
    ran = python(level, DAEMONISE, mark, "stay", seconds=2.0)
    assert (ran.status, ran.signal, ran.timed_out, ran.stdout) == (None, signal.SIGKILL, True, b"out\n")
    assert alive(mark) == []


def test_what_a_program_leaves_running_ends_with_it(level: Level, mark: str) -> None:
    need(level, "time")
    ran = python(level, DAEMONISE, mark)
    assert (ran.status, ran.stdout) == (0, b"out\n")
    assert alive(mark) == []


# Output


def test_a_flood_ends_soon_and_is_marked(level: Level) -> None:
    need(level, "output")
    ran = python(level, "import os\nfor _ in range(10 * 1024): os.write(1, bytes(2**20))", output_bytes=100_000)
    assert (ran.signal, ran.truncated, ran.timed_out) == (signal.SIGKILL, True, False)
    assert len(ran.stdout) <= 100_000


def test_of_much_output_both_ends_are_kept_and_the_program_goes_on(level: Level) -> None:
    code = "import sys; print('begin', 'x' * 200_000, 'end'); print('also', file=sys.stderr)"
    ran = python(level, code, output_bytes=100_000)
    assert (ran.status, ran.truncated, ran.stderr) == (0, True, b"also\n")
    assert ran.stdout.startswith(b"begin")
    assert ran.stdout.endswith(b"end\n")
    assert b"bytes left out" in ran.stdout
    assert len(ran.stdout) <= 100_000


# Memory and processes


def _own_cgroups() -> bool:
    return os.geteuid() == 0 and any(
        os.access(f"/sys/fs/cgroup/{door}", os.W_OK) for door in ("memory", "cgroup.procs")
    )


@pytest.fixture(params=["with cgroups", "without cgroups"])
def _cgroups(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Both ways to hold a limit, on a machine that has cgroups; an engine has its own."""
    if request.param == "without cgroups":
        monkeypatch.setattr("daemon.effects.sandbox.cgroup.TREES", tmp_path)


@pytest.mark.usefixtures("_cgroups")
def test_a_memory_hog_dies_and_is_named(level: Level) -> None:
    need(level, "memory")
    ran = python(level, "x = bytearray(600 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1\nprint('has it')")
    assert ran.stdout == b""
    assert not ran.passed
    assert ran.out_of_memory or b"MemoryError" in ran.stderr


@pytest.mark.usefixtures("_cgroups")
def test_many_small_hogs_are_added_up(level: Level) -> None:
    """Each stays below the limit; together they do not."""
    need(level, "memory")
    code = """
import os, time
for _ in range(6):
    if os.fork() == 0:
        x = bytearray(100 << 20)
        for i in range(0, len(x), 4096): x[i] = 1
        time.sleep(1000)
os.wait()
"""
    ran = python(level, code)
    assert ran.out_of_memory


@pytest.mark.usefixtures("_cgroups")
def test_memory_that_is_shared_counts_too(level: Level) -> None:
    """It is private to nobody, so no rlimit of data bounds it."""
    need(level, "memory")
    code = """
import mmap, time
x = mmap.mmap(-1, 600 << 20)
for i in range(0, len(x), 4096): x[i] = 1
time.sleep(1000)
"""
    assert python(level, code).out_of_memory


def test_a_hog_whose_parent_looks_away_is_still_told(level: Level) -> None:
    """The program ends with status 0, and yet the kernel had to kill."""
    need(level, "memory")
    if level != "docker" and not _own_cgroups():
        pytest.skip("without a cgroup it gets no memory, instead of being killed for it")
    hog = "x = bytearray(600 << 20)\nfor i in range(0, len(x), 4096): x[i] = 1"
    ran = run(level, "sh", "-c", f"python3 -c '{hog}'; exit 0")
    assert (ran.status, ran.out_of_memory, ran.passed) == (0, True, False)


@pytest.mark.usefixtures("_cgroups")
def test_a_fork_bomb_is_contained(level: Level, mark: str) -> None:
    need(level, "processes")
    code = """
import os, time
born = 0
for _ in range(500):
    try:
        pid = os.fork()
    except BlockingIOError:
        break
    if pid == 0:
        time.sleep(1000)
    born += 1
print(born)
"""
    ran = python(level, code, mark, processes=24)
    assert ran.status == 0
    assert 10 <= int(ran.stdout) <= 24 + 8
    assert alive(mark) == []


# What it can see


def test_the_environment_is_what_was_asked_for_and_four_words_more(
    level: Level, monkeypatch: pytest.MonkeyPatch
) -> None:
    need(level, "environment")
    monkeypatch.setenv("OUR_SECRET", "hidden")
    ran = run(level, "env", environment={"GIVEN": "a b=c\nd", "LANG": "C"})
    names = {line.partition(b"=")[0] for line in ran.stdout.splitlines()} - {b"d"}
    assert names == {b"PATH", b"HOME", b"TMPDIR", b"LANG", b"GIVEN"}
    assert b"GIVEN=a b=c\nd\n" in ran.stdout
    assert b"LANG=C\n" in ran.stdout


def test_it_is_not_root_and_can_never_be(level: Level) -> None:
    ran = run(level, "sh", "-c", "id -u; grep -E 'CapEff|CapBnd|NoNewPrivs' /proc/self/status")
    uid, *lines = ran.stdout.decode().split("\n")
    told = dict(line.split(":\t") for line in lines if line)
    assert int(uid) == host.user()[0] != 0
    assert (int(told["CapEff"], 16), told["NoNewPrivs"]) == (0, "1")
    if level != "process":
        assert int(told["CapBnd"], 16) == 0


def test_it_sees_no_process_but_its_own(level: Level, mark: str) -> None:
    need(level, "neighbours")
    with subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()", mark], stdin=subprocess.PIPE) as other:
        ran = run(level, "sh", "-c", f"cat /proc/[0-9]*/cmdline; kill -0 {other.pid}")
        other.communicate(b"")
    assert mark.encode() not in ran.stdout
    assert ran.status != 0


REACH = """
import socket, sys
gateways = []
for line in open("/proc/net/route").read().splitlines()[1:]:
    words = line.split()
    if words[1] == "00000000":
        gateways.append(socket.inet_ntoa(bytes.fromhex(words[2])[::-1]))
for address in [*sys.argv[2:], *gateways]:
    try:
        socket.create_connection((address, int(sys.argv[1])), timeout=2).close()
        print("reached", address)
    except OSError as error:
        print("failed", address, error)
"""


@pytest.fixture
def listener() -> Iterator[int]:
    with socket.create_server(("0.0.0.0", 0)) as server:  # noqa: S104  containers come from another address
        yield server.getsockname()[1]


def test_there_is_no_network(level: Level, listener: int) -> None:
    need(level, "network")
    here = python(level, REACH, str(listener), "127.0.0.1", *_own_addresses())
    assert here.status == 0
    assert b"reached" not in here.stdout, here.stdout
    assert b"reached" not in python(level, REACH, "53", "1.1.1.1").stdout


def test_there_is_a_network_where_it_is_asked_for(level: Level, listener: int) -> None:
    ran = python(level, REACH, str(listener), "127.0.0.1", network=True)
    assert b"reached" in ran.stdout, ran.stdout + ran.stderr


def test_what_is_shown_anyway_may_be_asked_for(level: Level) -> None:
    """The system's own Python stands below a folder that every sandbox shows."""
    assert run(level, "true", mounts=[Mount("/usr")]).passed


def test_its_own_loopback_works(level: Level) -> None:
    code = "import socket; s = socket.create_server(('127.0.0.1', 0)); socket.create_connection(s.getsockname())"
    assert python(level, code).passed


def _own_addresses() -> list[str]:
    """Where the host would answer, if it could be reached: its bridge among them."""
    told = subprocess.run(["hostname", "-I"], capture_output=True, text=True, check=False).stdout
    return [address for address in told.split() if "." in address]


def test_what_is_not_mounted_is_not_there(level: Level, workspace: Path) -> None:
    need(level, "hidden_files")
    other = workspace.parent / "other-workspace"
    other.mkdir()
    (other / "secret").write_text("hidden")
    (workspace / "own").write_text("shown")
    paths = ["/etc/shadow", str(Path.home()), str(other / "secret"), "/var/run/docker.sock", "/run/docker.sock"]
    paths += ["/root/.ssh", "/etc/hostname_of_host", str(Path(__file__)), "/sys/fs/cgroup/memory/mendd", "/dev/vda"]
    code = "import os, sys\nfor path in sys.argv[1:]: print(path, os.path.exists(path))"
    ran = python(level, code, str(workspace / "own"), *paths, mounts=writable(workspace), cwd=str(workspace))
    assert ran.stdout.decode().splitlines() == [f"{workspace}/own True", *(f"{path} False" for path in paths)]


def test_it_reads_no_key_of_whoever_started_us(level: Level) -> None:
    """A session's keyring is inherited by all that is started in it, and no namespace parts it."""
    need(level, "hidden_files")
    numbers = kernel.MACHINES.get(platform.machine())
    if numbers is None:
        pytest.skip("no filter is known for this processor")
    add, _, control = numbers.keyrings
    libc, session = ctypes.CDLL(None), -3
    key = libc.syscall(add, b"user", b"mendd-test", b"hidden", 6, session)
    if key < 0:
        pytest.skip("this kernel has no keyrings")
    read, unlink = 11, 9
    code = f"""
import ctypes
text = ctypes.create_string_buffer(99)
print(ctypes.CDLL(None).syscall({control}, {read}, {key}, text, 99), text.value)
"""
    try:
        assert python(level, code).stdout == b"-1 b''\n"
    finally:
        libc.syscall(control, unlink, key, session)


def test_it_writes_nowhere_but_in_writable_mounts_and_its_scratch(level: Level, workspace: Path) -> None:
    need(level, "read_only")
    shown = workspace.parent / "shown"
    shown.mkdir()
    (shown / "file").write_text("as it was")
    shown.chmod(0o777)
    (shown / "file").chmod(0o666)
    places = ["/x", "/etc/x", "/usr/x", "/dev/x", "/proc/sys/kernel/core_pattern"]
    places += [str(shown / "file"), str(shown / "new"), "/home/x", "/sbin/x", "/proc/sysrq-trigger"]
    scratch = [f"{host.HOME}/x", f"{host.TEMPORARY}/x", "/dev/shm/x", str(workspace / "x")]  # noqa: S108  inside
    code = """
import sys
for path in sys.argv[1:]:
    try:
        open(path, "w").write("x")
        print(path)
    except OSError:
        pass
"""
    mounts = [Mount(str(shown)), *writable(workspace)]
    ran = python(level, code, *places, *scratch, mounts=mounts)
    assert ran.stdout.decode().splitlines() == scratch
    assert sorted(path.name for path in workspace.parent.iterdir()) == ["shown", "workspace"]
    assert (shown / "file").read_text() == "as it was"


def test_the_scratch_is_there_and_bounded(level: Level) -> None:
    need(level, "scratch_size")
    code = """
import os
for name in ("HOME", "TMPDIR"):
    try:
        with open(os.path.join(os.environ[name], "big"), "wb") as big:
            for _ in range(64): big.write(bytes(2**20))
        print("all of it")
    except OSError as error:
        print(error.errno)
"""
    ran = python(level, code, scratch_bytes=4 * MEBIBYTE)
    assert ran.stdout.split() == [b"28", b"28"]


def test_the_scratch_is_gone_afterwards(level: Level) -> None:
    code = "import os\nfor n in ('HOME', 'TMPDIR'): print(os.listdir(os.environ[n])); open(os.environ[n] + '/x', 'w')"
    for _ in range(2):
        assert python(level, code).stdout == b"[]\n[]\n"


def test_a_mount_can_appear_elsewhere(level: Level, workspace: Path) -> None:
    (workspace / "file").write_text("found")
    mounts = [Mount(str(workspace), "/testbed", writable=True)]
    if "elsewhere" not in HOLDS[level]:
        with pytest.raises(Fault, match="cannot show"):
            run(level, "cat", "file", mounts=mounts, cwd="/testbed")
    else:
        assert run(level, "cat", "file", mounts=mounts, cwd="/testbed").stdout == b"found"


def test_an_image_needs_an_engine(level: Level) -> None:
    if "images" not in HOLDS[level]:
        with pytest.raises(Fault, match="image"):
            run(level, "true", image="mendd/test:1")


def test_files_that_it_makes_can_be_removed(level: Level, workspace: Path) -> None:
    """And what was there before can be changed by it, whoever made it."""
    (workspace / "old").mkdir()
    (workspace / "old" / "file").write_text("before")
    (workspace / "link").symlink_to("/etc/passwd")
    script = "echo after > old/file; mkdir -p new/deep; echo x > new/deep/x; chmod 0 new/deep/x"
    ran = run(level, "sh", "-c", script, mounts=writable(workspace), cwd=str(workspace))
    assert ran.passed, ran.stderr
    assert (workspace / "old" / "file").read_text() == "after\n"
    assert (workspace / "new" / "deep").stat().st_uid == host.user()[0]
    assert Path("/etc/passwd").stat().st_uid == 0
    shutil.rmtree(workspace)


# Leaving nothing


def leftovers(level: Level) -> list[str]:
    """Everything that runs of ours may leave on this machine."""
    left = [str(path) for path in Path("/sys/fs/cgroup").glob(f"*/mendd/*-{os.getpid()}-*")]
    left += [str(path) for path in Path(f"/tmp/mendd-{os.geteuid()}-{host.label(OWNER)}").glob("*")]  # noqa: S108  its place
    if level == "docker":
        ours = f"label=mendd.sandbox={host.label(OWNER)}"
        left += subprocess.check_output(["docker", "ps", "-aq", "--filter", ours], text=True).split()
    return left


@pytest.mark.parametrize("after", [0.0, 0.005, 0.02, 0.05, 0.1, 0.2, 0.4])
def test_a_run_that_is_cancelled_at_any_moment_leaves_nothing(
    level: Level, mark: str, workspace: Path, after: float
) -> None:
    async def cancelled() -> None:
        sandbox = make(level)
        asked = command(["python3", "-c", DAEMONISE, mark, "stay"], mounts=writable(workspace), job="r-1")
        with anyio.move_on_after(after) as scope:
            await sandbox.run(asked)
        assert scope.cancelled_caught
        await sandbox.close()

    anyio.run(cancelled)
    assert alive(mark) == []
    assert leftovers(level) == []


def test_six_at_once(level: Level, mark: str) -> None:
    """Each gets its own answer; one that has to be stopped disturbs no other."""
    found = {}

    async def one(sandbox: Sandbox, number: int) -> None:
        stays = ["stay"] if number == 0 else []
        code = DAEMONISE + f"print({number})"
        ran = await sandbox.run(command(["python3", "-c", code, mark, *stays], seconds=3.0 if stays else 30.0))
        found[number] = (ran.timed_out, ran.status, ran.stdout)

    async def all_of_them() -> None:
        sandbox = make(level)
        async with anyio.create_task_group() as group:
            for number in range(6):
                group.start_soon(one, sandbox, number)
        await sandbox.close()

    anyio.run(all_of_them)
    assert found.pop(0) == (True, None, b"out\n")
    assert found == {number: (False, 0, f"out\n{number}\n".encode()) for number in range(1, 6)}
    assert alive(mark) == []
    assert leftovers(level) == []


@pytest.mark.parametrize("started", [True, False], ids=["running", "starting"])
def test_nothing_outlives_a_daemon_that_was_killed(
    level: Level,
    mark: str,
    workspace: Path,
    started: bool,  # noqa: FBT001  a parameter of the test
) -> None:
    """Its programs end by themselves; what it was just starting is swept by the next one."""
    code = f"""
from tests.fakes.sandboxes import *
code = "open('on', 'w').close()" + {DAEMONISE!r}
folder = Path({str(workspace)!r})
python({level!r}, code, {mark!r}, "stay", owner={mark!r}, seconds=5.0, mounts=writable(folder), cwd=str(folder))
"""
    deadline = time.monotonic() + 60
    with subprocess.Popen([sys.executable, "-c", code], cwd=Path(__file__).parents[3]) as daemon:
        while not ((workspace / "on").exists() if started else set(alive(mark)) - {daemon.pid}):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        daemon.kill()
    if started:
        _wait_until_dead(mark, deadline)
    first = anyio.run(_sweep, level, mark)
    _wait_until_dead(mark, deadline)
    assert anyio.run(_sweep, level, mark) == 0
    if level == "docker" and started:
        assert first == 1  # the container that nobody has removed


def _wait_until_dead(mark: str, deadline: float) -> None:
    """Three looks in a row have to find nobody: in the middle of an exec, a process shows no arguments."""
    unseen = 0
    while unseen < 3:
        assert time.monotonic() < deadline
        unseen = 0 if alive(mark) else unseen + 1
        time.sleep(0.01)


async def _sweep(level: Level, owner: str) -> int:
    sandbox = make(level, owner)
    try:
        return await sandbox.sweep()
    finally:
        await sandbox.close()
