"""The edits of an answer → the texts of a project's files: all of them or none, and nothing that could not stand.

A project may write its own tests and their configuration, which a repair may not; the acceptance tests of the drop it
may not. Everything that can be said without running anything is said here, before a file exists.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence

from daemon.text import dependencies, unfinished
from daemon.text.dialects import Edit, Why
from daemon.text.landing import Refusal, Refused, land
from daemon.text.objections import runs_first, stands_in_for
from daemon.text.safe import unsafe

PROJECT_FILES = 200  # of a small project; the rest of a larger one was made by a loop
PROJECT_CHARACTERS = 2_000_000  # of all its files; what a person would still read


def propose(
    edits: Sequence[Edit],
    files: Mapping[str, str],
    *,
    acceptance_tests: Collection[str] = (),
    planned: Collection[str] = (),
) -> dict[str, str | None]:
    """The new text of every changed path, None where one goes; or `Refused`, and nothing has happened.

    `planned`: the requirements of the plan and of the drop.
    """
    if len({edit.path for edit in edits}) > PROJECT_FILES:
        raise Refused([_refusal("", "unclear", f"The answer writes more than {PROJECT_FILES} files: write far fewer.")])
    if refusals := [_refusal(edit.path, "outside", why) for edit in edits if (why := unsafe(edit.path))]:
        raise Refused(list(dict.fromkeys(refusals)))
    reserved = {name.casefold() for name in acceptance_tests}

    def forbid(path: str, *_: object) -> str:
        if path.casefold() in reserved:
            return f"{path} is an acceptance test: it says what is right and stays as it is."
        return _never(path)

    landed = land(edits, files, forbid=forbid, may_leave_out=True)
    after = {path: text for path, text in {**files, **landed}.items() if text is not None}
    if refusals := list(_objections(after, landed, planned)):
        raise Refused(refusals)
    return landed


def _objections(
    after: Mapping[str, str], landed: Mapping[str, str | None], planned: Collection[str]
) -> Iterator[Refusal]:
    """What the project could not stand with; only files that this answer wrote are looked into."""
    written = {path: text for path, text in landed.items() if text is not None}
    if len(after) > PROJECT_FILES or sum(map(len, after.values())) > PROJECT_CHARACTERS:
        yield _refusal("", "unclear", f"The project is too large: at most {PROJECT_FILES} files, written by hand.")
    folded: dict[str, str] = {}
    for path in sorted(after):
        if (other := folded.setdefault(path.casefold(), path)) != path:
            yield _refusal(path, "unclear", f"{other} and {path} are one file on some systems: rename one of them.")
    broken = unfinished.syntax(written)
    yield from (_refusal(finding.path, "syntax", str(finding)) for finding in broken)
    yield from (_refusal(finding.path, "elided", str(finding)) for finding in unfinished.placeholders(written))
    _, objections = dependencies.unplanned(dependencies.declared(after), planned)
    yield from (_refusal("", "forbidden", objection.message) for objection in objections)


def _never(path: str) -> str:
    """Why no project may have a file of this name, or ""."""
    if runs_first(path):
        return f"{path} would run before any program of Python's: leave it out."
    if needed := stands_in_for(path):
        return f"{path} would stand in for {needed}, which Python or its test runner needs: name it otherwise."
    return ""


def _refusal(path: str, why: Why, message: str) -> Refusal:
    return Refusal(path, why, message)
