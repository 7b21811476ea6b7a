"""What one box has learned, given to another: its certified fixes in one signed bundle.

Whoever imports names the keys that are believed, and nothing that others signed is looked at. What is taken over is
written down by the fact of any other fix, while no daemon holds the log: so an import that was killed goes on where it
was, and nothing is taken twice. A fix from elsewhere stands on probation; whether it is worth anything, gates say here.
"""

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal

import anyio
import msgspec
from msgspec import Meta, Struct

from daemon import certificate
from daemon import events as e
from daemon.blobs import BlobBroken, Blobs
from daemon.certificate import Invalid, Key, Trust, Unusable, canonical, trust
from daemon.codec import UNDECODABLE
from daemon.disk import write_whole
from daemon.exits import Exit
from daemon.holding import Held, hold
from daemon.log import LogBroken
from daemon.reading import facts_in, refuse
from daemon.settings import Settings
from daemon.state import State
from daemon.text.pattern import fix_name, load, objection
from daemon.text.shown import many
from daemon.text.terms import Refused
from daemon.views.fix_database import PATTERN_CHARACTERS

PAYLOAD_TYPE = "application/vnd.mendd.fixes+json"
FORM: Literal["mendd fixes 1"] = "mendd fixes 1"
MOST_BYTES = 32 * 2**20  # of a bundle: about two thousand fixes with their certificates
BOX_CHARACTERS = 12  # of a key's name: enough to tell boxes apart where people read it

Shown = Annotated[str, Meta(max_length=2_000)]  # what a prompt shows of a fix
Line = Annotated[str, Meta(max_length=500)]


