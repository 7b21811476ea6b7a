"""Verifying: what was certified holds when it is done again, and whoever lies with the right key is found out."""

from collections.abc import Callable
from typing import Any

import anyio
import pytest
from msgspec.structs import replace

from daemon import certificate as c
from daemon.blobs import BlobBroken
from daemon.drops import Idea, Repair
from daemon.verification import Blob, told, verify
from tests.fakes.certified import ANSWERS, BROKEN, WANTED, Certified, Replaying, as_bytes, tree_id

EVERYTHING = [
    "certificate",
    "patch",
    "blobs",
    "job",
    "pristine tree",
    "red again",
    "the same tests pass before",
    "resulting tree",
    "green again",
    "answer 1 gives the same tree",
    "answer 2 gives the same tree",
    "answer 3 gives the same tree",
]


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Certified:
    return Certified.make(tmp_path_factory.mktemp("certified"))


def verified(
    good: Certified,
    certificate: bytes | None = None,
    patch: bytes | None = None,
    blob: Blob | None = None,
    replay: Replaying | None = None,
) -> list[c.Check]:
    return anyio.run(
        verify,
        certificate or good.certificate,
        good.patch if patch is None else patch,
        blob or good.blobs.get,
        replay or Replaying(),
        good.trusted,
    )


def differing(checks: list[c.Check]) -> dict[str, str]:
    return {check.what: check.why for check in checks if not check.held}


def test_what_was_certified_holds_when_it_is_done_again(good: Certified) -> None:
    replay = Replaying()
    checks = verified(good, replay=replay)
    assert [check.what for check in checks] == EVERYTHING
    assert differing(checks) == {}
    assert replay.done == ["pristine r-000007", *(f"answer {as_bytes(answer).decode()}" for answer in ANSWERS)]


def test_bystanders_that_are_flaky_here_are_not_held_against_it(good: Certified) -> None:
    assert differing(verified(good, replay=Replaying(flaky=["test_other.py::stays"]))) == {}


# The papers: found out before anything is run


def with_blob(good: Certified, digest: str, value: bytes) -> Blob:
    return lambda name: value if name == digest else good.blobs.get(name)


def without_blob(good: Certified, digest: str, error: Exception) -> Blob:
    def blob(name: str) -> bytes:
        if name == digest:
            raise error
        return good.blobs.get(name)

    return blob


def test_a_patch_that_was_changed_by_one_byte_is_told(good: Certified) -> None:
    replay = Replaying()
    found = differing(verified(good, patch=good.patch + b" ", replay=replay))
    assert found == {
        "patch": f"{c.sha256(good.patch + b' ')}, where the certificate says {good.proof.patch}",
    }
    assert replay.done == [], "nothing of somebody else's is run"


def test_the_patch_of_another_job_is_told(good: Certified) -> None:
    assert list(differing(verified(good, patch=as_bytes({"other.py": "gone"})))) == ["patch"]


@pytest.mark.parametrize(
    ("which", "name"),
    [
        (lambda p: p.feedback_history[2].answer, "the answer of attempt 3"),
        (lambda p: p.feedback_history[0].prompt, "the prompt of attempt 1"),
        (lambda p: p.diagnosis, "the diagnosis"),
        (lambda p: p.drop, "the job"),
        (lambda p: p.baseline.digest, "the list of the tests that passed before"),
    ],
)
def test_a_blob_that_was_exchanged_or_lost_is_named(
    good: Certified, which: Callable[[c.Proof], str], name: str
) -> None:
    digest = which(good.proof)
    found = differing(verified(good, blob=with_blob(good, digest, b"something else")))
    assert found["blobs"].startswith(f"{name} was exchanged")
    for error in (FileNotFoundError("no such file"), KeyError(digest), BlobBroken("damaged")):
        found = differing(verified(good, blob=without_blob(good, digest, error)))
        assert found["blobs"].startswith(f"{name} ({digest}) cannot be had")


def test_a_certificate_that_cannot_be_read_ends_it(good: Certified) -> None:
    assert differing(verified(good, certificate=good.certificate[:-1])).keys() == {"certificate"}
    assert len(verified(good, certificate=good.certificate[:-1])) == 1


# Lies that are consistent, signed with the right key: only the blobs and the replay can tell


def job(good: Certified, **changes: Any) -> str:  # noqa: ANN401  whatever a liar says
    honest = Repair(repo="/repos/sum", tests=WANTED, test_patch="+ a test")
    return good.blobs.put(c.job_bytes(replace(honest, **changes)))


def last_attempt(good: Certified, **changes: Any) -> list[c.Attempt]:  # noqa: ANN401  the same
    *before, last = good.proof.feedback_history
    return [*before, replace(last, **changes)]


def put_list(good: Certified, tests: list[str]) -> c.Listed:
    good.blobs.put(c.listing(tests))
    return c.Listed.of(tests)


