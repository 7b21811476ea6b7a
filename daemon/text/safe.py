"""Whether a path may be a file of a project: on this system and on those that the project may be copied to.

By its words alone. That no part of it is a link is seen where it is written.
"""

import re

from daemon.text.naming import DEVICES

PATH_CHARACTERS = 200
DEPTH = 8  # folders above a file; a small project has no more
_PART = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_@+. -]{0,99}")  # none that a command would take for an option


def unsafe(path: str) -> str:
    """Why no project may have such a file, in a sentence that teaches, or ""."""
    shown = repr(path[:PATH_CHARACTERS])
    parts = path.split("/")
    if not path or len(path) > PATH_CHARACTERS or len(parts) > DEPTH:
        return f"{shown} is no path for a small project: name a file, below at most {DEPTH - 1} folders."
    if path.startswith(("/", "~")) or ".." in parts or "\\" in path or re.match(r"[A-Za-z]:", path):
        return f"{shown} leads out of the project: write the path from the project's folder, without `..`."
    for part in parts:
        if part.partition(".")[0].rstrip().lower() in DEVICES:
            return f"{shown} has a part that is a device on some systems ({part}): give it another name."
        if not _PART.fullmatch(part) or part.endswith((".", " ")) or part == ".":
            return f"{shown} has a part that not every system can store: use letters, digits, `_`, `-` and dots."
        if part.lower() in (".git", ".hg", ".venv", "venv", "__pycache__", "node_modules", "site-packages"):
            return f"{shown} lies in {part}, which is made by tools and not written: leave it out."
    return ""
