"""Those who are asked for edits: one Protocol, and the values that go in and come out.

`ask` returns an Answer, also where the model had nothing good to say, and raises Fault where the world was at fault,
which never costs an attempt. The faults, by name:

    models_down        nobody listens there            model_silent       no first byte, or no next one, in time
    models_busy        come back later                 model_timeout      the answer took too long as a whole
    models_failed      the server tells of its error   answer_broken      the answer came to us in pieces
    model_missing      there is no such model          answer_endless     longer than what was asked for can be
    bad_key            the key is missing or refused   context_truncated  the model was not shown the whole prompt
    request_refused    the server wants another form   over_budget        it could cost more than there is left
    recording_missing  nobody recorded this answer     unknown_price      nobody said what it costs
    recording_broken   what was recorded is damaged
"""

import hashlib
from collections.abc import Iterable
from typing import Protocol, Self

import msgspec
from msgspec import Struct

from daemon.text import tokens


class Request(Struct, frozen=True, kw_only=True):
    """Everything that decides an answer, and on whose behalf it is asked."""

    model: str
    system: str
    prompt: str
    num_ctx: int
    num_predict: int
    temperature: float
    seed: int
    think: bool = False
    instance: str = ""  # whose answer this will be: the drop's instance id. Not sent, not part of the digest
    attempt: int = 0

    @property
    def digest(self) -> str:
        """The name of everything that decides the answer."""
        asked = msgspec.structs.replace(self, instance="", attempt=0)
        return hashlib.sha256(msgspec.json.encode(asked, order="deterministic")).hexdigest()

    @property
    def most_tokens(self) -> int:
        """What prompt and answer may need together in a window."""
        return tokens.most(self.system, self.prompt) + self.num_predict

    def fitted(self, windows: Iterable[int]) -> Self:
        """The same in the smallest window that holds prompt and answer, or in the largest where none surely does."""
        return msgspec.structs.replace(self, num_ctx=tokens.window(self.most_tokens, windows))


class Answer(Struct, frozen=True, kw_only=True):
    """What a model said. `done_reason` is why it stopped: stop, length, repeat, refusal."""

    text: str
    model: str
    digest: str = ""  # of the weights; for a hosted model the version that the provider names
    tokens_in: int = 0
    tokens_out: int = 0
    done_reason: str = "stop"
    seconds: float = 0.0
    cost_usd: float = 0.0
    num_ctx: int = 0
    thinking: str = ""

    @property
    def cut_off(self) -> bool:
        """Whether the model would have gone on."""
        return self.done_reason in ("length", "repeat")


class Model(Struct, frozen=True, kw_only=True):
    """A model that could be asked; `num_ctx` is its window where it is loaded."""

    name: str
    digest: str = ""
    size_bytes: int = 0
    num_ctx: int = 0


class Health(Struct, frozen=True, kw_only=True):
    """Whether there is somebody to ask; where not, `why` tells."""

    why: str = ""
    version: str = ""
    models: tuple[Model, ...] = ()
    running: tuple[Model, ...] = ()

    @property
    def up(self) -> bool:
        """Whether there is somebody to ask."""
        return not self.why


class Models(Protocol):
    """Somebody who can be asked."""

    async def ask(self, request: Request) -> Answer:
        """Answer, or raise the Fault that kept you from it."""

    async def health(self) -> Health:
        """Tell how you are; this never raises a Fault."""
