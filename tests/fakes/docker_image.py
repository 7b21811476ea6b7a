"""An image without any registry: a root of its own, with a shell, a few programs and this system's Python, imported.

Run as `python -m tests.fakes.docker_image` it makes the image that the tests use, unless it is there.
"""

import io
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterable
from pathlib import Path

import docker
from docker.errors import ImageNotFound

REPOSITORY, TAG = "mendd/test", "1"
IMAGE = f"{REPOSITORY}:{TAG}"
PROGRAMS = ("/bin/sh", "/usr/bin/env", "/usr/bin/timeout", "/usr/bin/cat", "/usr/bin/sleep", "/usr/bin/python3")


def make() -> None:
    """Import it, unless it is there."""
    client = docker.APIClient(timeout=120)
    try:
        client.inspect_image(IMAGE)  # type: ignore[no-untyped-call]  # the stubs leave it open
    except ImageNotFound:
        client.import_image_from_data(_root([*PROGRAMS, *_standard_library()]), repository=REPOSITORY, tag=TAG)
    finally:
        client.close()


def _root(files: list[str]) -> bytes:
    """A tree with these files, the libraries that they load, and the usual folders."""
    tree = io.BytesIO()
    with tarfile.open(fileobj=tree, mode="w", dereference=True) as tar:
        for folder in ("tmp", "etc", "proc", "sys", "dev", "sbin", "home", "testbed"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        for name, text in (("etc/made_for", "the tests\n"), ("testbed/readme", "in the image\n")):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
        for path in sorted({*files, *_libraries(files)}):
            tar.add(path, path.lstrip("/"))
    return tree.getvalue()


def _libraries(files: Iterable[str]) -> set[str]:
    found = set()
    for path in files:
        if path in PROGRAMS or path.endswith(".so"):
            told = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
            found |= set(re.findall(r"(/\S+) \(0x", told))
    return found


def _standard_library() -> list[str]:
    """What the system's Python needs to start and to do a little."""
    code = "import sysconfig; print(sysconfig.get_path('stdlib'))"
    told = subprocess.run(["/usr/bin/python3", "-c", code], capture_output=True, text=True, check=True).stdout
    unneeded = {"test", "idlelib", "lib2to3", "ensurepip", "tkinter", "turtledemo", "__pycache__", "dist-packages"}
    unneeded |= {"site-packages"}
    files = [path for path in Path(told.strip()).rglob("*") if path.is_file()]
    return [str(path) for path in files if not unneeded & set(path.parts)]


if __name__ == "__main__":
    make()
    sys.exit(0)
