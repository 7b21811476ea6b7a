"""How OpenAI's chat completions, and all who offer the same, want to be asked, and how they reply."""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from daemon.effects.models import Model, Request
from daemon.effects.models.hosted import Dialect, Reply

THE_ORIGINAL = "api.openai.com"  # renamed a parameter that all others still call by its old name
DONE_REASONS = {"content_filter": "refusal"}


class _Said(Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(Struct):
    message: _Said
    finish_reason: str | None = None


class _Usage(Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Completion(Struct):
    choices: list[_Choice]
    model: str = ""
    usage: _Usage | None = None


class _Known(Struct):
    id: str


class _List(Struct):
    data: list[_Known]


def _headers(key: str) -> Mapping[str, str]:
    return {"authorization": f"Bearer {key}"}


def _body(request: Request, model: str, url: str) -> Mapping[str, Any]:
    system = [{"role": "system", "content": request.system}] if request.system else []
    return {
        "model": model,
        "max_completion_tokens" if THE_ORIGINAL in url else "max_tokens": request.num_predict,
        "temperature": request.temperature,
        "seed": request.seed,
        "messages": [*system, {"role": "user", "content": request.prompt}],
    }


def _read(data: bytes) -> Reply:
    completion = msgspec.json.decode(data, type=_Completion)
    if not completion.choices:
        raise msgspec.ValidationError("no choices")
    choice, usage = completion.choices[0], completion.usage or _Usage()
    stop = choice.finish_reason or "stop"
    return Reply(
        text=choice.message.content or choice.message.refusal or "",
        version=completion.model,
        done_reason=DONE_REASONS.get(stop, stop),
        tokens_in=usage.prompt_tokens,
        tokens_out=usage.completion_tokens,
    )


def _models(data: bytes) -> tuple[Model, ...]:
    return tuple(Model(name=f"{OPENAI.prefix}{known.id}") for known in msgspec.json.decode(data, type=_List).data)


OPENAI = Dialect(
    prefix="openai/",
    key_variable="OPENAI_API_KEY",
    ask_path="/chat/completions",
    models_path="/models",
    headers=_headers,
    body=_body,
    read=_read,
    models=_models,
)
