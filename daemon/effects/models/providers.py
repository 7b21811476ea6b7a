"""Who is asked: reads in the settings where answers come from, and sends each model's questions to its provider.

What speaks HTTP costs half a second to import, so it comes with the first question and not with the daemon.
"""

from collections.abc import Callable, Mapping, MutableMapping
from pathlib import Path
from shlex import quote

import anyio
from anyio.to_thread import run_sync

from daemon.effects.models import Answer, Health, Models, Request
from daemon.effects.models.recorded import Recorded, Scripted
from daemon.settings import Settings

SPENT_FILE = "hosted_spent.json"
KEYS = ("ANTHROPIC_API_KEY", "OPENAI_API_KEY")


def open_models(settings: Settings, state: Path, environment: MutableMapping[str, str]) -> Models:
    """Everybody who can be asked. Takes the keys out of the environment, so that no child process inherits them."""
    keys = {name: environment.pop(name, "") for name in KEYS}
    folder = Path(settings.answers_path) if settings.answers_path else state / "recordings"
    live = Later(lambda: _live(settings, state / SPENT_FILE, keys))
    match settings.answers_from:
        case "script":
            return Scripted(folder)
        case "recordings_only":
            return Recorded(folder)
        case "recordings":
            return Recorded(folder, live)
        case "models":
            return live


def _live(settings: Settings, spent: Path, keys: Mapping[str, str]) -> Models:
    from daemon.effects.models.anthropic import ANTHROPIC  # noqa: PLC0415  see above: with the first question
    from daemon.effects.models.budget import Budget  # noqa: PLC0415  the same
    from daemon.effects.models.hosted import Hosted  # noqa: PLC0415  the same
    from daemon.effects.models.ollama import Ollama  # noqa: PLC0415  the same
    from daemon.effects.models.openai import OPENAI  # noqa: PLC0415  the same

    budget = Budget(spent, settings.hosted_budget_usd, settings.hosted_budget_tokens, settings.hosted_prices)
    dialects = ((ANTHROPIC, settings.anthropic_url), (OPENAI, settings.openai_url))
    hosted = {
        dialect.prefix: Hosted(dialect, url, settings, budget, keys[dialect.key_variable]) for dialect, url in dialects
    }
    return Providers(Ollama(settings), hosted, settings.models)


class Later:
    """Models that are opened, in a thread, when somebody asks."""

    def __init__(self, opening: Callable[[], Models]) -> None:
        self._opening = opening
        self._models: Models | None = None
        self._one_opens = anyio.Lock()

    async def ask(self, request: Request) -> Answer:
        """Ask those who are opened now."""
        return await (await self._opened()).ask(request)

    async def health(self) -> Health:
        """That of those who are opened now."""
        return await (await self._opened()).health()

    async def _opened(self) -> Models:
        async with self._one_opens:
            if self._models is None:
                self._models = await run_sync(self._opening)
            return self._models


class Providers:
    """Local models, and hosted ones by the first part of their names."""

    def __init__(self, local: Models, hosted: Mapping[str, Models], ladder: tuple[str, ...]) -> None:
        self._local, self._hosted, self._ladder = local, hosted, ladder

    async def ask(self, request: Request) -> Answer:
        """Ask the one who has the model."""
        return await self._of(request.model).ask(request)

    async def health(self) -> Health:
        """That of all whom the ladder needs, and what a person has to do where one of them is missing."""
        told = [await models.health() for models in dict.fromkeys(map(self._of, self._ladder))]
        whys = [health.why for health in told if health.why]
        if not whys:
            there = {model.name for health in told for model in health.models}
            local = [name for name in self._ladder if self._of(name) is self._local]
            missing = [name for name in local if not {name, f"{name}:latest"} & there]
            whys = [f"a model of the ladder is missing; run: ollama pull {quote(name)}" for name in missing]
        return Health(
            why="; ".join(whys),
            version=" ".join(health.version for health in told if health.version),
            models=tuple(model for health in told for model in health.models),
            running=tuple(model for health in told for model in health.running),
        )

    def _of(self, model: str) -> Models:
        return next((models for prefix, models in self._hosted.items() if model.startswith(prefix)), self._local)
