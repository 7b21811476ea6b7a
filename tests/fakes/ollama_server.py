"""An Ollama server whose answers are scripted: a peer of the real one on the wire, with no model behind it.

It counts tokens, cuts prompts, queues, loads and complains as the server of version 0.33 does (its words are taken from
there), and does on demand what a bad day brings. To play with it:

    python -m tests.fakes.ollama_server answers.jsonl --port 11434

Each line says what is answered to a prompt that holds a text; its answers come one after the other, the last one
repeats. An answer is a text, or an object with what else happens (see Reply):

    {"match": "off by one", "answers": ["FILE: …", {"text": "half an ans", "then": "cut"}, {"status": 500}]}
"""

import argparse
import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from pathlib import Path
from threading import Semaphore
from typing import Any, Literal

import msgspec
from msgspec import Struct

from tests.fakes.http_server import LOOK_S, Call, HttpServer

VERSION = "0.33.0"
CREATED_AT = "2026-01-02T03:04:05.678901234Z"
TRAINED_FOR = 131_072
FRAME_TOKENS = 4  # what the template puts around a message
DEFAULT_WINDOW = 4096  # what the server takes when nobody asks, on a small machine
KEPT_TOKENS = 5  # num_keep, and the token that begins every prompt
PIECE = re.compile(r"(?s).{1,4}")  # four characters are a token here
DURATIONS = {
    "total_duration": 5_000_000_000,
    "load_duration": 1_000_000,
    "prompt_eval_duration": 2_000_000,
    "eval_duration": 3_000_000,
}


class Reply(Struct, frozen=True, forbid_unknown_fields=True):
    """What is answered, and what goes wrong meanwhile."""

    text: str = ""
    thinking: str = ""
    status: int = 200  # another one: no answer, but `error` with this status
    error: str = ""
    then: Literal[
        "done", "cut", "end", "error", "hang", "for_ever", "one_line_for_ever", "stuck", "garbage", "load"
    ] = "done"
    wait_s: float = 0.0  # before the first byte; below zero: for ever
    pause_s: float = 0.0  # between tokens


class Rule(Struct, frozen=True, forbid_unknown_fields=True):
    """What is answered to prompts that hold a text, one after the other; the last one repeats."""

    answers: list[str | Reply]
    match: str = ""


Script = Callable[[Mapping[str, Any]], str | Reply]


