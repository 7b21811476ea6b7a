"""The interpreters of this machine: ours, or one of the version that a job asks for. None is ever downloaded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Lock

from uv import find_uv_bin

from daemon.effects.needs import EnvironmentRefused

_one_at_a_time = Lock()


def uv_program() -> Path:
    """What makes environments. It is looked for with `sysconfig`, which two threads must not fill at once."""
    with _one_at_a_time:
        return Path(find_uv_bin())


def interpreter(version: str) -> Path:
    """An interpreter of this version on this machine; ours where none is asked for."""
    if not version:
        return Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    minor = ".".join(version.split(".")[:2])
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    kept_by_pyenv = sorted(pyenv.glob(f"{version}*/bin/python{minor}"), reverse=True)
    for place in (shutil.which(f"python{minor}") or "", *map(str, kept_by_pyenv), _uv_finds(version)):
        if place and (python := _itself(place, version)):
            return python
    raise EnvironmentRefused(f"the job wants Python {version}, and this machine has none; install it, or name an image")


def prefix_of(python: Path) -> Path:
    """The folder that an interpreter lives in, with all that it needs."""
    return python.parent.parent


def _itself(place: str, version: str) -> Path | None:
    """The interpreter that runs there, if it is of this version: 3.1, say, and not 3.11.

    By its own word: what stands on the PATH may be a shim (pyenv's is a script) that runs another one in each folder.
    """
    ask = "import os, platform, sys; print(platform.python_version(), os.path.realpath(sys.executable))"
    number, _, itself = _said([place, "-I", "-c", ask]).partition(" ")
    return Path(itself) if f"{number}.".startswith(f"{version}.") else None


def _uv_finds(version: str) -> str:
    options = ["--no-config", "--no-project", "--system", "--no-python-downloads"]
    return _said([str(uv_program()), "python", "find", *options, version])


def _said(words: list[str]) -> str:
    said = subprocess.run(words, capture_output=True, text=True, check=False)  # noqa: S603  programs of this machine
    return said.stdout.strip()
