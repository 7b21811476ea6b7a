"""Images as other people make them, out of the one that the tests use: with a repository installed in place.

Made by the real builder of the engine, without any network and without a registry.
"""

import contextlib
import io
import secrets
import tarfile
from collections.abc import Iterator

import docker

from tests.fakes.docker_image import IMAGE


@contextlib.contextmanager
def image(name: str, *lines: str) -> Iterator[None]:
    """An image of this name, for a while: the tests' own, and then these lines of a Dockerfile."""
    client = docker.APIClient(timeout=120)
    text = "\n".join([f"FROM {IMAGE}", *lines, ""]).encode()
    context = io.BytesIO()
    with tarfile.open(fileobj=context, mode="w") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    context.seek(0)
    try:
        said = list(client.build(fileobj=context, custom_context=True, tag=name, rm=True, forcerm=True, decode=True))
        assert "error" not in said[-1], said
        made = client.images(name)[0]["Id"]  # its name may be another one's by then
        yield
        client.remove_image(made, force=True)
    finally:
        client.close()


@contextlib.contextmanager
def empty() -> Iterator[str]:
    """An image with nothing in it, for a while: its name."""
    name, tag = f"mendd/empty-{secrets.token_hex(4)}", "1"
    client = docker.APIClient(timeout=120)
    nothing = io.BytesIO()
    tarfile.open(fileobj=nothing, mode="w").close()
    try:
        client.import_image_from_data(nothing.getvalue(), repository=name, tag=tag)
        yield f"{name}:{tag}"
    finally:
        client.remove_image(f"{name}:{tag}", force=True)
        client.close()
