"""An edit as a value, and the dialects besides the one asked for in which models write edits.

A dialect's reader gets text that the caller has recognised, and gives edits or `Unreadable` with the sentence that
teaches the model. No file is known here: whether an edit fits is a matter of landing it. What is read was written by
a model: every reader walks its lines once.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from msgspec import Struct

Why = Literal[
    "cut_off",
    "elided",
    "no_edits",
    "unclear",
    "no_such_file",
    "outside",
    "not_found",
    "ambiguous",
    "doubled",
    "overlap",
    "no_op",
    "cosmetic",
    "syntax",
    "forbidden",
    "too_much",
]

DIGITS = 9  # of a line number: no file has more lines than these can say


class Edit(Struct, frozen=True):
    """One change to one file. Text is whole lines, each ending in a newline; "" is no line at all.

    `original` is the anchor; an empty one inserts before the first of `lines`; None means the whole file.
    `replacement` None removes the file.
    """

    path: str
    replacement: str | None
    original: str | None = None
    lines: tuple[int, int | None] | None = None
    reasoning: str = ""
    form: str = "fields"


class Unreadable(Exception):  # noqa: N818  it is what the answer is, not what went wrong here
    """The answer holds no edits that could be tried. The message goes into the next prompt as it is."""

    def __init__(self, why: Why, message: str) -> None:
        super().__init__(message)
        self.why: Why = why


def joined(lines: Sequence[str]) -> str:
    """Lines without their ends → text of whole lines."""
    return "".join(f"{line}\n" for line in lines)


def whole_lines(text: str) -> str:
    """The text, its last line ended as well."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if not text or text.endswith("\n") else f"{text}\n"


# Paths

_DECORATION = "*`'\"#> \t"
_AFTERTHOUGHT = re.compile(r"\s*\((?:[^()]{0,60})\)\s*:?$")  # pkg/x.py (lines 3-4)
_PATH = re.compile(r"(?:[A-Za-z]:)?[\w.@+~/\\ -]{0,200}?[\w@+-]\.\w{1,8}")
_BARE_NAMES = frozenset(("Dockerfile", "LICENSE", "Makefile", "README"))


def clean_path(words: str) -> str:
    """A path as written, without the marks around it."""
    words = _AFTERTHOUGHT.sub("", words.strip()[:MARKER_CHARACTERS])
    return words.strip(_DECORATION).rstrip(":,").strip(_DECORATION).replace("\\", "/")


def named_path(words: str) -> str:
    """The path that these words name and nothing else, or ""."""
    cleaned = re.sub(
        r"^(?:updated |modified |new |full )?(?:file(?:name|path)?|path)\b\s*[:=]?\s*", "", words, flags=re.IGNORECASE
    )
    cleaned = clean_path(cleaned)
    fits = _PATH.fullmatch(cleaned) is not None and " " not in cleaned
    return cleaned if fits or cleaned in _BARE_NAMES else ""


def mentioned_path(line: str) -> str:
    """The path of a line that introduces a block: alone on it, or the only thing in backticks or bold."""
    line = line.strip()[:MARKER_CHARACTERS]
    if path := named_path(re.sub(r"^(?:#+|\d+[.)]|[-*])\s+", "", line)):
        return path
    quoted = [path for words in re.findall(r"`([^`]+)`|\*\*([^*]+)\*\*", line) if (path := named_path("".join(words)))]
    return quoted[0] if len(set(quoted)) == 1 else ""


def path_in_fence(info: str) -> str:
    """The path in a fence's info string: `python pkg/x.py`, `python:pkg/x.py`, `py title="pkg/x.py"`."""
    for word in reversed(re.split(r"[\s{}]+", info.strip()[:MARKER_CHARACTERS])):
        value = word.partition("=")[2] or word
        if path := named_path(value):
            return path
        if path := named_path(value.partition(":")[2]):
            return path
    return ""


_COMMENT = re.compile(r"(?:#|//|--|;|/\*|<!--|%)\s*(.{1,200}?)\s*(?:\*/|-->)?$")


def path_in_comment(line: str) -> str:
    """The path that a first comment line names: `# pkg/x.py`, `<!-- file: page.html -->`."""
    match = _COMMENT.match(line.strip()[:MARKER_CHARACTERS])
    return named_path(match[1]) if match else ""


# Line numbers

_RANGE = re.compile(
    rf"\D{{0,12}}(\d{{1,{DIGITS}}})\s*(-|\u2013|\u2014|to|through|\.\.|:|,|and)?\s*(?:lines?|L)?\s*(\d{{1,{DIGITS}}})?",
    re.IGNORECASE,
)


def line_range(words: str) -> tuple[int, int | None] | None:
    """`41-43`, `L41-L43`, `41 to 43`, `41`; `41-` has no end: before line 41."""
    match = _RANGE.match(words[:100])
    if not match:
        return None
    first = int(match[1])
    if match[3]:
        return first, max(first, int(match[3]))
    return first, None if match[2] else first


MARKER_CHARACTERS = 400  # a longer line marks nothing

# SEARCH/REPLACE

