"""What only the Docker Engine can do wrong: images, failed starts, engines that stop, containers of others."""

import gc
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from anyio.to_thread import run_sync

from daemon.effects.sandbox import Mount, Ran
from daemon.effects.sandbox.docker import Docker
from daemon.effects.sandbox.probe import OURS
from daemon.effects.world import Fault
from tests.fakes import docker_image
from tests.fakes.docker_engine import Engine
from tests.fakes.sandboxes import command, make, need, place, python, run, writable


@pytest.fixture(autouse=True, scope="module")
def _real_engine() -> None:
    need("docker")
    docker_image.make()


def containers(*filters: str) -> list[str]:
    words = [word for condition in filters for word in ("--filter", condition)]
    return subprocess.check_output(["docker", "ps", "-aq", *words], text=True).split()


def test_an_image_is_used_as_it_is_and_not_this_machine() -> None:
    ran = python("docker", "print(open('/etc/made_for').read(), end='')", image=docker_image.IMAGE)
    assert (ran.status, ran.stdout) == (0, b"the tests\n"), ran.stderr
    assert run("docker", "ls", image=docker_image.IMAGE).status == 127  # which this machine has


def test_a_workspace_lies_over_the_repository_of_an_image() -> None:
    with place() as folder:
        (folder / "workspace" / "file").write_text("ours")
        mounts = [Mount(str(folder / "workspace"), "/testbed", writable=True)]
        ran = run("docker", "cat", "file", mounts=mounts, cwd="/testbed", image=docker_image.IMAGE)
    assert ran.stdout == b"ours"


def test_an_unknown_image_is_a_fault_that_names_it() -> None:
    with pytest.raises(Fault, match="no-such-image") as fault:
        run("docker", "true", image="no-such-image:1")
    assert fault.value.fault == "sandbox_setup"


def test_a_start_that_fails_leaves_no_container() -> None:
    """A file cannot be mounted on a folder, and that is only found out by the start."""
    with place() as folder:
        (folder / "file").touch()
        with pytest.raises(Fault):
            run("docker", "true", mounts=[Mount(str(folder / "file"), "/usr")], owner="failed-start")
    assert containers(f"label=mendd.sandbox={_label('failed-start')}") == []


def _label(owner: str) -> str:
    return Docker(owner)._owner  # noqa: SLF001  what the container is labelled with


def test_a_container_is_labelled_with_its_job_and_swept_only_by_its_owner() -> None:
    async def crowd() -> tuple[int, int, list[str]]:
        ours, others = Docker("ours"), Docker("others")
        try:
            ours._create("mendd-test-orphan", command(["true"], job="r-000731"))  # noqa: SLF001  what a death leaves
            labelled = containers("label=mendd.job=r-000731")
            return await others.sweep(), await ours.sweep(), labelled
        finally:
            await ours.close()
            await others.close()

    by_others, by_ours, labelled = anyio.run(crowd)
    assert (by_others, by_ours, len(labelled)) == (0, 1, 1)
    assert containers("label=mendd.job=r-000731") == []


def test_what_is_running_is_not_swept() -> None:
    async def both() -> tuple[int, Ran]:
        sandbox = Docker("sweeps-while-running")
        ran: list[Ran] = []
        with place() as folder:
            asked = command(
                ["sh", "-c", "touch on; while [ -e on ]; do sleep 0.01; done"], cwd=str(folder / "workspace")
            )
            asked = command(asked.argv, cwd=asked.cwd, mounts=writable(folder / "workspace"))

            async def go() -> None:
                ran.append(await sandbox.run(asked))

            async with anyio.create_task_group() as group:
                group.start_soon(go)
                while not (folder / "workspace" / "on").exists():  # noqa: ASYNC110  another process makes it
                    await anyio.sleep(0.01)
                swept = await sandbox.sweep()
                (folder / "workspace" / "on").unlink()
        await sandbox.close()
        return swept, ran[0]

    swept, ran = anyio.run(both)
    assert swept == 0
    assert ran.passed


