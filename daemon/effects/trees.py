"""A repository at its base commit → an immutable tree on disk, named by its content, without any history.

The tree is what every run of a job starts from. It brings no git folder of its own: ours lies beside it and holds one
commit, so that neither the future's objects nor a hostile hook is within anybody's reach. The user's checkout is read
and never touched.
"""

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from itertools import chain, count
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from threading import Lock

from msgspec import Struct

from daemon.disk import FAULTS, TooDeep, remove, size_bytes, sweep, sync_all, write_whole
from daemon.effects.git import Git, GitRefused
from daemon.effects.mirrors import Mirrors, is_address
from daemon.effects.sandbox.host import user
from daemon.effects.world import Fault

NO_CONVERSIONS = "* -text -eol -ident -filter -working-tree-encoding\n"  # the bytes of a file are the bytes of its blob
NOT_OURS = {
    ".git",
    ".hg",
    ".venv",
    "venv",
    "__pycache__",
    "node_modules",
    ".tox",
    ".nox",
    ".mypy_cache",
    ".pytest_cache",
}
NO_LETTER = "\ufffd"  # stands for bytes that are no text
TEXT_BYTES = 4 * 2**20  # a larger file is data
COMMITS = 5  # of the past: what broke it is among the last ones, or nobody finds it there
COMMIT_LINES = 400  # changed by one of them: a larger one is a move or an import, and tells nothing

LEFT = ("making-*", "going-*", "index-*", "*/index-*")  # by a daemon that died
WEIGHT = "bytes"  # the file beside a tree that says how large it is
NO_MODE = "000000"
PLAIN_MODES = (NO_MODE, "100644", "100755")
ONLY_NEW = ""  # what a branch has to be before, for git to make it

Changes = Mapping[str, bytes | None]  # path → what the file becomes; None takes it away


class Changed(Struct, frozen=True):
    """What a pristine tree becomes: git's name of it, the patch, the files."""

    tree: str
    patch: bytes
    changes: Changes


class Source(Struct, frozen=True):
    """What a job says about where its code is."""

    repo: str
    commit: str = ""
    test_patch: str = ""


class SourceRefused(Exception):  # noqa: N818  said of the source
    """The code cannot be had as the drop says; the message names what and the remedy."""


class NoPlainFile(GitRefused):
    """A change of what is a link or a submodule; the message names it."""


class Tree(Struct, frozen=True):
    """One pristine tree."""

    key: str
    folder: Path

    @property
    def files(self) -> Path:
        """The files, never written to."""
        return self.folder / "files"

    @property
    def git(self) -> Git:
        """Our git folder, with one commit named base."""
        return Git(self.folder / "git")

    def changed(self, changes: Changes) -> "Changed":
        """The tree with these changes: its name, and git's own diff from here to there."""
        with self._index() as index:
            entries = "".join(f"{self._entry(path, data)}\t{path}\0" for path, data in changes.items())
            self.git.ask("update-index", "-z", "--index-info", given=entries.encode(), index=index)
            return self._changed(index)

    def patched(self, patch: bytes) -> "Changed":
        """The tree with a patch applied; GitRefused where it does not apply."""
        with self._index() as index:
            self.git.ask("apply", "--cached", "--whitespace=nowarn", "-", given=patch, index=index)
            return self._changed(index)

    @contextmanager
    def _index(self) -> Iterator[Path]:
        """An index of the base, for a while."""
        with TemporaryDirectory(prefix="index-", dir=self.folder) as folder:
            index = Path(folder, "index")
            self.git.ask("read-tree", "base", index=index)
            yield index

    def _changed(self, index: Path) -> "Changed":
        diff = self.git.ask("diff-index", "--cached", "--patch", "--binary", "--no-renames", "base", index=index)
        raw = self.git.ask("diff-index", "--cached", "--raw", "--no-renames", "--no-abbrev", "-z", "base", index=index)
        parts = raw.decode("utf-8", "surrogateescape").split("\0")
        changes: dict[str, bytes | None] = {}
        for about, path in zip(parts[0::2], parts[1::2], strict=False):
            _, mode, _, blob, _ = about.split(" ")
            if mode not in PLAIN_MODES:
                raise NoPlainFile(f"{path} would become something else than a file")
            changes[path] = None if mode == NO_MODE else self.git.ask("cat-file", "blob", blob)
        return Changed(self.git.ask("write-tree", index=index).decode().strip(), diff.lstrip(b"\n"), changes)

    def _entry(self, path: str, data: bytes | None) -> str:
        """Mode and blob of a changed file, as an index wants them; mode 0 takes it out."""
        if data is None:
            return f"0 {'0' * 40}"
        listed = self.git.ask("ls-tree", "base", "--", path).decode()
        mode = listed.split(" ", 1)[0] if listed else "100644"
        if mode not in PLAIN_MODES:
            raise NoPlainFile(f"{path} is a link or a submodule and may not be changed: change what it leads to")
        return f"{mode} {self.git.ask('hash-object', '-w', '--no-filters', '--stdin', given=data).decode().strip()}"


