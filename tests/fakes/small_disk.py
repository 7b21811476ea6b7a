"""A real file system that is small enough to be filled: a tmpfs, by mount or in a user namespace of its own."""

import errno
import functools
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MOUNT = ("mount", "-t", "tmpfs", "-o")
OWN_NAMESPACE = ("unshare", "-Urm")
PAGE = 4096


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """The folder as a disk of its own, of this size."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run([*MOUNT, f"size={megabytes}m", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk: Path, leave: int = 0) -> Path:
    """Fill the disk up to so many free bytes; remove the file to have room again."""
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file:
        while (free := _free(disk) - leave) > 0:
            try:
                file.write(bytes(min(free, 2**20)))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                break  # somebody else has taken the last of it
    return filler


def _free(disk: Path) -> int:
    status = os.statvfs(disk)
    return status.f_bavail * status.f_frsize


def on_a_small_disk(test: Callable[..., None]) -> Callable[..., None]:
    """Run the test where it can mount: here, or once more in a namespace of its own. It must ask for `request`."""

    @functools.wraps(test)
    def run(request: pytest.FixtureRequest, **fixtures: object) -> None:
        if _can_mount():
            test(request=request, **fixtures)
        elif _can_mount(*OWN_NAMESPACE):
            again = [sys.executable, "-m", "pytest", "-q", f"{request.path}::{request.node.name}"]
            in_there = subprocess.run([*OWN_NAMESPACE, *again], capture_output=True, text=True, check=False)
            assert in_there.returncode == 0, in_there.stdout + in_there.stderr
        else:
            not_real("this user can neither mount a tmpfs nor make a user namespace to do it in")

    return run


def not_real(reason: str) -> None:
    """Skip what cannot be shown here, or fail where everything has to be shown."""
    if os.environ.get("REQUIRE_REAL_PARTS") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@functools.cache
def _can_mount(*within: str) -> bool:
    command = (
        'd=$(mktemp -d) && mount -t tmpfs -o size=1m tmpfs "$d" && umount "$d"; status=$?; rmdir "$d"; exit $status'
    )
    try:
        return subprocess.run([*within, "sh", "-c", command], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
