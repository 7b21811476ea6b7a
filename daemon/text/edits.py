"""An answer of a model → the edits in it: the format that was asked for, and whatever else it wrote instead.

The fields FILE, LINES, REASONING, ORIGINAL and REPLACEMENT are read here; a fence, a SEARCH block, a diff or JSON is
recognised here and read in `dialects`. An answer is read whole or not at all: what was cut off is never half believed.
"""

import re
from collections.abc import Iterable, Sequence

from daemon.text import dialects
from daemon.text.dialects import Edit, Unreadable, joined

__all__ = ["READ_CHARACTERS", "Edit", "Unreadable", "read"]

READ_CHARACTERS = 1_000_000  # of one answer; no model is asked for more
FENCES = 200  # lines of one answer; each may cost a look at all lines below it

ASKED_FOR = (
    "Write each edit as FILE:, LINES:, REASONING:, ORIGINAL: (the lines as they stand) and REPLACEMENT: (the new ones)."
)
CUT_OFF = (
    "Your answer was cut off before its end, so nothing of it was used. Write less: only the edits, no whole files."
)


def read(answer: str, *, is_cut_off: bool = False) -> list[Edit]:
    """The edits of an answer, in its order, or `Unreadable`. `is_cut_off`: the model was stopped by its limit."""
    if is_cut_off or len(answer) > READ_CHARACTERS:
        raise Unreadable("cut_off", CUT_OFF)
    text = answer.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    text = _without_thoughts(text)
    if not text.strip():
        raise Unreadable("no_edits", f"The answer was empty. {ASKED_FOR}")
    edits = dialects.read_json(text) if _is_json(text) else _Reader(text.split("\n")).edits()
    if not all(map(_can_be_stored, edits)):
        raise Unreadable("unclear", "The answer holds half of a surrogate pair: write the whole character.")
    if not edits:
        raise Unreadable("no_edits", f"No edit was found in the answer. {ASKED_FOR}")
    return list(dict.fromkeys(edits))


_THOUGHT = re.compile(r"</?think(?:ing)?>")


def _without_thoughts(text: str) -> str:
    """What follows the model's thinking aloud, if it does."""
    marks = list(_THOUGHT.finditer(text))
    ends = [mark for mark in marks if mark[0].startswith("</") and _ends_its_line(text, mark.end())]
    if not marks or (text[: marks[0].start()].strip() and marks[0] not in ends):  # a program may speak of such marks
        return text
    if not ends and not marks[-1][0].startswith("</"):
        raise Unreadable("cut_off", f"The answer ended while you were still thinking. Think less. {ASKED_FOR}")
    return text[(ends or marks)[-1].end() :]


def _ends_its_line(text: str, at: int) -> bool:
    return not text[at:].partition("\n")[0].strip()


def _can_be_stored(edit: Edit) -> bool:
    try:
        "".join((edit.path, edit.original or "", edit.replacement or "")).encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_json(text: str) -> bool:
    return re.match(r'\s*(?:\{\s*"|\[\s*\{\s*")', text) is not None


# Headers: `FILE: pkg/x.py`, `**Original:**`, `### REPLACEMENT`

_NAMES = {
    "FILE": ("FILE", "FILENAME", "FILE NAME", "FILE PATH", "FILEPATH", "PATH"),
    "LINES": ("LINES", "LINE", "LINE NUMBERS", "LINE RANGE", "LINE NUMBER"),
    "REASONING": ("REASONING", "REASON", "EXPLANATION", "RATIONALE"),
    "ORIGINAL": ("ORIGINAL", "ORIGINAL CODE", "ORIGINAL LINES", "OLD", "OLD CODE", "BEFORE", "CURRENT CODE", "CURRENT"),
    "REPLACEMENT": (
        *(
            "REPLACEMENT",
            "REPLACEMENT CODE",
            "REPLACEMENT LINES",
            "REPLACE",
            "REPLACE WITH",
            "NEW",
            "NEW CODE",
            "AFTER",
        ),
        *("UPDATED", "UPDATED CODE", "FIXED", "FIXED CODE", "MODIFIED", "MODIFIED CODE", "REPLACED"),
    ),
}
_FIELDS = {name: field for field, names in _NAMES.items() for name in names}
_HEADER = re.compile(
    r"(?P<before>[ #>*_`-]{0,12})(?P<name>[A-Za-z]{3,12}(?:[ _][A-Za-z]{3,8})?)(?P<within>[*_` ]{0,4})"
    r"(?P<colon>[:\uff1a]?)(?P<after>[*_`]{0,3})(?:[ \t]+|$|(?=\S))(?P<rest>.*)$"
)