class Texts(Mapping[str, str]):
    """The text files of a tree by their workspace-relative names; read when asked for. Links are not followed.

    A file whose name is no text is not among them: no prompt could show it, and no answer name it.
    """

    def __init__(self, tree: Tree) -> None:
        self._files = tree.files
        listed = tree.git.ask("ls-tree", "-r", "-z", "--full-tree", "base").decode("utf-8", "replace")
        entries = [entry.split("\t", 1) for entry in listed.split("\0") if entry]
        self._names = {name for about, name in entries if about.startswith("100") and NO_LETTER not in name}

    def __getitem__(self, name: str) -> str:
        if name not in self._names:
            raise KeyError(name)
        path = self._files / name
        if path.stat().st_size > TEXT_BYTES:
            raise KeyError(name)
        try:
            return path.read_bytes().decode()
        except UnicodeDecodeError:
            raise KeyError(name) from None

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._names))

    def __len__(self) -> int:
        return len(self._names)


class Trees:
    """All trees of a state folder. Only who knows the open jobs may take trees away."""

    def __init__(
        self,
        folder: Path,
        repos: Mapping[str, str],
        budget_bytes: int = 0,
        open_jobs: Callable[[], Collection[str]] | None = None,
    ) -> None:
        self.folder = folder
        self.repos = repos
        self._budget_bytes, self._open_jobs = budget_bytes, open_jobs
        self._mirrors = Mirrors(folder / "mirrors")
        self._placing = Lock()

    def of_job(self, job: str, source: Source) -> Tree:
        """The tree of a job: made when it is first asked for, the same for ever after. Blocks."""
        pin = self.folder / "jobs" / job
        pinned = pin.read_text().strip() if pin.exists() else ""
        with self._placing:
            if pinned and (folder := self.folder / pinned).exists():
                if self._open_jobs:
                    os.utime(folder)  # the longest unused ones go first
                return Tree(pinned, folder)
        tree = self._make(source, pin, pinned)
        self.evict()
        return tree

    def sweep(self) -> None:
        """Remove what a daemon that died left half made. Nobody may be at work here yet. Blocks."""
        for left in [path for pattern in LEFT for path in self.folder.glob(pattern)]:
            remove(left)
        sweep(self.folder / "jobs")

    def evict(self) -> list[str]:
        """Remove the longest unused trees until the rest fits the budget; their keys. An open job's stays. Blocks."""
        if self._open_jobs is None:
            return []
        gone, used_bytes = [], 0
        with TemporaryDirectory(prefix="going-", dir=self.folder, ignore_cleanup_errors=True) as going, self._placing:
            pins = [self.folder / "jobs" / job for job in self._open_jobs()]
            held = {pin.read_text().strip() for pin in pins if pin.exists()}
            trees = [path.parent for path in self.folder.glob("*/git") if not path.match("making-*/*")]
            for tree in sorted(trees, key=lambda tree: (tree.name in held, tree.stat().st_mtime), reverse=True):
                used_bytes += _weight(tree)
                if used_bytes > self._budget_bytes and tree.name not in held:
                    tree.rename(Path(going, tree.name))  # whole or not at all, whatever dies while it is removed
                    gone.append(tree.name)
        return gone

    def land(self, source: Source, branch: str, patch: bytes, message: str) -> str:
        """Leave the patch as a branch in the user's own repository, whose checkout and branches stay as they are.

        The name of the branch that holds it: the one that was asked for, or a free one that begins so. Blocks.
        """
        try:
            git = None if is_address(self._named(source.repo)) else _git_of(self._place(source.repo))
            if git is None:
                raise SourceRefused(f"{source.repo} is no git repository of this machine, so it has no branches")
            base = git.commit_of(source.commit or "HEAD")
            with TemporaryDirectory(prefix="index-", dir=self.folder) as folder:
                index = Path(folder, "index")
                git.ask("read-tree", base, index=index)
                git.ask("apply", "--cached", "--whitespace=nowarn", "-", given=patch, index=index)
                content = git.ask("write-tree", index=index).decode().strip()
            commit = git.ask("commit-tree", "-p", base, content, given=message.encode()).decode().strip()
            return _branch(git, branch, commit, content)
        except GitRefused as error:
            raise SourceRefused(f"{branch} could not be made in {source.repo}: {error}") from error

    def history(self, source: Source, paths: Sequence[str]) -> str:
        """The last small commits that touched these files, the latest first, with their diffs. Blocks.

        Only of a clone on this machine, and only the base commit's own past: what a moving HEAD means may hold the fix.
        """
        named = self._named(source.repo)
        git = None if is_address(named) else _git_of(Path(named).expanduser().resolve())
        if git is None or not source.commit or not paths:
            return ""
        log = ("log", f"--max-count={COMMITS}", "--no-merges", "--no-renames", "--no-ext-diff", "--no-textconv")
        try:
            base, only = git.commit_of(source.commit), ("--", *(f":(top,literal){path}" for path in paths))
            counted = git.ask(*log, "--format=%x00%H", "--numstat", base, *only).decode(errors="replace")
            small = [
                lines[0]
                for lines in map(str.splitlines, counted.split("\0")[1:])
                if _changed_lines(lines) <= COMMIT_LINES
            ]
            shown = (
                "show",
                "--no-ext-diff",
                "--no-textconv",
                "--no-renames",
                "--unified=2",
                "--format=%h %ad %s",
                "--date=short",
            )
            return "\n".join(git.ask(*shown, commit, *only).decode(errors="replace") for commit in small)
        except (GitRefused, OSError, Fault):
            return ""  # a help that is not there

    def _make(self, source: Source, pin: Path, pinned: str) -> Tree:
        """A new tree, and the job's pin to it; `pinned` is the tree that the job has had."""
        making = self.folder / f"making-{os.getpid()}-{hashlib.sha256(os.urandom(16)).hexdigest()[:16]}"
        try:
            (making / "files").mkdir(parents=True)
            tree = Tree(making.name, making)
            self._fill(tree, source)
            if source.test_patch:
                _apply(tree, source.test_patch)
            _weight(making)
            _give(tree.files)
            key = tree.git.ask("rev-parse", "base^{tree}").decode().strip()
            made = Tree(key, self.folder / key)
            if pinned not in ("", key):
                raise SourceRefused(f"{source.repo} has changed since, and what it was is no longer kept: drop it anew")
            sync_all(making)  # a pin is for ever: a power cut must not leave it a tree of empty files
            pin.parent.mkdir(parents=True, exist_ok=True)
            with self._placing:
                write_whole(pin, key.encode(), durable=True)
                _put_in_place(making, made.folder)
        except (GitRefused, OSError) as error:
            if isinstance(error, OSError) and error.errno in FAULTS:
                raise
            raise SourceRefused(f"{source.repo} at {source.commit or 'its present state'}: {error}") from error
        except TooDeep as error:
            raise SourceRefused(f"{source.repo} has {error}") from None
        else:
            return made
        finally:
            remove(making)

    def _fill(self, tree: Tree, source: Source) -> None:
        place = self._place(source.repo, source.commit)
        git = _git_of(place)
        tree.git.ask("init", "--quiet", "--bare", str(tree.git.folder))
        (tree.git.folder / "info").mkdir(exist_ok=True)
        (tree.git.folder / "info" / "attributes").write_text(NO_CONVERSIONS)
        is_bare = git is not None and git.folder == place
        if source.commit or is_bare:
            if git is None:
                raise SourceRefused(f"{source.repo} is no git repository, so it has no commit {source.commit}")
            _take_commit(tree, git, git.commit_of(source.commit or "HEAD"))
        else:
            _copy(place, tree.files, _listed(place, git))
            _commit_files(tree)

    def _named(self, repo: str) -> str:
        return self.repos.get(repo, repo)

    def _place(self, repo: str, commit: str = "") -> Path:
        """The folder that a repo's name means: a mapping from the settings, a path, or a mirror of a URL."""
        named = self._named(repo)
        if is_address(named):
            return self._mirrors.of(named, commit)
        place = Path(named).expanduser().resolve()
        if not place.is_dir():
            known = "" if repo in self.repos else "; name its clone in the setting `repos`, or give a path"
            raise SourceRefused(f"there is no folder {place}{known}")
        return place


