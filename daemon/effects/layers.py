"""What an installation, or an image, leaves in a tree beside the repository's own files: kept, to be laid over it.

Only what the repository does not have: its own files are what the job says that they are. Everything here was written
in the sandbox, so links are not followed, and what is neither file, folder nor link stays behind.
"""

import os
import shutil
import stat
from pathlib import Path

from daemon.effects.needs import EnvironmentRefused
from daemon.effects.workspace import Workspace, give

LEFT_BEHIND = {".git", "__pycache__"}
FOLDERS_DEEP = 100  # in one another: whoever copies or counts them later calls itself for each
TOO_DEEP = (
    f"what is left has more than {FOLDERS_DEEP} folders in one another, or longer paths than this machine can say"
)


def keep(workspace: Workspace, layer: Path) -> str:
    """Copy what is new in the workspace into this folder; its name, or "" where nothing is new. Blocks."""
    room = workspace.quota_bytes  # an overlay has held it already, a checkout has not
    for folder, names, files in os.walk(workspace.root):
        here = os.path.relpath(folder, workspace.root)
        names[:] = sorted(set(names) - LEFT_BEHIND)
        for name in sorted({*names, *files}):
            path, pristine = Path(folder, name), workspace.tree.files / here / name
            mode = path.lstat().st_mode
            if os.path.lexists(pristine) or not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode)):
                continue
            if len(Path(here).parts) >= FOLDERS_DEEP:
                raise EnvironmentRefused(TOO_DEEP)
            room -= path.lstat().st_size
            if room < 0:
                raise EnvironmentRefused(f"what is left in the tree is larger than {too_large(workspace.quota_bytes)}")
            _take(path, layer / here / name)
    return str(layer) if layer.exists() else ""


def too_large(quota_bytes: int) -> str:
    """The limit in words, with its setting."""
    return f"{quota_bytes} bytes (the setting workspace_bytes)"


def _take(path: Path, kept: Path) -> None:
    _make_folders(kept.parent)
    if path.is_dir() and not path.is_symlink():
        _make_folders(kept)
        return
    shutil.copy2(path, kept, follow_symlinks=False)
    give(kept)


def _make_folders(folder: Path) -> None:
    if not folder.exists():
        _make_folders(folder.parent)
        folder.mkdir()
        give(folder)
