"""What the hands work with: trees, environments, one sandbox, models, words, a key.

Opened when it is first needed, and found again by every step: no step leaves anything here that the next one relies on,
so that a step may be the first one of a new life. What must never enter: a decision, or anything about one run only.
"""

import os
from collections.abc import AsyncIterator, Callable, Collection, Mapping, MutableMapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import structlog
from anyio import CancelScope
from anyio.to_thread import run_sync
from msgspec import Struct

from daemon import steps
from daemon.certificate import Key
from daemon.drops import Idea, Repair
from daemon.effects import project, workspace
from daemon.effects.delivery import Version, deliver, sweep_projects, take_name
from daemon.effects.environment import Environment, Environments
from daemon.effects.models.breaker import Breaker
from daemon.effects.models.providers import open_models
from daemon.effects.sandbox import Sandbox
from daemon.effects.sandbox.choice import choose
from daemon.effects.search import Report, Request, search
from daemon.effects.session import Session
from daemon.effects.trees import Changes, Source, SourceRefused, Texts, Tree, Trees
from daemon.effects.workspace import Workspace
from daemon.effects.world import Fault
from daemon.settings import Settings
from daemon.text.measured import Measured
from daemon.text.outcomes import Outcomes
from daemon.text.project import Project
from daemon.text.relevance import Index, index
from daemon.words import Words, read_words

INDEXED_TREES = 8  # kept in memory; one of Django's size takes 20 MiB and two seconds to make

logger = structlog.get_logger("workshop")


class Bench(Struct, frozen=True):
    """Where one job is worked on: its pristine tree, what its tests need, and the walls around them."""

    tree: Tree
    environment: Environment
    sandbox: Sandbox


class Seen(Struct, frozen=True):
    """What was measured of a project, and where."""

    measured: Measured
    environment: Environment
    sandbox: Sandbox


