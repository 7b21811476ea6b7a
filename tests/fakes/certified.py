"""A job small enough to be certified and replayed in memory: files, tests that look for words in them, a key.

`Replaying` is a peer of the real hands of `daemon.verification.Replay`: its patches and answers are JSON objects of new
texts, and its trees have git's ids.
"""

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from daemon import certificate as c
from daemon.blobs import Blobs
from daemon.drops import Job, Repair
from daemon.rungs import EditScope
from daemon.verification import Differs, Red

BROKEN = {"sum.py": "a - b", "other.py": "stays"}
TESTS = {  # test → the file that it looks at, and the words that must stand there
    "test_sum.py::adds": ("sum.py", "a + b"),
    "test_sum.py::exists": ("sum.py", "a"),
    "test_other.py::stays": ("other.py", "stays"),
}
WANTED = ["test_sum.py::adds"]
ANSWERS = [{"sum.py": "a * b"}, {}, {"sum.py": "a + b"}]
FAILURES = ["same_failure", "unreadable_answer", ""]


def as_bytes(value: object) -> bytes:
    return json.dumps(value).encode()


def tree_id(files: dict[str, str]) -> str:
    """The id that git gives to a flat tree."""
    entries = b""
    for name, text in sorted(files.items()):
        blob = hashlib.sha1(b"blob %d\0%s" % (len(text), text.encode()), usedforsecurity=False).digest()
        entries += b"100644 %s\0%s" % (name.encode(), blob)
    return hashlib.sha1(b"tree %d\0%s" % (len(entries), entries), usedforsecurity=False).hexdigest()


def passing(files: dict[str, str]) -> set[str]:
    return {test for test, (name, words) in TESTS.items() if words in files.get(name, "")}


@dataclass
class Replaying:
    """Does it again, in memory."""

    files: dict[str, str] = field(default_factory=lambda: dict(BROKEN))
    flaky: list[str] = field(default_factory=list)
    patched_files: dict[str, str] = field(default_factory=dict)
    done: list[str] = field(default_factory=list)

    async def pristine(self, proof: c.Proof, job: Job) -> str:
        self.done.append(f"pristine {proof.job}")
        assert isinstance(job, Repair)
        return tree_id(self.files)

    async def red(self) -> Red:
        now = passing(self.files) - set(self.flaky)
        return Red(WANTED, set(WANTED) - now, now - set(WANTED), self.flaky)

    async def patched(self, patch: bytes) -> str:
        changes = json.loads(patch)
        if not set(changes) <= set(self.files):
            raise Differs("the patch does not apply")
        self.patched_files = self.files | changes
        return tree_id(self.patched_files)

    async def green(self) -> Collection[str]:
        return passing(self.patched_files) - set(self.flaky)

    async def scored(self, plan: bytes) -> int:
        raise Differs(f"a repair has no points, whatever is planned: {plan!r}")

    async def answered(self, answer: bytes, *, is_cut_off: bool, limit: EditScope | None) -> str:
        assert not is_cut_off
        assert limit is None
        self.done.append(f"answer {answer.decode()}")
        changes = json.loads(answer)
        return tree_id(self.files | changes) if changes else ""


def rungs() -> list[c.Rung]:
    return c.rungs_of("repair", {what: True for must in c.MUST.values() for what in must})


@dataclass
class Certified:
    """A proof of that job, its blobs, and the key that signs it."""

    blobs: Blobs
    key: c.Key
    patch: bytes
    proof: c.Proof

    @classmethod
    def make(cls, folder: Path) -> "Certified":
        blobs = Blobs(folder / "blobs")
        job = Repair(
            repo="/repos/sum",
            tests=WANTED,
            base_commit="7f33c1e22dbc",
            test_patch="+ a test",
            gold_patch="never to be seen",
        )
        mended = BROKEN | ANSWERS[-1]
        before = passing(BROKEN)
        attempts = [
            c.Attempt(
                number=number,
                prompt=blobs.put(b"please, %d" % number),
                answer=blobs.put(as_bytes(answer)),
                tree=tree_id(BROKEN | answer) if answer else "",
                failure=failure,
                message="it still fails" if failure else "",
                seed=number,
                tokens_in=100,
                tokens_out=10,
                seconds=0.25,
            )
            for number, (answer, failure) in enumerate(zip(ANSWERS, FAILURES, strict=True), 1)
        ]
        blobs.put(c.listing(before))
        patch = as_bytes(ANSWERS[-1])
        proof = c.Proof(
            job="r-000007",
            run="r-000007.1",
            kind="repair",
            mendd="0.1.0",
            at=1_700_000_000.5,
            drop=blobs.put(c.job_bytes(job)),
            repository=job.repo,
            base_commit=job.base_commit,
            test_patch=c.sha256(job.test_patch.encode()),
            pristine_tree=tree_id(BROKEN),
            wanted=job.tests,
            red={"test_sum.py::adds": "AssertionError: assert 1 == 3"},
            patch=c.sha256(patch),
            tree=tree_id(mended),
            green=WANTED,
            baseline=c.Listed.of(before),
            flaky=["test_net.py::sometimes"],
            repeats=2,
            sandbox="process",
            environment="py311-0123",
            python="3.11.9",
            rungs=rungs(),
            proposer="model",
            model="small:7b",
            model_digest="sha256:abc",
            diagnosis=blobs.put(b"it takes away what it should add"),
            advisor="large:32b",
            attempts_made=3,
            feedback_history=attempts,
        )
        return cls(blobs, c.Key.open(folder / "keys"), patch, proof)

    @property
    def trusted(self) -> c.Trust:
        return c.trust(self.key.public)

    @property
    def certificate(self) -> bytes:
        return c.sign(self.proof, self.key)

    def claiming(self, **changes: Any) -> bytes:  # noqa: ANN401  whatever a liar says
        """A certificate that says something else, signed with the right key."""
        return c.sign(replace(self.proof, **changes), self.key)

    def wrapped(self, change: Callable[[dict[str, Any]], object]) -> bytes:
        """The statement changed as plain JSON, and signed with the right key again."""
        said = json.loads(c.canonical(c.statement(self.proof)))
        change(said)
        return c.seal(c.canonical(said), self.key)
