"""The models of an Ollama server, through its own client, and every way in which such a call has been seen to go wrong.

What its server does in silence is told here: it cuts a prompt that is too long for the window, or leaves a stream
without its end. Nothing here knows what an answer is good for.
"""

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import aclosing, suppress
from shlex import quote
from typing import cast

import anyio
import httpx
import msgspec
from anyio import CancelScope, CapacityLimiter, current_time
from httpx import AsyncByteStream, Response
from ollama import AsyncClient, ChatResponse, ListResponse, ProcessResponse, ResponseError

from daemon.effects.models import Answer, Health, Model, Request
from daemon.effects.world import Fault
from daemon.settings import Settings
from daemon.text import tokens
from daemon.text.shown import many

REPEATS = 30  # so many equal tokens in a row, and the server breaks the stream off: it takes the model for stuck
WIRE_BYTES_PER_TOKEN = 1024  # each token comes as a line of JSON of about 150 bytes, and may be made of escapes
WIRE_BYTES = 4 * 2**20  # for everything else that a server can tell us
TOLD_CHARACTERS = 500  # of a server's error
MOST_BYTES = "mendd_most_bytes"
HTTP_ERRORS = {401: "bad_key", 403: "bad_key", 429: "models_busy", 503: "models_busy"}


class TooMuch(Exception):  # noqa: N818  said of the server
    """A server sent more than it can have been asked for."""


UNREADABLE = (ValueError, TypeError, AttributeError, TooMuch)  # what the client raises over JSON that is not Ollama's


class Ollama:
    """One server. Its parallelism is ours to keep: what it cannot take at once would wait there, in its time."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._limiter = CapacityLimiter(settings.models_abreast)
        self._tls = ssl.create_default_context()  # made once: it costs more than the rest of a client

    async def ask(self, request: Request) -> Answer:
        """Ask, in the next larger window where the server counts more tokens than were estimated."""
        larger = sorted(size for size in self._settings.model_windows if size > request.num_ctx)
        async with self._limiter:
            for num_ctx in larger:
                try:
                    return await self._ask(request)
                except Fault as fault:
                    if fault.fault != "context_truncated":
                        raise
                request = msgspec.structs.replace(request, num_ctx=num_ctx)
            return await self._ask(request)

    async def health(self) -> Health:
        """The server's version, the models that it has, and those that are loaded; or why it does not tell."""
        try:
            with anyio.fail_after(self._settings.model_connect_s):
                async with self._client() as client:
                    version = await client.version()
                    return Health(
                        version=version,
                        models=tuple(_listed(await client.list())),
                        running=tuple(_loaded(await client.ps())),
                    )
        except TimeoutError:
            return Health(why=f"{self._settings.ollama_url} did not answer in {self._settings.model_connect_s:g} s")
        except (ConnectionError, httpx.HTTPError, ResponseError) as error:
            return Health(why=f"{self._settings.ollama_url}: {_told(error)}")
        except UNREADABLE as error:
            return Health(why=f"{self._settings.ollama_url} does not speak as Ollama does: {_told(error)}")

    async def _ask(self, request: Request) -> Answer:
        async with self._client() as client:
            begun = current_time()
            try:
                heard = await self._listen(client, request)
            except ResponseError as error:
                raise self._refused(error, request) from None
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                raise Fault("models_down", f"{self._settings.ollama_url}: {_told(error)}; is it running?") from None
            except httpx.HTTPError as error:
                raise Fault("answer_broken", f"the connection broke: {_told(error)}") from None
            except TooMuch as error:
                raise Fault("answer_endless", str(error)) from None
            except UNREADABLE as error:
                raise Fault("answer_broken", f"the server does not speak as Ollama does: {_told(error)}") from None
            loaded = await self._look(client, request.model)
        _see_that_all_was_read(request, heard, loaded)
        return Answer(
            text="".join(heard.text),
            thinking="".join(heard.thinking),
            model=request.model,
            digest=loaded.digest,
            tokens_in=heard.tokens_in,
            tokens_out=heard.tokens_out or len(heard.text),
            done_reason=heard.done_reason,
            seconds=current_time() - begun,
            num_ctx=request.num_ctx,
        )

    async def _listen(self, client: "Client", request: Request) -> "Heard":
        """The whole answer. The clock runs from the first byte: before it a server may load, or serve others."""
        settings = self._settings
        heard, first = Heard(), 0.0
        with CancelScope(deadline=current_time() + settings.model_first_byte_s) as scope:
            async with aclosing(await client.chat_uncut(request, settings.model_keep_s)) as parts:
                async for part in parts:
                    now = current_time()
                    first = first or now
                    scope.deadline = min(now + settings.model_silence_s, first + settings.model_call_s)
                    heard.take(part)
                    if part.done:
                        return heard
        if scope.cancelled_caught:
            raise self._late(first, scope.deadline)
        heard.end_without_end()
        return heard

    def _late(self, first: float, deadline: float) -> Fault:
        settings = self._settings
        if not first:
            return Fault("model_silent", f"no first byte in {settings.model_first_byte_s:g} s")
        if deadline >= first + settings.model_call_s:
            return Fault("model_timeout", f"the answer was not whole after {settings.model_call_s:g} s")
        return Fault("model_silent", f"in the middle of the answer, nothing for {settings.model_silence_s:g} s")

    def _refused(self, error: ResponseError, request: Request) -> Fault:
        told = _told(error.error)
        match error.status_code:
            case -1:
                return Fault("answer_broken", f"an error in the middle of the answer: {told}")
            case 404 if "model" in told and "not found" in told:
                return Fault("model_missing", f"{told}; run: ollama pull {quote(request.model)}")
            case 404:
                return Fault("models_down", f"{self._settings.ollama_url} is no Ollama server: {told}")
            case 400 if "context" in told and ("exceed" in told or "longer than" in told):
                return Fault("context_truncated", f"a window of {request.num_ctx} tokens is too small: {told}")
            case status if status in HTTP_ERRORS:
                return Fault(HTTP_ERRORS[status], told)
            case status:
                return Fault(
                    "models_failed" if status >= httpx.codes.INTERNAL_SERVER_ERROR else "request_refused", told
                )

    async def _look(self, client: "Client", name: str) -> Model:
        """The model as it is loaded, or as it is listed; an answer is not lost because the server tells neither."""
        with suppress(ConnectionError, httpx.HTTPError, ResponseError, *UNREADABLE):
            with anyio.move_on_after(self._settings.model_connect_s):
                for models in (_loaded(await client.ps()), _listed(await client.list())):
                    for model in models:
                        if _full(model.name) == _full(name):
                            return model
        return Model(name=name)

    def _client(self) -> "Client":
        """A client for one call: nothing stays open between calls. Proxies are for the outside, not for this server."""
        timeout = httpx.Timeout(None, connect=self._settings.model_connect_s)
        return Client(
            self._settings.ollama_url,
            timeout=timeout,
            verify=self._tls,
            trust_env=False,
            follow_redirects=False,
            event_hooks={"response": [_bound]},
        )


