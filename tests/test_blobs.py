"""Blobs: named by their content, written once, and damage is found when they are read."""

import resource
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.blobs import BlobBroken, Blobs
from daemon.disk import sweep


@given(st.binary(max_size=10_000))
def test_what_was_put_is_what_is_got(tmp_path_factory: pytest.TempPathFactory, value: bytes) -> None:
    blobs = Blobs(tmp_path_factory.getbasetemp() / "blobs")
    assert blobs.get(blobs.put(value)) == value


def test_equal_values_are_one_file_even_when_put_at_once(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    with ThreadPoolExecutor(8) as pool:
        names = set(pool.map(blobs.put, [b"the same"] * 200))
    assert len(names) == 1
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == list(names)


KILLED_WHILE_WRITING = """
import os, resource, signal, sys
from pathlib import Path
from daemon.blobs import Blobs
signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_FSIZE, (10, 10))
Blobs(Path(sys.argv[1])).put(os.urandom(1_000))
"""


def test_what_a_killed_process_had_half_written_lies_in_one_place_that_is_swept(tmp_path: Path) -> None:
    """There are 256 rooms, and a start that looked into each of them would take the longer the more blobs there are."""
    for _ in range(3):
        killed = subprocess.run([sys.executable, "-c", KILLED_WHILE_WRITING, tmp_path], check=False)
        assert killed.returncode == -signal.SIGXFSZ
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 3
    sweep(tmp_path)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_damaged_blob_is_told(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name, other = blobs.put(b"something"), blobs.put(b"something else")
    path, from_other = tmp_path / name[:2] / name, tmp_path / other[:2] / other
    path.write_bytes(from_other.read_bytes())
    with pytest.raises(BlobBroken, match="another digest"):
        blobs.get(name)
    path.write_bytes(b"no zlib")
    with pytest.raises(BlobBroken, match="damaged"):
        blobs.get(name)


def test_a_blob_that_the_disk_does_not_give_is_told(tmp_path: Path) -> None:
    name = "0" * 64
    (tmp_path / name[:2] / name).mkdir(parents=True)
    with pytest.raises(BlobBroken, match=r"cannot be read: .*Is a directory"):
        Blobs(tmp_path).get(name)


def test_a_machine_in_trouble_says_nothing_of_a_blob(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    name = blobs.put(b"something")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (4, limits[1]))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            blobs.get(name)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert blobs.get(name) == b"something"


def test_a_blob_that_was_never_put_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BlobBroken, match="is not there"):
        Blobs(tmp_path).get("0" * 64)
