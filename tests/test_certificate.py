"""Certificates: what was signed is what is read, and every tampering is refused by a reason that names it."""

import base64
import json
import os
import stat
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from msgspec.structs import replace

from daemon import certificate as c
from tests.fakes.certified import Certified, rungs

PAGE = Path(__file__).parent.parent / "docs" / "certificate.md"
ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return Certified.make(tmp_path_factory.mktemp("certified"))


@pytest.fixture(scope="module")
def mallory(tmp_path_factory: pytest.TempPathFactory) -> c.Key:
    return c.Key.open(tmp_path_factory.mktemp("mallory"))


# What is said


def test_what_was_signed_is_what_is_read(good: Certified) -> None:
    assert c.read(good.certificate, good.trusted) == good.proof


def test_equal_proofs_and_keys_give_equal_bytes(good: Certified) -> None:
    again = replace(good.proof, red=dict(reversed(good.proof.red.items())))
    assert c.sign(again, c.Key.open(good.blobs.folder.parent / "keys")) == good.certificate


def test_others_find_what_in_toto_promises_them(good: Certified) -> None:
    envelope = json.loads(good.certificate)
    assert sorted(envelope) == ["payload", "payloadType", "signatures"]
    said = json.loads(base64.b64decode(envelope["payload"]))
    assert said["_type"] == "https://in-toto.io/Statement/v1"
    assert said["subject"] == [
        {"name": "patch.diff", "digest": {"sha256": c.sha256(good.patch)}},
        {"name": "resulting tree", "digest": {"gitTree": good.proof.tree}},
    ]
    assert said["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    predicate = said["predicate"]
    assert predicate["result"] == "PASSED"
    assert predicate["passedTests"] == ["test_sum.py::adds"]
    assert predicate["failedTests"] == []
    for resource in [*said["subject"], *predicate["configuration"]]:
        assert {"uri", "digest", "content"} & resource.keys(), "a ResourceDescriptor has at least one of them"


@pytest.mark.parametrize("name", ["/etc/passwd", "../r-000001", "r-1", "r-000001\n", ""])
def test_a_job_that_is_no_name_of_ours_cannot_be_read(good: Certified, name: str) -> None:
    """… for whoever verifies makes a folder of that name."""
    with pytest.raises(c.Invalid):
        c.read(good.claiming(job=name), good.trusted)


def test_the_type_of_the_payload_is_signed_too() -> None:
    """DSSE's pre-authentication encoding."""
    assert c.pae(b"{}") == b"DSSEv1 28 application/vnd.in-toto+json 2 {}"


def test_the_jobs_blob_does_not_hold_the_gold_patch(good: Certified) -> None:
    assert b"never to be seen" not in good.blobs.get(good.proof.drop)


def test_a_long_message_keeps_its_beginning_and_its_end() -> None:
    message = "first" + "x" * 10_000 + "last"
    kept = c.bounded(message)
    assert (len(kept), kept[:5], kept[-4:]) == (c.MESSAGE_CHARACTERS, "first", "last")
    assert c.bounded("\ud800 short") == "? short"


# Tamperings by somebody without the key

Change = Callable[[dict[str, Any]], object]


def other_payload(envelope: dict[str, Any], old: bytes, new: bytes) -> None:
    payload = base64.b64decode(envelope["payload"])
    assert old in payload
    envelope["payload"] = base64.b64encode(payload.replace(old, new)).decode()


def flipped(sig: str) -> str:
    data = bytearray(base64.b64decode(sig))
    data[10] ^= 1
    return base64.b64encode(data).decode()


def with_order_added(sig: str) -> str:
    """The same signature in its other form, which a careless check takes for good."""
    data = base64.b64decode(sig)
    number = int.from_bytes(data[32:], "little") + ED25519_ORDER
    return base64.b64encode(data[:32] + number.to_bytes(32, "little")).decode()


def in_other_base64(text: str) -> str:
    """The same bytes, written with bits set that nobody reads."""
    assert text.endswith("=")
    bare = text.rstrip("=")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    return bare[:-1] + alphabet[alphabet.index(bare[-1]) + 1] + text[len(bare) :]


ENVELOPES: dict[str, tuple[Change, str]] = {
    "signature flipped": (lambda e: e["signatures"][0].update(sig=flipped(e["signatures"][0]["sig"])), "did not sign"),
    "signature in its other form": (
        lambda e: e["signatures"][0].update(sig=with_order_added(e["signatures"][0]["sig"])),
        "did not sign",
    ),
    "signature cut": (lambda e: e["signatures"][0].update(sig=e["signatures"][0]["sig"][:44]), "did not sign"),
    "signature empty": (lambda e: e["signatures"][0].update(sig=""), "did not sign"),
    "signature in other base64": (
        lambda e: e["signatures"][0].update(sig=in_other_base64(e["signatures"][0]["sig"])),
        "signature: not canonical base64",
    ),
    "key unknown": (lambda e: e["signatures"][0].update(keyid="0" * 64), "not among the trusted"),
    "key not named": (lambda e: e["signatures"][0].update(keyid=""), "not among the trusted"),
    "two signatures, one bad": (
        lambda e: e["signatures"].append({"keyid": "0" * 64, "sig": "AAAA"}),
        "signatures: there are 2",
    ),
    "no signature": (lambda e: e["signatures"].clear(), "signatures: there are 0"),
    "payload type changed": (lambda e: e.update(payloadType="application/json"), "payloadType"),
    "payload in URL-safe base64": (lambda e: e.update(payload=e["payload"] + "_-=="), "payload: not base64"),
    "payload in lines": (
        lambda e: e.update(payload=e["payload"][:76] + "\n" + e["payload"][76:]),
        "payload: not base64",
    ),
    "payload empty": (lambda e: e.update(payload=""), "did not sign"),
    "field added": (lambda e: e.update(note="trust me"), "unknown field `note`"),
    "field missing": (lambda e: e.pop("payloadType"), "missing required field `payloadType`"),
    "attempts lowered": (lambda e: other_payload(e, b'"attempts_made":3', b'"attempts_made":1'), "did not sign"),
    "sandbox level raised": (
        lambda e: other_payload(e, b'"sandbox":"process"', b'"sandbox":"docker"'),
        "did not sign",
    ),
    "tokens lowered": (lambda e: other_payload(e, b'"tokens_in":100', b'"tokens_in":1'), "did not sign"),
}


@pytest.mark.parametrize("tampering", ENVELOPES)
def test_an_envelope_that_was_changed_is_refused(good: Certified, tampering: str) -> None:
    change, reason = ENVELOPES[tampering]
    envelope = json.loads(good.certificate)
    change(envelope)
    with pytest.raises(c.Invalid, match=reason):
        c.read(c.canonical(envelope), good.trusted)


BYTES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda data: data[:-40], "envelope: not JSON, perhaps cut off"),
    "empty": (lambda data: data[:0], "envelope: not JSON"),
    "something after it": (lambda data: data + b"{}", "envelope: not JSON"),
    "a line end after it": (lambda data: data + b"\n", "not in canonical form"),
    "white space inside": (lambda data: data.replace(b'","', b'", "', 1), "not in canonical form"),
    "an escape": (lambda data: data.replace(b'"keyid"', b'"\\u006beyid"'), "not in canonical form"),
    "a key twice": (lambda data: data.replace(b"{", b'{"payloadType":"text/plain",', 1), "'payloadType' stands there"),
    "not UTF-8": (lambda data: data.replace(b"p", b"\xff", 1), "envelope: not JSON"),
    "a list": (lambda data: b"[" + data + b"]", "Expected `object`"),
    "NaN": (lambda data: data.replace(b'"signatures":', b'"n":NaN,"signatures":'), "NaN is not JSON"),
    "too deep": (lambda _: b"[" * 200_000, "envelope: not JSON"),
    "endless": (lambda _: b" " * (c.MOST_BYTES + 1), "longer than"),
}


