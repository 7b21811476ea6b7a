"""What is known of a failure, the chosen files and the words of the house → the prompt, and what is in it.

Whatever others wrote (issues, programs, their output, earlier answers) stands between marks that occur nowhere in it,
so that it cannot pose as a rule. Nothing is shortened in silence: a cut says so where it is made, and in the manifest.
The same input is always the same prompt.
"""

import ast
import hashlib
import json
import re
from collections.abc import Collection, Iterable, Sequence
from string import Template

import msgspec
from msgspec import Struct, structs

from daemon.events import Failure
from daemon.rungs import AIDS, EditScope, Past, Rung
from daemon.text import tokens
from daemon.text.context import Selection
from daemon.text.outcomes import Frame
from daemon.text.shown import many
from daemon.words import Skill, Words

SKILLS_CHOSEN = 3  # besides those that always help
FAILURES_SHOWN = 5
TESTS_NAMED = 20
LEFT_OUT_NAMED = 10
LEARNED_SHOWN = 5
EARLIER_IN_FULL = 8  # diffs of earlier runs, the latest; the others by one line each
PARTIALS_SHOWN = 6
SIBLINGS_SHOWN = 3
EARLIER_NAMED = 40  # the latest, by one line each
COMPARED_CHARACTERS = 800  # of a message, in search of what was compared
THREAD = 2  # attempts in a row that see the last one; a fresh start beats a third look at the same failure
UNTESTED: frozenset[Failure] = frozenset(
    ("no_answer", "unreadable_answer", "edit_did_not_land", "syntax", "same_answer")
)
LONGEST = {
    "problem": 12_000,
    "hint": 4_000,
    "message": 2_000,
    "detail": 4_000,
    "diff": 6_000,
    "answer": 3_000,
    "fix": 2_000,
    "tried": 2_000,
    "sibling": 3_000,
    "values": 6_000,
    "commits": 6_000,
}
"""Characters of one text; what is longer loses its middle."""


class Failing(Struct, frozen=True, kw_only=True):
    """A target test as the red gate saw it. Frames are innermost last."""

    test: str
    message: str = ""
    detail: str = ""
    frames: list[Frame] = []


class Tried(Struct, frozen=True, kw_only=True):
    """A failed attempt: what it changed and why it failed. `fixed` and `broken` are tests; refusals are verbatim."""

    attempt: int
    failure: Failure
    message: str = ""
    diff: str = ""
    answer: str = ""
    approach: str = ""
    refusals: list[str] = []
    fixed: list[str] = []
    broken: list[str] = []


class Learned(Struct, frozen=True):
    """A remembered fix, shown as an analogy: how often it was tried, and is in the certified patch."""

    before: str
    after: str
    tried: int = 0
    worked: int = 0


class Partial(Struct, frozen=True, kw_only=True):
    """A change that mended some of the tests, and what it broke."""

    diff: str
    fixed: list[str]
    broken: list[str] = []


class Sibling(Struct, frozen=True):
    """Code that is like the failing one, and works."""

    path: str
    text: str


class Asked(Struct, frozen=True, kw_only=True):
    """Everything that goes into a prompt besides the words of the house.

    `history` is what this run tried, `earlier` what other runs of the job did, the latest last.
    """

    problem: str = ""
    hint: str = ""
    failing: list[Failing] = []
    selection: Selection = Selection()
    history: list[Tried] = []
    learned: list[Learned] = []
    level: str = "Conservative"
    rung: str = ""
    limit: EditScope | None = None
    past: Past = "none"
    earlier: list[Tried] = []
    siblings: list[Sibling] = []
    partials: list[Partial] = []
    values: str = ""
    diagnostics: str = ""
    commits: str = ""
    diagnosis: str = ""


def asked_by(rung: Rung, asked: Asked) -> Asked:
    """What this rung asks: of all that is known, only what it shows."""
    unshown = {name: getattr(Asked(), name) for name in AIDS if name != rung.aid}
    known = structs.replace(asked, partials=asked.partials or wins(asked.earlier))
    return structs.replace(
        known,
        rung=rung.id,
        level=rung.level,
        limit=rung.edits if rung.id else None,
        past=rung.past,
        learned=asked.learned[: rung.learned],
        **unshown,
    )


def wins(earlier: Sequence[Tried]) -> list[Partial]:
    """The changes that mended a part of the tests: for each part the one that broke least, the largest part first."""
    parts: dict[frozenset[str], Tried] = {}
    for one in earlier:
        part = frozenset(one.fixed)
        if part and one.diff and (part not in parts or len(one.broken) < len(parts[part].broken)):
            parts[part] = one
    largest = sorted(parts.values(), key=lambda one: -len(one.fixed))
    return [Partial(diff=one.diff, fixed=one.fixed, broken=one.broken) for one in largest]


