"""Edits → the new texts of the files, all of them or none. What does not fit is refused in sentences that teach.

Every edit is anchored in the text of the file as it is, never in what another edit makes of it. A file keeps its byte
order mark, its line ends and whether its last line is ended.
"""

import ast
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from itertools import pairwise
from typing import NoReturn

from msgspec import Struct

from daemon.text import anchors, objections
from daemon.text.dialects import Edit, Why, whole_lines
from daemon.text.shown import many

SHOWN_LINES = 12
SHOWN_PATHS = 3
WHOLE_SHARE = 0.6  # of its lines a file that is no Python has to keep when it is written anew


class Refusal(Struct, frozen=True):
    """Why one edit, or one file's edits, did not land. The message goes into the next prompt as it is."""

    path: str
    why: Why
    message: str


class Refused(Exception):  # noqa: N818  a verdict, not something that went wrong
    """Nothing landed."""

    def __init__(self, refusals: Sequence[Refusal]) -> None:
        super().__init__("\n\n".join(refusal.message for refusal in refusals))
        self.refusals = list(refusals)


class Splice(Struct, frozen=True):
    """Lines start..end (from 0, end excluded) become these."""

    start: int
    end: int
    lines: tuple[str, ...]


Forbid = Callable[[str, str | None, str | None, Collection[str], Collection[str]], str]


def land(
    edits: Sequence[Edit],
    files: Mapping[str, str],
    targets: Collection[str] = (),
    forbid: Forbid = objections.forbidden,
    *,
    may_leave_out: bool = False,
) -> dict[str, str | None]:
    """The new text of every changed path, None where the file goes; or `Refused`, and nothing has happened.

    `forbid` says why a path may not change, or "": for a repair the tests may not, a new project writes its own.
    `may_leave_out`: a file written anew need not hold what it held, for who wrote it may think better of it.
    """
    refusals: list[Refusal] = []
    grouped: dict[str, list[Edit]] = {}
    for edit in edits:
        try:
            grouped.setdefault(_resolved(edit, files), []).append(edit)
        except Refused as refused:
            refusals += refused.refusals
    landed: dict[str, str | None] = {}
    for path, group in grouped.items():
        before = files.get(path)
        try:
            after = _after(path, before, group, may_leave_out=may_leave_out)
            _object(path, before, after, forbid(path, before, after, targets, files))
            landed[path] = after
        except Refused as refused:
            refusals += refused.refusals
    idle = {
        path: why
        for path, after in landed.items()
        if after is not None
        and (before := files.get(path)) is not None
        and (why := objections.cosmetic(path, before, after))
    }
    if not refusals and len(idle) == len(landed):
        refusals = [Refusal(path, "no_op" if landed[path] == files[path] else "cosmetic", idle[path]) for path in idle]
    if refusals:
        raise Refused(list(dict.fromkeys(refusals)))
    return {path: after for path, after in landed.items() if after != files.get(path)}


def _refuse(path: str, why: Why, message: str) -> NoReturn:
    raise Refused([Refusal(path, why, message)])


# Paths

NAME_BYTES = 255  # of a file or folder; no disk takes more
_ROOTS = frozenset(("a", "b", "testbed", "workspace", "repo", "app", "project", "root", "code"))


def _resolved(edit: Edit, files: Mapping[str, str]) -> str:
    """The workspace's path that is meant."""
    path, relative = edit.path, _relative(edit.path)
    if relative in files:
        return relative
    is_absolute = path.startswith(("/", "~")) or path[1:2] == ":"
    is_new = not edit.original
    parts = relative.split("/")
    for at in range(1, len(parts)):
        tail = "/".join(parts[at:])
        is_root = set(parts[:at]) <= _ROOTS
        if tail in files and (is_root or (at < len(parts) - 1 and (is_absolute or not is_new))):
            return tail
    longer = sorted(name for name in files if name.endswith(f"/{relative}"))
    if len(longer) > 1:
        _refuse(path, "no_such_file", f"{path} could be {_listed(longer)}: write the whole path.")
    return longer[0] if longer else _created(edit, relative, files, is_absolute=is_absolute)


