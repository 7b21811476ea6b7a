"""A Docker image out of nothing: an empty tree in which this machine's own system is shown, read-only.

So a container can be had without any registry, and what runs in it sees the same programs as at the other levels.
"""

import hashlib
import io
import os
import tarfile
from pathlib import Path

from daemon.effects.sandbox import host

REPOSITORY = "mendd/skeleton"


def archive() -> bytes:
    """The tree: links as this machine has them, places to mount on, and the few files that are not the machine's."""
    tree = io.BytesIO()
    with tarfile.open(fileobj=tree, mode="w") as tar:
        for folder in ("/etc", "/sbin", "/proc", "/dev", "/sys", "/home"):  # the engine puts its init into /sbin
            _add(tar, folder, type=tarfile.DIRTYPE, mode=0o755)
        for folder in host.SYSTEM:
            if folder != "/sbin" and Path(folder).is_symlink():
                _add(tar, folder, type=tarfile.SYMTYPE, linkname=str(Path(folder).readlink()))
        for path, text in host.written_files().items():
            _add(tar, path, text.encode(), mode=0o444)
    return tree.getvalue()


def tag(tree: bytes) -> str:
    """The name of the image, which changes with its content."""
    return hashlib.sha256(tree).hexdigest()[:16]


def shown() -> list[str]:
    """What of this machine has to be mounted into it."""
    folders = [folder for folder in host.SYSTEM if folder != "/sbin" and not Path(folder).is_symlink()]
    return [path for path in (*folders, *host.LOOKED_UP) if os.path.exists(path)]  # noqa: PTH110  follows links


def _add(tar: tarfile.TarFile, path: str, content: bytes = b"", **how: object) -> None:
    entry = tarfile.TarInfo(path.lstrip("/"))
    entry.size = len(content)
    for name, value in how.items():
        setattr(entry, name, value)
    tar.addfile(entry, io.BytesIO(content))
