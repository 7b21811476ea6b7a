"""A certified edit → a pattern: the smallest parts of the code that changed, with holes for what varies.

Patterns of two edits are generalised by anti-unification, and a pattern is replayed on other code with no model. Both
are deterministic and bounded. The code and the patterns (they may come from another box) were written by anybody: what
cannot be used is `Refused`, and nothing else is raised. Whether a fix is right is never known here; gates say so.
"""

import ast
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher, get_close_matches
from hashlib import blake2b
from itertools import islice, product
from typing import NamedTuple

import msgspec

from daemon.text import terms
from daemon.text.bindings import attributes, imported, importing, unbound
from daemon.text.splicing import Site, changed, names, sites, with_imports
from daemon.text.terms import LIST, NOTHING, Bound, Refused, Term

CHANGES = 4  # of one edit: more is a rewrite, and comes again nowhere
TERM_WORDS = 240  # of one side of a change
ANCHOR_WORDS = 40  # of a neighbouring statement: a larger one is a hole
SOURCE_CHARACTERS = 300_000  # of a file
PATTERN_CHARACTERS = 40_000  # of a serialised pattern
SITES = 400  # looked at in one file
INSTANCES = 3  # of one pattern in one file
GUESSES = 6  # for a name that the code that was found does not tell
SPELT_ALIKE = 0.6  # of two attributes: what a hasty hand writes for the other
SAID_WORDS = 2  # concrete words that a pattern must have before it means anything
KEPT = {f"c:{value!r}" for value in (0, 1, 2, -1, "", " ", None, True, False)}  # small constants are part of an idiom
_PLAIN = ("Name", "Constant")  # alone they would match everywhere: what holds them is the pattern
_TEST = re.compile(r"(?:^|/)(?:tests?|testing)/|(?:^|/)(?:test[^/]*|[^/]*_test|conftest)\.py$")


class Pattern(NamedTuple):
    """What changes into what. `imports` are added to the file's."""

    changes: tuple[tuple[Term, Term], ...]
    imports: tuple[Term, ...] = ()

    @property
    def text(self) -> str:
        """The canonical form: the same pattern is the same text."""
        return msgspec.json.encode((self.changes, self.imports)).decode()


def load(text: str) -> Pattern:
    """A pattern from its canonical form."""
    if len(text) > PATTERN_CHARACTERS:
        raise Refused(f"a pattern has at most {PATTERN_CHARACTERS} characters")
    try:
        read = msgspec.json.decode(text)
        found, imports = read
        return Pattern(
            tuple((_term(before), _term(after)) for before, after in found[:CHANGES]), tuple(map(_term, imports))
        )
    except (msgspec.DecodeError, TypeError, ValueError, RecursionError, UnicodeError) as error:
        raise Refused(f"it is no pattern: {error!s:.100}") from None


def _term(read: object, depth: int = 0) -> Term:
    if depth > terms.DEPTH:
        raise Refused(f"it is nested deeper than {terms.DEPTH}")
    if isinstance(read, str):
        return read
    if not isinstance(read, list) or not read or not isinstance(read[0], str):
        raise Refused("a term is a word, or a list that begins with one")
    if read[0] != LIST and read[0] not in terms.NODES:
        raise Refused(f"{read[0]:.40} is no part of a program")
    return (read[0], *(_term(part, depth + 1) for part in read[1:]))


def fix_name(text: str) -> str:
    """The name of a fix: certificates that teach the same pattern teach the same fix."""
    return f"f-{blake2b(text.encode(errors='backslashreplace'), digest_size=8).hexdigest()}"


# Learning


def learn(files: Mapping[str, tuple[str, str]]) -> Pattern:
    """The pattern of an edit: the sources of each changed file before and after. Names and values become holes."""
    found: list[tuple[Term, Term]] = []
    imports: list[Term] = []
    brought: set[str] = set()
    for path, (before, after) in sorted(files.items()):
        if _TEST.search(path):
            raise Refused(f"{path}: an edit of tests teaches nothing")
        if max(len(before), len(after)) > SOURCE_CHARACTERS:
            raise Refused(f"{path}: it is longer than {SOURCE_CHARACTERS} characters")
        one, other = terms.read(before), terms.read(after)
        added = _imports_added(one, other)
        changes = _differences(terms.of(one), terms.of(other))
        if changes is None:
            raise Refused(f"{path}: it is another program now")
        found += changes
        imports += added
        brought |= {word for node in ast.walk(one) for word in _brought(node)} | {
            w for t in added for w in _names_in(t)
        }
    _check(found, imports)
    return abstracted(Pattern(tuple(found), tuple(dict.fromkeys(imports))), brought)


