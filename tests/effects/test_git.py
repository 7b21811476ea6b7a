"""git, asked: what it will not do is a refusal; what the machine or the network cannot do is a fault of the world."""

import errno
import os
import resource
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import anyio
import pytest

from daemon import events as e
from daemon import steps
from daemon.app import Clock
from daemon.blobs import Blobs
from daemon.drops import Repair
from daemon.effects import perform
from daemon.effects.git import Git
from daemon.effects.trees import Source, SourceRefused, Trees
from daemon.effects.world import Fault, Hand, Hands, World
from daemon.events import Fact
from daemon.settings import Settings
from tests.fakes.http_server import Call, HttpServer
from tests.fakes.small_disk import fill, on_a_small_disk, small_disk

LARGE = 4 * 2**20
COMMIT = "a" * 40


class GitServer(HttpServer):
    """A server of repositories that has none: it answers with this status, or not at all."""

    def __init__(self, status: int) -> None:
        super().__init__()
        self._status = status
        self.asked = 0

    def answer(self, call: Call) -> None:
        self.asked += 1
        if self._status:
            call.reply(self._status, "")
        else:
            call.keep_silent()


def commit(place: Path, files: dict[str, bytes]) -> Source:
    """A repository with one commit."""
    (place / "files").mkdir(parents=True)
    for name, data in files.items():
        (place / "files" / name).write_bytes(data)
    git, index = Git(place / ".git"), place / "index"
    git.ask("init", "--quiet", "--bare", str(git.folder))
    git.ask("add", "--all", ".", index=index, tree=place / "files")
    tree = git.ask("write-tree", index=index).decode().strip()
    return Source(str(place), git.ask("commit-tree", "-m", "one", tree).decode().strip())


@on_a_small_disk
@pytest.mark.parametrize("data", [b"x" * LARGE, os.urandom(LARGE)], ids=["written out", "stored"])
def test_a_disk_that_is_full_for_git_is_a_full_disk(
    request: pytest.FixtureRequest, tmp_path: Path, data: bytes
) -> None:
    del request
    source = commit(tmp_path / "repository", {"data.bin": data})
    with small_disk(tmp_path / "trees", megabytes=2) as folder:
        with pytest.raises(OSError, match="git") as full:
            Trees(folder, {}).of_job("r-000001", source)
        assert full.value.errno == errno.ENOSPC
        assert [path.name for path in folder.iterdir()] == []


@on_a_small_disk
def test_a_change_that_finds_no_room_is_a_full_disk(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    del request
    source = commit(tmp_path / "repository", {"a.py": b"a = 1\n"})
    with small_disk(tmp_path / "trees", megabytes=2) as folder:
        tree = Trees(folder, {}).of_job("r-000001", source)
        filler = fill(folder, leave=16384)
        with pytest.raises(OSError, match="git") as full:
            tree.changed({"a.py": os.urandom(65536)})
        assert full.value.errno == errno.ENOSPC
        filler.unlink()
        assert tree.changed({"a.py": b"a = 2\n"}).patch


def test_a_machine_without_free_descriptors_refuses_no_source(tmp_path: Path) -> None:
    source = commit(tmp_path / "repository", {"a.py": b"a = 1\n"})
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4, limits[1]))
    try:
        with pytest.raises(OSError, match="open files") as busy:
            Trees(tmp_path / "trees", {}).of_job("r-000001", source)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert busy.value.errno == errno.EMFILE


@pytest.mark.parametrize("url", ["http://nowhere.invalid/x", "http://127.0.0.1:1/x", "git://127.0.0.1:1/x"])
def test_a_repository_that_nobody_answers_for_is_waited_for(tmp_path: Path, url: str) -> None:
    with pytest.raises(Fault, match=r"127\.0|nowhere") as fault:
        Trees(tmp_path / "trees", {}).of_job("r-000001", Source(url, COMMIT))
    assert fault.value.fault == "repository_down"


@pytest.mark.parametrize("status", [429, 503])
def test_a_server_of_repositories_in_trouble_is_waited_for(tmp_path: Path, status: int) -> None:
    with GitServer(status) as server, pytest.raises(Fault, match=str(status)) as fault:
        Trees(tmp_path / "trees", {}).of_job("r-000001", Source(f"{server.url}/x", COMMIT))
    assert fault.value.fault == "repository_down"


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_repository_that_is_not_there_or_not_for_us_is_refused(tmp_path: Path, status: int) -> None:
    with GitServer(status) as server, pytest.raises(SourceRefused, match="/x"):
        Trees(tmp_path / "trees", {}).of_job("r-000001", Source(f"{server.url}/x", COMMIT))


def test_a_commit_that_is_not_there_is_refused(tmp_path: Path) -> None:
    source = commit(tmp_path / "repository", {"a.py": b"a = 1\n"})
    with pytest.raises(SourceRefused, match=COMMIT):
        Trees(tmp_path / "trees", {}).of_job("r-000001", Source(f"file://{source.repo}", COMMIT))


def test_git_that_does_not_end_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git = Git(tmp_path / "git")
    git.ask("init", "--quiet", "--bare", str(git.folder))
    monkeypatch.setattr("daemon.effects.git.SECONDS", 0.3)
    with GitServer(0) as server, pytest.raises(Fault, match="git fetch") as fault:
        git.ask("fetch", f"{server.url}/x", protocols="http")
    assert fault.value.fault == "git_timeout"


def test_git_that_is_killed_is_a_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A Ctrl-C, whoever is short of memory: the repository is none the worse for it."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").write_text("#!/bin/sh\nkill -KILL $$\n")
    (tmp_path / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    with pytest.raises(Fault, match="git init") as fault:
        Git(tmp_path / "git").ask("init")
    assert fault.value.fault == "git_killed"


def test_who_waited_for_a_server_in_vain_does_not_ask_it_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("daemon.effects.git.SECONDS", 2.0)
    trees = Trees(tmp_path / "trees", {})

    def ask(job: str) -> str:
        with pytest.raises(Fault) as fault:
            trees.of_job(job, Source(f"{server.url}/x", COMMIT))
        return fault.value.fault

    with GitServer(0) as server, ThreadPoolExecutor(3) as pool:
        assert list(pool.map(ask, ["r-1", "r-2", "r-3"])) == ["git_timeout"] * 3
        assert server.asked == 1


def out_of(code: int) -> Hand:
    """A hand that the machine fails in this way."""

    async def hand(step: steps.Step, world: World) -> Sequence[Fact]:
        del step, world
        raise OSError(code, os.strerror(code))

    return hand


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        (errno.ENOSPC, "disk_full"),
        (errno.EDQUOT, "disk_full"),
        (errno.EMFILE, "machine_busy"),
        (errno.ENOMEM, "machine_busy"),
        (errno.EAGAIN, "machine_busy"),
        (errno.EIO, "disk_broken"),
    ],
)
def test_what_the_machine_lacks_comes_back_as_a_fact(tmp_path: Path, code: int, fault: str) -> None:
    step = steps.PrepareEnvironment("r-000001", "r-000001.1", 1, Repair(repo="/r", tests=["t"]))
    hands: Hands = {steps.PrepareEnvironment: out_of(code)}
    dice = Random(1)  # noqa: S311  nothing secret is thrown
    world = World(Settings(), Clock(), dice, Blobs(tmp_path / "blobs"), tmp_path, hands)
    [fact] = anyio.run(perform, step, world)
    assert isinstance(fact, e.WorldFaulted)
    assert (fact.fault, fact.message) == (fault, str(OSError(code, os.strerror(code))))