@pytest.mark.parametrize("tampering", BYTES)
def test_bytes_that_were_changed_are_refused(good: Certified, tampering: str) -> None:
    change, reason = BYTES[tampering]
    with pytest.raises(c.Invalid, match=reason):
        c.read(change(good.certificate), good.trusted)


def test_no_bit_can_be_flipped_unseen(good: Certified) -> None:
    trusted = good.trusted
    for place in range(len(good.certificate)):
        changed = bytearray(good.certificate)
        changed[place] ^= 1 << place % 8
        with pytest.raises(c.Invalid):
            c.read(bytes(changed), trusted)


def test_another_key_is_refused_even_under_the_right_name(good: Certified, mallory: c.Key) -> None:
    forged = c.sign(good.proof, mallory)
    with pytest.raises(c.Invalid, match=f"key '{mallory.id}' is not among the trusted ones"):
        c.read(forged, good.trusted)
    with pytest.raises(c.Invalid, match=f"key {good.key.id} did not sign"):
        c.read(forged.replace(mallory.id.encode(), good.key.id.encode()), good.trusted)


def test_a_signature_belongs_to_one_payload(good: Certified) -> None:
    other = json.loads(good.claiming(job="r-000008"))
    envelope = json.loads(good.certificate) | {"signatures": other["signatures"]}
    with pytest.raises(c.Invalid, match="did not sign this payload"):
        c.read(c.canonical(envelope), good.trusted)


