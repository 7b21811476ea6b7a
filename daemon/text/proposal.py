"""A patch that was found without a model → an answer in the house's own format of edits, as a model would write it.

So a patch of the search goes the same way as any proposal: read, landed, tested, certified. `answer` writes so that
reading and landing give exactly the patch; where an edit of lines cannot say it, the whole file is written.
"""

from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher

from daemon.text import edits, landing
from daemon.text.shown import many

MOST_AROUND = 12  # lines quoted on either side of a change, to be found at one place only
FENCE = "````"
REASON_CHARACTERS = 600
SHORT_CHARACTERS = 300
WEAKLY_TESTED = 3  # passing tests through the patched lines, below which a patch is mostly a guess


class Unsayable(Exception):  # noqa: N818  said of a patch
    """No answer in this format gives exactly this patch."""


def answer(before: Mapping[str, str], after: Mapping[str, str], reasoning: str) -> str:
    """The answer that makes `after` of `before`; both hold whole files. `Unsayable` where there is none."""
    reason = " ".join(reasoning.split())[:REASON_CHARACTERS]
    changed = [path for path in sorted(after) if after[path] != before.get(path)]
    written = "\n".join(_of_file(path, before, after[path], reason) for path in changed)
    if not _says(written, before, {path: after[path] for path in changed}):
        raise Unsayable(f"no answer changes {', '.join(changed)} in exactly this way")
    return written


def reason(template: str, covering_tests: int, alternatives: Sequence[str] = ()) -> str:
    """Why: which template, who vouches for it, and what would do as well."""
    vouching = many(covering_tests, "passing test")
    said = [f"Found by search, template {template}; {vouching} executed the patched lines."]
    if alternatives:
        others = many(len(alternatives), "other patch", "other patches")
        said.append(f"Ambiguous: the tests also allow {others} ({'; '.join(alternatives)}).")
    return " ".join(said)


def warnings(covering_tests: int, alternatives: Sequence[str]) -> list[str]:
    """What a reader of the certificate has to know about a patch that was searched for, not thought of."""
    said = [f"ambiguous: the tests also allow {alternative}" for alternative in alternatives]
    if covering_tests < WEAKLY_TESTED:
        said.append(f"weakly tested: passing tests that execute the patched lines: {covering_tests}")
    return said


def in_short(template: str, before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """A patch on one line: the template, and what becomes of which lines."""
    places = []
    for path in sorted(after):
        theirs, ours = _lines(before.get(path, "")), _lines(after[path])
        for tag, first, last, since, until in SequenceMatcher(None, theirs, ours, autojunk=False).get_opcodes():
            if tag != "equal":
                old, new = (" ".join(" ".join(lines).split()) for lines in (theirs[first:last], ours[since:until]))
                places.append(f"{path}:{first + 1} `{old}` → `{new}`")
    return f"{template} in {'; '.join(places)}"[:SHORT_CHARACTERS]


def _of_file(path: str, before: Mapping[str, str], new: str, reason: str) -> str:
    """The edits of one file, with as many lines around each as it takes."""
    old = before.get(path)
    if old is not None:
        for around in range(1, MOST_AROUND + 1):
            written = "\n".join(_edits(path, old, new, reason, around))
            if _says(written, before, {path: new}):
                return written
    lines = "all" if old is not None else "new"
    return _edit(path, lines, reason, [], _lines(new))


def _edits(path: str, old: str, new: str, reason: str, around: int) -> list[str]:
    """One edit for each group of changed lines."""
    theirs, ours = _lines(old), _lines(new)
    matcher = SequenceMatcher(None, theirs, ours, autojunk=False)
    written = []
    for group in matcher.get_grouped_opcodes(around):
        first, last = group[0][1], group[-1][2]
        since, until = group[0][3], group[-1][4]
        written.append(_edit(path, f"{first + 1}-{last}", reason, theirs[first:last], ours[since:until]))
    return written


def _edit(path: str, lines: str, reason: str, original: Sequence[str], replacement: Sequence[str]) -> str:
    said = [f"FILE: {path}", f"LINES: {lines}", f"REASONING: {reason}"]
    for name, text in (("ORIGINAL", original), ("REPLACEMENT", replacement)):
        said += [f"{name}:", *([FENCE, *text, FENCE] if text else [])]
    return "\n".join(said) + "\n"


def _lines(text: str) -> list[str]:
    """Lines without their ends; a form feed ends none."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n").split("\n")


def _says(written: str, before: Mapping[str, str], wanted: Mapping[str, str]) -> bool:
    """Whether reading and landing the answer give exactly these texts."""
    try:
        return landing.land(edits.read(written), before) == dict(wanted)
    except (edits.Unreadable, landing.Refused):
        return False
