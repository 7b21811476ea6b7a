"""What came with an idea and no answer could satisfy: found before anybody is asked, and told to whoever wrote it."""

from collections.abc import Iterator

from daemon.drops import Idea
from daemon.text import dependencies, unfinished
from daemon.text.project import Project
from daemon.text.proposed import PROJECT_FILES
from daemon.text.safe import unsafe


def impossible(idea: Idea) -> list[str]:
    """Why no project could be what was asked for, the first of each kind; nothing where one could."""
    return list(_reasons(idea))


def _reasons(idea: Idea) -> Iterator[str]:
    given = idea.acceptance_tests
    if not (idea.title.strip() and idea.description.strip()):
        yield "title and description say nothing"
    if len(given) >= PROJECT_FILES:
        yield f"it brings {len(given)} acceptance tests, and a project has at most {PROJECT_FILES} files"
    elif why := next(filter(None, map(unsafe, given)), ""):
        yield f"an acceptance test cannot be a file of the project: {why}"
    elif broken := unfinished.syntax(given):
        yield f"an acceptance test cannot be run: {broken[0]}"
    elif given and not Project(job="", files={}, entry_point="", acceptance_tests=given).accepting:
        yield f"there is no test among the acceptance tests: {', '.join(sorted(given)[:3])}"
    for objection in dependencies.nonsense(idea.dependencies)[:1]:
        yield f"a dependency cannot be installed: {objection.message}"
