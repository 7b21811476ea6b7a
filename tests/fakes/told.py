"""Facts told in order: the shortest way to a state, for tests of views and policy that need no disk and no clock."""

from msgspec import structs

from daemon import events as e
from daemon.drops import Idea, Repair
from daemon.events import Fact
from daemon.views import Folder, Views

REPAIR = Repair(repo="/repos/shop", tests=["tests/test_cart.py::test_total"])
IDEA = Idea(title="Word counter", description="Count words.")


class Told:
    """Views, and a clock that ticks once a fact."""

    def __init__(self) -> None:
        self.views = Views()
        self.facts: list[Fact] = []
        self._folder = Folder(self.views)

    def thaw(self, views: Views) -> None:
        """Go on with these views."""
        self.views = views
        self._folder = Folder(views)

    def tell(self, *facts: Fact) -> "Told":
        """Let these facts happen, a second apart."""
        for fact in facts:
            seq = len(self.facts) + 1
            placed = structs.replace(fact, seq=seq, at=1_000_000.0 + seq)
            self._folder.fold((placed,))
            self.facts.append(placed)
        return self

    def accepted(self, job: str = "r-000001", priority: int = 5) -> "Told":
        """A job was accepted."""
        drop = REPAIR if job.startswith("r") else IDEA
        return self.tell(
            e.JobAccepted(
                source=f"{job}.json",
                job=job,
                kind="repair" if job.startswith("r") else "idea",
                project="shop",
                title="mend it",
                drop=drop,
                priority=priority,
            )
        )

    def opened(self, run: str = "r-000001.1", *, rung: str = "", attempts: int = 6, not_before: float = 0.0) -> "Told":
        """A run of a job stands in line."""
        job, number = run.split(".")
        earlier = len(self.views.jobs.open[job].runs)
        priority = self.views.jobs.open[job].priority
        return self.tell(
            e.RunOpened(
                job=job,
                run=run,
                number=int(number),
                attempts=attempts,
                rung=rung,
                priority=priority,
                earlier=earlier,
                not_before=not_before,
            )
        )

    def claimed(self, run: str = "r-000001.1", worker: str = "w1") -> "Told":
        """A worker has the run in hand."""
        return self.tell(e.RunClaimed(job=run.split(".", maxsplit=1)[0], run=run, worker=worker))

    def settled(self, run: str = "r-000001.1", outcome: e.RunOutcome = "failed", reason: str = "") -> "Told":
        """The run is over."""
        return self.tell(e.RunSettled(job=run.split(".", maxsplit=1)[0], run=run, outcome=outcome, reason=reason))