def _weight(tree: Path) -> int:
    """How large a tree is: counted once, and again where a power cut left no number."""
    try:
        return int((tree / WEIGHT).read_text())
    except (FileNotFoundError, ValueError):
        used, weight = tree.stat(), size_bytes(tree)
        (tree / WEIGHT).write_text(str(weight))
        os.utime(tree, ns=(used.st_atime_ns, used.st_mtime_ns))  # counting is no use
        return weight


def _changed_lines(told: Sequence[str]) -> int:
    """How many lines a commit changed, by git's own count; data counts as none and shows none."""
    return sum(int(number) for line in told[1:] for number in line.split("\t")[:2] if number.isdecimal())


def _put_in_place(made: Path, folder: Path) -> None:
    """Rename, unless another job of the same content was faster: the first one stays."""
    try:
        if folder.exists():
            os.utime(folder)
        else:
            made.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _git_of(place: Path) -> Git | None:
    """The git folder of a checkout, a linked work tree or a bare clone; None for a plain folder."""
    inside = place / ".git"
    if inside.is_dir():
        return Git(inside)
    if inside.is_file():
        target = inside.read_text().partition("gitdir: ")[2].strip()
        return Git((place / target).resolve())
    return Git(place) if (place / "HEAD").is_file() and (place / "objects").is_dir() else None


