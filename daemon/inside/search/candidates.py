"""All single edits of the suspicious lines, in the order in which they are worth a try.

The cost of one: its template's prior, what its family says of it in detail, and how little suspicious its line is.
Candidates are cheap to write and dear to look at closely, so what needs a parser (is it Python, is it new, may it be
offered) is asked only when their turn comes: `distinct`. Nothing here runs code of the repository.
"""

import ast
import hashlib
import re
import warnings
import zlib
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Set, Tuple

from .evidence import Evidence
from .refusals import Marks, marks, refused
from .source import FUNCTIONS, Source, Splice
from .templates import HINTS, TEMPLATES

UNSUSPICIOUS = 3.0  # what a line costs that no failing test executes more often than the passing ones
INHERITED = 0.8  # of a suspicion, for a definition that suspicious lines use
MOST_CANDIDATES = 60_000  # kept of one generation; beyond that nobody has the time to try them
MOST_LINES = 300  # that edits are written for, the most suspicious ones: a whole framework may have been executed


class Candidate(NamedTuple):
    """One edit of one file: the bytes start to end of its UTF-8 text become the replacement."""

    path: str
    start: int
    end: int
    replacement: str
    template: str
    cost: float
    line: int

    def applied(self, text: str) -> str:
        """The file's text with this edit in it."""
        data = text.encode("utf-8", "surrogatepass")
        new = data[: self.start] + self.replacement.encode("utf-8", "surrogatepass") + data[self.end :]
        return new.decode("utf-8", "surrogatepass")


def candidates(
    sources: Mapping[str, str],
    suspicious: Mapping[str, Mapping[int, float]],
    evidence: Evidence,
    priors: Optional[Mapping[str, float]] = None,
    seed: int = 0,
) -> List[Candidate]:
    """Every edit of every suspicious line, cheapest first; of those that give the same text, the cheapest.

    `priors` are factors by template name: below 1 a family comes earlier than the table says.
    """
    factors = hinted(evidence, priors or {})
    cheapest: Dict[Tuple[str, int, int, str], Candidate] = {}
    for path in sorted(suspicious):
        source = _parsed(path, sources.get(path, ""), evidence)
        for each in _edits(source, _strongest(suspicious, path), factors) if source is not None else ():
            known = cheapest.setdefault(each[:4], each)
            if each.cost < known.cost:
                cheapest[each[:4]] = each
    return sorted(cheapest.values(), key=lambda each: (each.cost, _tie(each, seed)))[:MOST_CANDIDATES]


def hinted(evidence: Evidence, priors: Mapping[str, float]) -> Dict[str, float]:
    """The factors on the templates' costs, with what the failing tests' messages hint at."""
    factors = dict(priors)
    for pattern, hints in HINTS:
        if any(re.search(pattern, error) for error in evidence.errors):
            for name, factor in hints.items():
                factors[name] = min(factors.get(name, 1.0), factor)
    return factors


class Sieve:
    """Lets through what is Python, changes the tree, was not seen before, and may be offered."""

    def __init__(self, sources: Mapping[str, str], evidence: Evidence) -> None:
        self._evidence = evidence
        self._sources = {path: _parsed(path, text, evidence) for path, text in sources.items()}
        self._originals: Dict[Tuple[str, int, int], Marks] = {}
        self._seen: Set[Tuple[str, int, bytes]] = set()
        self.refused: Dict[str, int] = {}

    def admits(self, candidate: Candidate) -> bool:
        """Whether a candidate is worth a test run."""
        source = self._sources.get(candidate.path)
        if source is None:
            return False
        start, end = _chunk(source, candidate)
        before = self._original(source, start, end)
        text = source.slice(start, candidate.start) + candidate.replacement + source.slice(candidate.end, end)
        tree = _tree(text)
        if tree is None or before is None:
            return False
        after = marks(tree)
        key = (candidate.path, start, _digest(after))
        if key in self._seen:
            return False
        self._seen.add(key)
        why = refused(before, after, self._evidence)
        if why:
            self.refused[why] = self.refused.get(why, 0) + 1
        return not why

    def _original(self, source: Source, start: int, end: int) -> Optional[Marks]:
        place = (source.path, start, end)
        if place not in self._originals:
            tree = _tree(source.slice(start, end))
            if tree is None:
                return None
            self._originals[place] = found = marks(tree)
            self._seen.add((source.path, start, _digest(found)))
        return self._originals[place]


def distinct(found: List[Candidate], sources: Mapping[str, str], evidence: Evidence) -> Iterator[Candidate]:
    """The candidates that are worth a test run, in their order."""
    sieve = Sieve({path: sources[path] for path in {each.path for each in found}}, evidence)
    return (each for each in found if sieve.admits(each))