class Workshop:
    """Everything that a state folder's jobs share."""

    def __init__(
        self,
        settings: Settings,
        environ: MutableMapping[str, str],
        open_jobs: Callable[[], Collection[str]] | None = None,
    ) -> None:
        state = Path(settings.state_dir).resolve()
        self.settings = settings
        self.models = Breaker(open_models(settings, state, environ))
        self._state = state
        self._trees = Trees(
            state / "trees",
            settings.repos,
            settings.trees_bytes,
            (lambda: [*open_jobs(), project.NOTHING]) if open_jobs else None,
        )
        self._environments: Environments | None = None
        self._indexed: dict[str, tuple[Texts, Index]] = {}
        self._words: Words | None = None
        self._key: Key | None = None
        self._opening, self._indexing = anyio.Lock(), anyio.Lock()
        self._abreast = anyio.CapacityLimiter(settings.tests_abreast or os.cpu_count() or 1)

    async def sweep(self) -> None:
        """Remove what a former daemon left half made of trees and projects, before anybody is at work."""
        await run_sync(self._trees.sweep)
        await run_sync(sweep_projects, self._state)

    async def look_round(self) -> None:
        """Say what this machine lacks, and how to get it. Whoever works here does not wait for this."""
        for trouble in (await self.words()).troubles:
            logger.warning("skill_left_out", why=trouble)
        health = await self.models.health()
        if not health.up:
            remedy = "start or install Ollama; small bugs are mended without a model"
            logger.warning("no_model", why=health.why, remedy=remedy)
        await self._opened()

    async def bench(self, job: str, drop: Repair) -> Bench:
        """Where this job is worked on; made when it is first asked for."""
        tree = await self.tree(job, drop)
        environments = await self._opened()
        return Bench(tree, await environments.of(drop.environment, tree), environments.sandbox)

    async def tree(self, job: str, drop: Repair) -> Tree:
        """The job's pristine tree."""
        return await run_sync(self._trees.of_job, job, Source(drop.repo, drop.base_commit, drop.test_patch))

    async def history(self, drop: Repair, paths: Sequence[str]) -> str:
        """The last commits before the base that touched these files; "" where there are none to be had."""
        return await run_sync(self._trees.history, Source(drop.repo, drop.base_commit), paths)

    async def tested(self, job: str, run: str, drop: Repair, bench: Bench, changes: Changes | None = None) -> Outcomes:
        """Run the tests on the pristine tree with these changes, in a workspace that is gone afterwards."""
        async with self._abreast, self.workspace(run, bench) as (opened, _):
            await run_sync(opened.write, changes or {})
            return await Session(drop, job, bench.environment, opened).run(bench.sandbox, self.settings)

    async def searched(self, step: steps.OfRun, drop: Repair, bench: Bench, request: Request) -> Report:
        """Look for a patch without a model, in a workspace that is gone afterwards."""
        async with self._abreast, self.workspace(step.run, bench) as (opened, _):
            session = Session(drop, step.job, bench.environment, opened)
            return await search(request, session, bench.sandbox, self.settings)

    @asynccontextmanager
    async def workspace(self, run: str, bench: Bench) -> AsyncIterator[tuple[Workspace, str]]:
        """A workspace of this run, and how it was made: overlay or checkout."""
        folder = self._state / "workspaces" / run
        opened = Workspace(bench.tree, folder, self.settings.workspace_bytes, bench.environment.layer)
        try:
            yield opened, await run_sync(opened.open)
        finally:
            with CancelScope(shield=True):
                await run_sync(opened.close)

    async def land(self, job: str, drop: Repair, patch: bytes) -> tuple[str, str]:
        """The branch in the user's repository that holds the patch now; or "", and why there can be none."""
        branch, source = f"mendd/{job}", Source(drop.repo, drop.base_commit)
        try:
            return await run_sync(self._trees.land, source, branch, patch, f"{drop.title or 'Mended'} ({job})\n"), ""
        except (SourceRefused, OSError, Fault) as refused:  # the patch is proven, whatever ails their repository
            return "", str(refused)

    async def nothing(self) -> Tree:
        """The tree that ideas begin with."""
        return await run_sync(project.empty_tree, self._trees, self._state / "trees")

    async def name(self, job: str, idea: Idea) -> str:
        """The name of an idea's project: the job's own from the first time that it is asked for."""
        return await run_sync(take_name, self._state, job, idea.title)

    async def measured(self, run: str, written: Project) -> Seen:
        """Measure a project, in a folder that is gone afterwards."""
        environments, tree = await self._opened(), await self.nothing()
        environment, _ = await project.environment_of(written, environments, tree)
        measured = await project.measure(
            written,
            tree=tree,
            folder=self._state / "workspaces" / run,
            environments=environments,
            sandbox=environments.sandbox,
            settings=self.settings,
        )
        return Seen(measured, environment, environments.sandbox)

    async def deliver(self, job: str, idea: Idea, versions: Sequence[Version]) -> Path:
        """Put a certified project where a person finds it."""
        return await run_sync(deliver, self._state, await self.name(job, idea), versions)

    async def texts(self, tree: Tree) -> tuple[Mapping[str, str], Index]:
        """The tree's texts, and their index."""
        async with self._indexing:
            if tree.key not in self._indexed:
                texts = await run_sync(Texts, tree)
                if len(self._indexed) >= INDEXED_TREES:
                    del self._indexed[next(iter(self._indexed))]
                self._indexed[tree.key] = texts, await run_sync(index, texts)
            return self._indexed[tree.key]

    async def words(self) -> Words:
        """The words of the house and the user's own."""
        if self._words is None:
            own = Path(self.settings.own_skills_dir) if self.settings.own_skills_dir else None
            self._words = await run_sync(lambda: read_words(own_skills_folder=own))
        return self._words

    async def key(self) -> Key:
        """The key that certificates are signed with."""
        if self._key is None:
            self._key = await run_sync(Key.open, self._state / "keys")
        return self._key

    async def close(self) -> None:
        """Let go of the sandbox's engine."""
        if self._environments is not None:
            await self._environments.sandbox.close()

    async def _opened(self) -> Environments:
        """The environments and their sandbox, after what a former daemon left was swept away."""
        async with self._opening:
            if self._environments is None:
                chosen = await choose(self.settings, str(self._state))
                for warning in chosen.warnings:
                    logger.warning("sandbox", used=chosen.sandbox.level, why=warning)
                await chosen.sandbox.sweep()
                await run_sync(workspace.sweep, self._state / "workspaces")
                self._environments = Environments(self._state / "environments", self.settings, chosen.sandbox)
                await self._environments.tidy()
            return self._environments