def _header(line: str, *, in_content: bool = False) -> tuple[str, str] | None:
    """The field that this line opens, and what stands on the line behind it."""
    match = _HEADER.match(line[:1000])
    field = _FIELDS.get(match["name"].upper().replace("_", " ")) if match else None
    if match is None or field is None:
        return None
    before, rest = match["before"].strip(" "), match["rest"].strip()
    is_bold = before.endswith(("*", "_", "`")) and bool((match["within"] + match["after"]).strip())
    is_title = before.startswith("##")
    if not match["colon"] and not (rest == "" and (is_bold or is_title)):
        return None
    if in_content:  # code has comments, annotations and dictionaries that look like headers
        is_plain = match["before"] in ("", "- ", "* ") and match["name"].isupper() and match["name"] in _NAMES
        is_alone = (
            not match["before"] and match["name"][0].isupper() and not rest and field in ("ORIGINAL", "REPLACEMENT")
        )
        accepted = is_bold or is_title or is_plain or is_alone
    else:
        accepted = is_bold or is_title or match["name"][0].isupper() or field == "FILE"
    return (field, rest) if accepted else None


# Fences

_FENCE = re.compile(r"\s{0,12}(?:[-*>]\s{1,3})?(`{3,12}|~{3,12})\s*([^`]*)$")


def _fence(line: str) -> tuple[str, str] | None:
    """The marks of the fence on this line, and its info string."""
    match = _FENCE.match(line[:400])
    return (match[1], match[2].strip()) if match else None


def _close(lines: Sequence[str], at: int) -> int | None:
    """Where the fence that opens at this line closes. One with an info string opens another one inside."""
    opening = _fence(lines[at])
    marks, depth = (opening[0] if opening else ""), 1
    for place in range(at + 1, len(lines)):
        fence = _fence(lines[place]) if lines[place].lstrip()[:3] in ("```", "~~~") else None
        if fence is None or fence[0][0] != marks[0] or len(fence[0]) < len(marks):
            continue
        depth += 1 if fence[1] else -1
        if not depth:
            return place
    return None


def _is_bare_fence(line: str) -> bool:
    fence = _fence(line)
    return fence is not None and not fence[1]