class Prompt(Struct, frozen=True):
    """What a model is sent. `tokens` is an estimate, rather too high."""

    system: str
    user: str
    tokens: int
    manifest: dict[str, object]


def prompt(words: Words, asked: Asked) -> Prompt:
    """The prompt. With an empty selection its `tokens` say what is left of a window for files."""
    quoting = Quoting(asked)
    skills = choose(words.skills, asked)
    fill = _Fill(words)
    user = "\n".join(part for part in (*_sections(words, asked, quoting), fill("last")) if part)
    system = fill(
        "system",
        mark=quoting.mark,
        level=_task(words, asked),
        skills="".join(f"## {skill.title}\n{skill.text}\n\n" for skill in skills),
        format=words.templates["format"].strip(),
    )
    manifest = _manifest(words, asked, quoting) | {"skills": [skill.name for skill in skills]}
    return _made(system, user, manifest)


def diagnosis_prompt(words: Words, asked: Asked) -> Prompt:
    """The same material, for an advisor who writes no edits but says where the mistake is."""
    quoting = Quoting(asked)
    fill = _Fill(words)
    user = "\n".join(part for part in (*_sections(words, asked, quoting), fill("diagnose_last")) if part)
    return _made(fill("diagnose", mark=quoting.mark), user, _manifest(words, asked, quoting))


def _made(system: str, user: str, manifest: dict[str, object]) -> Prompt:
    estimate = tokens.most(system, user)
    return Prompt(system, user, estimate, manifest | {"tokens": estimate})


def _manifest(words: Words, asked: Asked, quoting: "Quoting") -> dict[str, object]:
    return {
        "mark": quoting.mark,
        "level": asked.level,
        "rung": asked.rung,
        "skills_left_out": list(words.troubles),
        "context": asked.selection.manifest(),
        "failures": len(asked.failing),
        "history": _history_shown(asked.history),
        "earlier": f"{asked.past}, of {len(asked.earlier)}" if asked.earlier else "none",
        "learned": len(asked.learned[:LEARNED_SHOWN]),
        "aids": [name for name in AIDS if getattr(asked, name)],
        "cuts": quoting.cuts,
    }


def _task(words: Words, asked: Asked) -> str:
    """The level, the way to go about it, and how much may change: a base run has only the first."""
    parts = [words.templates[f"levels/{asked.level}"].strip()]
    if asked.rung:
        parts.append(words.templates[f"variants/{asked.rung}"].strip())
    if asked.limit:
        parts.append(_Fill(words)("limit", limit=str(asked.limit)).strip())
    return "\n\n".join(parts)


class _Fill:
    """A template by its name, with its places filled; what is filled in is not read again."""

    def __init__(self, words: Words) -> None:
        self._templates = words.templates

    def __call__(self, name: str, **values: str) -> str:
        return Template(self._templates[name]).substitute(values)


def _sections(words: Words, asked: Asked, quoting: "Quoting") -> Iterable[str]:
    fill = _Fill(words)
    problem = [quoting.quote("problem", asked.problem), quoting.quote("hint", asked.hint)]
    yield _section(fill, "problem", problem)
    yield _section(fill, "tests", [quoting.raw("test", file.path, file.text) for file in asked.selection.tests])
    yield _section(fill, "red", list(_red(asked.failing, quoting)))
    yield _section(fill, "files", [quoting.raw("file", file.path, file.text) for file in asked.selection.files])
    left = [f"{one.path}: {one.why}" for one in asked.selection.left_out[:LEFT_OUT_NAMED]]
    yield _section(fill, "left_out", [quoting.quote("paths", "\n".join(left))])
    yield from _aids(fill, asked, quoting)
    yield _section(fill, "learned", list(_learned(fill, asked.learned[:LEARNED_SHOWN], quoting)))
    yield _earlier(fill, asked, quoting)
    yield _feedback(words, asked.history, quoting)


def _aids(fill: _Fill, asked: Asked, quoting: "Quoting") -> Iterable[str]:
    """What a rung shows besides."""
    siblings = [quoting.quote("sibling", one.text, path=one.path) for one in asked.siblings[:SIBLINGS_SHOWN]]
    yield _section(fill, "siblings", siblings)
    for name in ("values", "diagnostics", "commits", "diagnosis"):
        yield _section(fill, name, [quoting.quote(name, getattr(asked, name))])
    partials = [
        quoting.quote("partial", f"{_verdicts(one.fixed, one.broken)}\n{one.diff}", longest="diff")
        for one in asked.partials[:PARTIALS_SHOWN]
    ]
    yield _section(fill, "partials", partials)


