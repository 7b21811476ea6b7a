"""Models that somebody else hosts: one call by plain HTTP, in the dialect of the provider, out of the budget.

The key lives here and nowhere else, and is cut out of whatever a server tells. Answers are not streamed: a provider
answers within the total, and in one piece there is no half of an answer.
"""

from collections.abc import Callable, Mapping
from typing import Any

import anyio
import httpx
import msgspec
from msgspec import Struct

from daemon.codec import UNDECODABLE
from daemon.effects.models import Answer, Health, Model, Request
from daemon.effects.models.budget import Bill, Budget
from daemon.effects.world import Fault
from daemon.settings import Settings

REPLY_BYTES = 8 * 2**20
REPLY_BYTES_PER_TOKEN = 64
TOLD_CHARACTERS = 500
TOO_LONG = ("prompt is too long", "context_length_exceeded", "maximum context length", "exceeds the context")
NO_MONEY = "insufficient_quota"  # said with a 429, which is otherwise one that passes
BUSY = (408, 429)
LOST = (408, 502, 504, 524)  # what a gateway says that did not wait for the answer, and somebody may charge for it
REFUSALS = {401: "bad_key", 403: "bad_key", 404: "model_missing"}


class Reply(Struct, frozen=True, kw_only=True):
    """What a provider replied, in our words; a count of None was not told."""

    text: str
    version: str
    done_reason: str
    tokens_in: int | None
    tokens_out: int | None


class Dialect(Struct, frozen=True, kw_only=True):
    """How a provider wants to be asked, and how it replies."""

    prefix: str
    key_variable: str
    ask_path: str
    models_path: str
    headers: Callable[[str], Mapping[str, str]]
    body: Callable[[Request, str, str], Mapping[str, Any]]  # request, model, url → JSON
    read: Callable[[bytes], Reply]
    models: Callable[[bytes], tuple[Model, ...]]


class Hosted:
    """The models of one provider."""

    def __init__(self, dialect: Dialect, url: str, settings: Settings, budget: Budget, key: str) -> None:
        self._dialect, self._url, self._settings, self._budget = dialect, url.rstrip("/"), settings, budget
        self.__key = key.strip()

    async def ask(self, request: Request) -> Answer:
        """Ask, if it is certain that it can be paid for."""
        if why := self._unusable():
            raise Fault("bad_key", why)
        async with self._budget.bill(request) as bill:
            begun = anyio.current_time()
            reply = await self._call(request, bill)
            if reply.tokens_in is not None and reply.tokens_out is not None:
                bill.says(reply.tokens_in, reply.tokens_out)
            return Answer(
                text=reply.text,
                model=request.model,
                digest=reply.version,
                tokens_in=bill.tokens_in,
                tokens_out=bill.tokens_out,
                done_reason=reply.done_reason,
                seconds=anyio.current_time() - begun,
                cost_usd=bill.usd,
            )

    async def health(self) -> Health:
        """The models that the key opens, or why none."""
        if why := self._unusable():
            return Health(why=why)
        try:
            status, _, data = await self._send("GET", self._dialect.models_path, None, self._settings.model_connect_s)
            if status != httpx.codes.OK:
                return Health(why=f"{self._url}: status {status}: {self._told(data)}")
            return Health(models=self._dialect.models(data))
        except UNDECODABLE as error:
            return Health(why=f"{self._url} does not speak as {self._dialect.prefix} does: {error}")
        except Fault as fault:
            return Health(why=fault.message)

    def _unusable(self) -> str:
        if not self.__key:
            return f"{self._dialect.prefix}… needs a key in the environment: {self._dialect.key_variable}"
        usable = self.__key.isascii() and self.__key.isprintable()
        return "" if usable else f"{self._dialect.key_variable} holds what no key is made of"

    async def _call(self, request: Request, bill: Bill) -> Reply:
        body = self._dialect.body(request, request.model.removeprefix(self._dialect.prefix), self._url)
        try:
            status, headers, data = await self._send(
                "POST",
                self._dialect.ask_path,
                msgspec.json.encode(body),
                self._settings.model_call_s,
                request.num_predict,
            )
        except Fault as fault:
            if fault.fault == "models_down":
                bill.nothing()
            raise
        if status != httpx.codes.OK:
            if status not in LOST:
                bill.nothing()
            raise self._refused(status, headers, data)
        try:
            return self._dialect.read(data)
        except UNDECODABLE as error:
            raise Fault("answer_broken", f"the reply is not what {self._dialect.prefix} replies: {error}") from None

    async def _send(
        self, method: str, path: str, body: bytes | None, seconds: float, tokens: int = 0
    ) -> tuple[int, httpx.Headers, bytes]:
        """One request, whole: status, headers and body."""
        timeout = httpx.Timeout(None, connect=self._settings.model_connect_s)
        headers = {"content-type": "application/json", **self._dialect.headers(self.__key)}
        most, data = REPLY_BYTES + tokens * REPLY_BYTES_PER_TOKEN, bytearray()
        try:
            with anyio.fail_after(seconds):
                async with (
                    httpx.AsyncClient(timeout=timeout) as client,
                    client.stream(method, self._url + path, content=body, headers=headers) as response,
                ):
                    async for part in response.aiter_bytes():
                        data += part
                        if len(data) > most:
                            raise Fault("answer_endless", f"{self._url} sent more than {most} bytes")
                    return response.status_code, response.headers, bytes(data)
        except TimeoutError:
            raise Fault("model_timeout", f"{self._url} did not answer in {seconds:g} s") from None
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Fault("models_down", f"{self._url}: {self._told(str(error).encode())}") from None
        except httpx.HTTPError as error:
            raise Fault("answer_broken", f"the connection broke: {self._told(repr(error).encode())}") from None

    def _refused(self, status: int, headers: httpx.Headers, data: bytes) -> Fault:
        told = f"{self._url}: status {status}: {self._told(data)}"
        if NO_MONEY in told:
            return Fault("over_budget", told)
        if status in LOST:
            return Fault("models_failed", f"{told}; as nobody knows what it cost, it counts as paid")
        if status >= httpx.codes.INTERNAL_SERVER_ERROR or status in BUSY:
            after = headers.get("retry-after", "")
            return Fault("models_busy", f"{told}; it asks to come back in {after} s" if after else told)
        if status in (400, 413) and any(words in told for words in TOO_LONG):
            return Fault("context_truncated", told)
        return Fault(REFUSALS.get(status, "request_refused"), told)

    def _told(self, data: bytes) -> str:
        """What a server says, without the key, which some of them repeat."""
        told = data.decode(errors="replace").strip()
        return (told.replace(self.__key, "(key)") if self.__key else told)[:TOLD_CHARACTERS]