def _edits(source: Source, suspicious: Mapping[int, float], priors: Mapping[str, float]) -> Iterator[Candidate]:
    for node, score in _places(source, suspicious):
        for template in TEMPLATES:
            if isinstance(node, template.nodes):
                cost = template.prior * priors.get(template.name, 1.0) + UNSUSPICIOUS * (1.0 - score)
                for splice in template.splices(node, source):
                    edit = _smallest(source, splice)
                    if edit is not None:
                        line = getattr(node, "lineno", 1)
                        yield Candidate(source.path, *edit, template.name, round(cost + splice.detail, 4), line)


def _places(source: Source, suspicious: Mapping[int, float]) -> Iterator[Tuple[ast.AST, float]]:
    """The nodes that edits are written for, each with its suspicion."""
    yield source.tree, max(suspicious.values(), default=0.0)
    used = _used(source, suspicious)
    scores: Dict[ast.AST, float] = {}
    for node in source.nodes:
        statement = source.statement(node)
        if statement not in scores:
            scores[statement] = max(
                _score(source, statement, suspicious), _inherited(source, statement, suspicious, used)
            )
        score = scores[statement]
        if isinstance(node, ast.ExceptHandler):
            score = max(score, suspicious.get(node.lineno, 0.0))
        if score > 0.0:
            yield node, score


def _score(source: Source, statement: Any, suspicious: Mapping[int, float]) -> float:
    return max((suspicious.get(line, 0.0) for line in source.header(statement)), default=0.0)


def _inherited(source: Source, statement: Any, suspicious: Mapping[int, float], used: Mapping[str, float]) -> float:
    """What runs at import has no suspicion of its own: a definition is as suspicious as what uses it."""
    if isinstance(statement, FUNCTIONS):
        lines = range(statement.lineno, (statement.end_lineno or statement.lineno) + 1)
        return INHERITED * max((suspicious.get(line, 0.0) for line in lines), default=0.0)
    if isinstance(statement, (ast.Assign, ast.AnnAssign)) and source.function(statement) is None:
        goals = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        return INHERITED * max((used.get(getattr(goal, "id", ""), 0.0) for goal in goals), default=0.0)
    return 0.0


def _used(source: Source, suspicious: Mapping[int, float]) -> Dict[str, float]:
    """The names and attributes that suspicious lines read."""
    used: Dict[str, float] = {}
    for node in source.nodes:
        name = getattr(node, "id", getattr(node, "attr", None))
        if name is not None:
            used[name] = max(used.get(name, 0.0), suspicious.get(getattr(node, "lineno", 0), 0.0))
    return used


def _strongest(suspicious: Mapping[str, Mapping[int, float]], path: str) -> Dict[int, float]:
    """The lines of a file that are among the most suspicious of all files."""
    scores = sorted((score for lines in suspicious.values() for score in lines.values()), reverse=True)
    least = scores[min(len(scores), MOST_LINES) - 1] if scores else 0.0
    return {line: score for line, score in suspicious[path].items() if score >= least}


def _smallest(source: Source, splice: Splice) -> Optional[Tuple[int, int, str]]:
    """The same change without what stays the same at both ends; None when nothing changes."""
    old, new = source.slice(splice.start, splice.end), source.ended(splice.text)
    if old == new:
        return None
    head = next((at for at, (a, b) in enumerate(zip(old, new)) if a != b), min(len(old), len(new)))
    most = min(len(old), len(new)) - head
    tail = next((at for at in range(most) if old[-1 - at] != new[-1 - at]), most)
    start = splice.start + len(old[:head].encode("utf-8", "surrogatepass"))
    end = splice.end - len(old[len(old) - tail :].encode("utf-8", "surrogatepass"))
    return start, end, new[head : len(new) - tail]


def _tie(candidate: Candidate, seed: int) -> int:
    """An order among equals that is the same for the same seed."""
    return zlib.crc32(repr((seed, *candidate[:4])).encode("utf-8", "backslashreplace"))


def _chunk(source: Source, candidate: Candidate) -> Tuple[int, int]:
    """The lines of the outermost function that an edit stays inside of, or the whole file."""
    for start, end in source.functions:
        if start <= candidate.start and candidate.end <= end:
            return start, end
    return 0, len(source.data)


def _tree(text: str) -> Optional[ast.AST]:
    """The tree of some lines that may be indented; None when they are no Python."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse("if 1:\n" + text if text[:1] in (" ", "\t") else text)
            compile(tree, "<candidate>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None
    return tree


def _digest(found: Marks) -> bytes:
    return hashlib.blake2b(repr(found.shape).encode("utf-8", "backslashreplace"), digest_size=16).digest()


def _parsed(path: str, text: str, evidence: Evidence) -> Optional[Source]:
    try:
        return Source(path, text, evidence)
    except (SyntaxError, ValueError, RecursionError):
        return None
