"""Immutable values named by their content: prompts, answers, outputs, patches. What they mean is the facts' to say."""

import hashlib
import zlib
from pathlib import Path

from daemon.disk import FAULTS, write_whole


class BlobBroken(Exception):  # noqa: N818  said of the blob
    """A blob that is not what its name says."""


class Blobs:
    """One folder of compressed values, in 256 rooms. What is being written is in none of them, so a sweep is short."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def put(self, value: bytes) -> str:
        """Keep the value durably; return its name. Blocks."""
        name = hashlib.sha256(value).hexdigest()
        path = self._path(name)
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, zlib.compress(value), durable=True, by_way_of=self.folder)
        return name

    def get(self, name: str) -> bytes:
        """The value of that name; BlobBroken where there is none, or where it was damaged."""
        try:
            value = zlib.decompress(self._path(name).read_bytes())
        except FileNotFoundError:
            raise BlobBroken(f"blob {name} is not there") from None
        except OSError as error:
            if error.errno in FAULTS:
                raise
            raise BlobBroken(f"blob {name} cannot be read: {error}") from error
        except zlib.error as error:
            raise BlobBroken(f"blob {name} is damaged: {error}") from error
        if hashlib.sha256(value).hexdigest() != name:
            raise BlobBroken(f"blob {name} is damaged: its content has another digest")
        return value

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / name
