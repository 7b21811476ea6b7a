"""What is known of a failure → the files that a proposer is shown: whole where they can be, ranked, within a budget.

The weights are those of the evidence: what failing tests executed and where the exception passed through says most,
then words. A file that is no candidate for an edit (a test) is shown in order to be read. Whatever was chosen or left
out is in the manifest with its reasons; nothing is dropped in silence.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence

from msgspec import Struct

from daemon.text.objections import forbidden
from daemon.text.outcomes import Frame
from daemon.text.outline import Block, View, blocks, cost, lines_of, outline, whole
from daemon.text.relevance import Import, Index, imported, words

WHOLE_LINES = 400
MOST_FILES = 10  # more of them distract more than they tell
FLOOR = 0.15  # share of the best file's score below which a file is far from everything
TESTS_SHARE = 0.4  # of the budget, for the tests that are to pass
PLACES_TRIED = 2 * MOST_FILES  # of the ranking: what comes later is told by nobody to matter
LEAST_ROOM = 200  # tokens, for a file
NO_ROOM = "no room was left for it"
READ_CHARACTERS = 20_000  # of one text of the evidence
MENTIONS = 0.3  # of being named: a name in prose may be anybody's, a path is not
ONE_FILE_SHARE = 0.5  # of what is left, for one file: two views tell more than one complete one
SPOKEN_ENOUGH = 0.3  # of the best block's relevance, to be shown in full
BODIES = 12  # shown in full of one file
DECAY = 0.7  # per frame, from the innermost
WEIGHTS = {
    "coverage": 2.0,
    "frames": 2.0,
    "words": 1.0,
    "named": 1.0,
    "changed": 1.0,
    "asked": 2.0,
    "imported": 0.7,
    "stem": 0.5,
    "central": 0.3,
}
REASONS = {
    "coverage": "the failing tests run it more than others do",
    "frames": "the exception passed through it",
    "words": "it speaks of the same things as the problem",
    "named": "the problem or the failure names it",
    "changed": "an earlier attempt changed it",
    "asked": "this way to ask looks at it",
    "imported": "the failing tests use what it defines",
    "stem": "its name is that of the tests",
    "central": "much of the code imports it",
}
_SECRET = re.compile(
    r"(^|/)(\.env(\..*)?|\.netrc|\.pypirc|id_(rsa|dsa|ecdsa|ed25519)|credentials(\.\w+)?|.*\.(pem|key|p12|pfx))$"
)

Executed = Mapping[str, Sequence[int]]


class Evidence(Struct, frozen=True, kw_only=True):
    """All that is known of a failure. Frames are innermost last; `executed` has one entry for every test."""

    problem: str = ""
    hint: str = ""
    failing: list[str] = []
    tests: list[str] = []
    messages: list[str] = []
    tracebacks: list[list[Frame]] = []
    executed_failing: list[dict[str, list[int]]] = []
    executed_passing: list[dict[str, list[int]]] = []
    changed: list[str] = []
    asked: list[str] = []


class Shown(Struct, frozen=True, omit_defaults=True):
    """A file in the prompt. `form`: whole, outline (and the bodies in `bodies`), or tests (only to be read)."""

    path: str
    why: str
    form: str
    lines: int
    lines_shown: int
    tokens: int
    text: str
    score: float = 0.0
    parts: dict[str, float] = {}
    bodies: tuple[str, ...] = ()
    is_test: bool = False


class LeftOut(Struct, frozen=True, omit_defaults=True):
    """A file that is not in the prompt, and why not."""

    path: str
    why: str
    score: float = 0.0
    parts: dict[str, float] = {}


class Selection(Struct, frozen=True):
    """What is shown, the most relevant first, and what is not."""

    files: tuple[Shown, ...] = ()
    tests: tuple[Shown, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    budget: int = 0
    tokens: int = 0

    def manifest(self) -> dict[str, object]:
        """What stood in the prompt and why, without the text itself."""
        rows = [{name: getattr(one, name) for name in Shown.__struct_fields__ if name != "text"} for one in self.all()]
        left = [{name: getattr(one, name) for name in LeftOut.__struct_fields__} for one in self.left_out]
        return {"budget": self.budget, "tokens": self.tokens, "shown": rows, "left_out": left}

    def all(self) -> tuple[Shown, ...]:
        """Tests and files."""
        return (*self.tests, *self.files)


class Ranked(Struct, frozen=True):
    """A candidate with its score, and what it is made of."""

    path: str
    score: float
    parts: dict[str, float]

    @property
    def why(self) -> str:
        """The two strongest reasons."""
        strongest = sorted(self.parts, key=lambda part: -self.parts[part])[:2]
        return "; ".join(REASONS[part] for part in strongest)


def select(evidence: Evidence, files: Mapping[str, str], index: Index, budget_tokens: int) -> Selection:
    """The tests that are to pass, then the most relevant files, as far as the budget goes."""
    clues = _Clues(evidence, files, index)
    tests, untold = _tests(clues, int(budget_tokens * TESTS_SHARE))
    room = budget_tokens - sum(test.tokens for test in tests)
    shown: list[Shown] = []
    ranking = _ranked(clues)
    for place, one in enumerate(ranking):
        reason = _beyond(one, ranking[0], len(shown)) or (NO_ROOM if room < LEAST_ROOM else "")
        file = None if reason else _shown(one, clues, room)
        if file is None:
            untold.append(LeftOut(one.path, reason or NO_ROOM, one.score, one.parts))
        else:
            shown.append(file)
            room -= file.tokens
        if place == PLACES_TRIED:
            break
    spent = budget_tokens - room
    return Selection(tuple(shown), tuple(tests), tuple(untold), budget_tokens, spent)


def rank(evidence: Evidence, files: Mapping[str, str], index: Index, without: Collection[str] = ()) -> list[Ranked]:
    """All candidates, the most relevant first; `without` leaves signals aside, to see what they are worth."""
    return _ranked(_Clues(evidence, files, index), without)


def _ranked(clues: "_Clues", without: Collection[str] = ()) -> list[Ranked]:
    signals = {
        "coverage": clues.coverage(),
        "frames": clues.frames(),
        "words": clues.words(),
        "named": clues.named(),
        "changed": dict.fromkeys(clues.evidence.changed, 1.0),
        "asked": dict.fromkeys(clues.evidence.asked, 1.0),
        "imported": clues.imported(),
        "stem": clues.stems(),
    }
    parts: dict[str, dict[str, float]] = {}
    for name, found in signals.items():
        if name in without:
            continue
        for path, strength in found.items():
            parts.setdefault(path, {})[name] = round(WEIGHTS[name] * strength, 4)
    for path, found in parts.items():
        if (central := clues.index.centrality.get(path)) and "central" not in without:
            found["central"] = round(WEIGHTS["central"] * central, 4)
    ranked = [Ranked(path, round(sum(found.values()), 4), found) for path, found in parts.items() if clues.may_be(path)]
    return sorted(ranked, key=lambda one: (-one.score, one.path))


def test_files(ids: Iterable[str], paths: Iterable[str]) -> list[str]:
    """The files that tests with these ids stand in: `a/test_b.py::test_c`, `test_c (b.tests.C)`, `b.tests.C.test_c`."""
    known = set(paths)
    ends: dict[str, str] = {}
    for path in sorted(known, key=lambda path: (-path.count("/"), path)):
        names = path.removesuffix(".py").split("/")
        ends.update((".".join(names[start:]), path) for start in range(len(names)))
    found: dict[str, None] = {}
    for test in ids:
        path = test.partition("::")[0]
        dotted = (re.search(r"\(([\w.]+)\)", test) or re.match(r"([\w.]+)", test) or ("", ""))[1].split(".")
        names = [".".join(dotted[:length]) for length in range(len(dotted), 0, -1)]
        home = path if path in known else next((ends[name] for name in names if name in ends), None)
        if home:
            found[home] = None
    return list(found)


test_files.__test__ = False  # type: ignore[attr-defined]  # pytest would take it for a test


def tests_among(changed: Collection[str], ids: Iterable[str], files: Mapping[str, str]) -> list[str]:
    """The changed files in which tests with these ids stand, whatever the files are called; a doctest is none."""
    homes = test_files((test for test in ids if not _is_doctest(test)), files)
    return [path for path in homes if path in changed and "def test" in (files.get(path) or "")]


def _is_doctest(test: str) -> bool:
    """Whether pytest means an example in a product's own words: it is called as the module is."""
    path, _, name = test.partition("::")
    return bool(name) and ("." in name.partition("[")[0] or name == path.rpartition("/")[2].removesuffix(".py"))


