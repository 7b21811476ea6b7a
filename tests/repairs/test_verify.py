"""`verify` with real hands, elsewhere than where it was certified: it accepts what is true, and nothing else."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from msgspec import Struct
from msgspec.structs import replace

from daemon import again
from daemon import certificate as c
from daemon.blobs import Blobs
from daemon.drops import Environment, Job
from daemon.effects.replay import replaying
from daemon.exits import Exit
from daemon.settings import Settings
from daemon.verification import verify
from tests.fakes.repairs import Ask, edit, mended
from tests.fakes.sandboxes import need

SHOP = "def total(prices):\n    return sum(prices) + 1\n\n\ndef count(prices):\n    return len(prices)\n"
TESTS = """import time, pytest
from shop import count, total

def test_total():
    assert total([1, 2]) == 3

def test_count():
    assert count([1, 2]) == 2

@pytest.mark.parametrize("it", [object(), time.strftime("%H:%M:%S %Y-%m-%d")], ids=str)
def test_with_an_id_that_no_other_session_has(it):
    assert count([it]) == 1
"""
WRONG, RIGHT = "    return sum(prices) + 2", "    return sum(prices)"
OLD = "    return sum(prices) + 1"
TARGET, BYSTANDER = "test_shop.py::test_total", "test_shop.py::test_count"


class Elsewhere(Struct):
    """A certificate and what travels with it, in a folder of its own, and the key that signed it."""

    folder: Path
    proof: c.Proof
    signer: c.Key

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.json"

    @property
    def patch(self) -> Path:
        return self.folder / "patch.diff"

    @property
    def public(self) -> Path:
        return self.folder / "ed25519.pub"

    @property
    def blobs(self) -> Path:
        return self.folder / "blobs"


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Elsewhere:
    need("bubblewrap")
    made, folder = tmp_path_factory.mktemp("made"), tmp_path_factory.mktemp("elsewhere")
    answers = [edit("shop.py", "2-2", OLD, WRONG), edit("shop.py", "2-2", OLD, RIGHT)]
    told = mended(made, [Ask("shop", {"shop.py": SHOP, "test_shop.py": TESTS}, [TARGET], answers)])["shop"]
    assert told.outcome == "certified", told.reason
    results = told.state / "results" / told.job
    for name in ("certificate.json", "patch.diff"):
        shutil.copy(results / name, folder / name)
    shutil.copy(told.state / "keys" / "ed25519.pub", folder / "ed25519.pub")
    shutil.copytree(told.state / "blobs", folder / "blobs")
    return Elsewhere(folder, told.proof, c.Key.open(told.state / "keys"))


def test_another_place_accepts_what_is_true(elsewhere: Elsewhere, capsys: pytest.CaptureFixture[str]) -> None:
    papers = (elsewhere.certificate, elsewhere.patch, elsewhere.blobs, [elsewhere.public])
    status = again.verify(*papers, Settings(sandbox="bubblewrap"))
    said = capsys.readouterr().out
    assert status == Exit.DONE, said
    assert said.count("ok  ") == 11
    assert said.endswith("it holds\n")


@pytest.mark.parametrize("lacking", ["git", "repository", "sandbox", "environment"])
def test_a_machine_that_lacks_what_it_takes_says_so_and_not_that_it_differs(
    elsewhere: Elsewhere,
    lacking: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings = Settings(sandbox="bubblewrap")
    certificate = elsewhere.certificate
    match lacking:
        case "git":
            monkeypatch.setenv("PATH", str(tmp_path))
        case "repository":
            settings = replace(settings, repos={elsewhere.proof.repository: str(tmp_path / "gone")})
        case "sandbox":
            settings = replace(settings, sandbox="process", allow_process=False)
        case _:
            certificate = tmp_path / "certificate.json"
            certificate.write_bytes(_lie(elsewhere, drop=_wanting(elsewhere, "9.9")))
    papers = (certificate, elsewhere.patch, elsewhere.blobs, [elsewhere.public])
    assert again.verify(*papers, settings) == Exit.UNAVAILABLE
    said = capsys.readouterr()
    assert said.out == ""
    assert "could not be checked here" in said.err


def _wanting(here: Elsewhere, python: str) -> str:
    """The job as one that wants another interpreter: a blob of its own."""
    blobs = Blobs(here.blobs)
    job = msgspec.json.decode(blobs.get(here.proof.drop), type=Job)
    return blobs.put(msgspec.json.encode(replace(job, environment=Environment(python=python))))


def differing(here: Elsewhere, certificate: bytes, patch: bytes, key: c.Key | None = None) -> dict[str, str]:
    """What differs; by default the honest key is trusted."""
    public = key.public if key else here.public.read_bytes()

    async def check() -> list[c.Check]:
        async with replaying(Settings(sandbox="bubblewrap")) as hands:
            return await verify(certificate, patch, Blobs(here.blobs).get, hands, c.trust(public))

    return {each.what: each.why for each in anyio.run(check) if not each.held}


# Whoever has no key changes bytes


def _said(here: Elsewhere, change: Callable[[dict[str, Any]], None]) -> bytes:
    """The certificate with something changed in what it says, and the old signature."""
    envelope = json.loads(here.certificate.read_bytes())
    payload = json.loads(c._from_base64(envelope["payload"], "payload"))  # noqa: SLF001  what a forger does, too
    change(payload)
    envelope["payload"] = c._in_base64(c.canonical(payload))  # noqa: SLF001  the same
    return c.canonical(envelope)


def _ours(payload: dict[str, Any]) -> dict[str, Any]:
    ours: dict[str, Any] = payload["predicate"][c.OURS]
    return ours


def _set(name: str, value: object) -> Callable[[dict[str, Any]], None]:
    def change(payload: dict[str, Any]) -> None:
        _ours(payload)[name] = value

    return change


FORGED: dict[str, Callable[[dict[str, Any]], None]] = {
    "another job": _set("job", "r-999999"),
    "another repository": _set("repository", "/repos/other"),
    "another commit": _set("base_commit", "0" * 40),
    "an earlier time": _set("at", 1.0),
    "another sandbox": _set("sandbox", "process"),
    "another model": _set("model", "large:70b"),
    "fewer attempts": _set("attempts_made", 1),
    "another patch": _set("patch", "0" * 64),
    "another tree": _set("tree", "0" * 40),
    "another pristine tree": _set("pristine_tree", "0" * 40),
    "more green tests": _set("green", [TARGET, BYSTANDER]),
    "other red tests": _set("red", {BYSTANDER: "boom"}),
    "more repeats": _set("repeats", 99),
    "no warnings": _set("warnings", ["none at all"]),
    "a flaky test": _set("flaky", [BYSTANDER]),
    "a failed result": lambda payload: payload["predicate"].update(result="FAILED"),
    "another subject": lambda payload: payload["subject"][0]["digest"].update(sha256="0" * 64),
    "no subject": lambda payload: payload.update(subject=[]),
    "another predicate": lambda payload: payload.update(predicateType="https://example.com/other"),
    "a rung left out": lambda payload: _ours(payload)["rungs"].pop(),
    "history left out": lambda payload: _ours(payload)["feedback_history"].pop(0),
}


@pytest.mark.parametrize("name", FORGED)
def test_a_changed_certificate_is_found_out_by_its_signature(elsewhere: Elsewhere, name: str) -> None:
    found = differing(elsewhere, _said(elsewhere, FORGED[name]), elsewhere.patch.read_bytes())
    assert "signature" in found["certificate"]


def test_another_patch_and_another_key_are_found_out(elsewhere: Elsewhere, tmp_path: Path) -> None:
    honest = elsewhere.certificate.read_bytes()
    other = elsewhere.patch.read_bytes().replace(b"+    return sum(prices)\n", b"+    return 3\n")
    assert differing(elsewhere, honest, other).keys() == {"patch"}
    stranger = c.Key.open(tmp_path)
    assert (
        "not among the trusted" in differing(elsewhere, honest, elsewhere.patch.read_bytes(), stranger)["certificate"]
    )


# Whoever has the key can lie; then only doing it again can tell


def _lie(here: Elsewhere, **changes: Any) -> bytes:  # noqa: ANN401  whatever a liar says
    return c.sign(replace(here.proof, **changes), here.signer)


@pytest.mark.campaign
def test_a_liar_with_the_right_key_is_found_out_by_doing_it_again(elsewhere: Elsewhere) -> None:
    patch = elsewhere.patch.read_bytes()
    blobs = Blobs(elsewhere.blobs)
    nothing_kept = c.Listed.of([])
    blobs.put(c.listing([]))
    assert "the same tests pass before" in differing(elsewhere, _lie(elsewhere, baseline=nothing_kept), patch)
    cheat = patch.replace(b"+    return sum(prices)\n", b"+    return sum(prices) + 2\n")
    lie = _lie(elsewhere, patch=c.sha256(cheat))
    assert differing(elsewhere, lie, cheat).keys() == {"resulting tree"}
    *before, last = elsewhere.proof.feedback_history
    invented = replace(last, answer=blobs.put(edit("shop.py", "2-2", OLD, WRONG).encode()))
    lie = _lie(elsewhere, feedback_history=[*before, invented])
    assert differing(elsewhere, lie, patch).keys() == {"answer 2 gives the same tree"}
