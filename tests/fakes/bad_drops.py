"""Hostile and broken drops: a table that can be read. What is dropped, where, and which field the daemon must name.

Beside each stands what is done to make it: bytes to be written, a value to be written as JSON, or a function that
makes something else than a file of bytes at a path.
"""

import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from daemon.drops import EXAMPLES

Made = Callable[[Path], None]

REPAIR: dict[str, Any] = {"repo": "/repos/shop", "tests": ["t::a"]}
IDEA: dict[str, Any] = {"title": "Counter", "description": "Count."}
ROW = EXAMPLES["swebench"]
REPORT: dict[str, Any] = {"project": "shop", "message": "KeyError: 'a'"}
SETTLED, OPEN = "r-000001", "r-000002"  # jobs that must be there when the drops come
MEBIBYTE = 2**20


class BadDrop(NamedTuple):
    """Something that no daemon can accept, or not all of it."""

    name: str
    content: bytes | Made
    field: str
    inlet: str = "ideas"
    refused: bytes | None = None  # where only a part is refused: that part
    good: int = 0  # entries in it that are accepted

    def make(self, path: Path) -> None:
        """Put it there."""
        if callable(self.content):
            self.content(path)
        else:
            path.write_bytes(self.content)


def written(value: object) -> bytes:
    """A value as JSON."""
    return json.dumps(value).encode()


def good(number: int) -> dict[str, Any]:
    """An entry that is accepted, to stand among bad ones."""
    return REPAIR | {"title": f"good among bad {number}"}


def _symlink(to: str) -> Made:
    return lambda path: path.symlink_to(to)


def _symlink_to_itself(path: Path) -> None:
    path.symlink_to(path)