# Tamperings by somebody who has the key: a certificate still cannot contradict itself

STATEMENTS: dict[str, tuple[Change, str]] = {
    "statement type changed": (lambda s: s.update(_type="https://in-toto.io/Statement/v0.1"), "^_type: .* is not"),
    "predicate type changed": (
        lambda s: s.update(predicateType="https://slsa.dev/provenance/v1"),
        "^predicateType: .* is not",
    ),
    "subject digest swapped": (lambda s: s["subject"][0]["digest"].update(sha256="0" * 64), "^subject: it contradicts"),
    "tree exchanged": (lambda s: s["subject"][1]["digest"].update(gitTree="0" * 40), "^subject: it contradicts"),
    "subject added": (lambda s: s["subject"].append({"name": "malware"}), "^subject: it contradicts"),
    "result changed": (lambda s: s["predicate"].update(result="WARNED"), "^result: it contradicts"),
    "passed test added": (lambda s: s["predicate"]["passedTests"].append("all"), "^passedTests: it contradicts"),
    "failed test added": (lambda s: s["predicate"]["failedTests"].append("one"), "^failedTests: it contradicts"),
    "base tree exchanged": (
        lambda s: s["predicate"]["configuration"][0]["digest"].update(gitTree="0" * 40),
        "^configuration: it contradicts",
    ),
    "field added": (lambda s: s["predicate"].update(url="https://example.org"), "^url: it contradicts"),
    "predicate missing": (lambda s: s.pop("predicate"), "not a statement"),
    "proof missing": (lambda s: s["predicate"].pop(c.OURS), c.OURS),
}
PROOFS: dict[str, tuple[Change, str]] = {
    "target list shortened": (lambda p: p.update(green=[]), "^green: test_sum.py::adds was red before"),
    "red invented": (lambda p: p["red"].update({"test_x.py::y": "boom"}), "^green: test_x.py::y was red before"),
    "red emptied": (lambda p: p.update(red={}), "^red: no test failed before"),
    "baseline emptied": (lambda p: p["baseline"].update(count=0), "^baseline: 0 tests do not have the digest"),
    "target declared flaky": (lambda p: p.update(flaky=["test_sum.py::adds"]), "^flaky: test_sum.py::adds is a target"),
    "a test twice": (lambda p: p.update(wanted=p["wanted"] * 2), "^wanted: a test stands there twice"),
    "attempts lowered": (lambda p: p.update(attempts_made=2), "^attempts_made: it says 2"),
    "no attempts": (lambda p: p.update(attempts_made=0), "attempts_made"),
    "a failed attempt left out": (
        lambda p: p.update(attempts_made=2, feedback_history=p["feedback_history"][1:]),
        "not numbered from 1 on",
    ),
    "a failure forgiven": (lambda p: p["feedback_history"][0].update(failure=""), "before the last one has no failure"),
    "the last attempt failed": (lambda p: p["feedback_history"][2].update(failure="syntax"), "failed: syntax"),
    "the last answer lost": (lambda p: p["feedback_history"][2].update(answer=""), "was not recorded"),
    "resulting tree changed": (lambda p: p.update(tree="0" * 40), "did not give the resulting tree"),
    "nothing changed": (
        lambda p: (p.update(tree=p["pristine_tree"]), p["feedback_history"][2].update(tree=p["pristine_tree"])),
        "^tree: the patch changes nothing",
    ),
    "a rung left out": (lambda p: p["rungs"].pop(), "^rungs: they must be 641, 274177, 65537"),
    "a check left out": (lambda p: p["rungs"][1]["checks"].pop(), "rung 274177: nobody checked 'repeated runs agree'"),
    "a check that did not hold": (
        lambda p: p["rungs"][2]["checks"][0].update(held=False, why="another tree"),
        "rung 65537: .* did not hold: another tree",
    ),
    "another rung": (lambda p: p["rungs"][0].update(number=642), "Invalid enum value 642"),
    "a sandbox nobody has": (lambda p: p.update(sandbox="fortress"), "Invalid enum value 'fortress'"),
    "no repeats": (lambda p: p.update(repeats=0), "repeats"),
    "a digest in capitals": (lambda p: p.update(patch=p["patch"].upper()), "patch"),
    "a digest and more": (lambda p: p.update(patch=p["patch"] + "\n"), "patch"),
    "an endless message": (lambda p: p["red"].update({"test_sum.py::adds": "x" * 10_000}), "length <= 2000"),
    "an unknown field": (lambda p: p.update(certified_by="the queen"), "unknown field `certified_by`"),
    "another repository": (lambda p: p.update(repository="/repos/other"), "^configuration: it contradicts"),
    "a default written out": (lambda p: p.update(warnings=[]), "not in canonical form"),
}