def _brought(node: ast.AST) -> Iterator[str]:
    """The names that an import brings: they are of others, and say more than a name that somebody chose."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        yield from _names_in(terms.of(node))


def _names_in(imported: Term) -> Iterator[str]:
    return (f"i:{word[2:].partition('.')[0]}" for word in terms.words(imported) if word.startswith("a:"))


def _imports_added(before: ast.Module, after: ast.Module) -> list[Term]:
    """The imports that came, a name each; where none went, both trees are left without any."""
    known, now = (list(imported(tree)) for tree in (before, after))
    added = [term for term in now if term not in known]
    if set(known) <= set(now):
        for tree in (before, after):
            tree.body = [node for node in tree.body if not isinstance(node, ast.Import | ast.ImportFrom)]
    else:
        after.body = [node for node in after.body if terms.of(node) not in added]
    return added


def _check(found: Sequence[tuple[Term, Term]], imports: Sequence[Term]) -> None:
    if not found and not imports:
        raise Refused("nothing that runs has changed")
    if len(found) > CHANGES:
        raise Refused(f"it changes {len(found)} places; {CHANGES} are a pattern")
    if (most := max((terms.size(term) for change in found for term in change), default=0)) > TERM_WORDS:
        raise Refused(f"a change of {most} words is a rewrite; {TERM_WORDS} are a pattern")


def _differences(one: Term, other: Term) -> list[tuple[Term, Term]] | None:
    """The smallest expressions, statements and runs of statements that differ; None: whatever holds these two."""
    if one == other:
        return []
    alike = isinstance(one, tuple) and isinstance(other, tuple) and one[0] == other[0]
    if alike and one[0] == LIST and all(terms.kind_of(item) == "s" for item in (*one[1:], *other[1:])):
        return _in_a_body(one[1:], other[1:])
    if not alike or len(one) != len(other):
        return _as_a_whole(one, other)
    parts = [_differences(part, another) for part, another in zip(one, other, strict=True) if part != another]
    if any(part is None for part in parts) or (len(parts) > 1 and terms.kind_of(one) == "e"):
        return _as_a_whole(one, other)
    return [change for part in parts for change in part or ()]


def _as_a_whole(one: Term, other: Term) -> list[tuple[Term, Term]] | None:
    """These two, if they are an expression or a statement and say enough to be found again."""
    is_one = isinstance(one, tuple) and terms.kind_of(one) != "" and terms.kind_of(one) == terms.kind_of(other)
    return [(one, other)] if is_one and one[0] not in _PLAIN and _says_enough(terms.words(one)) else None


def _says_enough(words: Iterable[str]) -> bool:
    told = [word for word in words if not terms.is_hole(word) and word != LIST]
    return len([word for word in told if terms.kind_of(word) != "n"]) >= SAID_WORDS


def _in_a_body(one: Sequence[Term], other: Sequence[Term]) -> list[tuple[Term, Term]]:
    """What differs between two runs of statements; a statement that comes or goes takes its neighbour along."""
    first = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest = min(len(one), len(other)) - first
    last = next((n for n in range(rest) if one[len(one) - 1 - n] != other[len(other) - 1 - n]), rest)
    gone, come = one[first : len(one) - last], other[first : len(other) - last]
    if len(gone) == len(come):
        parts = [_differences(a, b) for a, b in zip(gone, come, strict=True)]
        if all(part is not None for part in parts):
            return [change for part in parts for change in part or ()]
    if last:
        below = _anchor(one[len(one) - last])
        return [((LIST, *gone, below), (LIST, *come, below))]
    above = [_anchor(one[first - 1])] if first else []
    return [((LIST, *above, *gone), (LIST, *above, *come))]


def _anchor(statement: Term) -> Term:
    return statement if terms.size(statement) <= ANCHOR_WORDS else "?s0"


def abstracted(pattern: Pattern, kept: Collection[str] | None = None) -> Pattern:
    """The pattern with holes for values and for the names of its program, but those kept; or for those of others."""
    holes: dict[Term, str] = {}
    told = {word for before, _ in pattern.changes for word in terms.words(before)} - KEPT

    def opens(word: str, kind: str) -> bool:
        if kept is None:
            return terms.is_hole(word) or (kind in ("a", "c") and word in told)
        return terms.is_hole(word) or (kind == "n" and word not in kept) or (kind == "c" and word in told)

    def hollow(term: Term) -> Term:
        if isinstance(term, tuple):
            return tuple(hollow(part) if place else part for place, part in enumerate(term))
        kind = terms.kind_of(term)
        return holes.setdefault(term, f"?{kind}{len(holes)}") if kind and opens(term, kind) else term

    changes = tuple((hollow(before), hollow(after)) for before, after in pattern.changes)
    return Pattern(changes, pattern.imports)


def widened(pattern: Pattern) -> Pattern:
    """The pattern with holes for whatever it only carries over, even for runs of it: what changed is all it says."""
    holes: dict[Term, str] = {}
    changes = []
    for before, after in pattern.changes:
        carried = set(_carriable(before)) & set(_carriable(after)) - {before, after}
        first, last = (_is_anchor(before, after, place) for place in (1, -1))
        sides = [_hollow(before, carried, holes)]
        sides.append(_hollow(after, carried & holes.keys(), holes))  # what was not found cannot be put there
        if first or last:
            sides = [_without_anchors(side, first=first, last=last) for side in sides]
        changes.append((sides[0], sides[1]))
    return Pattern(tuple(changes), pattern.imports)


def _hollow(term: Term, carried: Collection[Term], holes: dict[Term, str], *, is_inside: bool = False) -> Term:
    if isinstance(term, str):
        return term
    if term in carried and terms.kind_of(term):
        return holes.setdefault(term, f"?e{len(holes)}")
    if term[0] == LIST and is_inside:
        return (LIST, *_with_a_run(term[1:], carried, holes))
    return tuple(_hollow(part, carried, holes, is_inside=True) for part in term)


def _with_a_run(parts: Sequence[Term], carried: Collection[Term], holes: dict[Term, str]) -> Iterator[Term]:
    """The items of a list: the longest of the first runs that are carried over is one hole, and only one."""
    has_run = False
    while parts:
        ends = range(0 if has_run else len(parts), 0, -1)
        run = next(((LIST, *parts[:end]) for end in ends if (LIST, *parts[:end]) in carried), None)
        yield (
            _hollow(parts[0], carried, holes, is_inside=True)
            if run is None
            else holes.setdefault(run, f"?r{len(holes)}")
        )
        has_run, parts = has_run or run is not None, parts[len(run) - 1 if run else 1 :]


def _is_anchor(before: Term, after: Term, place: int) -> bool:
    """Whether a run of statements begins, or ends, with one that stays."""
    return before[0] == LIST and len(before) > 2 and before[place] == after[place]  # noqa: PLR2004  and another one


def _without_anchors(side: Term, *, first: bool, last: bool) -> Term:
    """Any statement may stand where one only says where the others are."""
    return (LIST, *(["?s0"] if first else []), *side[1 + first : len(side) - last], *(["?s1"] if last else []))


def _carriable(term: Term) -> Iterator[Term]:
    """The expressions in a term that say more than a small constant, and the runs of nodes."""
    if isinstance(term, str):
        return
    if terms.kind_of(term) == "e" and _says_its_own(list(terms.words(term))):
        yield term
    if term[0] == LIST and all(isinstance(part, tuple) for part in term[1:]):
        yield from ((LIST, *term[first:end]) for end in range(2, len(term) + 1) for first in range(1, end))
    for part in term:
        yield from _carriable(part)


def _says_its_own(words: Sequence[str]) -> bool:
    """Whether an expression is of its program: an empty list, or one with a small constant, belongs to the idiom."""
    return not KEPT & set(words) and any(terms.is_hole(word) or ":" in word for word in words)


def generalise(one: Pattern, other: Pattern) -> Pattern | None:
    """The most special pattern that both are instances of; None where it would mean nothing."""
    if len(one.changes) != len(other.changes) or one.imports != other.imports:
        return None
    holes: dict[tuple[Term, Term], str] = {}
    try:
        changes = tuple(
            (terms.shared(before, before_, holes), terms.shared(after, after_, holes))
            for (before, after), (before_, after_) in zip(one.changes, other.changes, strict=True)
        )
    except Refused:
        return None
    found = Pattern(changes, one.imports)
    return found if _means_something(found) else None


def _means_something(pattern: Pattern) -> bool:
    """Whether it says what to look for, and everything that cannot be guessed about what to put there."""
    if not pattern.changes:
        return bool(pattern.imports)
    looked_for = [word for before, _ in pattern.changes for word in terms.words(before)]
    put = {word for _, after in pattern.changes for word in terms.words(after) if terms.is_hole(word)}
    guessed = {hole[1] for hole in put - set(looked_for)}
    changes = all(before != after for before, after in pattern.changes)
    return _says_enough(looked_for) and guessed <= {"n"} and changes


def likeness(one: Pattern, other: Pattern) -> float:
    """How much of both is the same, from 0 to 1."""
    if len(one.changes) != len(other.changes):
        return 0.0
    sides = [
        (a, b)
        for mine, theirs in zip(one.changes, other.changes, strict=True)
        for a, b in zip(mine, theirs, strict=True)
    ]
    whole = sum(terms.size(a) + terms.size(b) for a, b in sides)
    return 2 * sum(_common(a, b) for a, b in sides) / whole if whole else 1.0


def _common(one: Term, other: Term) -> int:
    if isinstance(one, str) or isinstance(other, str):
        return int(one == other or (terms.is_hole(one) and terms.is_hole(other) and one[1:2] == other[1:2]))
    return sum(_common(a, b) for a, b in zip(one, other, strict=False))


# Replaying


def apply(pattern: Pattern, source: str, suspicious_lines: Sequence[int], most: int = INSTANCES) -> list[str]:
    """The file after the edit, at most so many ways; the most suspicious line comes first, and none means all.

    Where nothing fits the names of others that it was learned with, any other names of others will do.
    """
    if len(source) > SOURCE_CHARACTERS:
        return []
    try:
        tree = terms.read(source)
        for each in _stages(pattern, source, tree, suspicious_lines):
            ways = (text for text in each if text != source)
            if found := list(dict.fromkeys(islice(ways, most * GUESSES)))[:most]:
                return found
    except (Refused, RecursionError):
        pass
    return []


def _stages(pattern: Pattern, source: str, tree: ast.Module, lines: Sequence[int]) -> Iterator[Iterator[str]]:
    """What is tried one after the other: the pattern as it stands, and then ever less of it."""
    if not _means_something(pattern):
        return
    yield _instances(pattern, source, tree, lines)
    if _is_respelling(pattern):
        yield _respelt(source, tree, lines)
    for each in (abstracted(pattern), widened(abstracted(pattern))):
        if not _means_something(each):
            return
        yield _instances(each, source, tree, lines)


def _instances(pattern: Pattern, source: str, tree: ast.Module, lines: Sequence[int]) -> Iterator[str]:
    """Every way to make all changes: the first where it is suspicious, the others wherever they fit first."""
    if not pattern.changes:
        yield from _with_what_is_missing(pattern, source, tree)
        return
    (before, after), *others = pattern.changes
    for site in islice(sites(tree, before, lines), SITES):
        bound: Bound = {}
        if not terms.match(before, site.term, bound):
            continue
        for filling in _guesses(after, bound, tree, site):
            text = changed(source, site, terms.fill(after, filling))
            for further in others:
                text = _also(further, text, dict(filling)) if text else None
            if text:
                yield with_imports(text, pattern.imports)


def _with_what_is_missing(pattern: Pattern, source: str, tree: ast.Module) -> Iterator[str]:
    """The imports alone, where the program uses what they bring; else imports like these, of what it uses unbound."""
    brought = {name for term in pattern.imports for name in _names_in(term)}
    used = {f"i:{node.id}" for node in ast.walk(tree) if isinstance(node, ast.Name)}
    if brought & used:
        yield with_imports(source, pattern.imports)
        return
    missing = unbound(tree)[:GUESSES]
    for term, name in product(pattern.imports, missing):
        if term[0] == "ImportFrom" or name in sys.stdlib_module_names:
            yield with_imports(source, [importing(term, name)])


def _is_respelling(pattern: Pattern) -> bool:
    """Whether all that it does is to ask the same object for another attribute."""
    [(before, after), *others] = pattern.changes or [(NOTHING, NOTHING)]
    if others or pattern.imports or isinstance(before, str) or isinstance(after, str):
        return False
    return before[0] == after[0] == "Attribute" and before[:-1] == after[:-1]


def _respelt(source: str, tree: ast.Module, lines: Sequence[int]) -> Iterator[str]:
    """Attributes that nothing here gives to any object, as the ones that are spelt most like them; the likest first."""
    given = attributes(tree)
    found: list[tuple[float, Site, str]] = []
    for site in islice(sites(tree, ("Attribute",), lines), SITES):
        name = str(site.term[-1])[2:]
        near = [] if name in given else get_close_matches(name, given, n=GUESSES, cutoff=SPELT_ALIKE)
        found += [(SequenceMatcher(None, name, other).ratio(), site, f"a:{other}") for other in near]
    for _, site, word in sorted(found, key=lambda each: -each[0]):
        if text := changed(source, site, ("Attribute", site.term[1], word)):
            yield text


def _also(change: tuple[Term, Term], source: str, bound: Bound) -> str | None:
    """The file after one more change, at the first place where it fits what was found before."""
    before, after = change
    tree = terms.read(source)
    for site in islice(sites(tree, before, ()), SITES):
        here = dict(bound)
        if terms.match(before, site.term, here):
            filling = next(_guesses(after, here, tree, site), None)
            return changed(source, site, terms.fill(after, filling)) if filling else None
    return None


def _guesses(after: Term, bound: Bound, tree: ast.Module, site: Site) -> Iterator[Bound]:
    """What the found code tells; for a name that it does not tell, those around it, the nearest first."""
    open_holes = list(dict.fromkeys(word for word in terms.words(after) if terms.is_hole(word) and word not in bound))
    near = [f"i:{name}" for name in names(tree, site)[:GUESSES]] if open_holes else []
    for guess in islice(product(near, repeat=len(open_holes)), GUESSES * GUESSES):
        yield bound | dict(zip(open_holes, guess, strict=True))


# Guards

_DANGEROUS = frozenset((
    "exit", "_exit", "quit", "abort", "kill", "eval", "exec", "compile", "__import__", "system", "popen", "Popen",
    "subprocess", "socket", "urlopen", "requests", "skip", "skipif", "xfail", "skipTest", "monkeypatch", "mock",
    "patch", "settrace",
))  # fmt: skip


def objection(pattern: Pattern, expected: Sequence[str] = ()) -> str:
    """Why a pattern must not be remembered, or "": what it adds, and the values that the failing tests expected."""
    before = [word for change in pattern.changes for word in terms.words(change[0])]
    after = [word for change in pattern.changes for word in terms.words(change[1])]
    after += [word for added in pattern.imports for word in terms.words(added)]
    come = {part for word in set(after) - set(before) for part in word[2:].split(".")}
    if found := sorted(come & _DANGEROUS):
        return f"it adds {found[0]}"
    if after.count("Assert") < before.count("Assert") or after.count("Raise") < before.count("Raise"):
        return "it takes a check away"
    if any(_swallows(change[1]) > _swallows(change[0]) for change in pattern.changes):
        return "it lets an error pass in silence"
    wanted = {f"c:{value.removeprefix('-')}" for value in expected} - KEPT  # a sign is no part of a constant
    if found := sorted((set(after) - set(before)) & wanted):
        return f"it returns what the test expects: {found[0][2:42]}"
    return ""


def _swallows(term: Term) -> int:
    """How many handlers do nothing."""
    if isinstance(term, str):
        return 0
    silent = term[0] == "ExceptHandler" and term[-1] == (LIST, ("Pass",))
    return silent + sum(map(_swallows, term))