class Client(AsyncClient):
    """The client, and what it cannot yet say: that nothing may be cut."""

    async def chat_uncut(self, request: Request, keep_s: float) -> AsyncGenerator[ChatResponse]:
        """Chat, refusing to be shown less than all: `truncate` and `shift` are no parameters of `chat`."""
        messages = [{"role": "user", "content": request.prompt}]
        if request.system:
            messages.insert(0, {"role": "system", "content": request.system})
        body = {
            "model": request.model,
            "messages": messages,
            "stream": True,
            "truncate": False,
            "shift": False,
            "think": request.think,
            "keep_alive": keep_s,
            "options": {
                "num_ctx": request.num_ctx,
                "num_predict": request.num_predict,
                "temperature": request.temperature,
                "seed": request.seed,
            },
        }
        most = {MOST_BYTES: WIRE_BYTES_PER_TOKEN * (request.num_predict + REPEATS)}
        chat = self._request(ChatResponse, "POST", "/api/chat", json=body, stream=True, extensions=most)
        return cast("AsyncGenerator[ChatResponse]", await chat)

    async def version(self) -> str:
        """The server's version."""
        return str((await self._request(dict[str, str], "GET", "/api/version")).get("version", "unknown"))


class Heard:
    """An answer while it comes."""

    def __init__(self) -> None:
        self.text: list[str] = []
        self.thinking: list[str] = []
        self.tokens_in = self.tokens_out = 0
        self.done_reason = ""

    def take(self, part: ChatResponse) -> None:
        """One more part; the last one has the counts."""
        self.text.append(part.message.content or "")
        self.thinking.append(part.message.thinking or "")
        if part.done:
            self.done_reason = part.done_reason or "stop"
            self.tokens_in, self.tokens_out = part.prompt_eval_count or 0, part.eval_count or 0
            if self.done_reason in ("load", "unload"):
                raise Fault("answer_broken", f"the server only did this with the model: {self.done_reason}")

    def end_without_end(self) -> None:
        """The stream ended, and nobody said so: half an answer, or the server's way with a model that is stuck."""
        parts = [text or thought for text, thought in zip(self.text, self.thinking, strict=True)]
        if len(parts) < REPEATS or len({part.strip() for part in parts[-REPEATS:]}) != 1:
            raise Fault("answer_broken", f"the stream ended after {many(len(parts), 'part')}, before its end")
        self.done_reason = "repeat"


class Bounded(AsyncByteStream):
    """A response's bytes, up to a number of them: a line without an end would fill the memory."""

    def __init__(self, stream: AsyncByteStream, most: int) -> None:
        self._stream, self._left, self._most = stream, most, most

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._stream:
            self._left -= len(data)
            if self._left < 0:
                raise TooMuch(f"more than the {self._most} bytes that this answer can have")
            yield data

    async def aclose(self) -> None:
        """Close what is underneath."""
        await self._stream.aclose()


async def _bound(response: Response) -> None:
    if isinstance(response.stream, AsyncByteStream):
        response.stream = Bounded(response.stream, response.request.extensions.get(MOST_BYTES, WIRE_BYTES))


def _see_that_all_was_read(request: Request, heard: Heard, loaded: Model) -> None:
    """Servers that do not know `truncate: false` cut in silence; the window that they gave, and their count, tell."""
    if 0 < loaded.num_ctx < request.num_ctx and request.most_tokens > loaded.num_ctx:
        asked = f"a window of {request.num_ctx} tokens was asked for"
        raise Fault("context_truncated", f"{asked}, and the server gave {request.model} only {loaded.num_ctx}")
    least = tokens.least(request.system, request.prompt)
    if 0 < heard.tokens_in < least:
        raise Fault("context_truncated", f"the model read {heard.tokens_in} tokens of a prompt of more than {least}")


def _listed(reply: ListResponse) -> Sequence[Model]:
    return [Model(name=m.model or "", digest=m.digest or "", size_bytes=m.size or 0) for m in reply.models]


def _loaded(reply: ProcessResponse) -> Sequence[Model]:
    return [
        Model(name=m.model or "", digest=m.digest or "", size_bytes=m.size or 0, num_ctx=m.context_length or 0)
        for m in reply.models
    ]


def _full(name: str) -> str:
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def _told(error: object) -> str:
    return (str(error) or type(error).__name__)[:TOLD_CHARACTERS]
