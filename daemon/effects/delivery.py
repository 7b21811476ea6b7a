"""A certified project → its folder in `state/projects/`, with its history and what it was certified with.

It is made beside its place and put there in one move: nobody ever sees half of it. A name is taken for a job once and
for ever, and what somebody has changed in a folder of ours is never overwritten. Files are written as they were
certified: nothing of the project's own (attributes, hooks, filters) has a say in that.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import mkdtemp

from msgspec import Struct

from daemon.disk import remove, sync_all, sync_path
from daemon.effects.environment import Environment
from daemon.effects.git import Git
from daemon.text.naming import project_name

LOCK = "requirements.lock"
MAKING = ".making-"  # begins the name of what nobody shall see yet
ANYBODY = 0o755  # a person's own tools look at it
INSTALLED = re.compile(r"(?P<name>[A-Za-z0-9._]{1,100})-(?P<version>[A-Za-z0-9.+!_]{1,100})\.dist-info")
TOOLS = ("pip", "setuptools", "wheel")  # they come with an environment and are nobody's need


class Version(Struct, frozen=True):
    """The project after one attempt, and what is to be said of it."""

    message: str
    files: dict[str, str]


def take_name(state: Path, job: str, title: str) -> str:
    """The project's name: the same for a job however often it asks, and nobody else's. Blocks."""
    names, projects = state / "names", state / "projects"
    names.mkdir(parents=True, exist_ok=True)
    taken: set[str] = set()
    while True:
        name = project_name(title, taken)
        link = names / name
        if not link.is_symlink() and not (projects / name).exists():
            _claim(link, job)
        if link.is_symlink() and str(link.readlink()) == job:
            return name
        taken.add(name)


def _claim(link: Path, job: str) -> None:
    """Give the name to the job, unless somebody was faster. A link is there at once with all that it says."""
    try:
        link.symlink_to(job)
    except FileExistsError:
        return


def deliver(state: Path, name: str, versions: Sequence[Version]) -> Path:
    """Put the project in its place; one that is there already stays, and another one makes room for it. Blocks."""
    place = state / "projects" / name
    place.parent.mkdir(parents=True, exist_ok=True)
    making = Path(mkdtemp(prefix=MAKING, dir=place.parent))
    try:
        tree = _make(making, versions)
        if _tree(place) == tree:
            return place
        if place.exists():
            place.rename(_aside(place))
        making.chmod(ANYBODY)
        sync_all(making)  # it is about to be certified to be there
        making.rename(place)
        sync_path(place.parent)
    finally:
        remove(making)
    return place


def sweep_projects(state: Path) -> None:
    """Remove what a daemon that died left half made. Nobody may be at work here yet. Blocks."""
    for left in (state / "projects").glob(f"{MAKING}*"):
        remove(left)


def _make(folder: Path, versions: Sequence[Version]) -> str:
    """Write history and files; git's name of what they come to."""
    git = Git(folder / ".git")
    git.ask("init", "--quiet", "--template=", "--initial-branch=main")
    parent: list[str] = []
    tree = ""
    for version in versions:
        tree = _stored(git, version.files)
        commit = git.ask("commit-tree", *parent, tree, given=version.message.encode(errors="replace")).decode().strip()
        parent = ["-p", commit]
        git.ask("update-ref", "refs/heads/main", commit)
    for path, text in versions[-1].files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(text.encode())
    git.ask("update-index", "-q", "--refresh", tree=folder)
    return tree


def _stored(git: Git, files: dict[str, str]) -> str:
    """These files in git's index, and the name of their tree."""
    lines = []
    for path, text in files.items():
        blob = git.ask("hash-object", "-w", "--no-filters", "--stdin", given=text.encode()).decode().strip()
        lines.append(f"100644 {blob}\t{path}\0")
    git.ask("read-tree", "--empty")
    git.ask("update-index", "-z", "--index-info", given="".join(lines).encode())
    return git.ask("write-tree").decode().strip()


def _tree(place: Path) -> str:
    """What is committed in a folder of ours; "" where there is none."""
    if not (place / ".git").is_dir():
        return ""
    return Git(place / ".git").ask("rev-parse", "--verify", "--quiet", "refs/heads/main^{tree}").decode().strip()


def _aside(place: Path) -> Path:
    """Where the folder of an earlier end is kept."""
    number = 1
    while (aside := place.with_name(f"{place.name}.before-{number}")).exists():
        number += 1
    return aside


def lock_of(environment: Environment) -> str:
    """What was installed when the project was certified, as pip and uv read it."""
    folder = Path(environment.folders[-1])
    found = {
        match["name"].replace("_", "-").lower(): match["version"]
        for pattern in ("site/*.dist-info", "lib/python*/site-packages/*.dist-info")
        for place in folder.glob(pattern)
        if (match := INSTALLED.fullmatch(place.name))
    }
    pins = [f"{name}=={version}" for name, version in sorted(found.items()) if name not in TOOLS]
    return "\n".join(["# What this project was certified with: pip install -r requirements.lock", *pins]) + "\n"