def _learned(fill: _Fill, fixes: Sequence[Learned], quoting: "Quoting") -> Iterable[str]:
    for number, one in enumerate(fixes, 1):
        rate = f"{one.worked / one.tried:.0%}" if one.tried else ""
        told = {"tried": many(one.tried, "time"), "worked": str(one.worked), "rate": rate} if rate else {}
        yield fill("learned_rate" if rate else "learned_new", number=str(number), **told).strip()
        yield quoting.quote("before", one.before, longest="fix")
        yield quoting.quote("after", one.after, longest="fix")


def _section(fill: _Fill, name: str, quoted: Sequence[str]) -> str:
    return fill(name, quoted="\n\n".join(filter(None, quoted))) if any(quoted) else ""


def _red(failing: Sequence[Failing], quoting: "Quoting") -> Iterable[str]:
    """The failures that differ, in full; the others by name."""
    distinct: dict[str, Failing] = {}
    for one in failing:
        distinct.setdefault(one.message or one.detail or one.test, one)
    shown = list(distinct.values())[:FAILURES_SHOWN]
    for one in shown:
        frames = "\n".join(f"  {frame.file}:{frame.line} in {frame.function}" for frame in one.frames)
        yield quoting.quote("failure", one.message or one.test, longest="message", test=one.test)
        yield quoting.quote("frames", frames and f"innermost last:\n{frames}", longest="detail")
        yield quoting.quote("detail", one.detail)
    others = [one.test for one in failing if one not in shown]
    more = len(others) - TESTS_NAMED
    names = [*others[:TESTS_NAMED], *([f"and {more} more"] if more > 0 else [])]
    yield quoting.quote("also-failing", "\n".join(names), longest="detail")


# What was tried


def sees_last(history: Sequence[Tried]) -> bool:
    """Whether the next attempt sees the last one in full.

    At most two in a row do, and after the first only while the thread gains: it fixed more tests than the attempt
    before it, or was never tested. Then the context is fresh again.
    """
    streak = 0
    for place in range(len(history)):
        last, before = history[place], history[place - 1] if place else None
        gains = last.failure in UNTESTED or len(last.fixed) > len(before.fixed if before else ())
        streak = streak + 1 if streak == 0 or (streak < THREAD and gains) else 0
    return streak > 0


def _history_shown(history: Sequence[Tried]) -> str:
    return "none" if not history else "last attempt" if sees_last(history) else "one line each"


def _feedback(words: Words, history: Sequence[Tried], quoting: "Quoting") -> str:
    fill = _Fill(words)
    if not history:
        return ""
    in_full = sees_last(history)
    earlier = [_approach(one) for one in (history[:-1] if in_full else history)]
    approaches = _section(fill, "approaches", [quoting.quote("approaches", "\n".join(earlier), longest="diff")])
    if not in_full:
        return approaches
    last = history[-1]
    parts = [
        quoting.quote("your-diff", last.diff, longest="diff"),
        quoting.quote("your-answer", "" if last.diff else last.answer, longest="answer"),
        *(quoting.quote("refusal", refusal) for refusal in last.refusals),
        quoting.quote("message", last.message),
        quoting.quote("since-then", "\n".join(_since(history)), longest="detail"),
    ]
    remedy = words.templates[f"failures/{last.failure}"].strip()
    feedback = fill("feedback", remedy=remedy, quoted="\n\n".join(filter(None, parts)))
    return "\n".join(filter(None, (approaches, feedback)))


def _approach(one: Tried) -> str:
    changed = ", ".join(dict.fromkeys(re.findall(r"^\+\+\+ (?:b/)?(\S+)", one.diff, re.MULTILINE))) or "nothing"
    why = f" ({_one_line(one.approach)})" if one.approach else ""
    return f"{one.attempt}. changed {changed}{why}: {one.failure}: {_one_line(one.message)}"