def _created(edit: Edit, relative: str, files: Mapping[str, str], *, is_absolute: bool) -> str:
    """The path of a new file, if the edit can make one."""
    path, parts = edit.path, relative.split("/")
    if is_absolute and parts[0] in _ROOTS - {"a", "b"}:
        is_absolute, relative = False, "/".join(parts[1:])
    elif parts[0] in ("a", "b") and len(parts) > 1 and not any(name.startswith(f"{parts[0]}/") for name in files):
        relative = "/".join(parts[1:])
    if is_absolute or not relative:
        message = f"{path} is outside of the project: write the path from the project's folder.{_like(path, files)}"
        _refuse(path, "outside", message)
    is_creation = edit.original is None or (not edit.original and (edit.lines is None or edit.lines[0] <= 1))
    if not is_creation or edit.replacement is None or not edit.replacement.strip():
        _refuse(path, "no_such_file", f"There is no file {path}.{_like(path, files)}")
    if any(name.startswith(f"{relative}/") or relative.startswith(f"{name}/") for name in files):
        _refuse(path, "no_such_file", f"{path} cannot be a file: it is a folder, or stands below a file.")
    return relative


def _relative(path: str) -> str:
    """The path without what stands for the root, if it cannot lead out of it."""
    cleaned = re.sub(r"^[A-Za-z]:", "", path.replace("\\", "/"))
    parts = [part for part in cleaned.split("/") if part not in ("", ".", "~")]
    is_odd = any(ord(letter) < ord(" ") or letter == "\x7f" for letter in path)
    is_long = any(len(part.encode(errors="replace")) > NAME_BYTES for part in parts)
    if not parts or ".." in parts or is_odd or is_long:
        _refuse(
            path, "outside", f"{path!r} is no path in the project: write it from the project's folder, without `..`."
        )
    if any(part.lower().rstrip(". ") == ".git" for part in parts):
        _refuse(path, "outside", f"{path} belongs to git and may not be changed.")
    return "/".join(parts)


def _like(path: str, files: Mapping[str, str]) -> str:
    name = path.rpartition("/")[2]
    by_name: dict[str, list[str]] = {}
    for known in sorted(files):
        by_name.setdefault(known.rpartition("/")[2], []).append(known)
    near = [known for close in get_close_matches(name, by_name, SHOWN_PATHS, 0.6) for known in by_name[close]]
    return f" Did you mean {_listed(near)}?" if near else ""


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:SHOWN_PATHS])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} or {shown[-1]}"


# One file


def _after(path: str, before: str | None, edits: Sequence[Edit], *, may_leave_out: bool) -> str | None:
    """The file's text after all of its edits."""
    wholes = [edit for edit in edits if edit.original is None or before is None]
    parts = [edit for edit in edits if edit not in wholes]
    texts = {_whole(path, before, edit, may_leave_out=may_leave_out) for edit in wholes}
    if parts and before is not None:
        texts.add(_spliced(path, before, parts))
    if len({text and _loose(text) for text in texts}) > 1:
        message = f"The answer says two different things about {path}: give each change once, in one format."
        _refuse(path, "overlap", message)
    return texts.pop()


def _loose(text: str) -> str:
    return "\n".join(line.rstrip() for line in whole_lines(text).split("\n")).strip("\n")


def _whole(path: str, before: str | None, edit: Edit, *, may_leave_out: bool) -> str | None:
    if edit.replacement is None:
        return None
    after = edit.replacement
    if not after.strip():
        _refuse(path, "unclear", f"The new text of {path} is empty. To remove the file, write LINES: delete.")
    known = {line.strip() for line in (before or "").splitlines()}
    if elided := objections.elision(after.split("\n"), known):
        _refuse_elided(path, elided)
    if before is None:
        return after
    if not may_leave_out and (lost := _lost(path, before, after)):
        _refuse(
            path,
            "elided",
            f"The new text of {path} leaves out {lost}. Write the whole file, or edit only the lines that change.",
        )
    style = _lines(before)
    end = _main_end(style)
    after = after.rstrip("\n").replace("\n", end) + (end if _is_ended(before) else "")
    mark = "\ufeff" if before.startswith("\ufeff") else ""
    return mark + after.removeprefix("\ufeff")


def _refuse_elided(path: str, line: str) -> NoReturn:
    message = f"`{line}` in the edit of {path} stands for lines that were left out: write every line."
    _refuse(path, "elided", message)


def _lost(path: str, before: str, after: str) -> str:
    """What a file written anew does not hold any more, as if only a part had been written."""
    if path.endswith(objections.PYTHON):
        try:
            lost = _names(before) - _names(after)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return ""
        unused = [
            name for name in lost if name.startswith("import ") and not re.search(rf"\b{re.escape(name[7:])}\b", after)
        ]
        gone = sorted(lost - set(unused) if len(unused) <= 1 else lost)
        return ", ".join(gone[:SHOWN_PATHS])
    kept = Counter(line.strip() for line in before.splitlines() if line.strip())
    kept_lines = sum((kept & Counter(line.strip() for line in after.splitlines())).values())
    return "most of its lines" if kept_lines < WHOLE_SHARE * sum(kept.values()) else ""


