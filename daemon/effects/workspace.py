"""A run's own tree: an overlay over the pristine one where the kernel allows it, a checkout of its own where not.

Nothing in a workspace is precious. It is made again, rolled back and thrown away at will; what a run achieved is its
edits, which are facts. Every write goes through `write`, which never follows a link out.
"""

import ctypes
import os
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from secrets import token_hex
from tempfile import mkdtemp
from typing import Literal

from msgspec import Struct

from daemon.disk import remove
from daemon.effects.sandbox.host import user
from daemon.effects.trees import Tree, is_inside

MNT_DETACH = 2
ESCAPED = re.compile(rb"\\([0-7]{3})")  # how the kernel tells a blank in a path
UNSPEAKABLE = set(",:\\\n")  # what mount's options cannot say in a path


class Escape(Exception):  # noqa: N818  said of a path
    """A path that leads out of the workspace."""


class Workspace(Struct, frozen=True):
    """One run's tree."""

    tree: Tree
    folder: Path
    quota_bytes: int
    layer: str = ""  # what making the environment left in the tree, laid over it

    @property
    def changed(self) -> Path:
        """Where an overlay keeps what was changed."""
        return self.folder / "upper" / "changed"

    @property
    def root(self) -> Path:
        """Where the files are."""
        return self.folder / "files"

    @property
    def exchange(self) -> Path:
        """Where a runner tells what it saw: within the quota where there is one, for anybody inside can write there."""
        upper = self.folder / "upper"
        return (upper if upper.is_dir() else self.folder) / "exchange"

    def emptied(self) -> Path:
        """The exchange, with nothing in it, for whoever tells something next. Blocks."""
        self.exchange.mkdir(exist_ok=True)
        for old in self.exchange.iterdir():
            old.unlink()
        give(self.exchange)
        return self.exchange

    def open(self) -> Literal["overlay", "checkout"]:
        """Make the tree anew, whatever was there before; say how. Blocks."""
        self.close()
        self.root.mkdir(parents=True)
        if overlays_allowed(self.folder.parent) and not UNSPEAKABLE & set(f"{self.tree.folder}{self.folder}"):
            self._overlay()
            return "overlay"
        index = self.folder / "index"
        self.tree.git.ask("read-tree", "base", index=index)
        self.tree.git.ask("checkout-index", "--all", "--force", index=index, tree=self.root)
        if self.layer:
            shutil.copytree(self.layer, self.root, symlinks=True, dirs_exist_ok=True)
        return "checkout"

    def close(self) -> None:
        """Leave nothing behind."""
        for mounted in (self.root, self.folder / "upper"):
            unmount(mounted)
        remove(self.folder)

    def write(self, changes: Mapping[str, bytes | None]) -> None:
        """Write the changed files, all or none; None deletes. `Escape` before anything is written."""
        paths = {name: self._inside(name) for name in changes}
        for name, data in changes.items():
            if data is None:
                paths[name].unlink(missing_ok=True)
                continue
            self._make_folders(paths[name].parent)
            mode = stat.S_IMODE(paths[name].stat().st_mode) if paths[name].exists() else 0o666
            temporary = paths[name].with_name(f".{token_hex(8)}.mendd")
            with open(temporary, "xb") as file:  # noqa: PTH123  never through a link that the repository has put there
                file.write(data)
                os.fchmod(file.fileno(), mode)
            give(temporary)
            temporary.replace(paths[name])

    def _make_folders(self, folder: Path) -> None:
        if not folder.exists():
            self._make_folders(folder.parent)
            folder.mkdir()
            give(folder)

    def _inside(self, name: str) -> Path:
        """The path of a workspace-relative name, of which no part is a link."""
        if not is_inside(name):
            raise Escape(f"{name} is not a path inside the workspace")
        path = self.root
        for part in Path(name).parts:
            path /= part
            if path.is_symlink():
                raise Escape(f"{name} leads through the link {path.relative_to(self.root)}")
        if path.is_dir():
            raise Escape(f"{name} is a folder")
        return path

    def _overlay(self) -> None:
        upper = self.folder / "upper"
        upper.mkdir()
        _mount("tmpfs", "tmpfs", upper, f"size={self.quota_bytes},mode=0755")
        for name in ("changed", "work"):
            (upper / name).mkdir()
            give(upper / name)
        lower = f"{self.layer}:{self.tree.files}" if self.layer else str(self.tree.files)
        options = f"lowerdir={lower},upperdir={upper}/changed,workdir={upper}/work"
        _mount("overlay", "overlay", self.root, options)


def give(path: Path) -> None:
    """Let something that we made belong to the sandbox's user."""
    if os.geteuid() == 0:
        os.chown(path, *user(), follow_symlinks=False)


def sweep(folder: Path) -> int:
    """Unmount what former daemons left mounted below this folder; how many there were."""
    inside = f"{folder.resolve()}/"
    told = [line.split(b" ")[4] for line in Path("/proc/self/mountinfo").read_bytes().splitlines()]
    mounted = [os.fsdecode(ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), path)) for path in told]
    ours = [Path(path) for path in mounted if path.startswith(inside)]
    for path in reversed(ours):
        unmount(path)
    return len(ours)


@cache
def overlays_allowed(folder: Path) -> bool:
    """Whether this process may mount overlays there: tried, not guessed."""
    folder.mkdir(parents=True, exist_ok=True)
    trial = Path(mkdtemp(prefix=".trial-", dir=folder))  # several workers may try at once
    try:
        for name in ("lower", "upper", "files"):
            (trial / name).mkdir(parents=True)
        _mount("tmpfs", "tmpfs", trial / "upper", "size=64k")
        (trial / "upper" / "changed").mkdir()
        (trial / "upper" / "work").mkdir()
        _mount(
            "overlay",
            "overlay",
            trial / "files",
            f"lowerdir={trial}/lower,upperdir={trial}/upper/changed,workdir={trial}/upper/work",
        )
    except OSError:
        return False
    else:
        return True
    finally:
        for name in ("files", "upper"):
            unmount(trial / name)
        shutil.rmtree(trial, ignore_errors=True)


def _mount(kind: str, source: str, target: Path, options: str) -> None:
    command = ["mount", "-t", kind, "-o", f"nosuid,nodev,{options}", source, str(target)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode:
        raise OSError(result.stderr.strip())


def unmount(path: Path) -> None:
    """Take a mount away, even from under whoever still looks at it; nothing if there is none."""
    ctypes.CDLL(None, use_errno=True).umount2(os.fsencode(path), MNT_DETACH)
