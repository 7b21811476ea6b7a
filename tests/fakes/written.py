"""Facts in a real log on the disk, written by the one door: for tests of what reads a state folder."""

from collections.abc import Sequence
from pathlib import Path

import anyio

from daemon.events import Fact
from daemon.settings import Settings
from daemon.state import State


def write_log(settings: Settings, facts: Sequence[Fact]) -> None:
    """Let these facts have happened in the state of these settings."""

    async def record() -> None:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(state.keep)
            await state.record(*facts)
            tasks.cancel_scope.cancel()

    state = State(Path(settings.state_dir), settings)
    state.catch_up()
    anyio.run(record)
    state.close()
