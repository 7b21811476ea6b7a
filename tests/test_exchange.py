"""Fixes go from box to box only as certified, signed and whole; and what is taken over is taken once, on probation."""

import base64
import json
from pathlib import Path

import pytest

from daemon import certificate as c
from daemon import events as e
from daemon import exchange
from daemon.drops import Repair
from daemon.events import AnyFact
from daemon.exits import Exit
from daemon.holding import hold
from daemon.reading import facts_in
from daemon.settings import Settings
from daemon.state import State
from daemon.text.pattern import fix_name, learn
from tests.fakes.certified import Certified
from tests.fakes.written import write_log

JOB = "r-000007"


def pattern(before: str, after: str) -> str:
    return learn({"a.py": (before, after)}).text


GOOD = pattern("def f(a, b):\n    return max(a, b)\n", "def f(a, b):\n    return min(a, b)\n")
EVIL = pattern("def f(a, b):\n    return max(a, b)\n", "def f(a, b):\n    return eval(a)\n")


def certified(paper: str) -> list[AnyFact]:
    """A job that ended with this certificate."""
    drop = Repair(repo="/repos/sum", tests=["test_sum.py::adds"])
    return [
        e.JobAccepted(source="a.json", job=JOB, kind="repair", project="shop", title="sum", drop=drop),
        e.RunOpened(job=JOB, run=f"{JOB}.1", number=1, attempts=1),
        e.Certified(job=JOB, run=f"{JOB}.1", attempt=1, certificate=paper, patch=""),
    ]


