"""The hands of `verify`: what a certificate says is done again, in a workshop of its own that nothing was left in."""

import os
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from functools import partial
from tempfile import TemporaryDirectory

from anyio.to_thread import run_sync
from msgspec.structs import replace

from daemon.certificate import Proof
from daemon.drops import Idea, Job
from daemon.effects.git import GitRefused
from daemon.effects.ideas import Writing, planned, project_of
from daemon.effects.trees import Changed, NoPlainFile
from daemon.effects.workshop import Bench, Workshop
from daemon.rungs import EditScope
from daemon.settings import Settings
from daemon.text import gates
from daemon.text.answer import as_bytes, landed
from daemon.text.dialects import Unreadable
from daemon.text.landing import Refused
from daemon.text.score import score
from daemon.verification import Differs, Red

ANYBODY = 0o755  # the sandbox's user has to reach what is tested


@asynccontextmanager
async def replaying(settings: Settings) -> AsyncIterator["Replaying"]:
    """Hands in a folder that is gone afterwards."""
    with TemporaryDirectory(prefix="mendd-verify-") as name:
        os.chmod(name, ANYBODY)  # noqa: PTH101  as good as Path.chmod, of a folder that was just made
        shop = Workshop(replace(settings, state_dir=name), {})
        try:
            yield Replaying(shop)
        finally:
            await shop.close()


class Replaying:
    """Does a repair or an idea again, by the Protocol `daemon.verification.Replay`."""

    def __init__(self, shop: Workshop) -> None:
        self._shop = shop
        self._idea: Idea | None = None

    async def pristine(self, proof: Proof, job: Job) -> str:
        """Make the job's tree and what its tests need."""
        self._name = proof.job
        if isinstance(job, Idea):
            self._idea, self._tree = job, await self._shop.nothing()
            return self._tree.key
        self._drop = job
        self._bench: Bench = await self._shop.bench(proof.job, job)
        self._tree = self._bench.tree
        return self._tree.key

    async def red(self) -> Red:
        """Test the pristine tree, as often as the settings say."""
        sessions = [
            await self._shop.tested(self._name, "red", self._drop, self._bench)
            for _ in range(self._shop.settings.gate_runs)
        ]
        verdict = gates.red(sessions, self._drop.tests)
        if isinstance(verdict, gates.Refused):
            raise Differs(f"{verdict.verdict}: {verdict.cause}")
        self._held = verdict
        return Red(verdict.ids, verdict.failed, verdict.baseline, verdict.flaky)

    async def patched(self, patch: bytes) -> str:
        """The tree with the patch."""
        try:
            self._patched: Changed = await run_sync(self._tree.patched, patch)
        except GitRefused as refused:
            raise Differs(f"the patch does not apply: {refused}") from None
        return self._patched.tree

    async def green(self) -> Collection[str]:
        """Test the patched tree."""
        outcomes = await self._shop.tested(self._name, "green", self._drop, self._bench, self._patched.changes)
        verdict = gates.green(self._held, outcomes)
        if isinstance(verdict, gates.NotPassed):
            raise Differs(f"{verdict.failure}: {verdict.message}")
        return gates.passing(self._held, outcomes)

    async def scored(self, plan: bytes) -> int:
        """Measure the project that the patch makes."""
        if self._idea is None:
            raise Differs("only a project of an idea has points")
        try:
            files = {path: data.decode() for path, data in self._patched.changes.items() if data is not None}
            read = planned(self._idea, plan.decode())
        except (Unreadable, UnicodeDecodeError) as error:
            raise Differs(str(error)) from None
        self._writing = Writing(self._idea, read, self._tree)
        project = project_of(self._name, self._idea, read, files)
        return score((await self._shop.measured("verify", project)).measured).points

    async def answered(self, answer: bytes, *, is_cut_off: bool, limit: EditScope | None) -> str:
        """The tree that a recorded answer gives."""
        if self._idea is not None:
            return await run_sync(partial(self._writing.take, answer.decode(errors="replace"), is_cut_off=is_cut_off))
        tree = self._tree
        files, _ = await self._shop.texts(tree)
        try:
            land = partial(landed, is_cut_off=is_cut_off, limit=limit)
            texts = await run_sync(land, answer.decode(), files, self._drop.tests)
            return (await run_sync(tree.changed, as_bytes(texts))).tree
        except (Unreadable, Refused, NoPlainFile, UnicodeDecodeError):
            return ""
