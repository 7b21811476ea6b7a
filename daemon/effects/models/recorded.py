"""Answers that need no model: those that a model once gave, and those that somebody wrote down beforehand.

Same input, same output: that is what makes a repair replayable, for no seed makes a model answer the same twice.
"""

from collections.abc import Iterator
from pathlib import Path

import anyio
import msgspec
from anyio.to_thread import run_sync
from msgspec import Struct

from daemon.codec import UNDECODABLE
from daemon.disk import write_whole
from daemon.effects.models import Answer, Health, Model, Models, Request
from daemon.effects.world import Fault


class Recording(Struct, frozen=True, kw_only=True):
    """A question and its answer, as they lie in the folder; without an answer, how the prompt was too long."""

    request: Request
    answer: Answer | None
    truncated: str = ""


class Recorded:
    """Plays back what the folder knows; asks the others the rest and keeps it. Without others it is strict."""

    def __init__(self, folder: Path, others: Models | None = None) -> None:
        self._folder, self._others = folder, others
        self._keeping = anyio.Lock()

    async def ask(self, request: Request) -> Answer:
        """The recorded answer, whoever asks the same, and however often."""
        path = self._path(request)
        if (known := await run_sync(_read, path)) is None:
            asked = await self._asked(request, path)
            async with self._keeping:
                known = await run_sync(_keep, path, asked)
        if known.answer is None:
            raise Fault("context_truncated", known.truncated)
        return known.answer

    async def _asked(self, request: Request, path: Path) -> Recording:
        """What the others say; of their faults the one that decides what is asked next, and comes again."""
        if self._others is None:
            raise Fault("recording_missing", f"{request.model} was never asked this: {path} is not there")
        try:
            return Recording(request=request, answer=await self._others.ask(request))
        except Fault as fault:
            if fault.fault != "context_truncated":
                raise
            return Recording(request=request, answer=None, truncated=fault.message)

    async def health(self) -> Health:
        """That of those who are asked the rest."""
        return await self._others.health() if self._others else Health(version="recordings")

    def _path(self, request: Request) -> Path:
        return self._folder / request.digest[:2] / f"{request.digest}.json"


def _read(path: Path) -> Recording | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Recording)
    except FileNotFoundError:
        return None
    except UNDECODABLE as error:
        raise Fault("recording_broken", f"{path}: {error}") from None


def _keep(path: Path, recording: Recording) -> Recording:
    """Keep it, unless somebody was faster: the first answer is the answer."""
    if (known := _read(path)) is not None:
        return known
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, msgspec.json.format(msgspec.json.encode(recording)) + b"\n", durable=True)
    return recording


class Line(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A line of a script: what is answered to an instance at an attempt; 0 is any attempt without a line of its own."""

    instance: str
    answer: str
    attempt: int = 0


class Scripted:
    """Answers by instance and attempt what a file of JSON Lines says, whatever the prompt is."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def ask(self, request: Request) -> Answer:
        """The line for this attempt, or the one for any."""
        lines = await run_sync(self._lines)
        for attempt in (request.attempt, 0):
            if (text := lines.get((request.instance, attempt))) is not None:
                return Answer(text=text, model=request.model, digest="script", num_ctx=request.num_ctx)
        where = f"instance {request.instance!r}, attempt {request.attempt}"
        raise Fault("recording_missing", f"{self._path} has no answer for {where}")

    async def health(self) -> Health:
        """Whether the script can be read."""
        try:
            lines = await run_sync(self._lines)
        except Fault as fault:
            return Health(why=fault.message)
        return Health(version="script", models=tuple(Model(name=name) for name in sorted({name for name, _ in lines})))

    def _lines(self) -> dict[tuple[str, int], str]:
        """Read anew each time: a script is small, and a person edits it while the daemon runs."""
        return dict(self._read())

    def _read(self) -> Iterator[tuple[tuple[str, int], str]]:
        try:
            for line in msgspec.json.Decoder(Line).decode_lines(self._path.read_bytes()):
                yield (line.instance, line.attempt), line.answer
        except (OSError, *UNDECODABLE) as error:
            raise Fault("recording_broken", f"{self._path}: {error}") from None