class Box:
    """A state folder with a key of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = Settings(state_dir=str(folder))
        self.good = Certified.make(folder)
        self.public = folder / "keys" / "ed25519.pub"

    def remember(self, *facts: AnyFact) -> None:
        write_log(self.settings, facts)

    def certify(self, *patterns: str) -> "Box":
        paper = self.good.blobs.put(self.good.certificate)
        learned = [
            e.FixLearned(
                job=JOB,
                fix=fix_name(each),
                signature="v2:c.e",
                before="x",
                after="y",
                pattern=each,
                project="shop",
                certificate=paper,
            )
            for each in patterns
        ]
        self.remember(*certified(paper), *learned)
        return self

    def give(self, file: Path) -> int:
        return exchange.export_fixes(file, self.settings)

    def take(self, file: Path, *keys: Path) -> int:
        return exchange.import_fixes(file, keys, self.settings)

    def learned(self) -> list[e.FixLearned]:
        return [fact for facts in facts_in(self.folder) for fact in facts if isinstance(fact, e.FixLearned)]


@pytest.fixture
def one(tmp_path: Path) -> Box:
    return Box(tmp_path / "one")


@pytest.fixture
def other(tmp_path: Path) -> Box:
    return Box(tmp_path / "other")


@pytest.fixture
def bundle(tmp_path: Path, one: Box) -> Path:
    assert one.certify(GOOD).give(tmp_path / "fixes.json") == Exit.DONE
    return tmp_path / "fixes.json"


def test_what_one_box_learned_another_takes_over_once_and_on_probation(bundle: Path, one: Box, other: Box) -> None:
    assert [other.take(bundle, one.public) for _ in range(2)] == [Exit.DONE, Exit.DONE]
    [fact] = other.learned()
    assert (fact.box, fact.pattern, fact.project) == (one.good.key.id, GOOD, "shop")
    assert fact.job.endswith(":r-000007")
    assert c.read(other.good.blobs.get(fact.certificate), one.good.trusted).job == "r-000007"
    state = State(other.folder, other.settings)
    state.catch_up()
    state.close()
    fix = state.views.fix_database.fixes[fact.fix]
    assert (fix.successes, fix.standing) == (0.0, "probation")


def test_an_import_that_was_cut_short_goes_on_where_it_was(tmp_path: Path, one: Box, other: Box) -> None:
    file, many = tmp_path / "many.json", [GOOD, pattern("a.sort()\n", "a.sort(reverse=True)\n")]
    assert one.certify(*many).give(file) == Exit.DONE
    assert other.take(file, one.public) == Exit.DONE
    done = other.learned()
    third = Box(tmp_path / "third")
    third.remember(done[0])  # as much as a killed import had come to
    assert third.take(file, one.public) == Exit.DONE
    assert [fact.fix for fact in third.learned()] == [fact.fix for fact in done]


def test_what_came_from_elsewhere_is_not_given_on(tmp_path: Path, bundle: Path, one: Box, other: Box) -> None:
    assert other.take(bundle, one.public) == Exit.DONE
    assert other.give(tmp_path / "on.json") == Exit.USAGE


def test_what_no_certificate_of_ours_taught_is_not_given(tmp_path: Path, one: Box) -> None:
    paper = one.good.blobs.put(b'{"world": "scripted"}')
    fix = e.FixLearned(job=JOB, fix="f-1", signature="v2:c.e", before="x", after="y", certificate=paper)
    one.remember(*certified(paper), fix, e.FixLearned(job=JOB, fix="f-2", signature="v2:c.e", before="x", after="y"))
    assert one.give(tmp_path / "fixes.json") == Exit.USAGE


def test_a_pattern_that_does_harm_is_left_out(tmp_path: Path, one: Box, other: Box) -> None:
    file = tmp_path / "fixes.json"
    assert one.certify(GOOD, EVIL).give(file) == Exit.DONE
    assert other.take(file, one.public) == Exit.DONE
    assert [fact.pattern for fact in other.learned()] == [GOOD]


def forged(file: Path, how: str, one: Box, other: Box) -> bytes:
    """The bundle as somebody would like to have it."""
    data = file.read_bytes()
    envelope = json.loads(data)
    payload = base64.b64decode(envelope["payload"])
    fixes = json.loads(payload)
    match how:
        case "tampered":
            envelope["payload"] = base64.b64encode(payload.replace(b"shop", b"flop")).decode()
            return c.canonical(envelope)
        case "unsigned":
            return c.canonical(envelope | {"signatures": []})
        case "not an envelope":
            return payload
        case "a certificate":
            return one.good.certificate
        case "certified by another":
            fixes["fixes"][0]["certificate"] = c.sign(one.good.proof, other.good.key).decode()
        case "certified for another job":
            fixes["fixes"][0]["job"] = "r-000008"
        case "more than is known":
            fixes["fixes"][0]["successes"] = 1000.0
        case "oversized":
            return data + b" " * exchange.MOST_BYTES
        case _:
            raise AssertionError(how)
    return c.seal(c.canonical(fixes), one.good.key, exchange.PAYLOAD_TYPE)


FORGERIES = {
    "tampered": "did not sign this payload",
    "unsigned": "signatures: there are 0",
    "not an envelope": "envelope: ",
    "a certificate": "payloadType: ",
    "certified by another": "is not among the trusted ones",
    "certified for another job": "its certificate is of another job",
    "more than is known": "unknown field `successes`",
    "oversized": "longer than",
}


@pytest.mark.parametrize("how", FORGERIES)
def test_what_was_forged_is_refused_by_name_and_nothing_is_taken(
    how: str, bundle: Path, one: Box, other: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle.write_bytes(forged(bundle, how, one, other))
    assert other.take(bundle, one.public) == Exit.USAGE
    assert FORGERIES[how] in capsys.readouterr().err
    assert other.learned() == []


def test_whom_nobody_named_is_not_believed(bundle: Path, other: Box, capsys: pytest.CaptureFixture[str]) -> None:
    assert [other.take(bundle, *keys) for keys in ((), (other.public,))] == [Exit.USAGE, Exit.USAGE]
    said = capsys.readouterr().err
    assert said.count("is not among the trusted ones") == 2
    assert said.count("whom you believe is named by --key") == 1


def test_a_file_that_is_not_there_and_one_that_cannot_be_made(
    bundle: Path, one: Box, other: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    nowhere = bundle.parent / "no" / "fixes.json"
    assert other.take(nowhere, one.public) == Exit.USAGE
    assert one.give(nowhere) == Exit.USAGE
    missing, unwritable = capsys.readouterr().err.splitlines()
    assert missing == f"mendd: {nowhere}: No such file or directory; a bundle and a public key (--key) are needed"
    assert unwritable == f"mendd: {nowhere} cannot be written: No such file or directory; name another file"


def test_a_log_that_a_daemon_holds_is_left_alone(bundle: Path, one: Box, other: Box) -> None:
    with open(hold(other.folder), "rb"):  # noqa: PTH123  Path cannot open a descriptor
        assert other.take(bundle, one.public) == Exit.HELD
    assert other.take(bundle, one.public) == Exit.DONE