@pytest.mark.parametrize("tampering", STATEMENTS)
def test_a_statement_that_contradicts_its_proof_is_refused(good: Certified, tampering: str) -> None:
    change, reason = STATEMENTS[tampering]
    with pytest.raises(c.Invalid, match=reason):
        c.read(good.wrapped(change), good.trusted)


@pytest.mark.parametrize("tampering", PROOFS)
def test_a_proof_that_contradicts_itself_is_refused(good: Certified, tampering: str) -> None:
    change, reason = PROOFS[tampering]
    with pytest.raises(c.Invalid, match=reason):
        c.read(good.wrapped(lambda said: change(said["predicate"][c.OURS])), good.trusted)


PAYLOADS: dict[str, tuple[bytes, bytes, str]] = {
    "a key twice": (b'"result":', b'"result":"FAILED","result":', "payload: the key 'result' stands there twice"),
    "white space": (b'"result":', b'"result": ', "payload: not in canonical form"),
    "an escape": (b'"PASSED"', b'"PASSE\\u0044"', "payload: not in canonical form"),
    "half a character": (b'"small:7b"', b'"\\ud83d"', "payload: something cannot be written down"),
    "an endless number": (b'"at":1700000000.5', b'"at":1e999', "payload: not in canonical form"),
    "a number in other words": (b'"at":1700000000.5', b'"at":17000000005e-1', "payload: not in canonical form"),
}


@pytest.mark.parametrize("tampering", PAYLOADS)
def test_a_payload_that_two_readers_may_read_differently_is_refused(good: Certified, tampering: str) -> None:
    old, new, reason = PAYLOADS[tampering]
    payload = c.canonical(c.statement(good.proof))
    assert old in payload
    with pytest.raises(c.Invalid, match=reason):
        c.read(c.seal(payload.replace(old, new), good.key), good.trusted)