def _names(text: str) -> set[str]:
    """What a module and its classes define."""
    names: set[str] = set()
    tree = objections.parsed(text)
    for owner, body in [
        ("", tree.body),
        *((f"{node.name}.", node.body) for node in tree.body if isinstance(node, ast.ClassDef)),
    ]:
        for node in body:
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                names.add(f"{owner}{node.name}")
            elif isinstance(node, ast.Import | ast.ImportFrom):
                names |= {f"import {(alias.asname or alias.name).partition('.')[0]}" for alias in node.names}
            else:
                names |= {
                    f"{owner}{leaf.id}"
                    for leaf in ast.walk(node)
                    if isinstance(leaf, ast.Name) and isinstance(leaf.ctx, ast.Store)
                }
    return names


def _spliced(path: str, before: str, edits: Sequence[Edit]) -> str:
    mark = "\ufeff" if before.startswith("\ufeff") else ""
    raw = _lines(before.removeprefix("\ufeff"))
    lines = [line.rstrip("\r\n") for line in raw]
    refusals: list[Refusal] = []
    splices: dict[Splice, None] = {}
    for edit in edits:
        try:
            splices.update(dict.fromkeys(_splices(path, edit, lines)))
        except Refused as refused:
            refusals += refused.refusals
    if refusals:
        raise Refused(refusals)
    ordered = sorted(splices, key=lambda splice: (splice.start, splice.end))
    for one, other in pairwise(ordered):
        if other.start < one.end:
            message = (
                f"Two edits of {path} change line {other.start + 1}: make them one edit. "
                "Each ORIGINAL quotes the file as it is now."
            )
            _refuse(path, "overlap", message)
    end = _main_end(raw)
    result, taken = [], 0
    for splice in ordered:
        result += raw[taken : splice.start]
        result += [line + _end_near(raw, splice.start, end) for line in splice.lines]
        taken = splice.end
    result += raw[taken:]
    result = [line if line.endswith(("\r", "\n")) else line + end for line in result]
    if result and not _is_ended(before):
        result[-1] = result[-1].rstrip("\r\n")
    return mark + "".join(result)