def _earlier(fill: _Fill, asked: Asked, quoting: "Quoting") -> str:
    """What earlier runs of the job tried, as far as the rung wants to know."""
    earlier = [structs.replace(one, attempt=number) for number, one in enumerate(asked.earlier, 1)]
    told: list[str] = []
    match asked.past:
        case "none":
            pass
        case "verdict":
            told = [quoting.quote("verdict", f"{one.failure}: {_one_line(one.message)}") for one in earlier[-1:]]
        case "gain":
            gains = [one for one in earlier if len(one.fixed) > len(one.broken)]
            best = max(gains, key=lambda one: (len(one.fixed) - len(one.broken), one.attempt), default=None)
            told = [_in_full(best, quoting, longest="diff")] if best else []
        case "places":
            told = [quoting.quote("places", "\n".join(places(one.diff for one in earlier)))]
        case "lines":
            lines = [_approach(one) for one in earlier[-EARLIER_NAMED:]]
            told = [quoting.quote("approaches", "\n".join(lines), longest="diff")]
        case "diffs":
            lines = [_approach(one) for one in earlier[:-EARLIER_IN_FULL][-EARLIER_NAMED:]]
            told = [quoting.quote("approaches", "\n".join(lines), longest="diff")]
            told += [_in_full(one, quoting) for one in earlier[-EARLIER_IN_FULL:]]
    return _section(fill, f"earlier/{asked.past}", told) if told else ""


def _in_full(one: Tried, quoting: "Quoting", longest: str = "tried") -> str:
    said = [f"{one.failure}: {one.message}", _verdicts(one.fixed, one.broken), one.diff or one.answer]
    return quoting.quote("attempt", "\n".join(filter(None, said)), longest=longest, number=str(one.attempt))


def _verdicts(fixed: Sequence[str], broken: Sequence[str]) -> str:
    parts = {"mended": fixed, "broke": broken}
    return "\n".join(f"{what}: {', '.join(tests[:TESTS_NAMED])}" for what, tests in parts.items() if tests)


_HUNK = re.compile(r"@@ -(\d{1,7})(?:,(\d{1,7}))? \+\S{1,20} @@ ?(.{0,80})")


def places(diffs: Iterable[str]) -> list[str]:
    """Where these diffs changed a file: its path, the lines as they were, and what git names as around them."""
    found: dict[str, None] = {}
    for diff in diffs:
        path = ""
        for line in diff.splitlines():
            if line.startswith("--- "):
                path = line[4:].split("\t")[0].removeprefix("a/")
            elif path and (hunk := _HUNK.match(line)):
                first, count = int(hunk[1]), int(hunk[2] or 1)
                around = f" ({hunk[3].strip()})" if hunk[3].strip() else ""
                found[f"{path}: lines {first}-{first + max(count, 1) - 1}{around}"] = None
    return list(found)


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 160 else f"{line[:159]}…"  # noqa: PLR2004  about what fits on a line


def _since(history: Sequence[Tried]) -> Iterable[str]:
    """What the last attempt changed in what the tests say, against the one before it."""
    last, before = history[-1], history[-2] if len(history) > 1 else None
    if last.fixed:
        yield f"passes now: {', '.join(last.fixed[:TESTS_NAMED])}"
    if last.broken:
        yield f"passed before, fails now: {', '.join(last.broken[:TESTS_NAMED])}"
    if before is None:
        return
    if lost := [test for test in before.fixed if test not in last.fixed]:
        yield f"attempt {before.attempt} had mended, this one has not: {', '.join(lost[:TESTS_NAMED])}"
    if before.message == last.message:
        yield f"the message is the same as after attempt {before.attempt}"
    elif before.message:
        yield f"after attempt {before.attempt} the message was: {_one_line(before.message)}"


# Skills


def choose(skills: Sequence[Skill], asked: Asked) -> list[Skill]:
    """Those that always help, then those that fit what the failure looks like."""
    said = [one.message[: LONGEST["message"]] for one in asked.failing[:FAILURES_SHOWN]]
    said += [one.message[: LONGEST["message"]] for one in asked.history[-1:]]
    types = {name for text in said if (name := exception(text))}
    looks = {look for text in said for look in deltas(text)}
    failure, problem = "\n".join(said), f"{asked.problem}\n{asked.hint}"[: LONGEST["problem"]]
    allowed = [skill for skill in skills if not skill.levels or asked.level in skill.levels]

    def points(skill: Skill) -> float:
        fits = 3.0 * len(types & set(skill.errors)) + 2.0 * len(looks & set(skill.deltas))
        return fits + min(_spoken(skill, failure), 2) + 0.5 * min(_spoken(skill, problem), 2)

    fitting = [skill for skill in allowed if not skill.always and points(skill) >= 1]
    best = sorted(fitting, key=lambda skill: (-points(skill), skill.name))[:SKILLS_CHOSEN]
    return [*(skill for skill in allowed if skill.always), *best]


def _spoken(skill: Skill, text: str) -> int:
    """How many of its words occur."""
    patterns = (re.escape(word).replace(r"\*", r"\w*") for word in skill.words)
    return sum(re.search(rf"(?<!\w){pattern}(?!\w)", text, re.IGNORECASE) is not None for pattern in patterns)