class _Reader:
    """A walk over an answer's lines. It remembers the last file that was named, and which fence it stands in."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.at = 0
        self.path = ""
        self.is_named_here = False  # the path stands right above: a block that follows is that file
        self.is_wrapped = False  # a fence is open around what is read
        self.is_fenced = False  # the last ORIGINAL was: so shall its REPLACEMENT be
        self.nameless = 0
        self.found: list[Edit] = []

    def edits(self) -> list[Edit]:
        if sum(line.lstrip()[:3] in ("```", "~~~") for line in self.lines) > FENCES:
            raise Unreadable("unclear", f"The answer has more than {FENCES} fences. {ASKED_FOR}")
        while self.at < len(self.lines):
            self._step()
        if not self.found and self.nameless:
            message = "A block of code does not say which file it is. " + ASKED_FOR
            raise Unreadable("unclear", message)
        return self.found

    def _step(self) -> None:
        """Read what begins at this line."""
        line = self.lines[self.at]
        header = _header(line)
        if dialects.opens_search(line):
            edit, self.at = dialects.read_search(self.lines, self.at, self.path)
            self._take([edit])
        elif dialects.opens_diff(self.lines, self.at) or dialects.opens_hunk(line):
            edits, self.at = dialects.read_diff(self.lines, self.at, self.path)
            self._take(edits)
        elif header and (header[0] == "FILE" or (self.path and header[0] in ("LINES", "ORIGINAL"))):
            self._read_fields()
        elif fence := _fence(line):
            self._read_fence(fence[1])
        else:
            self._note_path(line)
            self.at += 1

    def _take(self, edits: Iterable[Edit]) -> None:
        for edit in edits:
            self.found.append(edit)
            self.path = edit.path
        self.is_named_here = False

    def _note_path(self, line: str) -> None:
        if line.strip():
            path = dialects.mentioned_path(line)
            self.path = path or self.path
            self.is_named_here = bool(path)

    # Fences: a file, or a wrapper around something else

    def _read_fence(self, info: str) -> None:
        if self.is_wrapped and not info:
            self.is_wrapped = False
            self.at += 1
            return
        path = dialects.path_in_fence(info)
        self.path = path or self.path
        first = next((place for place in range(self.at + 1, len(self.lines)) if self.lines[place].strip()), self.at)
        end = _close(self.lines, self.at)
        body = self.lines[self.at + 1 : end]
        if self._holds_edits(first, body):
            self.is_wrapped = True
            self.at += 1
        elif end is None:
            raise Unreadable(
                "cut_off", "A fenced block is never closed, as if the answer was cut off. Write it to its end."
            )
        elif info.partition(" ")[0].lower() == "json" and _is_json("\n".join(body)):
            self.at = end + 1
            self._take(dialects.read_json("\n".join(body)))
        else:
            self.at = end + 1
            self._take_file(body, path)

    def _holds_edits(self, first: int, body: Sequence[str]) -> bool:
        header = _header(self.lines[first])
        if header and (header[0] == "FILE" or (self.path and header[0] in ("LINES", "ORIGINAL"))):
            return any(_header(line, in_content=True) for line in body[1:]) or header[0] != "FILE"
        if dialects.opens_diff(self.lines, first) or dialects.opens_hunk(self.lines[first]):
            return True
        return any(dialects.opens_search(line) for line in body)

    def _take_file(self, body: list[str], path: str) -> None:
        within = next((dialects.path_in_comment(line) for line in body if line.strip()), "")
        path = path or (self.path if self.is_named_here else "") or within
        if not path:
            self.nameless += 1
            return
        if within:
            body = body[next(place for place, line in enumerate(body) if line.strip()) + 1 :]
        self._take([Edit(path, joined(body), form="whole")])

    # Fields

    def _read_fields(self) -> None:
        values: dict[str, str] = {}
        while self.at < len(self.lines):
            line = self.lines[self.at]
            header = _header(line)
            if header is None:
                if self._opens_block() or (line.strip() and "REASONING" not in values):
                    break
                self.at += 1
                continue
            field, rest = header
            if field in values or (field == "FILE" and values):
                break
            self.at += 1
            if field in ("ORIGINAL", "REPLACEMENT"):
                values[field] = self._content(rest, values)
                if "ORIGINAL" in values and "REPLACEMENT" in values:
                    break
            else:
                values[field] = rest or (self._next_line() if field == "FILE" else "")
        self._take_fields(values)

    def _next_line(self) -> str:
        while self.at < len(self.lines) and not self.lines[self.at].strip():
            self.at += 1
        self.at += 1
        return self.lines[self.at - 1] if self.at <= len(self.lines) else ""

    def _take_fields(self, values: dict[str, str]) -> None:
        path = dialects.clean_path(values.get("FILE", "")) or self.path
        if not path:
            raise Unreadable("unclear", f"An edit does not say its file. {ASKED_FOR}")
        self.path = path
        words = values.get("LINES", "").strip().lower().strip("*`_ .")
        original, replacement = values.get("ORIGINAL"), values.get("REPLACEMENT")
        reasoning = values.get("REASONING", "").strip()
        if words in ("delete", "deleted", "remove"):
            self._take([Edit(path, None, None, None, reasoning)])
        elif original is None and replacement is None:
            self.is_named_here = not dialects.line_range(words)
            if not self._block_follows():
                message = f"The edit of {path} has no ORIGINAL and no REPLACEMENT. {ASKED_FOR}"
                raise Unreadable("cut_off" if self.at >= len(self.lines) else "unclear", message)
        elif replacement is None:
            why = "The answer ends" if self.at >= len(self.lines) else "The edit ends"
            message = f"{why} before the REPLACEMENT of {path}. To delete lines, leave REPLACEMENT: empty."
            raise Unreadable("cut_off" if self.at >= len(self.lines) else "unclear", message)
        elif words in ("all", "new", "whole", "entire", "whole file", "entire file", "new file"):
            self._take([Edit(path, replacement, None, None, reasoning)])
        elif original is None and dialects.line_range(words):
            message = f"The edit of {path} has no ORIGINAL: quote there the lines as they stand now. {ASKED_FOR}"
            raise Unreadable("unclear", message)
        else:
            self._take([Edit(path, replacement, original, dialects.line_range(words), reasoning)])

    def _block_follows(self) -> bool:
        """Whether the file's name was only the title of a block in another format."""
        is_fence = self.at < len(self.lines) and _fence(self.lines[self.at]) is not None
        return self._opens_block() and (self.is_named_here or not is_fence)

    def _opens_block(self) -> bool:
        if self.at >= len(self.lines):
            return False
        line = self.lines[self.at]
        is_diff = dialects.opens_diff(self.lines, self.at) or dialects.opens_hunk(line)
        return is_diff or dialects.opens_search(line) or _fence(line) is not None

    def _content(self, rest: str, values: dict[str, str]) -> str:
        """The lines of ORIGINAL or REPLACEMENT: fenced, on the header's own line, or up to the next header."""
        if _fence(rest):  # opened on the header's own line
            self.at -= 1
            self.lines[self.at], rest = rest, ""
        self.is_fenced = self.is_fenced and "ORIGINAL" in values
        while self.at < len(self.lines) and not self.lines[self.at].strip():
            self.at += 1
        if rest:
            return _inline(rest)
        if self.at < len(self.lines) and _fence(self.lines[self.at]) and not self._closes_wrapper(self.at):
            return self._fenced(values)
        begin = self.at
        while self.at < len(self.lines) and not self._ends_content():
            self.at += 1
        is_last = self.at >= len(self.lines)
        content = self.lines[begin : self.at]
        if is_last and self.is_fenced and "\n".join(content).strip().lower() not in _NOTHING[1:]:
            message = (
                "The answer ends where a fenced REPLACEMENT should stand, as if it was cut off. Write it to its end."
            )
            raise Unreadable("cut_off", message)
        return joined(_trimmed(content, is_last=is_last, has=values))

    def _closes_wrapper(self, at: int) -> bool:
        return self.is_wrapped and _is_bare_fence(self.lines[at]) and _close(self.lines, at) is None

    def _ends_content(self) -> bool:
        line = self.lines[self.at]
        if _header(line, in_content=True) or dialects.opens_search(line) or line.startswith("diff --git "):
            return True
        return self.is_wrapped and _is_bare_fence(line)

    def _fenced(self, values: dict[str, str]) -> str:
        opened = self.at
        closed = _close(self.lines, opened)
        original = values.get("ORIGINAL")
        has_fences = original is None or any(_fence(line) for line in original.split("\n"))
        while closed is not None and not self._is_followed_well(closed):
            if not has_fences:
                if dialects.clean_path(values.get("FILE", "") or self.path).endswith(".py"):
                    break  # what follows is prose with an example
                message = (
                    "It is not clear where a fenced block ends: fence blocks that hold fences with four backticks."
                )
                raise Unreadable("unclear", message)
            closed = _bare_close(self.lines, closed) or None
        if closed is None:
            raise Unreadable(
                "cut_off", "A fenced block is never closed, as if the answer was cut off. Write it to its end."
            )
        self.at = closed + 1
        self.is_fenced = True
        return joined(self.lines[opened + 1 : closed])

    def _is_followed_well(self, closed: int) -> bool:
        """Whether a header, the end, or prose without fences of its own follows this closing fence."""
        for place in range(closed + 1, len(self.lines)):
            line = self.lines[place]
            if _header(line, in_content=True):
                return True
            if fence := _fence(line):
                return bool(fence[1]) or (self.is_wrapped)
        return True


