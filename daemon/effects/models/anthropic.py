"""How Anthropic's Messages API wants to be asked, and how it replies."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from daemon.effects.models import Model, Request
from daemon.effects.models.hosted import Dialect, Reply

VERSION = "2023-06-01"
HOTTEST = 1.0  # it takes no higher temperature, and no seed
DONE_REASONS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length"}
DONE_REASONS |= {"model_context_window_exceeded": "length"}


class _Block(Struct):
    type: str
    text: str = ""


class _Usage(Struct):
    input_tokens: int
    output_tokens: int
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _Message(Struct):
    content: list[_Block]
    model: str
    usage: _Usage
    stop_reason: str | None = None


class _Known(Struct):
    id: str


class _List(Struct):
    data: list[_Known]


def _headers(key: str) -> Mapping[str, str]:
    return {"x-api-key": key, "anthropic-version": VERSION}


def _body(request: Request, model: str, _: str) -> Mapping[str, Any]:
    system = {"system": request.system} if request.system else {}
    return {
        "model": model,
        "max_tokens": request.num_predict,
        "temperature": min(request.temperature, HOTTEST),
        "messages": [{"role": "user", "content": request.prompt}],
        **system,
    }


def _read(data: bytes) -> Reply:
    message = msgspec.json.decode(data, type=_Message)
    usage, stop = message.usage, message.stop_reason or "end_turn"
    return Reply(
        text="".join(block.text for block in message.content if block.type == "text"),
        version=message.model,
        done_reason=DONE_REASONS.get(stop, stop),
        tokens_in=usage.input_tokens + (usage.cache_creation_input_tokens or 0) + (usage.cache_read_input_tokens or 0),
        tokens_out=usage.output_tokens,
    )


def _models(data: bytes) -> tuple[Model, ...]:
    return tuple(Model(name=f"{ANTHROPIC.prefix}{known.id}") for known in msgspec.json.decode(data, type=_List).data)


ANTHROPIC = Dialect(
    prefix="anthropic/",
    key_variable="ANTHROPIC_API_KEY",
    ask_path="/v1/messages",
    models_path="/v1/models",
    headers=_headers,
    body=_body,
    read=_read,
    models=_models,
)