def exception(message: str) -> str:
    """The type that a message begins with, or ""."""
    match = re.match(r"(?:\w{1,80}\.){0,9}([A-Z]\w{0,80})(?::|\s|$)", message)
    return match[1] if match else ""


_COLLECTIONS = (list, tuple, dict, set)
_BLANKS = r"[ \t]{1,8}"  # bounded, like all that repeats here: messages are written by anybody
_COMPARED = re.compile(
    rf"(?:assert{_BLANKS})?(\S.{{0,300}}?){_BLANKS}(?:==|!=){_BLANKS}(\S.{{0,300}}?)(?:{_BLANKS}:{_BLANKS}.*)?$",
    re.MULTILINE,
)


def deltas(message: str) -> set[str]:
    """How two compared values differ: off-by-one, sign, wrong-length, order, letter-case, is-none, …"""
    looks: set[str] = set()
    for match in list(_COMPARED.finditer(message[:COMPARED_CHARACTERS].replace("AssertionError: ", "")))[
        :FAILURES_SHOWN
    ]:
        try:
            one, other = ast.literal_eval(match[1]), ast.literal_eval(match[2])
        except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
            continue
        looks |= _difference(one, other)
    return looks


def _difference(one: object, other: object) -> set[str]:
    if (one is None) != (other is None):
        return {"is-none"}
    if isinstance(one, str) and isinstance(other, str):
        return _between_texts(one, other)
    if type(one) in (int, float) and type(other) in (int, float):
        return _between_numbers(one, other)  # type: ignore[arg-type]  # what the line above says of both
    if isinstance(one, _COLLECTIONS) and type(one) is type(other):
        return _between_collections(one, other)
    if {type(one), type(other)} == {str, bytes}:
        return {"text-and-bytes"}
    return {"other-value" if type(one) is type(other) else "wrong-type"}


def _between_numbers(one: float, other: float) -> set[str]:
    if one == -other:
        return {"sign"}
    apart = abs(one - other)
    return {"off-by-one" if apart == 1 else "precision" if apart < abs(one) / 1000 else "other-number"}


def _between_collections(one: Collection[object], other: Collection[object]) -> set[str]:
    if len(one) != len(other):
        return {"wrong-length"}
    return {"order" if sorted(map(repr, one)) == sorted(map(repr, other)) else "other-value"}


def _between_texts(one: str, other: str) -> set[str]:
    if one.split() == other.split() or "".join(one.split()) == "".join(other.split()):
        return {"whitespace"}
    if one.casefold() == other.casefold():
        return {"letter-case"}
    bare = str.maketrans("", "", "'\"\\`")
    return {"quoting"} if one.translate(bare) == other.translate(bare) else {"other-value"}


# Quoting

_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Quoting:
    """Puts the words of others between marks that occur in none of them, and keeps account of what it cuts."""

    def __init__(self, asked: Struct) -> None:
        everything = msgspec.json.encode(asked)
        digest = hashlib.blake2b(everything, digest_size=4).hexdigest()
        while digest.encode() in everything:
            digest = hashlib.blake2b(digest.encode() + everything, digest_size=4).hexdigest()
        self.mark = f"data-{digest}"
        self.cuts: list[str] = []

    def quote(self, kind: str, text: str, *, longest: str = "", **about: str) -> str:
        """The text between its marks, control characters made visible; "" where there is none."""
        if not text.strip():
            return ""
        limit = LONGEST.get(longest or kind, LONGEST["detail"])
        visible = _CONTROLS.sub(lambda found: f"\\x{ord(found[0]):02x}", text.replace("\r\n", "\n"))
        return self._between(kind, self._cut(kind, visible, limit), about)

    def raw(self, kind: str, path: str, text: str) -> str:
        """A file's lines, as they are."""
        return self._between(kind, text, {"path": path})

    def _between(self, kind: str, text: str, about: dict[str, str]) -> str:
        told = "".join(f" {name}={json.dumps(value)}" for name, value in about.items())
        return f"<{self.mark} {kind}{told}>\n{text.rstrip()}\n</{self.mark}>"

    def _cut(self, kind: str, text: str, limit: int) -> str:
        if len(text) <= limit:
            return text
        head, tail = limit * 2 // 3, limit // 3
        gone = len(text) - head - tail
        self.cuts.append(f"{kind}: {gone} characters from its middle")
        return f"{text[:head]}\n(… {gone} characters are not shown here …)\n{text[-tail:]}"
