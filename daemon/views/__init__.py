"""Facts → state: all views together, and the one place that says which fold sees which fact."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from msgspec import Struct, field

from daemon.events import Fact
from daemon.views import fix_database, health, jobs, ladder, project_tracker, queue, ramp
from daemon.views.fix_database import FixDatabase
from daemon.views.health import Health
from daemon.views.jobs import Jobs
from daemon.views.ladder import Ladder
from daemon.views.project_tracker import ProjectTracker
from daemon.views.queue import Queue
from daemon.views.ramp import Ramps


class Views(Struct):
    """The whole state of the daemon in memory. A field's name is its file's name in state/views/."""

    jobs: Jobs = field(default_factory=Jobs)
    queue: Queue = field(default_factory=Queue)
    project_tracker: ProjectTracker = field(default_factory=ProjectTracker)
    fix_database: FixDatabase = field(default_factory=FixDatabase)
    ladder: Ladder = field(default_factory=Ladder)
    health: Health = field(default_factory=Health)
    ramp: Ramps = field(default_factory=Ramps)

    def documents(self, rows: int) -> Iterator[tuple[str, dict[str, Any]]]:
        """Each view as a person reads it, by name."""
        for name in self.__struct_fields__:
            yield name, getattr(self, name).document(rows)


FOLDS: dict[str, dict[type[Fact], Callable[[Any, Any], None]]] = {
    "jobs": jobs.FOLD,
    "queue": queue.FOLD,
    "project_tracker": project_tracker.FOLD,
    "fix_database": fix_database.FOLD,
    "ladder": ladder.FOLD,
    "health": health.FOLD,
    "ramp": ramp.FOLD,
}


class Folder:
    """Folds facts into views, and then tells whoever else listens; knows for each type of fact who that is."""

    def __init__(self, views: Views) -> None:
        self._listeners: dict[type[Fact], list[tuple[Callable[[Any, Any], None], Any]]] = defaultdict(list)
        for name, folds in FOLDS.items():
            for fact_type, fold in folds.items():
                self._listeners[fact_type].append((fold, getattr(views, name)))

    def listen(self, fact_type: type[Fact], listener: Callable[[Any], None]) -> None:
        """Call the listener after each fact of this type was folded."""
        self._listeners[fact_type].append((lambda _, fact: listener(fact), None))

    def fold(self, facts: Iterable[Fact]) -> None:
        """Fold the facts in, in their order."""
        listeners = self._listeners
        for fact in facts:
            for fold, view in listeners[type(fact)]:
                fold(view, fact)