def _bare_close(lines: Sequence[str], after: int) -> int | None:
    return next((place for place in range(after + 1, len(lines)) if _is_bare_fence(lines[place])), None)


_NOTHING = (
    "",
    "none",
    "n/a",
    "(empty)",
    "<empty>",
    "empty",
    "(none)",
    "(nothing)",
    "nothing",
    "(new file)",
    "new file",
)


def _inline(rest: str) -> str:
    """Content that stands on the header's line."""
    rest = rest.strip()
    bare = rest.strip("`*")
    if bare.lower() in _NOTHING:
        return ""
    return joined([bare if rest.startswith("`") and rest.endswith("`") else rest])


_BETWEEN = re.compile(r"\s*(?:-{3,}|\*{3,}|_{3,}|={3,})\s*|#{2,6} \w.*")  # rules and headings


def _trimmed(lines: list[str], *, is_last: bool, has: dict[str, str]) -> list[str]:
    """Unfenced content without the blank lines, rules and words of farewell around it."""
    lines = lines[:]
    while lines and (not lines[-1].strip() or (_BETWEEN.fullmatch(lines[-1]) and not "".join(lines[-2:-1]).strip())):
        lines.pop()
    original = has.get("ORIGINAL", "```")
    if is_last and lines and _is_bare_fence(lines[-1]) and "```" not in original:
        lines.pop()
    if len(lines) == 1 and lines[0].strip().strip("`*").lower() in _NOTHING[1:]:
        return []
    return _without_farewell(lines) if is_last and has.get("FILE", "").rstrip("`* ").endswith(".py") else lines


_FAREWELL = re.compile(r"(?:[A-Z][a-z']+|I|\*\*|- )[ ,:!*].*|[A-Z]\w+[.!:]$")
_CODE = re.compile(r"^(?:class|def|import|from|return)\b|\w\(|[\]\w] = |^[A-Z]\w*(?: =|\.\w|\()")


def _without_farewell(lines: list[str]) -> list[str]:
    """Without the last paragraphs of prose: at the margin, after a blank line, in words that are no code."""
    end = len(lines)
    while end:
        begin = end
        while begin and lines[begin - 1].strip():
            begin -= 1
        if not begin or not _is_prose(lines[begin:end]):
            break
        while begin and not lines[begin - 1].strip():
            begin -= 1
        end = begin
    return lines[:end]


def _is_prose(paragraph: Sequence[str]) -> bool:
    is_flush = not any(line.startswith((" ", "\t")) for line in paragraph)
    ends_well = paragraph[-1].rstrip().endswith((".", "!", ":", "?", ")"))
    return is_flush and ends_well and _FAREWELL.match(paragraph[0]) is not None and not _CODE.search(paragraph[0][:400])
