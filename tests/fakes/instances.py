"""Known bugs as drops, and their known fixes as what a model might have answered: from SWE-bench rows, or any diff.

    answered = answer(row["patch"])
    asked = drop(row, environment, "pytest tests/test_x.py")

A hunk becomes an edit whose anchor is what the hunk says stands there. Nothing of any data set stands here.
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

_HUNK = re.compile(r"@@ -(\d+)(?:,(\d+))? \+\d+(?:,\d+)? @@")
_NO_END = "\\ No newline at end of file"
_FENCES = re.compile(r"`{3,}")


def answer(patch: str) -> str:
    """A diff, git's or a plain one, in the house's edit format."""
    headed = patch if "diff --git " in patch else patch.replace("--- a/", "diff --git a/\n--- a/")
    files = re.split(r"^diff --git ", headed, flags=re.MULTILINE)[1:]
    return "\n".join(edit for file in files for edit in _edits(file.split("\n")))


def _edits(lines: list[str]) -> Iterator[str]:
    """One file's hunks."""
    marks = {line[:4]: line[4:].removeprefix("a/").removeprefix("b/") for line in lines if line[:4] in ("--- ", "+++ ")}
    if not marks:
        return  # renamed or made executable, and nothing else
    old, new = marks["--- "], marks["+++ "]
    if new == "/dev/null":
        yield f"FILE: {old}\nLINES: delete\nREASONING: it is not needed any more\n"
        return
    for first, count, hunk in _hunks(lines):
        before = [line[1:] for line in hunk if line[:1] in (" ", "-")]
        after = [line[1:] for line in hunk if line[:1] in (" ", "+")]
        if old == "/dev/null":
            yield f"FILE: {new}\nLINES: all\nREASONING: it is needed\nREPLACEMENT:\n{_fenced(after)}\n"
        else:
            where = f"LINES: {first}-{first + count - 1}\nREASONING: so\n"
            yield f"FILE: {new}\n{where}ORIGINAL:\n{_fenced(before)}\nREPLACEMENT:\n{_fenced(after)}\n"


def _hunks(lines: list[str]) -> Iterator[tuple[int, int, list[str]]]:
    """First line and number of lines of the old text, and the hunk's own lines."""
    starts = [place for place, line in enumerate(lines) if _HUNK.match(line)]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        if match := _HUNK.match(lines[start]):
            hunk = [line or " " for line in lines[start + 1 : end] if line != _NO_END]
            while hunk and hunk[-1] == " " and _olds(hunk) > int(match[2] or 1):
                hunk.pop()  # the end of the patch is no line of it
            yield int(match[1]), int(match[2] or 1), hunk


def _olds(hunk: list[str]) -> int:
    return sum(line[:1] in (" ", "-") for line in hunk)


def _fenced(lines: list[str]) -> str:
    """In a fence that none of the lines can close."""
    longest = max((len(found) for line in lines for found in _FENCES.findall(line)), default=2)
    fence = "`" * (longest + 1)
    return "\n".join([fence, *lines, fence])


def useless(path: str) -> str:
    """An answer that lands and mends nothing."""
    return f"FILE: {path}\nLINES: all\nREASONING: so\nREPLACEMENT:\n{_fenced(['NOTHING = None'])}\n"


def script(path: Path, answers: Mapping[str, str]) -> Path:
    """A file of recorded answers, by instance, as the setting `answers_path` wants it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps({"instance": name, "answer": text}) + "\n" for name, text in answers.items()))
    return path


def drop(row: Mapping[str, Any], environment: Mapping[str, object], test_command: str = "") -> dict[str, object]:
    """A SWE-bench row and what is known of its environment, as a repair."""
    return {
        "kind": "repair",
        "repo": row["repo"],
        "title": row["instance_id"],
        "instance_id": row["instance_id"],
        "base_commit": row["base_commit"],
        "problem": row["problem_statement"],
        "test_patch": row["test_patch"],
        "tests": listed(row["FAIL_TO_PASS"]),
        "keep_passing": listed(row["PASS_TO_PASS"]),
        "test_command": test_command,
        "environment": dict(environment),
    }


def listed(tests: str | list[str]) -> list[str]:
    """Test ids: the published rows carry a JSON string."""
    read: list[str] = json.loads(tests) if isinstance(tests, str) else tests
    return read
