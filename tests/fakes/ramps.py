"""A ramp climbed by hand: its policy and its own hands are the real ones, what becomes of its instances is told.

climb = Climb(tmp_path, ["a", "b"], phases=[1, 2])
climb.go()                      # opens phase 1, and the job of a
climb.red("a"), climb.go()      # its tests are red: the phase is released
climb.certified("a"), climb.go()
"""

from pathlib import Path
from random import SystemRandom
from typing import Any

import anyio
import msgspec

from daemon import events as e
from daemon.app import Clock
from daemon.blobs import Blobs
from daemon.drops import Repair
from daemon.effects import perform, ramp
from daemon.effects.world import World
from daemon.policy.ramp import UNTIL_RELEASED, next_step
from daemon.settings import Settings
from daemon.views.ramp import Instance, Ramp
from tests.fakes.told import Told


class Climb:
    """A ramp and all that was told of it."""

    def __init__(self, folder: Path, names: list[str], phases: list[int], **fields: Any) -> None:  # noqa: ANN401  a fact's
        self.told, self.blobs = Told(), Blobs(folder / "blobs")
        self.world = World(Settings(), Clock(), SystemRandom(), self.blobs, folder, ramp.HANDS)
        self.accept("m-000001", names, phases, **fields)

    def accept(self, ramp: str, names: list[str], phases: list[int], **fields: Any) -> None:  # noqa: ANN401  a fact's
        """A ramp over these instances."""
        self.id = ramp
        repairs = {name: Repair(repo=f"/repos/{name[0]}", tests=["t"], gold_patch="gold") for name in names}
        blob = self.blobs.put(msgspec.json.encode(repairs))
        targets = fields.pop("targets", [1.0] * len(phases))
        self.told.tell(
            e.RampAccepted(
                source=ramp,
                ramp=ramp,
                title="all",
                blob=blob,
                instances=names,
                phases=phases,
                targets=targets,
                **fields,
            )
        )

    @property
    def ramp(self) -> Ramp:
        return self.told.views.ramp.ramps[self.id]

    def row(self, name: str) -> Instance:
        return self.ramp.instances[name]

    def go(self) -> list[str]:
        """Let the ramp move on as far as it goes, and name the facts that came of it."""
        made: list[e.Fact] = []
        while step := next_step(self.ramp, self.told.views.jobs.accepted):
            facts = anyio.run(perform, step, self.world)
            self.told.tell(*facts)
            made += facts
        return [type(fact).__name__ for fact in made]

    def run_of(self, name: str) -> str:
        job = self.told.views.jobs.open[self.row(name).job]
        number = job.runs_before + len(job.runs) + (0 if job.runs else 1)
        run = f"{job.id}.{number}"
        if not job.runs:
            self.told.opened(run)
        if run in self.told.views.queue.waiting:
            self.told.claimed(run)
        return run

    def red(self, *names: str) -> None:
        """Their tests are red, and they wait."""
        for name in names:
            run = self.run_of(name)
            at: dict[str, Any] = {"job": self.row(name).job, "run": run}
            held = e.RedGateHeld(**at, failing=["t"], passing=1, signature="s", message="it is red")
            self.told.tell(held, e.RunParked(**at, fault="waits", not_before=UNTIL_RELEASED))

    def refused(self, name: str, cause: str = "no such package") -> None:
        """There is no way to judge it."""
        run = self.run_of(name)
        self.told.tell(e.RunRefused(job=self.row(name).job, run=run, verdict="environment", cause=cause))
        self.over(name, run, "refused")

    def certified(self, *names: str) -> None:
        """Each is mended."""
        for name in names:
            run = self.run_of(name)
            at: dict[str, Any] = {"job": self.row(name).job, "run": run, "attempt": 1}
            diff = self.blobs.put(b"a patch of " + name.encode())
            proposed = e.Proposed(**at, prompt="p", answer="a", tokens_in=7, tokens_out=3)
            passed = e.GreenGatePassed(**at, fixed=1, kept=1)
            self.told.tell(proposed, passed, e.Certified(**at, certificate=diff, patch=diff))
            self.over(name, run, "certified")

    def failed(self, name: str, failure: e.Failure = "other_failure") -> None:
        """Nothing mends it."""
        run = self.run_of(name)
        at: dict[str, Any] = {"job": self.row(name).job, "run": run, "attempt": 1}
        self.told.tell(e.Proposed(**at, prompt="p", answer="a"), e.AttemptFailed(**at, failure=failure, message="no"))
        self.over(name, run, "failed")

    def over(self, name: str, run: str, outcome: e.JobOutcome) -> None:
        """The run and the job are over."""
        self.told.settled(run, outcome, outcome).tell(
            e.JobSettled(job=self.row(name).job, outcome=outcome, reason=outcome)
        )
