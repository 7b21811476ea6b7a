"""What is asked of a sandbox that can run in images, beyond running: whether one is there, to pull one, to build one.

Nothing here knows what an image is for. What an engine says while it works is bounded, and can be turned away from.
"""

import contextlib
import re
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import msgspec
from msgspec import Struct

from daemon.effects.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable

    import requests

SAID_CHARACTERS = 2_000  # of the end: that is where it says why
STEP = re.compile(r"Step \d+/\d+ : ")
ENGINES_OWN = (" ---> ", "Removing intermediate container ")
FLOOD = 16  # so many times what is kept of a program's output ends a build, as it ends a program


class Image(Struct, frozen=True):
    """An image of the engine."""

    id: str
    size_bytes: int
    folder: str = ""  # its WORKDIR
    variables: dict[str, str] = {}  # its ENV


class Build(Struct, frozen=True, kw_only=True):
    """An image to be built: from a folder, by a Dockerfile inside it, under a name of ours, within limits."""

    key: str
    context: Path
    dockerfile: str
    seconds: float
    memory_bytes: int
    processors: float
    output_bytes: int


@runtime_checkable
class ImageSandbox(Sandbox, Protocol):
    """A sandbox with images: all whose level holds them."""

    async def image(self, name: str) -> Image | None:
        """The image of this name or id, if it is here."""

    async def pull(self, name: str, seconds: float) -> str:
        """Fetch it from where it comes from: nothing, or why it could not be had."""

    async def build(self, build: Build) -> str:
        """Build it, with network: nothing, or which step failed and its last words. Cancelling ends the build."""

    async def built(self) -> dict[str, Image]:
        """All that was built here for this daemon, by their keys."""

    async def discard(self, key: str) -> bool:
        """Remove what was built under this key; whether it is gone. What a container still uses stays."""


class Errand:
    """One long answer of an engine: JSON values, one a line, of which the end is kept."""

    def __init__(self, limit_bytes: int) -> None:
        self.step = ""
        self._said, self._failure = "", ""
        self._heard, self._limit = 0, limit_bytes
        self._answer: requests.Response | None = None
        self._is_over, self._changing = False, Lock()

    def run(self, ask: "Callable[[], requests.Response]") -> str:
        """Ask and listen to the end: nothing, or what went wrong. Blocks."""
        with ask() as answer:
            with self._changing:
                self._answer = answer
            if answer.status_code >= HTTPStatus.BAD_REQUEST:
                return _message(answer.content)
            for line in answer.iter_lines():
                if self._is_over:
                    break
                self._hear(line)
                if self._failure:
                    break
        return self.told(self._failure) if self._failure else ""

    def stop(self) -> None:
        """Turn away, be it from another thread: the engine ends what nobody waits for."""
        with self._changing:
            self._is_over = True
            if self._answer is not None:
                with contextlib.suppress(ValueError, RuntimeError, OSError):  # it may have come to its end meanwhile
                    self._answer.raw.shutdown()

    def told(self, why: str) -> str:
        """What went wrong, at which step, after which words."""
        where = f"`{self.step}`: " if self.step else ""
        return f"{where}{why}" + (f"; its last words: {said}" if (said := self._said.strip()) else "")

    def _hear(self, line: bytes) -> None:
        self._heard += len(line)
        if self._heard > self._limit:
            self._failure = f"it said more than {self._limit} bytes"
            return
        said: dict[str, Any] = msgspec.json.decode(line) if line else {}
        self._failure = str(said.get("error", ""))
        text = str(said.get("stream", ""))
        if step := STEP.match(text):
            self.step, self._said = text[step.end() :].strip()[:SAID_CHARACTERS], ""
        elif not text.startswith(ENGINES_OWN):
            self._said = (self._said + text)[-SAID_CHARACTERS:]


def _message(answer: bytes) -> str:
    try:
        return str(msgspec.json.decode(answer)["message"])
    except (msgspec.DecodeError, KeyError, TypeError):
        return answer.decode(errors="replace")[:SAID_CHARACTERS]