# Signals, each from 0 to 1


class _Clues:
    """The evidence, laid over a tree."""

    def __init__(self, evidence: Evidence, files: Mapping[str, str], index: Index) -> None:
        self.evidence = evidence
        self.files = files
        self.index = index
        self.tests = [path for path in dict.fromkeys(evidence.tests) if path in files]
        self.said = [text[:READ_CHARACTERS] for text in (evidence.problem, evidence.hint, *evidence.messages) if text]
        self.test_names = {name for test in evidence.failing for name in _test_names(test)}
        self.query = self._query()
        self.suspicious = self._suspicious()
        self.tracebacks = [self._inside(frames) for frames in evidence.tracebacks]
        self.quoted = [self._inside(frames) for text in self.said for frames in self._quoted(text)]

    def may_be(self, path: str) -> bool:
        """Whether a file may be offered for an edit."""
        return path in self.files and not forbidden(path, "", "", self.tests) and not _SECRET.search(path)

    def _query(self) -> dict[str, float]:
        query: Counter[str] = Counter()
        for text in self.said:
            query.update(words(text))
        for times, text in ((3, self.evidence.hint), (1, " ".join(sorted(self.test_names)))):
            for word, count in words(text[:READ_CHARACTERS]).items():
                query[word] += times * count
        return dict(query)

    def _suspicious(self) -> dict[str, dict[int, float]]:
        """Ochiai: how much a line belongs to the failing tests rather than to the passing ones."""
        failing = _times(self.evidence.executed_failing)
        passing = _times(self.evidence.executed_passing)
        total = len(self.evidence.executed_failing)
        lines: dict[str, dict[int, float]] = {}
        for (path, line), times in failing.items():
            # rounded, so that what is as suspicious is equal
            lines.setdefault(path, {})[line] = round(times / math.sqrt(total * (times + passing[path, line])), 9)
        return lines

    def coverage(self) -> dict[str, float]:
        """A file's most suspicious line, shared by all files as suspicious or more: a hundred of them tell nothing."""
        strongest = {path: max(lines.values()) for path, lines in self.suspicious.items() if self.may_be(path)}
        sharing, files = {}, 0
        for strength, more in sorted(Counter(strongest.values()).items(), reverse=True):
            files += more
            sharing[strength] = files
        return {path: strength / sharing[strength] for path, strength in strongest.items()}

    def frames(self) -> dict[str, float]:
        """By how far from the innermost frame of the repository; those that the problem quotes count half."""
        found: dict[str, float] = {}
        for strength, tracebacks in ((1.0, self.tracebacks), (0.5, self.quoted)):
            for frames in tracebacks:
                own = dict.fromkeys(frame.file for frame in reversed(frames) if self.may_be(frame.file))
                for depth, path in enumerate(own):
                    found[path] = max(found.get(path, 0.0), strength * DECAY**depth)
        return found

    def _inside(self, frames: Sequence[Frame]) -> Sequence[Frame]:
        """What the test led to. Who called the test is its runner, which may stand in this very repository."""
        of_tests = [place for place, frame in enumerate(frames) if frame.file in self.tests]
        return frames[of_tests[0] + 1 :] if of_tests else frames

    def _quoted(self, text: str) -> list[list[Frame]]:
        """The frames of each traceback in a text, from whatever machine: by the longest end of a path known here."""
        return [
            [
                Frame(home, int(line), function)
                for path, line, function in re.findall(r'File "([^"\n]{1,400})", line (\d{1,7})(?:, in (\w+))?', part)
                if (home := self._home(path))
            ]
            for part in text.split("Traceback (most recent call last)")
        ]

    def _home(self, path: str) -> str | None:
        names = path.replace("\\", "/").strip("/").split("/")
        ends = ("/".join(names[start:]) for start in range(len(names) - 1))  # a bare name could be anybody's
        return next((end for end in ends if end in self.files), None)

    def words(self) -> dict[str, float]:
        found = {path: score for path, score in self.index.bm25(self.query).items() if path not in self.tests}
        best = max(found.values(), default=1.0)
        return {path: score / best for path, score in found.items()}

    def named(self) -> dict[str, float]:
        """By path or dotted name, or by a rare definition in it."""
        found: dict[str, float] = {}

        def note(path: str | None, strength: float) -> None:
            if path:
                found[path] = max(found.get(path, 0.0), strength)

        for text in self.said:
            for path in set(re.findall(r"[\w./\\-]{1,200}\.\w{1,6}", text)):
                note(path if path in self.files else self._home(path), 1.0)
            for dotted in set(re.findall(r"\b[A-Za-z_]\w*(?:\.\w+)+", text)):
                for home, strength in self._dotted(dotted):
                    note(home, strength)
            for name in set(re.findall(r"\b[A-Za-z_]\w{2,79}", text)):
                homes = self.index.defined.get(name, ()) if _is_a_name(name) else ()
                for home in homes:
                    note(home, MENTIONS / len(homes))
        return found

    def _dotted(self, dotted: str) -> list[tuple[str, float]]:
        names = dotted.split(".")
        for length in range(len(names), 0, -1):
            module = ".".join(names[:length])
            if module in self.index.modules:
                if length == len(names):
                    return [(self.index.modules[module], MENTIONS)] if length > 1 else []
                homes = self.index.homes(Import(module, names[length], ""))
                return [(homes[0], MENTIONS)] if len(homes) > 1 or length > 1 else []
        return []

    def imported(self) -> dict[str, float]:
        """What the tests import; fully what the failing ones use of it, less what only others use."""
        found: dict[str, float] = {}
        for test in self.tests:
            text = self.files[test]
            used = "\n".join(self.bodies(test)) or text
            names = set(re.findall(r"\w+", used))
            for one in imported(text, test):
                strength = 1.0 if one.local in names else 0.4
                reached = [one]
                if not one.name or self.index.modules.get(f"{one.module}.{one.name}"):
                    module = f"{one.module}.{one.name}".rstrip(".")
                    asked = re.findall(rf"\b{re.escape(one.local)}\.(\w+)", used)
                    reached += [Import(module, name, name) for name in dict.fromkeys(asked)]
                for place in reached:
                    for depth, home in enumerate(self.index.homes(place)):
                        found[home] = max(found.get(home, 0.0), strength * 0.5**depth)
        return found

    def bodies(self, test: str) -> list[str]:
        """The failing tests that stand in this file."""
        lines = lines_of(self.files[test])
        return [
            "\n".join(lines[number - 1] for number in block.lines)
            for block in blocks(self.files[test])
            if block.name.rpartition(".")[2] in self.test_names
        ]

    def stems(self) -> dict[str, float]:
        """tests/test_calendar.py → calendar.py fully, calendar/*.py half; tests/admin/tests.py speaks of admin."""
        found: dict[str, float] = {}
        for test in self.tests:
            *folders, name = test.removesuffix(".py").split("/")
            stem = re.sub(r"^tests?_|_tests?$|^tests?$", "", name) or "".join(folders[-1:])
            for other in self.index.paths:
                parts = other.rpartition(".")[0].removesuffix("/__init__").split("/")
                if parts[-1].strip("_") == stem.strip("_"):
                    found[other] = 1.0
                elif stem in parts:
                    found[other] = max(found.get(other, 0.0), 0.5)
        return found