class Rules:
    """A script made of rules; the first that matches is taken."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules
        self._asked = [count() for _ in rules]

    def __call__(self, body: Mapping[str, Any]) -> str | Reply:
        """The answer to a request."""
        prompt = "\n".join(message["content"] for message in body["messages"])
        for rule, asked in zip(self.rules, self._asked, strict=True):
            if rule.match in prompt:
                return rule.answers[min(next(asked), len(rule.answers) - 1)]
        return Reply(status=500, error="nothing is scripted for this prompt")


def always(*answers: str | Reply) -> Rules:
    """Answers to whatever is asked, in this order."""
    return Rules(Rule(list(answers)))


def read_rules(lines: Iterable[str]) -> Rules:
    """The rules of a file."""
    return Rules(*(msgspec.json.decode(line, type=Rule) for line in lines if line.strip()))


class OllamaServer(HttpServer):
    """The server; its arguments say what kind of machine, and of version, it is."""

    def __init__(  # noqa: PLR0913  each is one way in which servers differ
        self,
        script: Script,
        *,
        port: int = 0,
        models: Iterable[str] = ("tiny:latest",),
        parallel: int = 1,
        queue: int = 512,
        most_context: int = TRAINED_FOR,
        knows_truncate: bool = True,
        tells_context: bool = True,
    ) -> None:
        super().__init__(port)
        self.script, self.models = script, {_full(name) for name in models}
        self.most_context, self.knows_truncate, self.tells_context = most_context, knows_truncate, tells_context
        self.queue, self.waiting, self.at_once, self.most_at_once, self.loads = queue, 0, 0, 0, 0
        self.loaded: dict[str, int] = {}  # model → window
        self._slots = Semaphore(parallel)

    @property
    def chats(self) -> list[Any]:
        """The bodies of all chats so far."""
        return [body for path, body in self.seen if path in ("/api/chat", "/api/generate")]

    def answer(self, call: Call) -> None:
        """Route a call."""
        match call.command, call.path:
            case "GET", "/":
                call.reply(200, "Ollama is running")
            case "GET", "/api/version":
                call.reply(200, {"version": VERSION})
            case "GET", "/api/tags":
                call.reply(200, {"models": [_described(name) for name in sorted(self.models)]})
            case "GET", "/api/ps":
                call.reply(200, {"models": [self._running(*row) for row in self.loaded.items()]})
            case "POST", "/api/show":
                self._show(call)
            case "POST", "/api/chat" | "/api/generate":
                self._queue(call)
            case _:
                call.reply(404, "404 page not found")

    def _running(self, name: str, window: int) -> dict[str, Any]:
        row = _described(name) | {"expires_at": CREATED_AT, "size_vram": 0}
        return row | ({"context_length": window} if self.tells_context else {})

    def _show(self, call: Call) -> None:
        name = call.body.get("model", "")
        if _full(name) not in self.models:
            call.reply(404, {"error": f"model '{name}' not found"})
            return
        call.reply(
            200,
            {
                "modelfile": "",
                "template": "{{ .Prompt }}",
                "details": _described(name)["details"],
                "model_info": {"general.architecture": "qwen2", "qwen2.context_length": self.most_context},
                "capabilities": ["completion"],
            },
        )

    def _queue(self, call: Call) -> None:
        """Wait for a slot, as long as the queue has room."""
        with self.lock:
            full = self.waiting >= self.queue
            self.waiting += not full
        if full:
            busy = "server busy, please try again.  maximum pending requests exceeded"
            call.reply(503, {"error": busy})
            return
        try:
            while not self._slots.acquire(timeout=LOOK_S):
                call.keep_silent(LOOK_S)
        finally:
            with self.lock:
                self.waiting -= 1
        with self.lock:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            self._chat(call)
        finally:
            with self.lock:
                self.at_once -= 1
            self._slots.release()

    def _chat(self, call: Call) -> None:
        body = dict(call.body)
        if call.path == "/api/generate":
            roles = {"system": body.get("system", ""), "user": body.get("prompt", "")}
            body["messages"] = [{"role": role, "content": text} for role, text in roles.items() if text]
        name, options = body.get("model", ""), body.get("options") or {}
        if _full(name) not in self.models:
            call.reply(404, {"error": f"model '{name}' not found"})
            return
        window = min(options.get("num_ctx", DEFAULT_WINDOW), self.most_context)
        self.loads += self.loaded.get(_full(name)) != window
        self.loaded[_full(name)] = window
        if not body.get("messages"):
            call.reply(200, _part(body, call.path, "") | {"done": True, "done_reason": "load"})
            return
        counted, refusal = self._fit(body, window)
        if refusal:
            call.reply(400, {"error": refusal})
            return
        reply = self.script(body)
        reply = Reply(reply) if isinstance(reply, str) else reply
        call.keep_silent(reply.wait_s if reply.wait_s >= 0 else float("inf"))
        if reply.status != 200:
            call.reply(reply.status, {"error": reply.error})
            return
        _speak(call, body, reply, counted, min(_most(options), max(1, window - counted)))

    def _fit(self, body: Mapping[str, Any], window: int) -> tuple[int, str]:
        """How many tokens the model is shown, or why it is shown none."""
        messages = [(message["role"], _tokens(message["content"]) + FRAME_TOKENS) for message in body["messages"]]
        counted = sum(size for _, size in messages)
        if self.knows_truncate and body.get("truncate") is False:
            if counted >= window:
                size = f"the available context size ({window} tokens), try increasing it"
                told = f"request ({counted} tokens) exceeds {size}"
                return 0, json.dumps({"error": {"code": 400, "message": told, "type": "exceed_context_size_error"}})
            return counted, ""
        while counted > window and any(role != "system" for role, _ in messages[:-1]):  # the oldest goes first
            oldest = next(i for i, (role, _) in enumerate(messages[:-1]) if role != "system")
            counted -= messages.pop(oldest)[1]
        if counted <= window - 1:
            return counted, ""
        if self.knows_truncate and body.get("shift") is False:
            return (
                0,
                "the prompt is longer than the context length currently available to the model; shorten the prompt",
            )
        return KEPT_TOKENS + (window - KEPT_TOKENS) // 2, ""  # from the middle, to about half of the window


def _speak(call: Call, body: Mapping[str, Any], reply: Reply, counted: int, most: int) -> None:
    """The answer, token by token, and what comes then."""
    thinking = PIECE.findall(reply.thinking) if body.get("think", True) else []
    pieces = PIECE.findall(reply.text)
    said = pieces[: max(0, most - len(thinking))]
    done = _part(body, call.path, "") | {"done": True, "done_reason": "stop" if len(said) == len(pieces) else "length"}
    done |= {"prompt_eval_count": counted, "eval_count": len(thinking) + len(said), **DURATIONS}
    if not body.get("stream", True):
        call.reply(200, done | _said(call.path, "".join(said)))
        return
    call.stream("application/x-ndjson")
    for piece in thinking:
        _line(call, _part(body, call.path, "") | {"message": {"role": "assistant", "content": "", "thinking": piece}})
        call.keep_silent(reply.pause_s)
    for piece in said:
        _line(call, _part(body, call.path, piece))
        call.keep_silent(reply.pause_s)
    match reply.then:
        case "done":
            _line(call, done)
        case "load":
            _line(call, done | {"done_reason": "load"})
        case trouble:
            _go_wrong(call, body, trouble, reply.error)


def _go_wrong(call: Call, body: Mapping[str, Any], trouble: str, error: str) -> None:
    match trouble:
        case "cut":
            call.cut()
        case "error":
            _line(call, {"error": error or "an error was encountered while running the model: unexpected EOF"})
        case "garbage":
            call.chunk(b"<html>Bad Gateway</html>\n")
        case "hang":
            call.keep_silent()
        case "stuck":  # the server takes a model that repeats itself for stuck, and ends the stream without a word
            for _ in range(31):
                _line(call, _part(body, call.path, "ha"))
        case "for_ever" | "one_line_for_ever":
            line = json.dumps(_part(body, call.path, "ever ")).encode()
            while not call.server.closing.is_set():
                call.chunk(line + b"\n" if trouble == "for_ever" else line.strip(b"}"))
        case _:
            pass  # the stream ends here


def _line(call: Call, value: Mapping[str, Any]) -> None:
    call.chunk(json.dumps(value).encode() + b"\n")


def _part(body: Mapping[str, Any], path: str, piece: str) -> dict[str, Any]:
    return {"model": body["model"], "created_at": CREATED_AT, **_said(path, piece), "done": False}


def _said(path: str, text: str) -> dict[str, Any]:
    return {"response": text} if path == "/api/generate" else {"message": {"role": "assistant", "content": text}}


def _most(options: Mapping[str, Any]) -> int:
    most = int(options.get("num_predict", -1))
    return most if most > 0 else TRAINED_FOR


def _tokens(text: str) -> int:
    return -(-len(text) // 4)


def _full(name: str) -> str:
    return name if ":" in name else f"{name}:latest"


def _described(name: str) -> dict[str, Any]:
    name = _full(name)
    return {
        "name": name,
        "model": name,
        "modified_at": CREATED_AT,
        "size": 4_683_087_332,
        "digest": hashlib.sha256(name.encode()).hexdigest(),
        "details": {
            "parent_model": "",
            "format": "gguf",
            "family": "qwen2",
            "families": ["qwen2"],
            "parameter_size": "7.6B",
            "quantization_level": "Q4_K_M",
        },
    }


def main() -> None:
    """Serve a file of answers until somebody presses Ctrl-C."""
    parser = argparse.ArgumentParser(description="An Ollama server whose answers are scripted.")
    parser.add_argument("answers", type=Path, help="JSON Lines: match, answers")
    parser.add_argument("--port", type=int, default=11434)
    parser.add_argument("--model", action="append", help="a model that it has; again for another (default: tiny)")
    options = parser.parse_args()
    script = read_rules(options.answers.read_text().splitlines())
    with (
        OllamaServer(script, port=options.port, models=options.model or ["tiny"]) as server,
        contextlib.suppress(KeyboardInterrupt),
    ):
        print(f"listening on {server.url} with {', '.join(sorted(server.models))}", flush=True)  # noqa: T201  a person is watching
        server.closing.wait()


if __name__ == "__main__":
    main()
