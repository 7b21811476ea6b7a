"""Interpreters by version: the one that runs, whatever stands on the PATH in its name."""

import sys
from pathlib import Path

import pytest

from daemon.effects.interpreters import interpreter

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_a_shim_on_the_path_is_seen_through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shim runs another interpreter where a tree says so, by a file that only some trees have."""
    shim = tmp_path / f"python{VERSION}"
    shim.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    shim.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert interpreter(VERSION) == Path(sys.executable).resolve()
