"""What proves a job, said in a form that others read too, and signed: who made a claim, and that nobody changed it.

The form is in-toto's: a Statement about the patch and the tree that it gives, with the test-result predicate, in a DSSE
envelope (docs/certificate.md). What is ours stands under `mendd_proof`; all else is made of it, so that nothing in a
certificate can contradict itself. Everything is canonical: equal proofs and keys give equal bytes, and no byte of a
certificate can be changed without being seen. Whether the claim still holds is `daemon.verification`'s to find out.
"""

import base64
import binascii
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import get_native_id
from typing import Annotated, Any, Literal, NoReturn, Self, TypeVar

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from msgspec import Meta, Struct

from daemon.disk import sync, sync_path
from daemon.drops import Job, without_answer
from daemon.rungs import EditScope

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://in-toto.io/attestation/test-result/v0.1"
OURS = "mendd_proof"
MOST_BYTES = 64 * 1024 * 1024  # 20,000 targets with their longest names and messages, in base64
MESSAGE_CHARACTERS = 2_000
SHOWN = 100  # characters of what somebody else wrote, in a reason

Sha256 = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
SomeSha256 = Annotated[str, Meta(pattern=r"\A([0-9a-f]{64})?\Z")]  # "" for what there was not
TreeId = Annotated[str, Meta(pattern=r"\A([0-9a-f]{40}|[0-9a-f]{64})\Z")]
SomeTreeId = Annotated[str, Meta(pattern=r"\A([0-9a-f]{40}|[0-9a-f]{64})?\Z")]
JobId = Annotated[str, Meta(pattern=r"\A[ri]-[0-9]{6,12}\Z")]
Message = Annotated[str, Meta(max_length=MESSAGE_CHARACTERS)]
Count = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=0)]
Form = TypeVar("Form", bound=Struct)

RungNumber = Literal[641, 274177, 65537]

# What every rung must have looked at. The names are public numbers, kept from the mission.
MUST: dict[RungNumber, tuple[str, ...]] = {
    641: ("answer read", "all edits landed", "changed files parse", "nothing outside touched"),  # edge sanity
    274177: ("targets green", "nothing that passed broke", "repeated runs agree"),  # stress
    65537: ("recorded answers give the same tree", "same verdicts again"),  # determinism
}
MUST_OF: dict[Literal["repair", "idea"], dict[RungNumber, tuple[str, ...]]] = {
    "repair": MUST,
    "idea": {
        641: ("plan read", "answers read", "all edits landed", "files parse", "nothing outside touched"),
        274177: ("measured in the sandbox", "enough points"),
        65537: ("recorded answers give the same tree", "the same points again"),
    },
}


class Invalid(Exception):  # noqa: N818  said of a certificate
    """It is no certificate that could be trusted. The message says what is wrong with it."""


class Unusable(Exception):  # noqa: N818  said of a key
    """There is a key, but it must not or cannot be used."""


# What is said