HELD_BEFORE = ["test_other.py::stays", "test_sum.py::exists"]
LIES: dict[str, tuple[Callable[[Certified], dict[str, Any]], str, str]] = {
    "the wanted tests shortened": (lambda g: {"drop": job(g, tests=[*WANTED, "test_x.py"])}, "job", "other tests"),
    "another repository's job": (lambda g: {"drop": job(g, repo="/repos/other")}, "job", "it is about /repos/other"),
    "another commit": (lambda g: {"drop": job(g, base_commit="")}, "job", "it is about commit HEAD"),
    "another test patch": (lambda g: {"drop": job(g, test_patch="+ an easier test")}, "job", "another test patch"),
    "another kind of job": (
        lambda g: {"drop": g.blobs.put(c.job_bytes(Idea(title="sum", description="adds")))},
        "job",
        "it is no repair",
    ),
    "a job that is none": (lambda g: {"drop": g.blobs.put(b"[]")}, "job", "does not hold what it should"),
    "a miscounted baseline": (
        lambda g: {"baseline": replace(g.proof.baseline, count=99)},
        "job",
        "has 2, the certificate 99",
    ),
    "the baseline emptied": (
        lambda g: {"baseline": put_list(g, [])},
        "the same tests pass before",
        "only here: test_other.py::stays, test_sum.py::exists",
    ),
    "the baseline shortened": (
        lambda g: {"baseline": put_list(g, HELD_BEFORE[:1])},
        "the same tests pass before",
        "only here: test_sum.py::exists",
    ),
    "the baseline embellished": (
        lambda g: {"baseline": put_list(g, [*HELD_BEFORE, "test_all.py::well"])},
        "the same tests pass before",
        "only in the certificate: test_all.py::well",
    ),
    "the targets exchanged": (
        lambda _: {"green": HELD_BEFORE[:1], "red": {HELD_BEFORE[0]: "boom"}},
        "red again",
        "others fail: only here: test_sum.py::adds, only in the certificate: test_other.py::stays",
    ),
    "a bystander declared a target": (
        lambda g: {"green": [*g.proof.green, HELD_BEFORE[0]]},
        "red again",
        "the wanted tests stand for others: only in the certificate: test_other.py::stays",
    ),
    "another pristine tree": (lambda _: {"pristine_tree": "0" * 40}, "pristine tree", tree_id(BROKEN)),
    "another resulting tree": (
        lambda g: {"tree": "0" * 40, "feedback_history": last_attempt(g, tree="0" * 40)},
        "resulting tree",
        tree_id(BROKEN | ANSWERS[-1]),
    ),
    "another answer": (
        lambda g: {"feedback_history": last_attempt(g, answer=g.blobs.put(as_bytes({"sum.py": "a + b + 0"})))},
        "answer 3 gives the same tree",
        "where the certificate says",
    ),
    "an answer that gives nothing": (
        lambda g: {"feedback_history": last_attempt(g, answer=g.blobs.put(as_bytes({})))},
        "answer 3 gives the same tree",
        "nothing, where the certificate says",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_consistent_lie_is_found_by_doing_it_again(good: Certified, lie: str) -> None:
    changes, what, why = LIES[lie]
    found = differing(verified(good, certificate=good.claiming(**changes(good))))
    assert next(iter(found)) == what
    assert why in found[what]


@pytest.mark.parametrize(
    ("patch", "files", "what", "why"),
    [
        ({"sum.py": "a * b"}, None, "green again", "not passing: test_sum.py::adds"),
        ({"sum.py": "a + b", "other.py": "gone"}, None, "green again", "not passing: test_other.py::stays"),
        ({"new.py": "x"}, "0" * 40, "resulting tree", "the patch does not apply"),
    ],
    ids=["mends nothing", "breaks a bystander", "does not apply"],
)
def test_a_patch_that_never_worked_is_found_by_doing_it_again(
    good: Certified, patch: dict[str, str], files: str | None, what: str, why: str
) -> None:
    tree = files or tree_id(BROKEN | patch)
    answer = good.blobs.put(as_bytes(patch))
    certificate = good.claiming(
        patch=c.sha256(as_bytes(patch)), tree=tree, feedback_history=last_attempt(good, tree=tree, answer=answer)
    )
    found = differing(verified(good, certificate=certificate, patch=as_bytes(patch)))
    assert list(found) == [what]
    assert why in found[what]


def test_another_repository_is_found_before_any_test_runs(good: Certified) -> None:
    found = verified(good, replay=Replaying(files=BROKEN | {"extra.py": ""}))
    assert [check.what for check in found] == EVERYTHING[:5]
    assert list(differing(found)) == ["pristine tree"]


# For a person


def test_a_person_is_told_what_differs(good: Certified) -> None:
    assert told(verified(good)).splitlines() == [*(f"ok       {what}" for what in EVERYTHING), "it holds"]
    lines = told(verified(good, patch=b"x")).splitlines()
    assert lines[1].startswith("DIFFERS  patch: ")
    assert lines[-1] == "it does not hold: 1 of 3 checks found a difference"


def test_a_name_cannot_speak_to_the_terminal(good: Certified) -> None:
    evil = put_list(good, [*HELD_BEFORE, "test_\x1b[2J\nok       everything"])
    lines = told(verified(good, certificate=good.claiming(baseline=evil)))
    assert "\x1b" not in lines
    assert "test_\ufffd[2J" in lines


def test_many_tests_are_not_all_named(good: Certified) -> None:
    many = [*HELD_BEFORE, *(f"test_{number}.py" for number in range(50))]
    found = differing(verified(good, certificate=good.claiming(baseline=put_list(good, many))))
    assert found["the same tests pass before"].endswith("and 47 more")