def _lines(text: str) -> list[str]:
    """Lines with their ends. A form feed ends no line."""
    return re.findall(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z", text)


def _is_ended(text: str) -> bool:
    return not text or text.endswith(("\r", "\n"))


def _main_end(raw: Sequence[str]) -> str:
    ends = Counter(line[len(line.rstrip("\r\n")) :] for line in raw)
    del ends[""]
    return max(ends, key=lambda end: ends[end], default="\n")


def _end_near(raw: Sequence[str], at: int, default: str) -> str:
    near = raw[min(at, len(raw) - 1)] if raw else ""
    return near[len(near.rstrip("\r\n")) :] or default


# One edit


def _splices(path: str, edit: Edit, lines: Sequence[str]) -> list[Splice]:
    """What the edit changes, line by line, so that edits may share the lines around."""
    original, new = edit.original or "", edit.replacement or ""
    known = {line.strip() for line in lines}
    for text in (original, new):
        if elided := objections.elision(text.split("\n"), known):
            _refuse_elided(path, elided)
    if not original.strip():
        return [_insertion(path, edit, lines)]
    if original == new:
        return []
    try:
        place = anchors.find(original, new, lines, edit.lines)
    except anchors.Lost as lost:
        _refuse_lost(path, edit, lines, lost)
    window = lines[place.start : place.end]
    moves = SequenceMatcher(None, window, place.lines, autojunk=False).get_opcodes()
    _refuse_doubled(path, place, lines)
    return [Splice(place.start + a, place.start + b, place.lines[c:d]) for kind, a, b, c, d in moves if kind != "equal"]


def _insertion(path: str, edit: Edit, lines: Sequence[str]) -> Splice:
    if not (edit.replacement or "").strip():
        _refuse(path, "no_op", f"An edit of {path} has neither ORIGINAL nor REPLACEMENT: it changes nothing.")
    new = tuple((edit.replacement or "").split("\n")[:-1])
    if not any(line.strip() for line in lines):
        return Splice(0, len(lines), new)
    if edit.lines is None or edit.lines[1] is not None:
        message = (
            f"An edit of {path} has an empty ORIGINAL: quote there the lines that change, or write LINES: 41- to put "
            "new lines in before line 41."
        )
        _refuse(path, "unclear", message)
    at = edit.lines[0] - 1
    if not 0 <= at <= len(lines):
        there = many(len(lines), "line")
        _refuse(path, "not_found", f"{path} has {there}: nothing can be put in before line {at + 1}.")
    new = tuple(anchors.as_the_file(new, lines))
    _refuse_doubled(path, anchors.Place(at, at, new, "inserted"), lines)
    return Splice(at, at, new)


def _refuse_lost(path: str, edit: Edit, lines: Sequence[str], lost: anchors.Lost) -> NoReturn:
    quoted = (edit.original or "").count("\n")
    if lost.why == "ambiguous":
        places = ", ".join(str(place + 1) for place in lost.places[:20])
        message = (
            f"ORIGINAL stands in {path} more than once, at lines {places}: quote more lines around the one you mean."
        )
        _refuse(path, "ambiguous", message)
    if lost.why == "indent":
        message = (
            f"The indentation of the edit of {path} cannot be read: copy the lines with the blanks in front of them."
        )
        _refuse(path, "not_found", f"{message}{_shown(lines, lost.places, quoted)}")
    detail = f" The line `{lost.detail.strip()[:120]}` is not as the file has it." if lost.detail.strip() else ""
    message = f"ORIGINAL does not stand in {path}: copy the lines exactly as they are.{detail}"
    _refuse(path, "not_found", f"{message}{_shown(lines, lost.places, quoted)}")


def _shown(lines: Sequence[str], places: Sequence[int], count: int) -> str:
    if not places:
        return ""
    start = max(places[0] - 1, 0)
    end = min(start + min(max(count, 1) + 2, SHOWN_LINES), len(lines))
    shown = "\n".join(f"{number + 1}| {lines[number][:200]}" for number in range(start, end))
    return f" Did you mean these lines (the numbers do not belong to them)?\n{shown}"


# Lines that are written again though they stand there already

_PLAIN = frozenset(
    ("else:", "try:", "finally:", "pass", "return", "break", "continue", '"""', "'''", "end", "fi", "done")
)


def _refuse_doubled(path: str, place: anchors.Place, lines: Sequence[str]) -> None:
    """A replacement that goes on with lines which ORIGINAL did not quote would leave them there twice."""
    old, new = lines[place.start : place.end], list(place.lines)
    after, before = lines[place.end :], lines[: place.start]
    if doubled := _doubled(old, new, after) or _doubled(old[::-1], new[::-1], before[::-1]):
        message = (
            f"REPLACEMENT repeats `{doubled.strip()[:120]}`, which stands in {path} beside ORIGINAL and would be there "
            "twice: quote in ORIGINAL all lines that REPLACEMENT covers, or leave this line out of it."
        )
        _refuse(path, "doubled", message)


def _doubled(old: Sequence[str], new: Sequence[str], after: Sequence[str]) -> str:
    """A line of the new ones' end that follows them in the file anyway, or ""."""
    old, new, after = ([line.rstrip() for line in part if line.strip()] for part in (old, new, after[: len(new) + 8]))
    for count in range(min(len(new), len(after)), 0, -1):
        told = next(_telling(new[-count:]), "")
        if told and new[-count:] == after[:count] and old[-count:] != new[-count:]:
            return told
    if old[-1:] == new[-1:] and next(_telling(old[-1:]), ""):
        return ""  # it ends where ORIGINAL ends: what is alike below is another function's
    added = Counter(_telling(new)) - Counter(_telling(old))
    again = added & Counter(_telling(after[: len(new) + 2]))
    if sum(again.values()) >= 2 and 2 * sum(again.values()) >= sum(added.values()):  # noqa: PLR2004  one may be chance
        return next(iter(again))
    return ""


def _telling(lines: Sequence[str]) -> Iterator[str]:
    """The lines that would not stand twice by chance."""
    return (line for line in lines if line.strip() not in _PLAIN and re.search(r"\w{2}", line))


# A file as a whole


def _object(path: str, before: str | None, after: str | None, forbidden: str) -> None:
    if forbidden:
        _refuse(path, "forbidden", forbidden)
    if after is None or not path.endswith(objections.PYTHON):
        return
    broken = objections.syntax_error(after)
    if broken and (before is None or not objections.syntax_error(before)):
        message = (
            f"With the edits {path} is no Python any more: {broken}. Check indentation, brackets, and that ORIGINAL "
            "covers whole lines."
        )
        _refuse(path, "syntax", message)