class _Said(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A part of what is said. It may gain fields with defaults, which old certificates are read without."""


class Check(_Said, frozen=True, kw_only=True):
    """Something that was looked at, and whether it held; where it did not, `why` says what differs."""

    what: str
    held: bool
    why: str = ""


class Rung(_Said, frozen=True, kw_only=True):
    """One rung of validation: 641 edge sanity, 274177 stress, 65537 determinism."""

    number: RungNumber
    checks: list[Check]


class Listed(_Said, frozen=True, kw_only=True):
    """Test ids that are too many to stand here: how many, and the name of the blob that lists them (`listing`)."""

    count: Count
    digest: Sha256

    @classmethod
    def of(cls, tests: Iterable[str]) -> Self:
        """These ids, in any order."""
        names = set(tests)
        return cls(count=len(names), digest=sha256(listing(names)))


class Attempt(_Said, frozen=True, kw_only=True):
    """One attempt: what was asked and answered (blobs), the tree that it gave, and what was wrong with it."""

    number: Annotated[int, Meta(ge=1)]
    prompt: SomeSha256 = ""
    answer: SomeSha256 = ""
    tree: SomeTreeId = ""  # "" where nothing landed
    failure: str = ""
    message: Message = ""
    seed: int | None = None
    tokens_in: Count = 0
    tokens_out: Count = 0
    is_cut_off: bool = False  # the answer ended before its end
    seconds: Seconds = 0.0


class Proof(_Said, frozen=True, kw_only=True):
    """All that a certificate says."""

    # whose and when
    job: JobId
    run: str
    kind: Literal["repair", "idea"]
    mendd: str  # the version that says it
    at: float  # unix seconds
    # what was wrong, and where
    drop: Sha256  # the blob with the job as it was dropped (`job_bytes`)
    repository: str  # "" of an idea, which begins with nothing
    plan: SomeSha256 = ""  # of an idea: the answer that planned it
    base_commit: str = ""
    test_patch: SomeSha256 = ""
    pristine_tree: TreeId  # git's, with the test patch applied
    wanted: list[str]  # the tests as the drop names them
    red: dict[str, Message]  # test id → how it failed on the pristine tree
    # what mends it
    patch: Sha256
    tree: TreeId
    green: list[str]  # the ids that the wanted tests stand for: they pass with the patch
    baseline: Listed  # what passed before and still does
    flaky: list[str] = []  # bystanders that are left out of the baseline
    repeats: Annotated[int, Meta(ge=1)]  # how often the green tests were run
    # how it was judged
    sandbox: Literal["docker", "bubblewrap", "process"]  # the level that was really used
    environment: str
    python: str = ""
    rungs: list[Rung]
    score: int | None = None  # of an idea
    # how it was found
    proposer: str
    model: str = ""
    model_digest: str = ""
    diagnosis: SomeSha256 = ""  # what the prompts show of an advisor, and which model that was
    advisor: str = ""
    rung: str = ""
    limit: EditScope | None = None  # how much an answer was allowed to change
    attempts_made: Annotated[int, Meta(ge=1)]
    feedback_history: list[Attempt]  # every attempt; the last is the one that held
    warnings: list[str] = []


def rungs_of(kind: Literal["repair", "idea"], held: Mapping[str, bool]) -> list[Rung]:
    """The rungs of a kind, from what was looked at and whether it held. What nobody looked at is a KeyError."""
    return [
        Rung(number=number, checks=[Check(what=what, held=held[what]) for what in must])
        for number, must in MUST_OF[kind].items()
    ]


def flaws(proof: Proof) -> Iterator[str]:
    """Why such a proof may not be certified, or cannot be true."""
    yield from _flawed_rungs(proof)
    yield from _flawed_attempts(proof)
    if proof.tree == proof.pristine_tree:
        yield "tree: the patch changes nothing"
    if proof.kind == "repair" and not (proof.wanted and proof.red):
        yield "red: no test failed before, so there was nothing to mend"
    if proof.kind == "idea" and (proof.score is None or not proof.plan):
        yield "score: a project has a plan and a score"
    if missing := sorted(set(proof.red) - set(proof.green)):
        yield f"green: {missing[0]} was red before and is not said to be green after"
    if both := sorted(set(proof.flaky) & set(proof.green)):
        yield f"flaky: {both[0]} is a target, and no bystander"
    for name, tests in (("wanted", proof.wanted), ("green", proof.green), ("flaky", proof.flaky)):
        if len(set(tests)) < len(tests):
            yield f"{name}: a test stands there twice"
    if (proof.baseline.count == 0) != (proof.baseline.digest == Listed.of([]).digest):
        yield f"baseline: {proof.baseline.count} tests do not have the digest {proof.baseline.digest}"


def _flawed_rungs(proof: Proof) -> Iterator[str]:
    if [rung.number for rung in proof.rungs] != list(MUST):
        yield f"rungs: they must be {', '.join(map(str, MUST))}, in this order"
        return
    for rung in proof.rungs:
        for check in rung.checks:
            if not check.held:
                yield f"rung {rung.number}: {check.what} did not hold: {check.why}"
        for what in MUST_OF[proof.kind][rung.number]:
            if what not in [check.what for check in rung.checks]:
                yield f"rung {rung.number}: nobody checked '{what}'"


def _flawed_attempts(proof: Proof) -> Iterator[str]:
    attempts = proof.feedback_history
    if proof.attempts_made != len(attempts):
        yield f"attempts_made: it says {proof.attempts_made}, and the feedback history has {len(attempts)}"
    if [attempt.number for attempt in attempts] != list(range(1, len(attempts) + 1)):
        yield "feedback_history: the attempts are not numbered from 1 on"
    if any(not attempt.failure for attempt in attempts[:-1]):
        yield "feedback_history: an attempt before the last one has no failure"
    if attempts and attempts[-1].failure:
        yield f"feedback_history: the last attempt failed: {attempts[-1].failure}"
    if attempts and not attempts[-1].answer:
        yield "feedback_history: the answer of the last attempt was not recorded"
    if attempts and attempts[-1].tree != proof.tree:
        yield "feedback_history: the last attempt did not give the resulting tree"


# The statement and its envelope


class Signature(Struct, frozen=True, forbid_unknown_fields=True):
    """A signature, and a hint at the key."""

    keyid: str
    sig: str


class Envelope(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """DSSE's envelope."""

    payload: str
    payload_type: str
    signatures: list[Signature]


def statement(proof: Proof) -> dict[str, Any]:
    """What is signed: in-toto's statement that these tests pass with this patch. Invalid where the proof has flaws."""
    _refuse_flaws(proof)
    return _statement(proof)


def _statement(proof: Proof) -> dict[str, Any]:
    place = {"repository": proof.repository} | ({"commit": proof.base_commit} if proof.base_commit else {})
    configuration: list[dict[str, Any]] = [
        {"name": "pristine tree", "digest": {"gitTree": proof.pristine_tree}, "annotations": place},
        {"name": "job", "digest": {"sha256": proof.drop}},
        {"name": "tests that passed before", "digest": {"sha256": proof.baseline.digest}},
    ]
    if proof.test_patch:
        configuration.append({"name": "test patch", "digest": {"sha256": proof.test_patch}})
    return {
        "_type": STATEMENT_TYPE,
        "subject": [
            {"name": "patch.diff", "digest": {"sha256": proof.patch}},
            {"name": "resulting tree", "digest": {"gitTree": proof.tree}},
        ],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "result": "PASSED",
            "configuration": configuration,
            "passedTests": list(proof.green),
            "warnedTests": list(proof.flaky),
            "failedTests": [],
            OURS: msgspec.to_builtins(proof),
        },
    }