def _times(executed: Iterable[Executed]) -> Counter[tuple[str, int]]:
    return Counter((path, line) for test in executed for path, lines in test.items() for line in set(lines))


def _test_names(test: str) -> list[str]:
    """The function, and the class, that an id speaks of."""
    bare = test.partition("[")[0].partition(" ")[0]
    return [name for name in re.split(r"::|\.|/", bare)[-1:] if name.isidentifier()]


def _is_a_name(word: str) -> bool:
    """Whether a word of prose is spelled like a name in code."""
    return "_" in word.strip("_") or (word != word.lower() and word[1:] != word[1:].lower())


# Filling the budget


def _beyond(one: Ranked, best: Ranked, taken: int) -> str:
    if taken >= MOST_FILES:
        return f"{MOST_FILES} more relevant files are shown"
    if one.score < FLOOR * best.score:
        return "it is far less relevant than the first file"
    return ""


def _shown(one: Ranked, clues: _Clues, room: int) -> Shown | None:
    text = clues.files[one.path]
    view, form, total = _view(text, clues, one.path, room)
    if view is None:
        return None
    price = view.cost + _around(one.path)
    return Shown(one.path, one.why, form, total, view.shown, price, view.text, one.score, one.parts, view.names)


def _around(path: str) -> int:
    """What the tags around a file cost."""
    return 2 * cost(path) + 40