_SEARCH = re.compile(r"\s{0,3}<{5,9}\s*(?:SEARCH|ORIGINAL|HEAD|OLD)?:?\s*(.*)$", re.IGNORECASE)
_DIVIDER = re.compile(r"={5,9}\s*$")
_REPLACE = re.compile(r"\s{0,3}>{5,9}\s*(?:REPLACE|UPDATED|NEW|\w+)?\s*$", re.IGNORECASE)


def opens_search(line: str) -> bool:
    """Whether a SEARCH/REPLACE block begins here."""
    return _SEARCH.match(line[:MARKER_CHARACTERS]) is not None


def _ends_search(line: str) -> bool:
    line = line.rstrip()
    return len(line) <= MARKER_CHARACTERS and _REPLACE.match(line) is not None


def read_search(lines: Sequence[str], at: int, path: str) -> tuple[Edit, int]:
    """The block that opens at this line, and the line after it."""
    dividers: list[int] = []
    for end in range(at + 1, len(lines)):
        if _DIVIDER.match(lines[end]):
            dividers.append(end)
        elif _ends_search(lines[end]) and dividers:
            break
        elif opens_search(lines[end]):
            raise Unreadable("unclear", "A SEARCH block opens inside another one: end each with >>>>>>> REPLACE.")
    else:
        raise Unreadable("cut_off", "A SEARCH/REPLACE block never ends: write the whole block, up to >>>>>>> REPLACE.")
    if len(dividers) > 1:
        raise Unreadable("unclear", "A SEARCH/REPLACE block has several ======= lines: use ORIGINAL and REPLACEMENT.")
    within = _SEARCH.match(lines[at][:MARKER_CHARACTERS])
    path = (named_path(within[1]) if within else "") or path
    if not path:
        raise Unreadable(
            "unclear", "A SEARCH/REPLACE block does not say its file: write FILE: path/to/file.py above it."
        )
    original, replacement = lines[at + 1 : dividers[0]], lines[dividers[0] + 1 : end]
    return Edit(path, joined(replacement), joined(original), form="search"), end + 1


# Unified diffs

_HUNK = re.compile(rf"@@+(?:\s*-(\d{{1,{DIGITS}}})(?:,\d+)?\s+\+(\d+)(?:,\d+)?)?.*$")
_DIFF_NOISE = ("index ", "old mode", "new mode", "similarity ", "new file", "deleted file")


def opens_diff(lines: Sequence[str], at: int) -> bool:
    """Whether a unified diff begins at this line."""
    here, after = lines[at], lines[at + 1] if at + 1 < len(lines) else ""
    return here.startswith("diff --git ") or (here.startswith("--- ") and after.startswith("+++ "))


def opens_hunk(line: str) -> bool:
    """Whether this is a hunk's header."""
    return line.startswith("@@") and _HUNK.match(line[:MARKER_CHARACTERS]) is not None


def read_diff(lines: Sequence[str], at: int, path: str) -> tuple[list[Edit], int]:
    """The edits of the diff that begins at this line, and the line after it. Counts and numbers are not believed."""
    edits: list[Edit] = []
    old = new = path
    while at < len(lines):
        line = lines[at]
        if line.startswith("diff --git "):
            old = new = clean_path(line.rpartition(" b/")[2])
        elif line.startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ "):
            old, new = _diff_path(line[4:]), _diff_path(lines[at + 1][4:])
            at += 1
        elif line.startswith(("rename ", "copy ", "GIT binary", "Binary files")):
            raise Unreadable(
                "unclear", "Renames and binary patches are not read: write the new file as a whole instead."
            )
        elif opens_hunk(line):
            edit, at = _read_hunk(lines, at, old, new)
            edits.append(edit)
            continue
        elif line.strip() and not line.startswith(_DIFF_NOISE):
            break
        at += 1
    if not edits:
        raise Unreadable("cut_off", "The diff has no hunk: write the edit as FILE, LINES, ORIGINAL and REPLACEMENT.")
    return edits, at


def _diff_path(words: str) -> str:
    words = words.partition("\t")[0].strip()
    return words if words == "/dev/null" else clean_path(re.sub(r"^[ab]/", "", words))


def _read_hunk(lines: Sequence[str], at: int, old: str, new: str) -> tuple[Edit, int]:
    match = _HUNK.match(lines[at][:MARKER_CHARACTERS])
    end = at + 1
    while end < len(lines) and not _ends_hunk(lines, end):
        end += 1
    body = [line for line in lines[at + 1 : end] if not line.startswith("\\")]
    while body and not body[-1].strip():
        body.pop()
    body = _with_markers(body)
    before = [line[1:] for line in body if not line.startswith("+")]
    after = [line[1:] for line in body if not line.startswith("-")]
    if not any(line.startswith(("+", "-")) for line in body):
        raise Unreadable("cut_off", "A hunk of the diff changes nothing: it has no line that begins with + or -.")
    path = new if new != "/dev/null" else old
    if not path:
        raise Unreadable("unclear", "The diff does not say its file: write FILE: path/to/file.py above it.")
    if new == "/dev/null":
        return Edit(path, None, form="diff"), end
    if old == "/dev/null":
        return Edit(path, joined(after), form="diff"), end
    if not before:
        message = (
            f"A hunk for {path} has no context: quote in it the lines around the place, as they stand in the file."
        )
        raise Unreadable("unclear", message)
    hint = (int(match[1]), int(match[1]) + len(before) - 1) if match and match[1] else None
    return Edit(path, joined(after), joined(before), hint, form="diff"), end