def sign(proof: Proof, key: "Key") -> bytes:
    """The certificate. Invalid where not everything held: such a proof is never signed."""
    said = statement(proof)
    _converted(said["predicate"][OURS], Proof, OURS)  # a Struct does not look at what it is made of
    return seal(_payload(said), key)


def seal(payload: bytes, key: "Key", payload_type: str = PAYLOAD_TYPE) -> bytes:
    """A payload in its signed envelope."""
    signature = Signature(key.id, _in_base64(key.private.sign(pae(payload, payload_type))))
    return canonical(Envelope(_in_base64(payload), payload_type, [signature]))


def read(data: bytes, trusted: "Trust") -> Proof:
    """What a certificate says, after its signature and its form held. Invalid says what did not."""
    payload, _ = unsealed(data, trusted)
    return _proof(payload)


def unsealed(data: bytes, trusted: "Trust", payload_type: str = PAYLOAD_TYPE) -> tuple[bytes, str]:
    """What stands in an envelope, after its signature held, and the id of the key that signed it."""
    if len(data) > MOST_BYTES:
        raise Invalid(f"envelope: longer than {MOST_BYTES} bytes")
    envelope = _converted(_json(data, "envelope"), Envelope, "envelope")
    if envelope.payload_type != payload_type:
        raise Invalid(f"payloadType: {envelope.payload_type!r:.{SHOWN}} is not {payload_type}")
    if len(envelope.signatures) != 1:
        raise Invalid(f"signatures: there are {len(envelope.signatures)}; one is made, and no other is looked at")
    payload = _from_base64(envelope.payload, "payload")
    _check_signature(envelope.signatures[0], pae(payload, payload_type), trusted)
    if canonical(envelope) != data:
        raise Invalid("envelope: not in canonical form: white space, escapes or the order of keys were changed")
    return payload, envelope.signatures[0].keyid


def _check_signature(signature: Signature, signed: bytes, trusted: "Trust") -> None:
    public = trusted.get(signature.keyid)
    if public is None:
        raise Invalid(f"signature: key {signature.keyid!r:.{SHOWN}} is not among the trusted ones")
    try:
        public.verify(_from_base64(signature.sig, "signature"), signed)
    except InvalidSignature:
        raise Invalid(f"signature: key {signature.keyid} did not sign this payload; one of them was changed") from None


def _proof(payload: bytes) -> Proof:
    said = _json(payload, "payload")
    if not isinstance(said, dict) or not isinstance(said.get("predicate"), dict):
        raise Invalid("payload: not a statement with a predicate")
    for name, expected in (("_type", STATEMENT_TYPE), ("predicateType", PREDICATE_TYPE)):
        if said.get(name) != expected:
            raise Invalid(f"{name}: {said.get(name)!r:.{SHOWN}} is not {expected}")
    proof = _converted(said["predicate"].get(OURS), Proof, OURS)
    _refuse_flaws(proof)
    made = _statement(proof)
    for there, made_there in ((said, made), (said["predicate"], made["predicate"])):
        for name in sorted(there.keys() | made_there.keys()):
            if name not in ("predicate", OURS) and there.get(name) != made_there.get(name):
                raise Invalid(f"{name}: it contradicts {OURS}")
    if _payload(made) != payload:
        raise Invalid("payload: not in canonical form: white space, escapes, numbers or the order of keys were changed")
    return proof