def _view(text: str, clues: _Clues, path: str, room: int) -> tuple[View | None, str, int]:
    lines = lines_of(text)
    room -= _around(path)
    if len(lines) <= WHOLE_LINES and (view := whole(lines)).cost <= room:
        return view, "whole", len(lines)
    known = blocks(text)
    wanted = _wanted(known, lines, clues, path)
    share = int(room * ONE_FILE_SHARE)
    return outline(lines, known, wanted, share) or outline(lines, known, wanted[:1], room), "outline", len(lines)


def _wanted(known: Sequence[Block], lines: Sequence[str], clues: _Clues, path: str) -> list[Block]:
    """The blocks to be shown in full, the most relevant first."""
    suspicious = clues.suspicious.get(path, {})
    frames = {
        frame.line: DECAY**depth
        for trace in (*clues.tracebacks, *clues.quoted)
        for depth, frame in enumerate(reversed(trace))
        if frame.file == path
    }
    names = {name for text in clues.said for name in re.findall(r"[A-Za-z_]\w+", text)}
    rarity = {word: clues.index.rarity(word) for word in clues.query}
    scored = []
    for block in known:
        found = words("\n".join(lines[number - 1] for number in block.lines))
        spoken = sum(rarity[word] * math.log1p(times) for word, times in found.items() if word in rarity)
        score = WEIGHTS["coverage"] * max((suspicious.get(number, 0.0) for number in block.lines), default=0.0)
        score += WEIGHTS["frames"] * max((frames.get(number, 0.0) for number in block.lines), default=0.0)
        score += 1.0 * (block.name.rpartition(".")[2] in names)
        scored.append((score, spoken / math.sqrt(10 + sum(found.values())), block))
    best = max((spoken for _, spoken, _ in scored), default=0.0) or 1.0
    order = sorted(scored, key=lambda one: (-(one[0] + one[1] / best), one[2].lines[:1]))
    return [block for score, spoken, block in order if score + spoken / best >= SPOKEN_ENOUGH][:BODIES]


def _tests(clues: _Clues, room: int) -> tuple[list[Shown], list[LeftOut]]:
    """The files of the target tests, in order to be read: the failing tests in full where there is no room for all."""
    shown: list[Shown] = []
    left: list[LeftOut] = []
    for path in clues.tests:
        text = clues.files[path]
        lines = lines_of(text)
        allowed = room - _around(path)
        view: View | None = whole(lines) if len(lines) <= WHOLE_LINES else None
        form = "whole"
        if view is None or view.cost > allowed:
            known = blocks(text)
            failing = [block for block in known if block.name.rpartition(".")[2] in clues.test_names]
            imports = [block for block in known if block.name == "" and block.head]
            view, form = outline(lines, imports, failing, allowed), "outline"
        if view is None:
            left.append(LeftOut(path, "no room was left for this test"))
            continue
        price = view.cost + _around(path)
        room -= price
        why = "the tests that are to pass"
        shown.append(Shown(path, why, form, len(lines), view.shown, price, view.text, bodies=view.names, is_test=True))
    return shown, left