def _branch(git: Git, wanted: str, commit: str, content: str) -> str:
    """The first of the names for a branch that is free, and the commit's now, or that holds the same already."""
    names = chain([wanted], (f"{wanted}-{number}" for number in count(2)))
    return next(name for name in names if _holds(git, name, commit, content))


def _holds(git: Git, branch: str, commit: str, content: str) -> bool:
    """Make the branch, unless it is there; whether it holds this content. What it holds is never changed."""
    try:
        git.ask("update-ref", f"refs/heads/{branch}", commit, ONLY_NEW)
    except GitRefused:
        there = git.ask("for-each-ref", "--format=%(tree)", f"refs/heads/{branch}").decode().strip()
        if not there:
            raise  # something else keeps it from being made
        return there == content
    return True


def _take_commit(tree: Tree, git: Git, commit: str) -> None:
    """Bring just the objects of one commit's tree over, and check them out."""
    objects = git.ask("rev-list", "--objects", "--no-object-names", f"{commit}^{{tree}}")
    tree.git.ask("unpack-objects", "-q", given=git.ask("pack-objects", "--stdout", "-q", given=objects))
    _set_base(tree, git.ask("rev-parse", f"{commit}^{{tree}}").decode().strip())
    index = tree.folder / "index"
    tree.git.ask("read-tree", "base", index=index)
    # With --index, or no patch could be applied to what git would take for changed files.
    tree.git.ask("checkout-index", "--all", "--force", "--index", index=index, tree=tree.files)


def _listed(place: Path, git: Git | None) -> Iterator[Path]:
    """The files that belong to a folder as it stands: what git tracks or would, else all but the usual litter."""
    if git is not None:
        listed = git.ask("ls-files", "-z", "--cached", "--others", "--exclude-standard", tree=place)
        yield from (Path(os.fsdecode(name)) for name in listed.split(b"\0") if name)
        return
    for folder, names, files in os.walk(place):
        names[:] = sorted(name for name in names if name not in NOT_OURS)
        here = Path(folder).relative_to(place)
        links = [name for name in names if (place / here / name).is_symlink()]
        yield from (here / name for name in [*sorted(files), *links])


def _copy(place: Path, files: Path, names: Iterator[Path]) -> None:
    @cache
    def is_elsewhere(folder: Path) -> bool:
        """Whether a folder lies behind a link: then it is none of the repository's, whatever its index says."""
        return folder != folder.parent and ((place / folder).is_symlink() or is_elsewhere(folder.parent))

    for name in names:
        if is_elsewhere(name.parent) or not ((place / name).is_symlink() or (place / name).is_file()):
            continue  # behind a link, deleted since, a submodule, or no file at all
        (files / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(place / name, files / name, follow_symlinks=False)


def _commit_files(tree: Tree) -> None:
    index = tree.folder / "index"
    tree.git.ask("add", "--all", "--force", ".", index=index, tree=tree.files)
    _set_base(tree, tree.git.ask("write-tree", index=index).decode().strip())


def _apply(tree: Tree, patch: str) -> None:
    index = tree.folder / "index"
    tree.git.ask("apply", "--index", "--whitespace=nowarn", "-", given=patch.encode(), index=index, tree=tree.files)
    _set_base(tree, tree.git.ask("write-tree", index=index).decode().strip())


def _set_base(tree: Tree, content: str) -> None:
    commit = tree.git.ask("commit-tree", "-m", "base", content).decode().strip()
    tree.git.ask("update-ref", "refs/heads/base", commit)


def _give(files: Path) -> None:
    """Let the files belong to the sandbox's user, who writes in private overlays above them."""
    if os.geteuid() == 0:
        uid, gid = user()
        for folder, _, names, descriptor in os.fwalk(files):
            os.chown(folder, uid, gid)
            for name in names:
                os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)


def is_inside(name: str) -> bool:
    """Whether a workspace-relative name stays inside, by its words alone."""
    path = PurePosixPath(name)
    return (
        bool(name)
        and not path.is_absolute()
        and ".." not in path.parts
        and ".git" not in path.parts
        and "\0" not in name
    )