def _payload(said: dict[str, Any]) -> bytes:
    try:
        return canonical(said)
    except UnicodeEncodeError as error:  # half a character
        raise Invalid(f"payload: something cannot be written down: {error}") from None


def _refuse_flaws(proof: Proof) -> None:
    if flaw := next(flaws(proof), ""):
        raise Invalid(flaw)


# Keys


class Key(Struct, frozen=True):
    """The key that this daemon signs with."""

    private: Ed25519PrivateKey

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The key in that folder, made on first use, with its public half beside it. Blocks; Unusable says why not."""
        path = folder / "ed25519"
        if not path.exists():
            _make_key(path)
        if path.stat().st_mode & 0o077:
            raise Unusable(f"others may read {path}: make a new key, or `chmod 600` it if nobody did")
        try:
            private = load_pem_private_key(path.read_bytes(), None)
        except (ValueError, TypeError) as error:
            raise Unusable(f"{path} is not a private key: {error}") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise Unusable(f"{path} is not an Ed25519 key")
        key = cls(private)
        public = path.with_suffix(".pub")
        if not public.exists() or public.read_bytes() != key.public:
            _put(public, key.public, 0o644)
        return key

    @property
    def public(self) -> bytes:
        """The public half, as PEM: what others need to trust it."""
        return self.private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @property
    def id(self) -> str:
        """Its name."""
        return key_id(self.private.public_key())


Trust = Mapping[str, Ed25519PublicKey]  # key id → key


def trust(*publics: bytes) -> Trust:
    """Those who are believed, by their public keys in PEM. Unusable says which is none."""
    trusted = {}
    for number, pem in enumerate(publics, 1):
        try:
            public = load_pem_public_key(pem)
        except ValueError as error:
            raise Unusable(f"public key {number} cannot be read: {error}") from error
        if not isinstance(public, Ed25519PublicKey):
            raise Unusable(f"public key {number} is not an Ed25519 key")
        trusted[key_id(public)] = public
    return trusted


def key_id(public: Ed25519PublicKey) -> str:
    """The name of a key: the digest of its SubjectPublicKeyInfo in DER."""
    return sha256(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def _make_key(path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _put(path, pem, 0o600, replace=False)


def _put(path: Path, data: bytes, mode: int, *, replace: bool = True) -> None:
    """Put a file there durably, at no time open to more than it shall be. Not to be replaced: the first one wins."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{get_native_id()}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with open(descriptor, "wb") as file:  # noqa: PTH123  Path cannot open a descriptor
        file.write(data)
        file.flush()
        sync(descriptor)
    try:
        if replace:
            temporary.replace(path)
        else:
            path.hardlink_to(temporary)
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)
    sync_path(path.parent)


# Bytes


def canonical(value: object) -> bytes:
    """The one way to write this down: sorted keys, no white space, UTF-8."""
    return msgspec.json.encode(value, order="sorted")


def listing(tests: Iterable[str]) -> bytes:
    """The blob that lists these ids."""
    return canonical(sorted(set(tests)))


def job_bytes(drop: Job) -> bytes:
    """The blob that holds a job as it was dropped, without its gold patch."""
    return canonical(without_answer(drop))


def bounded(message: str) -> str:
    """As much of a message as a certificate takes: its beginning and its end."""
    half = MESSAGE_CHARACTERS // 2
    message = message.encode(errors="replace").decode()
    return message if len(message) <= MESSAGE_CHARACTERS else f"{message[: half - 1]}…{message[-half:]}"


def sha256(data: bytes) -> str:
    """The digest under which blobs are known too."""
    return hashlib.sha256(data).hexdigest()


def pae(payload: bytes, payload_type: str = PAYLOAD_TYPE) -> bytes:
    """DSSE's pre-authentication encoding: what is really signed, so that the type of the payload is, too."""
    return b"DSSEv1 %d %s %d %s" % (len(payload_type), payload_type.encode(), len(payload), payload)


def _in_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _from_base64(text: str, name: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"{name}: not base64: {error}") from None
    if _in_base64(data) != text:
        raise Invalid(f"{name}: not canonical base64: the same bytes are written in another way")
    return data


def _json(data: bytes, name: str) -> Any:  # noqa: ANN401  whatever JSON says
    """JSON, more strictly than most read it: a key that stands twice means one thing to us and another to others."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise Invalid(f"{name}: the key {key!r:.{SHOWN}} stands there twice")
            found[key] = value
        return found

    def refuse(constant: str) -> NoReturn:
        raise Invalid(f"{name}: {constant} is not JSON")

    try:
        return json.loads(data.decode(), object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        raise Invalid(f"{name}: not JSON, perhaps cut off: {error}") from None


def _converted(value: object, kind: type[Form], name: str) -> Form:
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise Invalid(f"{name}: {error}") from None
