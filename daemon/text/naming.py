"""An idea's title → the name of its project: a folder on any system, and a package that any Python can import.

The name is made from the title alone and from the names that are taken: the same title in the same house is the same
name. Nothing of the title is trusted; nothing here looks whether a folder exists.
"""

import keyword
import re
import sys
import unicodedata
from collections.abc import Collection

NAME_CHARACTERS = 40  # of a project's name: with a number behind it still far from any system's limit
UNNAMED = "project"  # a title without a single Latin letter or digit

DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(10))}
_BUILD_WORDS = {"src", "test", "tests", "docs", "build", "dist", "venv", "site_packages", "setup", "conftest"}
_RUNNERS = {"pytest", "pluggy", "pip", "setuptools", "wheel", "main", "daemon", "mypy", "ruff", "coverage"}
RESERVED = frozenset(
    {*DEVICES, *_BUILD_WORDS, *_RUNNERS, *map(str.lower, sys.stdlib_module_names), *map(str.lower, keyword.kwlist)}
)


def project_name(title: str, taken: Collection[str] = ()) -> str:
    """A name of lower-case letters, digits and underscores that nobody else has; `taken` are those that exist."""
    plain = unicodedata.normalize("NFKD", title.casefold()).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain)[:NAME_CHARACTERS].strip("_") or UNNAMED
    if name[0].isdigit() or name in RESERVED:
        name = f"{UNNAMED}_{name}"[:NAME_CHARACTERS].strip("_")
    used = {one.casefold() for one in taken}
    number, unique = 1, name
    while unique in used:
        number += 1
        unique = f"{name}_{number}"
    return unique