def _ends_hunk(lines: Sequence[str], at: int) -> bool:
    line = lines[at]
    if line.startswith(("@@", "```", "~~~", "diff --git ")) or opens_diff(lines, at):
        return True
    if line.startswith((" ", "+", "-", "\\", "\t")) or not line:
        return False
    rest = lines[at + 1 : at + 40]  # a line that lost its marker stands among others; prose does not
    return not any(other.startswith(("+", "-")) and not other.startswith(("---", "- ")) for other in rest)


def _with_markers(body: list[str]) -> list[str]:
    """A hunk's lines, where context may have lost the blank in front of it."""
    context = [line for line in body if line.strip() and not line.startswith(("+", "-"))]
    changed = [line[1:] for line in body if line.startswith(("+", "-"))]
    if all(_is_even(line) for line in [*context, *changed] if line.startswith(" ")):
        return [line if line.startswith(("+", "-")) else f" {line}" for line in body]
    return [line if line.startswith(("+", "-", " ")) else f" {line}" for line in body]


def _is_even(line: str) -> bool:
    return not line.strip() or (len(line) - len(line.lstrip(" "))) % 4 == 0


# JSON

_KEYS: Mapping[str, tuple[str, ...]] = {
    "path": ("file", "path", "filename", "file_path", "filepath", "file_name"),
    "original": ("original", "original_code", "search", "find", "old", "old_string", "old_str", "old_code", "before"),
    "replacement": (
        *("replacement", "replacement_code", "replace", "new", "new_string", "new_str", "new_code", "after"),
        "replace_with",
    ),
    "content": ("content", "contents", "code", "new_content", "full_content", "text", "file_text"),
    "lines": ("lines", "line", "line_range", "line_numbers"),
    "reasoning": ("reasoning", "reason", "explanation", "rationale"),
}
_INSIDE = ("edits", "changes", "files", "edit", "patches", "modifications", "arguments", "parameters", "input", "fix")


def read_json(text: str) -> list[Edit]:
    """The edits of a JSON answer, whatever its keys are called. Raw control characters in strings are let pass."""
    try:
        value = json.JSONDecoder(strict=False).raw_decode(text.lstrip())[0]
    except json.JSONDecodeError as error:
        if error.pos >= len(text.strip()) or "Unterminated" in error.msg:
            raise Unreadable(
                "cut_off", "The JSON ends in the middle: write it to its end, or use the format asked for."
            ) from None
        message = f"The JSON cannot be read ({error.msg} at line {error.lineno}): use the format asked for, not JSON."
        raise Unreadable("unclear", message) from None
    except (RecursionError, ValueError):
        raise Unreadable("unclear", "The JSON is nested too deeply: use the format asked for, not JSON.") from None
    return list(_json_edits(value, depth=6))


def _json_edits(value: object, depth: int, path: str = "") -> Iterator[Edit]:
    if isinstance(value, list) and depth:
        for item in value:
            yield from _json_edits(item, depth - 1, path)
    if not isinstance(value, dict) or not depth:
        return
    fields = {str(key).lower(): item for key, item in value.items()}
    path = clean_path(_text(fields, "path") or path)
    found = [fields[key] for key in _INSIDE if isinstance(fields.get(key), dict | list)]
    if found:
        for item in found:
            yield from _json_edits(item, depth - 1, path)
    elif path:
        yield _json_edit(fields, path)
    else:
        for key, item in value.items():
            if named_path(str(key)) and isinstance(item, str):
                yield Edit(clean_path(str(key)), whole_lines(item), form="json")


def _json_edit(fields: Mapping[str, object], path: str) -> Edit:
    original, replacement, content = (_text(fields, name) for name in ("original", "replacement", "content"))
    lines = next((fields[key] for key in _KEYS["lines"] if key in fields), "")
    reasoning = _text(fields, "reasoning") or ""
    numbers = "-".join(str(part) for part in lines) if isinstance(lines, list) else str(lines)
    if original is None and replacement is None and content is not None:
        return Edit(path, whole_lines(content), None, None, reasoning, "json")
    if original is None or replacement is None:
        missing = "original" if original is None else "replacement"
        raise Unreadable("unclear", f"The edit of {path} has no {missing}: give file, lines, original and replacement.")
    return Edit(path, whole_lines(replacement), whole_lines(original), line_range(numbers), reasoning, "json")


def _text(fields: Mapping[str, object], name: str) -> str | None:
    for key in _KEYS[name]:
        value = fields.get(key)
        if isinstance(value, str):
            return value
        if isinstance(value, list) and value and all(isinstance(line, str) for line in value):
            return "\n".join(line.rstrip("\n") for line in value)
    return None
