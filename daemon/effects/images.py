"""Images as environments: which one a job means, where it keeps interpreter and repository, what of it our tree lacks.

An image is looked at only from inside, as whoever runs the tests in it: what is found and what can be read is then what
they will find. Must never enter: anything that runs outside the sandbox, or an engine's own words (`sandbox/`).
"""

from pathlib import Path

from anyio import CancelScope
from anyio.to_thread import run_sync
from msgspec import Struct

from daemon.effects.layers import keep, too_large
from daemon.effects.needs import TREE_IN_SANDBOX, Environment, EnvironmentRefused
from daemon.effects.sandbox import Command, Mount, Ran
from daemon.effects.sandbox.host import BASE_PATH
from daemon.effects.sandbox.images import Build, Image, ImageSandbox
from daemon.effects.trees import Tree
from daemon.effects.workspace import Workspace
from daemon.effects.world import Fault
from daemon.inside.carry_out import TOO_LARGE
from daemon.settings import Settings

INSIDE = Path(__file__).parent.parent / "inside"
CARRIED_TO = "/mendd-tree"  # beside the place in the image, which stays to be read
SWE_BENCHS_PLACE = "/testbed"  # as look_at_image.sh has it
OURS = ("HOME", "TMPDIR")  # the sandbox has its own


class Found(Struct, frozen=True):
    """Where an image keeps what a session needs."""

    python: str
    place: str


class Images:
    """The images of one sandbox, as environments of trees."""

    def __init__(self, settings: Settings, sandbox: ImageSandbox) -> None:
        self.settings = settings
        self.sandbox = sandbox

    async def named(self, name: str) -> Image:
        """The image of this name; fetched if it is not here."""
        if found := await self.sandbox.image(name):
            return found
        why = await self.sandbox.pull(name, self.settings.pull_timeout_s)
        if found := await self.sandbox.image(name):
            return found
        raise EnvironmentRefused(f"the image {name} is not here and could not be pulled: {why or 'it did not come'}")

    async def built(self, key: str, dockerfile: str, tree: Tree) -> Image:
        """The image that this Dockerfile of the tree describes; built if it was not yet."""
        if found := (await self.sandbox.built()).get(key):
            return await self.named(found.id)
        if not await run_sync((tree.files / dockerfile).is_file):
            raise EnvironmentRefused(f"the repository has no file {dockerfile} to build an image from")
        build = Build(
            key=key,
            context=tree.files,
            dockerfile=dockerfile,
            seconds=self.settings.install_timeout_s,
            memory_bytes=self.settings.sandbox_memory_bytes,
            processors=self.settings.sandbox_processors,
            output_bytes=self.settings.sandbox_output_bytes,
        )
        why = await self.sandbox.build(build)
        if not why and (found := (await self.sandbox.built()).get(key)):
            return await self.named(found.id)
        raise EnvironmentRefused(f"{dockerfile} could not be built: {why or 'no image came of it'}")

    async def environment(self, key: str, image: Image, place: str, tree: Tree, folder: Path) -> Environment:
        """The image as the environment of this tree. `place` is where the tree belongs; "" lets the image say it."""
        found = await self._look(image, place)
        layer = await self._carry_out(image, found, tree, folder)
        path = f"{Path(found.python).parent}:{image.variables.get('PATH', BASE_PATH)}"
        own = {name: value for name, value in image.variables.items() if name not in OURS}
        return Environment(
            key,
            "image",
            found.python,
            image=image.id,
            variables=own | {"PATH": path},
            layer=layer,
            place=found.place,
        )

    async def _look(self, image: Image, place: str) -> Found:
        """Where its interpreter and its repository are."""
        script = str(INSIDE / "look_at_image.sh")
        ran = await self._run(image, ["/bin/sh", script, place, TREE_IN_SANDBOX], [])
        lines = ran.stdout.decode(errors="replace").splitlines()
        places = (place,) if place else (SWE_BENCHS_PLACE, TREE_IN_SANDBOX)
        if not ran.passed or len(lines) != len(Found.__struct_fields__) or lines[1] not in places:
            raise EnvironmentRefused(f"the image {image.id} cannot be used: {_said(ran)}")
        return Found(*lines)

    async def _carry_out(self, image: Image, found: Found, tree: Tree, folder: Path) -> str:
        """What the image has in the repository's place and our tree has not, as a layer for it; "" if there is none."""
        workspace = Workspace(tree, folder / "making", self.settings.workspace_bytes)
        try:
            await run_sync(workspace.open)
            script = [found.python, str(INSIDE / "carry_out.py"), found.place, CARRIED_TO]
            script.append(str(workspace.quota_bytes))
            ran = await self._run(image, script, [Mount(str(workspace.root), CARRIED_TO, writable=True)])
            if ran.status == TOO_LARGE:
                room = too_large(workspace.quota_bytes)
                raise EnvironmentRefused(f"what the image keeps in {found.place} is larger than {room}")
            if not ran.passed:
                raise EnvironmentRefused(f"what the image keeps in {found.place} could not be read: {_said(ran)}")
            return await run_sync(keep, workspace, folder / "layer")
        finally:
            with CancelScope(shield=True):
                await run_sync(workspace.close)

    async def _run(self, image: Image, argv: list[str], mounts: list[Mount]) -> Ran:
        """Run in the image, as its tests will: without network."""
        seen = [Mount(str(INSIDE)), *mounts]
        path = {"PATH": image.variables.get("PATH", BASE_PATH)}
        command = Command.within(self.settings, argv, "/", image=image.id, mounts=seen, environment=path)
        try:
            return await self.sandbox.run(command)
        except Fault as fault:
            if fault.fault == "sandbox_setup":  # the engine works, but not with this image
                raise EnvironmentRefused(f"the image {image.id} cannot be used: {fault.message}") from fault
            raise


def _said(ran: Ran) -> str:
    if ran.timed_out or ran.out_of_memory:
        return "it took too long" if ran.timed_out else "it ran out of memory"
    return (ran.stderr or ran.stdout).decode(errors="replace").strip()[-2_000:] or f"status {ran.status}"
