"""The servers of hosted models, scripted: Anthropic's Messages API and OpenAI's chat completions, as seen on the wire.

Both want their key, count tokens, and complain in the words and with the status codes of the real ones.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

from msgspec import Struct

from tests.fakes.http_server import Call, HttpServer

KEY = "sk-test-0123456789-secret"
MODEL = "haiku-9"
VERSION = "haiku-9-20260102"


class Reply(Struct, frozen=True):
    """What is answered, and what goes wrong meanwhile."""

    text: str = ""
    status: int = 200
    error: str = ""
    headers: Mapping[str, str] = {}
    then: Literal["done", "hang", "cut", "garbage", "no_text", "too_deep", "uncounted", "for_ever", "refusal"] = "done"


class HostedServer(HttpServer):
    """One of the two; `prefix` says which."""

    def __init__(self, prefix: str, script: Callable[[Mapping[str, Any]], str | Reply]) -> None:
        super().__init__()
        self.prefix, self.script = prefix, script

    def answer(self, call: Call) -> None:
        """Look at the key, then route."""
        sent = call.headers.get("x-api-key" if self.prefix == "anthropic/" else "authorization", "")
        if sent.removeprefix("Bearer ") != KEY:
            call.reply(401, self._error("authentication_error", f"Incorrect API key provided: {sent}"))
            return
        match call.command, call.path:
            case "GET", "/v1/models":
                call.reply(200, {"object": "list", "data": [{"id": MODEL, "object": "model"}]})
            case "POST", "/v1/messages" if self.prefix == "anthropic/":
                self._speak(call, call.body["max_tokens"], _message)
            case "POST", "/v1/chat/completions" if self.prefix == "openai/":
                self._speak(call, call.body["max_tokens"], _completion)
            case _:
                call.reply(404, self._error("not_found_error", "Not found"))

    def _speak(self, call: Call, most: int, form: Callable[[str, str, int, int], dict[str, Any]]) -> None:
        if self.prefix == "anthropic/" and (call.body["temperature"] > 1 or "anthropic-version" not in call.headers):
            call.reply(400, self._error("invalid_request_error", "temperature: range: 0..1, or no anthropic-version"))
            return
        reply = self.script(call.body)
        reply = Reply(reply) if isinstance(reply, str) else reply
        said = reply.text[: most * 4]
        stop = "length" if len(said) < len(reply.text) else "refusal" if reply.then == "refusal" else "stop"
        prompt = call.body.get("system", "") + "".join(message["content"] for message in call.body["messages"])
        value = form(said, stop, -(-len(prompt) // 4), -(-len(said) // 4))
        match reply.then:
            case "hang":
                call.keep_silent()
            case "cut":
                call.cut()
            case "garbage":
                call.reply(200, "<html>Bad Gateway</html>")
            case "no_text" | "too_deep":
                call.stream("application/json")
                call.chunk(b'{"model": "\xff"}' if reply.then == "no_text" else b'{"more":' + b"[" * 100_000)
            case "for_ever":
                call.stream("application/json")
                while not call.server.closing.is_set():
                    call.chunk(b" " * 2**16)
            case "uncounted":
                call.reply(200, value | {"usage": None})
            case _ if reply.status != 200:
                call.reply(reply.status, self._error("some_error", reply.error), reply.headers)
            case _:
                call.reply(200, value)

    def _error(self, kind: str, message: str) -> dict[str, Any]:
        outer = {"type": "error"} if self.prefix == "anthropic/" else {}
        return outer | {"error": {"type": kind, "message": message}}


def _message(text: str, stop: str, tokens_in: int, tokens_out: int) -> dict[str, Any]:
    return {
        "id": "msg_01",
        "type": "message",
        "role": "assistant",
        "model": VERSION,
        "content": [{"type": "text", "text": text}],
        "stop_reason": {"stop": "end_turn", "length": "max_tokens"}.get(stop, stop),
        "stop_sequence": None,
        "usage": {"input_tokens": tokens_in, "output_tokens": tokens_out, "cache_read_input_tokens": 0},
    }


def _completion(text: str, stop: str, tokens_in: int, tokens_out: int) -> dict[str, Any]:
    stop = {"refusal": "content_filter"}.get(stop, stop)
    message = {"role": "assistant", "content": text, "refusal": None}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1767323045,
        "model": VERSION,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": stop}],
        "usage": {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out},
    }
