"""What can be done again outside of the daemon: what a certificate says, and what a model would be asked.

Both need hands, and a state folder only to read. Nothing here writes into it.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import anyio

from daemon import verification
from daemon.blobs import BlobBroken, Blobs
from daemon.certificate import Check, Unusable, trust
from daemon.effects import ideas
from daemon.effects.environment import EnvironmentRefused
from daemon.effects.models import Request
from daemon.effects.propose import question
from daemon.effects.replay import replaying
from daemon.effects.trees import SourceRefused
from daemon.effects.workshop import Workshop
from daemon.effects.world import Fault
from daemon.exits import Exit
from daemon.log import LogBroken
from daemon.policy.asking import WITHOUT_A_MODEL, advise, look_first, propose
from daemon.policy.known import NOTHING
from daemon.policy.ladder import rung_of
from daemon.reading import found, prompts, refuse, unknown
from daemon.settings import Settings
from daemon.steps import MeasureValues, Propose
from daemon.text.prompt import Prompt
from daemon.views.jobs import Run


def verify(certificate: Path, patch: Path, blobs: Path, keys: Sequence[Path], settings: Settings) -> int:
    """Check a certificate and do again what it says, believing nothing but these public keys."""
    try:
        papers = certificate.read_bytes(), patch.read_bytes()
        trusted = trust(*(key.read_bytes() for key in keys))
    except OSError as error:
        needed = "besides the certificate, its patch (--patch) and a public key (--key) are needed"
        print(f"mendd: {error.filename}: {error.strerror}; {needed}", file=sys.stderr)
        return Exit.USAGE
    except Unusable as error:
        print(f"mendd: {error}", file=sys.stderr)
        return Exit.USAGE

    async def check() -> list[Check]:
        async with replaying(settings) as hands:
            return await verification.verify(*papers, Blobs(blobs).get, hands, trusted)

    try:
        checks = anyio.run(check)
    except (SourceRefused, EnvironmentRefused, Fault, OSError) as missing:
        print(f"mendd: it could not be checked here: {missing}", file=sys.stderr)
        return Exit.UNAVAILABLE
    print(verification.told(checks), end="")
    return Exit.DONE if all(check.held for check in checks) else Exit.NOT_ALL_CERTIFIED


def prompt_of(job: str, name: str, settings: Settings) -> int:
    """Print exactly what a model would be asked about this job on this rung now."""
    rung = rung_of(name)
    try:
        known, views, _ = found(Path(settings.state_dir), job)
    except LogBroken as error:
        return refuse(error)
    if known is None or rung is None:
        return unknown(job) if known is None else prompts(name)
    begun = (run.plan.answer if run.plan else run.evidence for run in known.runs.values())
    evidence = next(filter(None, begun), "")
    if not evidence:
        missing = "has no plan yet" if known.kind == "idea" else "has not passed its red gate"
        print(f"mendd: {job} {missing}: there is nothing to tell a model yet", file=sys.stderr)
        return Exit.USAGE
    run = Run(f"{job}.next", len(known.runs) + 1, rung.attempts, rung.id, evidence=evidence)
    run.given_up = list(WITHOUT_A_MODEL)
    remembering = NOTHING._replace(fixes=views.fix_database)
    step = propose(known, run, settings, remembering)
    if not isinstance(step, Propose):
        raise TypeError(f"{name} asks no model")
    blobs = Blobs(Path(settings.state_dir) / "blobs")
    asks = ideas.question if known.kind == "idea" else question
    shop = Workshop(settings, {})
    try:
        if rung.advisor and known.kind == "repair":
            _print(*anyio.run(asks, shop, advise(known, run, settings, remembering), blobs))
            print("\n# That was the advisor. Then this one is asked for edits, and shown the diagnosis besides:\n")
        if known.kind == "repair" and isinstance(look_first(known, run, settings, remembering), MeasureValues):
            print("# The values are measured once a run gets there, and shown besides.\n")
        _print(*anyio.run(asks, shop, step, blobs))
    except BlobBroken as lost:
        return refuse(lost)
    except SourceRefused as refused:  # its tree is no longer kept, and cannot be made again
        print(f"mendd: {refused}", file=sys.stderr)
        return Exit.USAGE
    return Exit.DONE


def _print(request: Request, made: Prompt) -> None:
    print(f"# {request.model}, temperature {request.temperature}, seed {request.seed}, window {request.num_ctx}")
    print(made.system, made.user, sep="\n\n")
