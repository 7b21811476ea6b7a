"""The corpus of weak models' answers: the files before, the answers, and what each of them should land as.

The data stands in tests/text/edit_corpus: `⇥` is a tab there, `⏎` a carriage return, `^L` a form feed.
"""

import html
import json
import random
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

from msgspec import Struct

from daemon.text.edits import Edit, Unreadable, read
from daemon.text.landing import Refused, land

FOLDER = Path(__file__).parent.parent / "text" / "edit_corpus"
TARGETS = ("tests/test_calendar.py",)


class Case(Struct, frozen=True):
    """An answer, and what is true about it: the name of a fix, or the ways in which it may be refused."""

    name: str
    category: str
    answer: str
    fix: str = ""
    refused: tuple[str, ...] = ()
    is_cut_off: bool = False


class Outcome(Struct, frozen=True):
    """What became of an answer: the changed files, or why not."""

    landed: dict[str, str | None] | None
    why: frozenset[str] = frozenset()
    told: str = ""


def _blocks(name: str) -> Iterator[tuple[str, str]]:
    text = (FOLDER / name).read_text(encoding="utf-8").replace("⇥", "\t").replace("^L", "\f")
    for block in re.split(r"^%%% ", text, flags=re.MULTILINE)[1:]:
        head, _, body = block.partition("\n")
        yield head, body


