"""Whether a sandbox works here: by running a program in it, since versions and kernels promise much."""

from daemon.effects.sandbox import Command, Sandbox
from daemon.effects.world import Fault


async def probe(sandbox: Sandbox, remedy: str) -> str:
    """Nothing, or why not and what to do."""
    command = Command(
        argv=["true"],
        cwd="/",
        seconds=30.0,
        memory_bytes=256 * 2**20,
        processes=16,
        output_bytes=4096,
        scratch_bytes=2**20,
    )
    try:
        ran = await sandbox.run(command)
    except Fault as fault:
        return f"the {sandbox.level} sandbox does not work here: {fault.message}; {remedy}"
    if ran.passed:
        return ""
    why = ran.stderr.decode(errors="replace").strip() or f"status {ran.status}, signal {ran.signal}"
    return f"the {sandbox.level} sandbox does not work here: {why}; {remedy}"
