"""Whether a sandbox works here: by running a program in it, since versions and kernels promise much."""

from pathlib import Path

from daemon.effects.sandbox import HOLDS, Command, Mount, Sandbox
from daemon.effects.world import Fault

OURS = Path(__file__).resolve()  # any file of the house will do: sessions are shown some of them


async def probe(sandbox: Sandbox, remedy: str) -> str:
    """Nothing, or why not and what to do.

    Behind walls the program reads a file that it is shown: an engine may live where our folders are not, and whoever
    programs run as may not be let in.
    """
    is_walled = "hidden_files" in HOLDS[sandbox.level]
    command = Command(
        argv=["cat", str(OURS)] if is_walled else ["true"],
        cwd="/",
        seconds=30.0,
        memory_bytes=256 * 2**20,
        processes=16,
        output_bytes=2**16,
        scratch_bytes=2**20,
        mounts=[Mount(str(OURS.parent))] if is_walled else [],
    )
    try:
        ran = await sandbox.run(command)
    except Fault as fault:
        return f"the {sandbox.level} sandbox does not work here: {fault.message}; {remedy}"
    if ran.passed and ran.stdout == (OURS.read_bytes() if is_walled else b""):
        return ""
    why = ran.stderr.decode(errors="replace").strip() or f"status {ran.status}, signal {ran.signal}"
    if "Permission denied" in why and str(OURS) in why:
        remedy = f"programs do not run as root, so let everybody read what lies in {OURS.parents[3]} (chmod -R go+rX)"
    return f"the {sandbox.level} sandbox does not work here: {why}; {remedy}"