class Fix(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A fix, and the certificate of the job that it was learned from."""

    fix: Annotated[str, Meta(pattern=r"\Af-[0-9a-f]{16}\Z")]
    job: Line
    project: Line
    signature: Annotated[str, Meta(pattern=r"\A[!-~]{1,100}\Z")]
    message: Shown
    before: Shown
    after: Shown
    pattern: Annotated[str, Meta(max_length=PATTERN_CHARACTERS)]
    certificate: str


class Bundle(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is signed."""

    form: Literal["mendd fixes 1"] = FORM
    fixes: list[Fix]


# Giving


def export_fixes(file: Path, settings: Settings) -> int:
    """Write every fix that a certificate of this box has taught into a bundle."""
    state = Path(settings.state_dir)
    try:
        key = Key.open(state / "keys")
        found = list(_certified(state, trust(key.public)))
    except LogBroken as error:
        return refuse(error)
    except Unusable as error:
        return _no(str(error))
    if not found:
        return _no(f"{state} has learned no fix from a certificate yet")
    sealed = certificate.seal(canonical(Bundle(fixes=found)), key, PAYLOAD_TYPE)
    if len(sealed) > MOST_BYTES:
        return _no(f"{len(found)} fixes are {len(sealed)} bytes, and no box takes more than {MOST_BYTES}")
    try:
        write_whole(file, sealed, durable=True)
    except OSError as error:
        return _no(f"{file} cannot be written: {error.strerror}; name another file")
    given = many(len(found), "fix", "fixes")
    print(f"{given} in {file}; to believe it, another box needs {state / 'keys' / 'ed25519.pub'}")
    return Exit.DONE


def _certified(state: Path, ours: Trust) -> Iterator[Fix]:
    """What was learned here, where the certificate is in the log, and its blob there, and ours."""
    certified: set[str] = set()
    for fact in (fact for facts in facts_in(state) for fact in facts):
        if isinstance(fact, e.Certified):
            certified.add(fact.certificate)
        elif isinstance(fact, e.FixLearned) and fact.certificate in certified and not fact.box:
            try:
                paper = Blobs(state / "blobs").get(fact.certificate)
                certificate.read(paper, ours)
                yield _as_given(fact, paper.decode())
            except (BlobBroken, Invalid) as error:
                print(f"mendd: {fact.fix} of {fact.job} stays here: {error}", file=sys.stderr)


def _as_given(fact: e.FixLearned, paper: str) -> Fix:
    return Fix(
        fix=fact.fix,
        job=fact.job,
        project=fact.project,
        signature=fact.signature,
        message=fact.message,
        before=fact.before,
        after=fact.after,
        pattern=fact.pattern if len(fact.pattern) <= PATTERN_CHARACTERS else "",
        certificate=paper,
    )


# Taking


def import_fixes(file: Path, keys: Sequence[Path], settings: Settings) -> int:
    """Take over what a bundle holds, if one of these keys signed it, and its certificates too."""
    try:
        trusted = trust(*(key.read_bytes() for key in keys))
        if file.stat().st_size > MOST_BYTES:
            return _no(f"{file} is no bundle of ours: it is longer than {MOST_BYTES} bytes")
        fixes, box = read_bundle(file.read_bytes(), trusted)
    except Invalid as error:
        whom = "; whom you believe is named by --key" if not keys else ""
        return _no(f"{file} is not believed: {error}{whom}")
    except (OSError, Unusable) as error:
        said = f"{error.filename}: {error.strerror}" if isinstance(error, OSError) else error
        return _no(f"{said}; a bundle and a public key (--key) are needed")
    good = []
    for fix in fixes:
        if why := _objection(fix):
            print(f"mendd: {fix.fix} is left out: {why}", file=sys.stderr)
        else:
            good.append(fix)
    state = Path(settings.state_dir)
    try:
        with open(hold(state), "rb"):  # noqa: PTH123  Path cannot open a descriptor; closing it lets go
            new = anyio.run(_take_over, good, box, state, settings)
    except Held as held:
        print(f"mendd: {held}; stop it, import, and start it again", file=sys.stderr)
        return Exit.HELD
    except LogBroken as error:
        return refuse(error)
    taken = many(len(fixes), "fix", "fixes")
    print(f"{taken} from box {box[:BOX_CHARACTERS]}: {new} new here, {len(good) - new} known before")
    return Exit.DONE


def read_bundle(data: bytes, trusted: Trust) -> tuple[list[Fix], str]:
    """The fixes in a bundle, and the box that they come from. Invalid where anything in it does not hold."""
    payload, box = certificate.unsealed(data, trusted, PAYLOAD_TYPE)
    try:
        bundle = msgspec.json.decode(payload, type=Bundle)
    except UNDECODABLE as error:
        raise Invalid(f"bundle: {error}") from None
    if canonical(bundle) != payload:
        raise Invalid("bundle: not in canonical form")
    for fix in bundle.fixes:
        proof = certificate.read(fix.certificate.encode(errors="replace"), {box: trusted[box]})
        if proof.job != fix.job:
            raise Invalid(f"{fix.fix}: its certificate is of another job")
    return bundle.fixes, box


def _objection(fix: Fix) -> str:
    """Why this one must not be remembered, however well it is signed."""
    if not fix.pattern:
        return ""
    try:
        pattern = load(fix.pattern)
    except Refused as refused:
        return str(refused)
    if pattern.text != fix.pattern or fix_name(fix.pattern) != fix.fix:
        return "its pattern is not what its name says"
    return objection(pattern)


async def _take_over(fixes: Sequence[Fix], box: str, folder: Path, settings: Settings) -> int:
    """Write down what the log does not say yet; how many these were."""
    blobs, state = Blobs(folder / "blobs"), State(folder, settings)
    state.catch_up()
    learned = (fact for facts in facts_in(folder) for fact in facts if isinstance(fact, e.FixLearned))
    known = {(fact.fix, fact.certificate) for fact in learned}
    new = []
    for fix in fixes:
        paper = blobs.put(fix.certificate.encode())
        if (fix.fix, paper) not in known:
            known.add((fix.fix, paper))
            new.append(_as_learned(fix, paper, box))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(state.keep)
        await state.record(*new)
        tasks.cancel_scope.cancel()
    state.close()
    return len(new)


def _as_learned(fix: Fix, paper: str, box: str) -> e.FixLearned:
    return e.FixLearned(
        job=f"{box[:BOX_CHARACTERS]}:{fix.job}",  # ids are given out by each box for itself
        fix=fix.fix,
        signature=fix.signature,
        before=fix.before,
        after=fix.after,
        pattern=fix.pattern,
        message=fix.message,
        project=fix.project,
        certificate=paper,
        box=box,
    )


def _no(why: str) -> int:
    print(f"mendd: {why}", file=sys.stderr)
    return Exit.USAGE
