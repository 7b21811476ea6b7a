"""One row a project: what was asked for it, how it went, and when it was last heard of."""

from collections.abc import Callable
from itertools import islice
from typing import Any

from msgspec import Struct, field

from daemon import events as e
from daemon.views.bounded import keep_last

PROJECTS_KEPT = 10_000


class Project(Struct, gc=False):
    """What happened in one project so far."""

    first_at: float
    last_at: float
    accepted: int = 0
    open: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    errors_reported: int = 0
    last_job: str = ""
    last_outcome: str = ""
    last_reason: str = ""
    last_score: int | None = None
    folder: str = ""  # where the project that was written lies


class ProjectTracker(Struct):
    """The projects, the last one heard of at the end; the longest silent ones leave when there are too many."""

    projects: dict[str, Project] = field(default_factory=dict)
    project_of: dict[str, str] = field(default_factory=dict)  # open job → project

    def document(self, rows: int) -> dict[str, Any]:
        """What a person reads in state/views/project_tracker.json."""
        return {
            "projects": len(self.projects),
            "last_heard_of": {
                name: {
                    "accepted": project.accepted,
                    "open": project.open,
                    "outcomes": dict(sorted(project.outcomes.items())),
                    "errors_reported": project.errors_reported,
                    "first_at": project.first_at,
                    "last_at": project.last_at,
                    "last_job": project.last_job,
                    "last_outcome": project.last_outcome,
                    "last_reason": project.last_reason,
                    "last_score": project.last_score,
                    "folder": project.folder,
                }
                for name, project in islice(reversed(self.projects.items()), rows)
            },
        }


def _heard_of(tracker: ProjectTracker, name: str, at: float) -> Project:
    project = tracker.projects.pop(name, None) or Project(at, at)
    project.last_at = at
    tracker.projects[name] = project
    keep_last(tracker.projects, PROJECTS_KEPT)
    return project


def _accepted(tracker: ProjectTracker, fact: e.JobAccepted | e.JobReopened) -> None:
    project = _heard_of(tracker, fact.project, fact.at)
    project.accepted += 1
    project.open += 1
    project.last_job = fact.job
    tracker.project_of[fact.job] = fact.project


def _error_reported(tracker: ProjectTracker, fact: e.ErrorReported) -> None:
    _heard_of(tracker, fact.project, fact.at).errors_reported += 1


def _measured(tracker: ProjectTracker, fact: e.ProjectMeasured) -> None:
    _heard_of(tracker, tracker.project_of[fact.job], fact.at).last_score = fact.score


def _certified(tracker: ProjectTracker, fact: e.Certified) -> None:
    if fact.folder:
        _heard_of(tracker, tracker.project_of[fact.job], fact.at).folder = fact.folder


def _settled(tracker: ProjectTracker, fact: e.JobSettled) -> None:
    project = _heard_of(tracker, tracker.project_of.pop(fact.job), fact.at)
    if project.open:  # it may have been forgotten meanwhile
        project.open -= 1
    project.outcomes[fact.outcome] = project.outcomes.get(fact.outcome, 0) + 1
    project.last_job, project.last_outcome, project.last_reason = fact.job, fact.outcome, fact.reason


FOLD: dict[type[e.Fact], Callable[[ProjectTracker, Any], None]] = {
    e.JobAccepted: _accepted,
    e.JobReopened: _accepted,
    e.ErrorReported: _error_reported,
    e.ProjectMeasured: _measured,
    e.Certified: _certified,
    e.JobSettled: _settled,
}