def workspace() -> dict[str, str]:
    files = {}
    for head, block in _blocks("workspace.txt"):
        _, path, *flags = head.split()
        body = block
        if "tabs" in flags:
            body = re.sub(r"^(?: {4})+", lambda match: "\t" * (len(match[0]) // 4), body, flags=re.MULTILINE)
        if "crlf" in flags:
            body = body.replace("\n", "\r\n")
        if "mixed" in flags:
            lines = body.split("\n")
            body = "".join(f"{line}\r\n" if place % 2 else f"{line}\n" for place, line in enumerate(lines[:-1]))
        if "noeol" in flags:
            body = body.rstrip("\n")
        files[path] = ("\ufeff" if "bom" in flags else "") + body
    return files


def fixes(files: dict[str, str]) -> dict[str, dict[str, str | None]]:
    """The exact texts of the files that each fix changes."""
    found: dict[str, dict[str, str | None]] = {}
    for name, body in _blocks("truths.txt"):
        after: dict[str, str | None] = {}
        for path, old, new in re.findall(
            r"(\S+)\n<<<\n(.*?)===\n(.*?)>>>\n", body.replace("⏎\n", "\r\n"), flags=re.DOTALL
        ):
            before = after.get(path, files.get(path)) or ""
            if old == "delete\n":
                after[path] = None
                continue
            if old and not before.endswith("\n") and before.endswith(old.rstrip("\n")):
                after[path] = before.removesuffix(old.rstrip("\n")) + new.rstrip("\n")
                continue
            assert not old or before.count(old) == 1, (name, path)
            after[path] = before.replace(old, new) if old else new
        found[name] = after
    return found


def cases() -> list[Case]:
    found = []
    for name in ("answers_fields.txt", "answers_other.txt"):
        for head, body in _blocks(name):
            truth, _, answer = body.partition("\n")
            fix, category, *flags = (part.strip() for part in truth.split("|"))
            if "crlf" in flags:
                answer = answer.replace("\n", "\r\n")
            whys = tuple(fix.removeprefix("refused:").split(",")) if fix.startswith("refused:") else ()
            found.append(Case(head, category, answer, "" if whys else fix, whys, "cut_off" in flags))
    return found


def outcome(answer: str, files: dict[str, str], *, is_cut_off: bool = False) -> Outcome:
    try:
        edits: list[Edit] = read(answer, is_cut_off=is_cut_off)
        return Outcome(land(edits, files, TARGETS))
    except Unreadable as unreadable:
        return Outcome(None, frozenset([unreadable.why]), str(unreadable))
    except Refused as refused:
        return Outcome(None, frozenset(refusal.why for refusal in refused.refusals), str(refused))


# Real-looking edits, spoilt by rule


def renderings(path: str, old: str, new: str, at: int) -> dict[str, str]:
    """One edit in each of the formats."""
    last = at + max(old.count("\n"), 1) - 1
    head = f"FILE: {path}\nLINES: {at}-{last}\nREASONING: it is wrong there\n"
    changed = "".join(f"-{line}\n" for line in old.splitlines()) + "".join(f"+{line}\n" for line in new.splitlines())
    quoted = json.dumps({"file": path, "lines": f"{at}-{last}", "original": old, "replacement": new})
    return {
        "fields": f"{head}ORIGINAL:\n{old}REPLACEMENT:\n{new}",
        "fenced fields": f"{head}ORIGINAL:\n````\n{old}````\nREPLACEMENT:\n````\n{new}````\n",
        "SEARCH/REPLACE": f"{path}\n```python\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n",
        "diff": f"````diff\n--- a/{path}\n+++ b/{path}\n@@ -{at},9 +{at},2 @@\n{changed}````\n",
        "JSON": quoted,
    }


def _shifted(text: str, by: int) -> str:
    return "".join(
        f"{' ' * by}{line}" if by > 0 else line[min(-by, len(line) - len(line.lstrip(" "))) :]
        for line in text.splitlines(keepends=True)
    )


def _numbered(text: str, at: int) -> str:
    return "".join(f"{at + place:4}| {line}" for place, line in enumerate(text.splitlines(keepends=True)))


def spoilt(path: str, old: str, new: str, at: int, dice: random.Random) -> Iterator[tuple[str, str, str]]:
    """The edit as a weak model might write it: what was done to it, in which format, and the answer."""
    ways = {
        "wrong line numbers": (path, old, new, max(1, at + dice.choice((-1, 1)) * dice.randint(1, 500))),
        "missing indentation": (path, _shifted(old, -4), _shifted(new, -4), at),
        "too much indentation": (path, _shifted(old, 4), _shifted(new, 4), at),
        "trailing white space": (path, old.replace("\n", "  \n"), new.replace("\n", "  \n"), at),
        "line numbers copied": (path, _numbered(old, at), _numbered(new, at), at),
        "tabs for spaces": (path, old.replace("    ", "\t"), new.replace("    ", "\t"), at),
        "spaces for tabs": (path, old.replace("\t", "    "), new.replace("\t", "    "), at),
        "HTML entities": (path, html.escape(old, quote=False), html.escape(new, quote=False), at),
        "smart quotes": (path, re.sub('"(.*?)"', "“\\1”", old), re.sub('"(.*?)"', "“\\1”", new), at),
        "CRLF in the answer": (path, old.replace("\n", "\r\n"), new.replace("\n", "\r\n"), at),
        "Windows paths": (path.replace("/", "\\"), old, new, at),
        "a path from the container": (f"/testbed/{path}", old, new, at),
        "only the file's name": (path.rpartition("/")[2], old, new, at),
        "a line paraphrased": (path, old.replace("count", "number", 1), new.replace("count", "number", 1), at),
    }
    for way, edit in ways.items():
        for form, answer in renderings(*edit).items():
            yield way, form, f"Sure, here is the fix.\n\n{answer}" if form != "JSON" else answer


def edits_of_fixes() -> list[tuple[str, str, str, str, int]]:
    """Every fix that is one replacement in one file: its name, path, old and new lines, and where they stand."""
    files = workspace()
    found = []
    for name, after in fixes(files).items():
        path, text = next(iter(after.items()))
        if len(after) == 1 and path in files and text is not None:
            old, new = (re.split(r"(?<=\n)", part.replace("\r\n", "\n")) for part in (files[path], text))
            codes = [
                code for code in SequenceMatcher(None, old, new, autojunk=False).get_opcodes() if code[0] != "equal"
            ]
            start, end = max(codes[0][1] - 1, 0), min(codes[-1][2] + 1, len(old))
            after_end = codes[-1][4] + end - codes[-1][2]
            before, later = "".join(old[start:end]), "".join(new[codes[0][3] - (codes[0][1] - start) : after_end])
            quoted, wanted = [part if part.endswith("\n") else f"{part}\n" for part in (before, later)]
            found.append((name, path, quoted, wanted, start + 1))
    return found
