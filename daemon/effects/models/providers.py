"""Who is asked: reads in the settings where answers come from, and sends each model's questions to its provider."""

from collections.abc import Mapping, MutableMapping
from pathlib import Path
from shlex import quote

from daemon.effects.models import Answer, Health, Models, Request
from daemon.effects.models.anthropic import ANTHROPIC
from daemon.effects.models.budget import Budget
from daemon.effects.models.hosted import Hosted
from daemon.effects.models.openai import OPENAI
from daemon.effects.models.recorded import Recorded, Scripted
from daemon.settings import Settings

SPENT_FILE = "hosted_spent.json"


def open_models(settings: Settings, state: Path, environment: MutableMapping[str, str]) -> Models:
    """Everybody who can be asked, as the settings say. Takes the keys out of the environment."""
    folder = Path(settings.answers_path) if settings.answers_path else state / "recordings"
    match settings.answers_from:
        case "script":
            return Scripted(folder)
        case "recordings_only":
            return Recorded(folder)
        case "recordings":
            return Recorded(folder, _live(settings, state, environment))
        case "models":
            return _live(settings, state, environment)


def _live(settings: Settings, state: Path, environment: MutableMapping[str, str]) -> Models:
    from daemon.effects.models.ollama import Ollama  # noqa: PLC0415  costs half a second, and not every world has it

    budget = Budget(
        state / SPENT_FILE, settings.hosted_budget_usd, settings.hosted_budget_tokens, settings.hosted_prices
    )
    hosted = {
        dialect.prefix: Hosted(dialect, url, settings, budget, environment)
        for dialect, url in ((ANTHROPIC, settings.anthropic_url), (OPENAI, settings.openai_url))
    }
    return Providers(Ollama(settings), hosted, settings.models)


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
