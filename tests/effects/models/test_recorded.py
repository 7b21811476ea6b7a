"""Same input, same output, and no model: recordings and scripts."""

from pathlib import Path

import anyio
import pytest

from daemon.effects.models import Answer, Health, Request
from daemon.effects.models.recorded import Recorded, Scripted
from daemon.effects.world import Fault

REQUEST = Request(model="m", system="s", prompt="p", num_ctx=4096, num_predict=64, temperature=0.2, seed=7)


class Counting:
    """Answers anew each time."""

    def __init__(self) -> None:
        self.asked = 0

    async def ask(self, request: Request) -> Answer:
        self.asked += 1
        return Answer(text=f"answer {self.asked} to {request.prompt}", model=request.model, tokens_out=3, seconds=1.25)

    async def health(self) -> Health:
        return Health(version="counting")


def ask(models: Recorded | Scripted, **fields: object) -> Answer:
    values = {name: getattr(REQUEST, name) for name in REQUEST.__struct_fields__} | fields
    return anyio.run(models.ask, Request(**values))


def test_what_was_asked_once_is_never_asked_again(tmp_path: Path) -> None:
    model = Counting()
    first = ask(Recorded(tmp_path, model))
    assert ask(Recorded(tmp_path, model)) == first
    assert ask(Recorded(tmp_path)) == first, "nor is a model needed"
    assert ask(Recorded(tmp_path), instance="another", attempt=2) == first, "whoever asks"
    assert model.asked == 1


@pytest.mark.parametrize(
    "fields",
    [
        {"model": "n"},
        {"system": "t"},
        {"prompt": "q"},
        {"num_ctx": 8192},
        {"num_predict": 65},
        {"temperature": 0.3},
        {"seed": 8},
        {"think": True},
        {"system": "sp", "prompt": ""},
    ],
    ids=str,
)
def test_whatever_decides_an_answer_makes_another_question(tmp_path: Path, fields: dict[str, object]) -> None:
    model = Counting()
    ask(Recorded(tmp_path, model))
    with pytest.raises(Fault) as caught:
        ask(Recorded(tmp_path), **fields)
    assert caught.value.fault == "recording_missing"
    ask(Recorded(tmp_path, model), **fields)
    assert model.asked == 2


def test_two_who_ask_the_same_at_once_hear_the_same(tmp_path: Path) -> None:
    answers: list[Answer] = []

    async def one(models: Recorded) -> None:
        answers.append(await models.ask(REQUEST))

    async def both() -> None:
        models = Recorded(tmp_path, Counting())
        async with anyio.create_task_group() as group:
            group.start_soon(one, models)
            group.start_soon(one, models)

    anyio.run(both)
    assert answers == [ask(Recorded(tmp_path))] * 2


class Small(Counting):
    """Is shown a long prompt only in part, and says so."""

    async def ask(self, request: Request) -> Answer:
        if len(request.prompt) > 1:
            raise Fault("context_truncated", "a window of 4096 tokens is too small")
        return await super().ask(request)


def test_a_prompt_that_was_too_long_is_so_without_a_model_too(tmp_path: Path) -> None:
    """It decides what is asked next, so without it nobody would come to the recorded answer to a shorter prompt."""
    told = []
    for models in (Recorded(tmp_path, Small()), Recorded(tmp_path)):
        with pytest.raises(Fault) as caught:
            ask(models, prompt="pp")
        told.append((caught.value.fault, caught.value.message, ask(models)))
    assert told[0] == told[1]
    assert told[0][0] == "context_truncated"


def test_no_other_fault_is_recorded(tmp_path: Path) -> None:
    with pytest.raises(Fault):
        ask(Recorded(tmp_path, Recorded(tmp_path / "empty")))
    assert ask(Recorded(tmp_path, Counting())).text == "answer 1 to p"


@pytest.mark.parametrize("damage", [(b"}", b""), (b"answer 1", b"\xff")], ids=["half", "no text"])
def test_a_damaged_recording_is_told(tmp_path: Path, damage: tuple[bytes, bytes]) -> None:
    ask(Recorded(tmp_path, Counting()))
    [path] = tmp_path.glob("*/*.json")
    path.write_bytes(path.read_bytes().replace(*damage))
    with pytest.raises(Fault, match=path.name) as caught:
        ask(Recorded(tmp_path, Counting()))
    assert caught.value.fault == "recording_broken"


SCRIPT = """{"instance": "django-1", "attempt": 1, "answer": "wrong"}
{"instance": "django-1", "attempt": 3, "answer": "right"}
{"instance": "flask-1", "answer": "always"}
"""


def test_a_script_answers_by_instance_and_attempt(tmp_path: Path) -> None:
    path = tmp_path / "script.jsonl"
    path.write_text(SCRIPT)
    models = Scripted(path)
    assert ask(models, instance="django-1", attempt=1).text == "wrong"
    assert ask(models, instance="django-1", attempt=3).text == "right"
    assert [ask(models, instance="flask-1", attempt=n).text for n in (1, 2)] == ["always", "always"]
    assert anyio.run(models.health).up
    for instance, attempt in (("django-1", 2), ("unheard-of", 1)):
        with pytest.raises(Fault, match=instance) as caught:
            ask(models, instance=instance, attempt=attempt)
        assert caught.value.fault == "recording_missing"


@pytest.mark.parametrize(
    "data",
    [b"{", b'{"instance": "a"}', b'{"instance": "a", "answer": "b", "atempt": 1}', b'{"instance": "\xff"}', None],
)
def test_a_broken_script_is_told(tmp_path: Path, data: bytes | None) -> None:
    path = tmp_path / "script.jsonl"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(Fault, match=r"script\.jsonl") as caught:
        ask(Scripted(path))
    assert caught.value.fault == "recording_broken"
    assert not anyio.run(Scripted(path).health).up
