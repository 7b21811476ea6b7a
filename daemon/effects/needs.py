"""What is said of that which a job's tests need: where they run, or why they cannot. Values only; nothing is made."""

import hashlib
from typing import Literal

from msgspec import Struct

TREE_IN_SANDBOX = "/workspace"  # one place for every run, so that what an installation writes down stays true


class Environment(Struct, frozen=True, weakref=True):
    """Where the tests run. While somebody holds it, it is in use and stays."""

    key: str
    kind: Literal["own", "venv", "image"]
    python: str
    image: str = ""  # by its id: a name may mean another image tomorrow
    folders: list[str] = []  # of this machine, seen read-only in the sandbox
    variables: dict[str, str] = {}
    layer: str = ""  # what belongs into the tree and is not in the repository: built parts, an installation's notes
    size_bytes: int = 0  # on disk, without the image
    place: str = TREE_IN_SANDBOX  # where the tree is shown, wherever a sandbox can show it elsewhere


class EnvironmentRefused(Exception):  # noqa: N818  said of what the job needs
    """What the tests need cannot be made; the message is the exact cause."""


def digest(*parts: str) -> str:
    """A short name for these words together."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogateescape")).hexdigest()[:24]