def _sparse(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(2**30)


def _socket(path: Path) -> None:
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's path may have 107 bytes only
    try:
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(path.name)
    finally:
        os.chdir(here)


def _full_folder(path: Path) -> None:
    (path / "deeper").mkdir(parents=True)
    (path / "deeper" / "job.json").write_bytes(written(REPAIR))


def _unreadable(path: Path) -> None:
    path.write_bytes(written(REPAIR))
    path.chmod(0)


def _nested(levels: int, opened: bytes, closed: bytes) -> bytes:
    return opened * levels + b"1" + closed * levels


def _raw(field: str, value: bytes, **others: object) -> bytes:
    """A repair in which one field's value is these bytes."""
    return b'{"%s": %s, ' % (field.encode(), value) + written(REPAIR | others)[1:]


BAD_JSON = [
    BadDrop("half.json", b'{"kind": "repair", "repo": "/repos/sh', "file"),
    BadDrop("half-array.json", written([REPAIR, REPAIR])[:-1], "file"),
    BadDrop("half-array-of-lines.json", b"[\n" + written(REPAIR) + b",\n" + written(REPAIR) + b"\n", "file"),
    BadDrop("trailing-comma.json", written(REPAIR)[:-1] + b",}", "file"),
    BadDrop("array-trailing-comma.json", written([REPAIR])[:-1] + b",]", "file"),
    BadDrop("array-without-comma.json", b"[" + written(REPAIR) + b" " + written(REPAIR) + b"]", "file"),
    BadDrop("single-quotes.json", b"{'repo': '/repos/shop', 'tests': ['t::a']}", "file"),
    BadDrop("comment.json", b"// a job\n" + written(REPAIR), "file"),
    BadDrop("two-on-one-line.json", written(REPAIR) + b" " + written(REPAIR), "file"),
    BadDrop("junk-behind.json", json.dumps(REPAIR, indent=2).encode() + b"\njunk", "file"),
    BadDrop("binary.json", bytes(range(256)) * 40, "file"),
    BadDrop("image.json", b"\x89PNG\r\n\x1a\n" + os.urandom(5_000), "file"),
    BadDrop("zeroes.json", bytes(4096), "file"),
    BadDrop("nul-in-it.json", b'{"repo": "/repos/\x00shop", "tests": ["t::a"]}', "file"),
    BadDrop("raw-line-end-in-text.json", b'{"repo": "/repos/\nshop", "tests": ["t::a"]}', "file"),
    BadDrop("empty.json", b"", "file"),
    BadDrop("space.json", b" \n\t\r\n ", "file"),
    BadDrop("empty-array.json", b" [ ] ", "file"),
    BadDrop("null.json", b"null", "entry"),
    BadDrop("number.json", b"42", "entry"),
    BadDrop("text.json", b'"mend it, please"', "entry"),
    BadDrop("true.json", b"true", "entry"),
    BadDrop("empty-object.json", b"{}", "kind"),
    BadDrop("array-of-arrays.json", b"[[]]", "entry"),
    BadDrop("utf-16.json", json.dumps(REPAIR).encode("utf-16"), "file"),
    BadDrop("latin-1.json", json.dumps(REPAIR | {"title": "Übung"}, ensure_ascii=False).encode("latin-1"), "file"),
    BadDrop("bom.json", b"\xef\xbb\xbf" + written({"repo": "/repos/shop"}), "tests"),
    BadDrop("two-boms.json", b"\xef\xbb\xbf\xef\xbb\xbf" + written(REPAIR), "file"),
    BadDrop("too-many-entries.json", b"[" + b",".join([b"{}"] * 1_001) + b"]", "file"),
    BadDrop("too-many-lines.jsonl", b"{}\n" * 1_001, "file"),
    BadDrop("too-large.json", written(REPAIR | {"problem": "x" * 3 * MEBIBYTE}), "file"),
    BadDrop("1-gigabyte.json", _sparse, "file"),
]

BAD_VALUES = [
    BadDrop("100-arrays.json", _nested(100, b"[", b"]"), "[0]" * 32),
    BadDrop("100-objects.json", _nested(100, b'{"a": ', b"}"), ".".join("a" * 32)),
    BadDrop("100000-arrays.json", _nested(100_000, b"[", b"]"), "file"),
    BadDrop("100000-objects.json", _nested(100_000, b'{"a":', b"}"), "file"),
    BadDrop("100000-open-arrays.json", b"[" * 100_000, "file"),
    BadDrop("nan.json", _raw("priority", b"NaN"), "priority"),
    BadDrop("infinity.json", _raw("priority", b"-Infinity"), "priority"),
    BadDrop("1e999.json", _raw("priority", b"1e999"), "priority"),
    BadDrop("10000-digits.json", _raw("priority", b"7" * 10_000), "priority"),
    BadDrop("doubled-key.json", _raw("repo", b'"/repos/other"'), "repo"),
    BadDrop(
        "doubled-key-inside.json", _raw("environment", b'{"python": "3.9", "python": "3.8"}'), "environment.python"
    ),
    BadDrop("doubled-key-in-unknown.json", _raw("x", b'[1, {"y": 1, "z": 2, "y": 3}]'), "x[1].y"),
    BadDrop("lone-surrogate.json", _raw("title", rb'"\ud800"'), "title"),
    BadDrop("lone-surrogate-in-key.json", _raw(r"\udfff", b"1"), r"\udfff"),
    BadDrop("nul-escaped-in-id.json", written(ROW | {"instance_id": "django\x00__1"}), "instance_id"),
    BadDrop("nul-escaped-in-path.json", written(REPAIR | {"repo": "/repos/\x00shop"}), "repo"),
    BadDrop("escape-in-title.json", written(REPAIR | {"title": "\x1b[2Jgone"}), "title"),
    BadDrop("line-end-behind-repo.json", written(REPAIR | {"repo": "/repos/shop\n"}), "repo"),
    BadDrop("line-end-in-test.json", written(REPAIR | {"tests": ["t::a\nt::b"]}), "tests[0]"),
    BadDrop("line-end-behind-test.json", written(REPAIR | {"tests": ["t::a", "t::b\n"]}), "tests[1]"),
    BadDrop("key-of-a-megabyte.json", written(REPAIR | {"k" * MEBIBYTE: [1] * 1000}), "k" * 500 + "…"),
    BadDrop("path-like-key.json", written(REPAIR | {"a` - at `$.repo": 1}), "a` - at `$.repo"),
]

BAD_JOBS = [
    BadDrop("kind-unknown.json", written(REPAIR | {"kind": "mend"}), "kind"),
    BadDrop("kind-a-number.json", written(REPAIR | {"kind": 1}), "kind"),
    BadDrop("no-tests.json", written({"repo": "/repos/shop"}), "tests"),
    BadDrop("no-repo.json", written({"tests": ["t::a"]}), "repo"),
    BadDrop("empty-repo.json", written(REPAIR | {"repo": ""}), "repo"),
    BadDrop("repo-a-list.json", written(REPAIR | {"repo": ["/repos/shop"]}), "repo"),
    BadDrop("repo-null.json", written(REPAIR | {"repo": None}), "repo"),
    BadDrop("tests-text.json", written(REPAIR | {"tests": "t::a"}), "tests"),
    BadDrop("tests-empty.json", written(REPAIR | {"tests": []}), "tests"),
    BadDrop("test-a-number.json", written(REPAIR | {"tests": ["t::a", 7]}), "tests[1]"),
    BadDrop("keep-passing-an-object.json", written(REPAIR | {"keep_passing": {}}), "keep_passing"),
    BadDrop("title-a-number.json", written(REPAIR | {"title": 5}), "title"),
    BadDrop("title-too-long.json", written(REPAIR | {"title": "x" * 501}), "title"),
    BadDrop("project-an-object.json", written(REPAIR | {"project": {}}), "project"),
    BadDrop("problem-a-list.json", written(REPAIR | {"problem": ["it fails"]}), "problem"),
    BadDrop("hint-false.json", written(REPAIR | {"hint": False}), "hint"),
    BadDrop("commit-an-option.json", written(REPAIR | {"base_commit": "HEAD; rm -rf /"}), "base_commit"),
    BadDrop("test-patch-null.json", written(REPAIR | {"test_patch": None}), "test_patch"),
    BadDrop("command-a-list.json", written(REPAIR | {"test_command": ["pytest"]}), "test_command"),
    BadDrop("command-with-an-open-quote.json", written(REPAIR | {"test_command": "pytest -k 'a"}), "test_command"),
    BadDrop("row-with-a-password.json", written(ROW | {"repo": "ssh://me:secret@host/shop"}), "repo"),
    BadDrop("repo-with-a-password.json", written(REPAIR | {"repo": "https://me:secret@host/shop.git"}), "repo"),
    BadDrop("environment-text.json", written(REPAIR | {"environment": "3.9"}), "environment"),
    BadDrop("environment-typo.json", written(REPAIR | {"environment": {"pyhton": "3.9"}}), "environment.pyhton"),
    BadDrop("as-of-no-day.json", written(REPAIR | {"environment": {"as_of": "2019-13-01"}}), "environment.as_of"),
    BadDrop(
        "a-dockerfile-elsewhere.json",
        written(REPAIR | {"environment": {"dockerfile": "../a"}}),
        "environment.dockerfile",
    ),
    BadDrop("python-a-word.json", written(REPAIR | {"environment": {"python": "three"}}), "environment.python"),
    BadDrop("land-branch-text.json", written(REPAIR | {"land_branch": "yes"}), "land_branch"),
    BadDrop("priority-10.json", written(REPAIR | {"priority": 10}), "priority"),
    BadDrop("priority-half.json", written(REPAIR | {"priority": 5.5}), "priority"),
    BadDrop("priority-true.json", written(REPAIR | {"priority": True}), "priority"),
    BadDrop("gold-patch-a-list.json", written(REPAIR | {"gold_patch": []}), "gold_patch"),
    BadDrop("typo.json", written(REPAIR | {"prority": 5}), "prority"),
    BadDrop("idea-without-title.json", written({"description": "Count."}), "title"),
    BadDrop("idea-without-description.json", written({"kind": "idea", "title": "Counter"}), "description"),
    BadDrop("idea-empty-title.json", written(IDEA | {"title": ""}), "title"),
    BadDrop("idea-description-a-list.json", written(IDEA | {"description": []}), "description"),
    BadDrop("idea-language-a-number.json", written(IDEA | {"language": 3}), "language"),
    BadDrop("idea-tests-a-list.json", written(IDEA | {"acceptance_tests": ["t.py"]}), "acceptance_tests"),
    BadDrop("idea-test-outside.json", written(IDEA | {"acceptance_tests": {"../t.py": ""}}), "acceptance_tests"),
    BadDrop("idea-test-absolute.json", written(IDEA | {"acceptance_tests": {"/etc/t.py": ""}}), "acceptance_tests"),
    BadDrop("idea-dependency-a-number.json", written(IDEA | {"dependencies": [1]}), "dependencies[0]"),
    BadDrop("idea-with-tests.json", written(IDEA | {"kind": "idea", "tests": []}), "tests"),
    BadDrop("row-without-tests.json", written({k: v for k, v in ROW.items() if k != "FAIL_TO_PASS"}), "FAIL_TO_PASS"),
    BadDrop("row-tests-broken-text.json", written(ROW | {"FAIL_TO_PASS": '["a", '}), "FAIL_TO_PASS"),
    BadDrop("row-tests-text-of-numbers.json", written(ROW | {"FAIL_TO_PASS": "[1]"}), "FAIL_TO_PASS"),
    BadDrop("row-tests-empty.json", written(ROW | {"FAIL_TO_PASS": []}), "FAIL_TO_PASS"),
    BadDrop("row-tests-empty-text.json", written(ROW | {"FAIL_TO_PASS": "[]"}), "FAIL_TO_PASS"),
    BadDrop("row-tests-a-number.json", written(ROW | {"FAIL_TO_PASS": 1}), "FAIL_TO_PASS"),
    BadDrop("row-kept-broken-text.json", written(ROW | {"PASS_TO_PASS": "none"}), "PASS_TO_PASS"),
    BadDrop("row-without-commit.json", written({k: v for k, v in ROW.items() if k != "base_commit"}), "base_commit"),
]

BAD_REPORTS_AND_RETRIES = [
    BadDrop("report-empty.json", b"{}", "project", "errors"),
    BadDrop("report-of-nothing.json", written({"project": "shop"}), "message", "errors"),
    BadDrop("report-of-space.json", written({"project": "shop", "message": " \n"}), "message", "errors"),
    BadDrop(
        "report-of-tests-without-project.json",
        written({"message": "KeyError: 'a'", "repo": "/repos/shop", "tests": ["t::a"]}),
        "project",
        "errors",
    ),
    BadDrop("report-without-project.json", written({"message": "KeyError: 'a'"}), "project", "errors"),
    BadDrop("report-without-tests.json", written(REPORT | {"repo": "/repos/shop"}), "tests", "errors"),
    BadDrop(
        "report-with-a-token.json",
        written(REPORT | {"repo": "https://ghp_0123456789abcdefghij@host/shop", "tests": ["t::a"]}),
        "repo",
        "errors",
    ),
    BadDrop("report-without-repo.json", written(REPORT | {"tests": ["t::a"]}), "repo", "errors"),
    BadDrop("report-a-list-of-text.json", written(["KeyError"]), "entry", "errors"),
    BadDrop("job-among-reports.json", written(REPAIR | {"kind": "repair"}), "kind", "errors"),
    BadDrop("retry-without-job.json", written({"hint": "look again"}), "job", "retries"),
    BadDrop("retry-of-a-number.json", written({"job": 1}), "job", "retries"),
    BadDrop("retry-of-a-path.json", written({"job": "../../etc"}), "job", "retries"),
    BadDrop("retry-with-line-end.json", written({"job": f"{SETTLED}\n"}), "job", "retries"),
    BadDrop("retry-of-unknown.json", written({"job": "r-999999"}), "job", "retries"),
    BadDrop("retry-of-other-kind.json", written({"job": SETTLED.replace("r", "i")}), "job", "retries"),
    BadDrop("retry-of-open.json", written({"job": OPEN}), "job", "retries"),
    BadDrop("cancel-of-settled.json", written({"job": SETTLED, "cancel": True}), "cancel", "retries"),
    BadDrop("cancel-a-word.json", written({"job": OPEN, "cancel": "yes"}), "cancel", "retries"),
    BadDrop("rung-unknown.json", written({"job": SETTLED, "rung": "Z9"}), "rung", "retries"),
    BadDrop("retry-typo.json", written({"job": SETTLED, "rang": "A1"}), "rang", "retries"),
]

BAD_IN_PART = [
    BadDrop(
        "one-bad-of-three.json",
        written([good(1), {"repo": "/repos/bad", "tests": 1}, good(2)]),
        "tests",
        refused=written([{"repo": "/repos/bad", "tests": 1}]),
        good=2,
    ),
    BadDrop(
        "number-too-big-among-good.json",
        b'[%s, {"repo": %s}, %s]' % (written(good(3)), b"7" * 10_000, written(good(4))),
        "repo",
        refused=b'[{"repo": %s}]' % (b"7" * 10_000),
        good=2,
    ),
    BadDrop(
        "doubled-key-among-good.json",
        b'[{"repo": "a", "repo": "b"}, %s]' % written(good(5)),
        "repo",
        refused=b'[{"repo": "a", "repo": "b"}]',
        good=1,
    ),
    BadDrop(
        "surrogate-among-good.json",
        rb'[%s, {"title": "\ud800"}]' % written(good(6)),
        "title",
        refused=rb'[{"title": "\ud800"}]',
        good=1,
    ),
    BadDrop(
        "broken-line.jsonl",
        written(good(7)) + b'\n{"repo": "/repos/bad", \n' + written(good(8)) + b"\n",
        "entry",
        refused=b'{"repo": "/repos/bad",\n',
        good=2,
    ),
    BadDrop(
        "broken-first-line.jsonl", b"# jobs\n" + written(good(9)) + b"\n", "entry", refused=b"# jobs\n", good=1
    ),
    BadDrop(
        "lines-by-another-name.json", written(good(10)) + b"\nnull\n", "entry", refused=b"null\n", good=1
    ),
    BadDrop(
        "nan-in-a-line.ndjson",
        written(good(11)) + b'\r\n{"repo": NaN}\r\n',
        "repo",
        refused=b'{"repo": NaN}\n',
        good=1,
    ),
]  # fmt: skip

NO_FILES = [
    BadDrop("link-to-passwd.json", _symlink("/etc/passwd"), "file"),
    BadDrop("link-to-zero.json", _symlink("/dev/zero"), "file"),
    BadDrop("link-to-nothing.json", _symlink("nothing.json"), "file"),
    BadDrop("link-to-itself.json", _symlink_to_itself, "file"),
    BadDrop("link-to-a-folder", _symlink("/"), "file"),
    BadDrop("fifo.json", os.mkfifo, "file"),
    BadDrop("socket.json", _socket, "file"),
    BadDrop("folder.json", Path.mkdir, "file"),
    BadDrop("full-folder", _full_folder, "file"),
    BadDrop("unreadable.json", _unreadable, "file"),
]

_BROKEN = b'{"repo": '
BAD_NAMES = [
    BadDrop("..two-dots-in-front-are-hidden..json".lstrip("."), _BROKEN, "file"),
    BadDrop("up..json", _BROKEN, "file"),
    BadDrop("line\nend.json", _BROKEN, "file"),
    BadDrop("bell\a-and-escape\x1b[2J.json", _BROKEN, "file"),
    BadDrop(os.fsdecode(b"not-\xff\xfe-utf-8.json"), _BROKEN, "file"),
    BadDrop("x" * 250 + ".json", _BROKEN, "file"),
    BadDrop("ü" * 127, _BROKEN, "file"),
    BadDrop("-rf.json", _BROKEN, "file"),
    BadDrop("twice.json.json", _BROKEN, "file"),
    BadDrop("no-ending", _BROKEN, "file"),
    BadDrop("back\\slash.json", _BROKEN, "file"),
    BadDrop("'quoted' \"twice\".json", _BROKEN, "file"),
    BadDrop("right-to-left-\u202egpj.json", _BROKEN, "file"),
    BadDrop("posing.json.why.json", b'{"source": 1}', "kind"),
    BadDrop("posing.json", _BROKEN, "file"),
    BadDrop(" ", _BROKEN, "file"),
]

BAD_DROPS = [
    *BAD_JSON,
    *BAD_VALUES,
    *BAD_JOBS,
    *BAD_REPORTS_AND_RETRIES,
    *BAD_IN_PART,
    *NO_FILES,
    *BAD_NAMES,
]