@pytest.mark.parametrize(
    "changes",
    [
        {"rungs": rungs()[:2]},
        {"rungs": [c.Rung(number=641, checks=[c.Check(what="answer read", held=False)]), *rungs()[1:]]},
        {"red": {}},
        {"sandbox": "fortress"},
        {"patch": "no digest"},
        {"model": "half a character: \ud83d"},
        {"mendd": 1},
    ],
    ids=["rung missing", "check not held", "never red", "unknown sandbox", "no digest", "no text", "no string"],
)
def test_what_did_not_hold_is_never_signed(good: Certified, changes: dict[str, Any]) -> None:
    with pytest.raises(c.Invalid):
        good.claiming(**changes)


# Keys


def test_a_key_is_made_on_first_use_and_only_ours(tmp_path: Path) -> None:
    key = c.Key.open(tmp_path / "keys")
    assert stat.S_IMODE((tmp_path / "keys" / "ed25519").stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert (tmp_path / "keys" / "ed25519.pub").read_bytes() == key.public
    assert c.Key.open(tmp_path / "keys").id == key.id
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == ["ed25519", "ed25519.pub"]


def test_whoever_comes_first_makes_the_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(c.Key.open, [tmp_path] * 32))
    assert len({key.id for key in keys}) == 1


def test_a_lost_public_half_is_written_again(tmp_path: Path) -> None:
    public = c.Key.open(tmp_path).public
    (tmp_path / "ed25519.pub").write_text("something else")
    c.Key.open(tmp_path)
    assert (tmp_path / "ed25519.pub").read_bytes() == public


def test_a_key_that_others_may_read_is_not_used(tmp_path: Path) -> None:
    c.Key.open(tmp_path)
    (tmp_path / "ed25519").chmod(0o640)
    with pytest.raises(c.Unusable, match="others may read"):
        c.Key.open(tmp_path)


def test_what_is_no_key_is_not_used(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "ed25519", os.O_CREAT | os.O_WRONLY, 0o600)
    os.close(descriptor)
    with pytest.raises(c.Unusable, match="not a private key"):
        c.Key.open(tmp_path)
    other = X25519PrivateKey.generate()
    (tmp_path / "ed25519").write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    with pytest.raises(c.Unusable, match="not an Ed25519 key"):
        c.Key.open(tmp_path)
    with pytest.raises(c.Unusable, match="public key 1 is not"):
        c.trust(other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(c.Unusable, match="public key 1 cannot be read"):
        c.trust(b"no key")


# The page


def page_script(tmp_path: Path) -> Path:
    script = tmp_path / "check.py"
    script.write_text(PAGE.read_text().partition("```python\n")[2].partition("```")[0])
    return script


def check(script: Path, *files: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", script, *files], capture_output=True, text=True, check=False)


def test_the_script_of_the_page_checks_a_certificate_without_us(good: Certified, tmp_path: Path) -> None:
    script = page_script(tmp_path)
    assert len(script.read_text().splitlines()) <= 15
    certificate, patch, public = (tmp_path / name for name in ("certificate.json", "patch.diff", "ed25519.pub"))
    certificate.write_bytes(good.certificate)
    patch.write_bytes(good.patch)
    public.write_bytes(good.key.public)
    held = check(script, certificate, patch, public)
    assert held.returncode == 0, held.stderr
    assert "test_sum.py::adds" in held.stdout
    patch.write_bytes(good.patch + b"\n")
    assert "another patch" in check(script, certificate, patch, public).stderr
    patch.write_bytes(good.patch)
    envelope = json.loads(good.certificate)
    other_payload(envelope, b'"attempts_made":3', b'"attempts_made":1')
    certificate.write_bytes(c.canonical(envelope))
    assert "InvalidSignature" in check(script, certificate, patch, public).stderr
