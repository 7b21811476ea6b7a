"""Immutable values named by their content: prompts, answers, outputs, patches. What they mean is the facts' to say."""

import hashlib
import os
import zlib
from pathlib import Path


class BlobBroken(Exception):
    """A blob that is not what its name says."""


class Blobs:
    """One folder of compressed values, in 256 rooms."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, value: bytes) -> str:
        """Keep the value durably; return its name. Blocks."""
        name = hashlib.sha256(value).hexdigest()
        path = self._path(name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary = path.with_name(f".{name}.{os.getpid()}")
            with temporary.open("wb") as file:
                file.write(zlib.compress(value))
                file.flush()
                os.fdatasync(file.fileno())
            temporary.rename(path)
            folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        return name

    def get(self, name: str) -> bytes:
        """The value of that name; FileNotFoundError where there is none, BlobBroken where it was damaged."""
        try:
            value = zlib.decompress(self._path(name).read_bytes())
        except zlib.error as error:
            raise BlobBroken(f"blob {name} is damaged: {error}") from error
        if hashlib.sha256(value).hexdigest() != name:
            raise BlobBroken(f"blob {name} is damaged: its content has another digest")
        return value

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name
