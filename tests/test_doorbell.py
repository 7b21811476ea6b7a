"""The doorbell: both kinds ring for what appears, and can be let go."""

from collections.abc import Callable
from pathlib import Path

import anyio
import pytest

from daemon import doorbell

DEADLINE_S = 20.0


def rename_into(folder: Path) -> None:
    written = folder.parent / "written"
    written.write_text("x")
    written.rename(folder / "a.json")


def write_there(folder: Path) -> None:
    (folder / "b.json").write_text("x")


@pytest.fixture(params=[True, False], ids=["inotify", "watchfiles"])
def _both_kinds(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doorbell, "HAS_INOTIFY", request.param)


@pytest.mark.usefixtures("_both_kinds")
@pytest.mark.parametrize("drop", [rename_into, write_there])
def test_it_rings_for_what_appears(tmp_path: Path, drop: Callable[[Path], None]) -> None:
    inlets = [tmp_path / name for name in ("ideas", "errors")]
    for inlet in inlets:
        inlet.mkdir()

    async def listen() -> None:
        rung = anyio.Event()

        async def hear() -> None:
            async for _ in doorbell.rings(inlets):
                if any(inlets[1].iterdir()):
                    rung.set()

        with anyio.fail_after(DEADLINE_S):
            async with anyio.create_task_group() as group:
                group.start_soon(hear)
                while not rung.is_set():  # watchfiles does not say when it begins to listen
                    drop(inlets[1])
                    await anyio.sleep(0.01)
                group.cancel_scope.cancel()

    anyio.run(listen)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    async def listen() -> None:
        async for _ in doorbell.rings([tmp_path / "none"]):
            pass

    with pytest.raises(OSError, match="none"):
        anyio.run(listen)