def test_an_engine_that_is_not_there_is_told_with_the_way_out() -> None:
    sandbox = make("docker", engine="unix:///nonexistent/docker.sock")
    missing = anyio.run(sandbox.available)
    assert "does not answer" in missing
    assert "apt-get install docker.io" in missing
    with pytest.raises(Fault) as fault:
        run("docker", "true", engine="unix:///nonexistent/docker.sock")
    assert fault.value.fault == "sandbox_down"


def test_an_engine_that_goes_between_knock_and_call_is_a_fault_and_no_socket_stays_open() -> None:
    """A socket that was left open warns when it is collected, and a warning fails whichever test runs then."""

    class Going(Docker):
        def _knock(self) -> None:
            super()._knock()
            door.close()

    async def story() -> None:
        sandbox = Going("going", f"unix://{door.getsockname()}")
        with pytest.raises(Fault) as fault:
            await sandbox.sweep()
        assert fault.value.fault == "sandbox_down"
        await sandbox.close()

    with place() as folder, socket.socket(socket.AF_UNIX) as door:
        door.bind(str(folder / "docker.sock"))
        door.listen()
        anyio.run(story)
    gc.collect()


def test_an_engine_that_does_not_see_our_folders_does_not_work_here() -> None:
    """As where we are in a container ourselves, and its socket is lent to us."""
    with tempfile.TemporaryDirectory(prefix="mendd-engine-", ignore_cleanup_errors=True) as folder:
        engine = Engine(Path(folder), unseen=OURS.parent)
        engine.start()
        try:
            missing = anyio.run(make("docker", engine=engine.url).available)
        finally:
            engine.clear()
    assert str(OURS.parent) in missing
    assert "the same folders as we do" in missing


@pytest.fixture
def engine() -> Iterator[Engine]:
    with tempfile.TemporaryDirectory(prefix="mendd-engine-", ignore_cleanup_errors=True) as folder:
        engine = Engine(Path(folder))
        try:
            engine.start()
            yield engine
        finally:
            engine.clear()


async def stopped_in_the_middle(sandbox: Docker, engine: Engine, how: int) -> Fault:
    """The fault of a run whose engine goes while its program runs."""
    faults: list[Fault] = []
    with place() as folder:
        workspace = folder / "workspace"
        argv = ["sh", "-c", "touch on; exec sleep 1000"]
        asked = command(argv, cwd=str(workspace), mounts=writable(workspace), seconds=10.0)

        async def go() -> None:
            try:
                await sandbox.run(asked)
            except Fault as fault:
                faults.append(fault)

        async with anyio.create_task_group() as group:
            group.start_soon(go)
            while not (workspace / "on").exists():  # noqa: ASYNC110  another process makes it
                await anyio.sleep(0.01)
            await run_sync(engine.stop, how)
    return faults[0]


def test_an_engine_that_stops_in_the_middle_is_a_fault_and_nothing_is_left_when_it_is_back(engine: Engine) -> None:
    async def story() -> tuple[Fault, Ran]:
        sandbox = Docker("stopped", engine.url)
        fault = await stopped_in_the_middle(sandbox, engine, signal.SIGTERM)
        await run_sync(engine.start)
        again = await sandbox.run(command(["true"]))
        await sandbox.close()
        return fault, again

    fault, again = anyio.run(story)
    assert fault.fault == "sandbox_down"
    assert "start dockerd again" in fault.message
    assert again.passed
    assert subprocess.check_output(["docker", "-H", engine.url, "ps", "-aq"], text=True) == ""


def test_an_engine_that_is_killed_in_the_middle_is_a_fault(engine: Engine) -> None:
    async def story() -> Fault:
        sandbox = Docker("killed", engine.url)
        fault = await stopped_in_the_middle(sandbox, engine, signal.SIGKILL)
        await sandbox.close()
        return fault

    assert anyio.run(story).fault == "sandbox_down"
