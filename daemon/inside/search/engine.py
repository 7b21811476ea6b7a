"""The search: candidates in their order to a judge, until there is a patch, and then a while longer for others like it.

Best first over one queue. Single edits stand in it by their cost; an edit that turned some failing tests green and
broke nothing opens a trail of second edits behind it, which stand in the same queue by the sum. The judge's verdicts
are the only thing believed; the clock is read for the budget alone: with time enough, the same seed finds the same.
"""

import heapq
import time
from typing import Any, Dict, Iterator, List, Mapping, NamedTuple, Optional, Tuple

from .candidates import Candidate, Sieve, candidates
from .evidence import Evidence, gather
from .minimise import minimise
from .suspicion import Suspicions, covering, suspicions

MOST_EDITS = 2  # of one patch
MOST_TRAILS = 8  # partial winners that are followed at a time; each costs a generation of candidates
MOST_PARTIALS = 40  # after as many, what helps a little is no hint any more
SECOND_EDIT = 1.0  # what it costs that one edit was not enough, beside the edits themselves
UNFIXED = 2.0  # what it costs that a first edit left all failing tests failing but one
MOST_PLAUSIBLE = 8  # patches that are told; more alternatives say nothing new
AS_PLAIN = 1.0  # by how much more an alternative may cost than the first plausible patch
AFTERWARDS = 60  # candidates that are tried after the first plausible one, or as many as it took
SECONDS_AFTERWARDS = 3.0  # and never longer than this, or than it took
BUSY_MACHINE = 4.0  # times its seconds of a processor, that a search may take on the clock


class Budget(NamedTuple):
    """How long to look, and from where on. `priors` are factors on the templates' costs."""

    seconds: float  # of a processor, so that a busy machine finds what another finds
    candidates: int
    seed: int = 0
    start_at: int = 0  # the `next_at` of an earlier search
    priors: Mapping[str, float] = {}


class Plausible(NamedTuple):
    """A patch that makes all target tests pass and breaks none, as far as the tests tell."""

    edits: Tuple[Candidate, ...]
    changes: Dict[str, str]  # path → the file's new text, minimised
    cost: float
    template: str
    covering_tests: int  # that execute the patched lines, and pass now
    number: int  # of the candidate, in the order of trying
    seconds: float  # until it was found


class Partial(NamedTuple):
    """A patch that turned some failing tests green and broke none."""

    edits: Tuple[Candidate, ...]
    changes: Dict[str, str]
    fixed: Tuple[str, ...]
    cost: float


class Found(NamedTuple):
    """What a search came to."""

    plausible: List[Plausible]
    tried: int
    generated: int
    seconds: float
    partial: Optional[Partial]
    next_at: int  # single edits that need not be tried again
    hung: int = 0
    refused: Mapping[str, int] = {}
    processor_s: float = 0.0  # what it took of a processor, from the first candidate on
    ended: str = ""  # why it went no further

    @property
    def ambiguous(self) -> bool:
        """Whether several patches are as good as one another, as far as the tests tell."""
        return len(self.plausible) > 1


class Moment(NamedTuple):
    """On the clock, and in what the search has had of a processor."""

    clock_s: float
    processor_s: float


class Trail:
    """The candidates behind one state of the sources: behind the original, or behind a first edit.

    They are written when the first of them is asked for, so until then a trail costs no more than it must.
    """

    def __init__(self, partial: Optional[Partial], found: Iterator[Candidate], penalty: float, birth: int) -> None:
        self.partial, self.penalty, self.birth = partial, penalty, birth
        self._found = found
        self.next: Optional[Candidate] = None

    def advance(self) -> bool:
        """Step to the next candidate, if there is one."""
        self.next = next(self._found, None)
        return self.next is not None

    @property
    def cost(self) -> float:
        """What the next patch of this trail costs, or at least costs."""
        return self.penalty + (self.next.cost if self.next is not None else 0.0)


class Hunt:
    """One search under way."""

    def __init__(self, sources: Mapping[str, str], baseline: Any, judge: Any, budget: Budget) -> None:
        self.sources, self.baseline, self.judge, self.budget = dict(sources), baseline, judge, budget
        self.evidence: Evidence = gather(baseline, self.sources)
        self.failing = [test.id for test in baseline.tests if not test.passed]
        self.began = self._now()
        self.plausible: List[Plausible] = []
        self.partials: List[Partial] = []
        self.tried = self.generated = self.hung = 0
        self.next_at = budget.start_at
        self.refused: Dict[str, int] = {}
        self.first_at: Optional[Tuple[int, Moment]] = None

    def run(self) -> Found:
        """Look until something says that it is enough."""
        queue: List[Tuple[float, int, Trail]] = []
        self._follow(queue, Trail(None, self._distinct(None), 0.0, 0))
        ended = self._enough(queue)
        while not ended:
            _, _, trail = heapq.heappop(queue)
            partial = self._try(trail, trail.next) if trail.next is not None else None
            if trail.advance():
                self._follow(queue, trail)
            if partial is not None and not self.plausible:
                self._follow(queue, Trail(partial, self._distinct(partial), self._penalty(partial), self.tried))
            ended = self._enough(queue)
        seconds, used = self.seconds, self._now().processor_s - self.began.processor_s
        found = [self._minimised(each) for each in self.plausible]
        best = max(self.partials, key=lambda each: (len(each.fixed), -each.cost), default=None)
        return Found(
            found, self.tried, self.generated, seconds, best, self.next_at, self.hung, self.refused, used, ended
        )

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self.began.clock_s

    @staticmethod
    def _follow(queue: List[Tuple[float, int, Trail]], trail: Trail) -> None:
        heapq.heappush(queue, (trail.cost, trail.birth, trail))

    def _distinct(self, partial: Optional[Partial]) -> Iterator[Candidate]:
        """The candidates behind a partial winner (or behind nothing), generated when the first is asked for."""
        sources = {**self.sources, **partial.changes} if partial is not None else self.sources
        found = candidates(sources, self._suspicions(partial), self.evidence, self.budget.priors, self.budget.seed)
        self.generated += len(found)
        sieve = Sieve({path: sources[path] for path in {each.path for each in found}}, self.evidence)
        sieve.refused = self.refused
        skipped = 0
        for each in found:
            if sieve.admits(each):
                if partial is None and skipped < self.budget.start_at:
                    skipped += 1
                else:
                    yield each

    def _suspicions(self, partial: Optional[Partial]) -> Suspicions:
        """Suspicion of the original lines; behind a first edit, of what still fails, with the lines moved along."""
        if partial is None:
            return suspicions(self.baseline)
        left = [test for test in self.failing if test not in partial.fixed]
        found = suspicions(self.baseline, left)
        edit = partial.edits[-1]
        old, new = self.sources[edit.path].count("\n"), partial.changes[edit.path].count("\n")
        lines = found.get(edit.path, {})
        found[edit.path] = {line + (new - old if line > edit.line else 0): score for line, score in lines.items()}
        return found

    def _penalty(self, partial: Partial) -> float:
        left = (len(self.failing) - len(partial.fixed)) / max(1, len(self.failing))
        return partial.cost + SECOND_EDIT + UNFIXED * left

    def _try(self, trail: Trail, candidate: Candidate) -> Optional[Partial]:
        """Ask the judge; a partial winner that is worth following is returned."""
        before = trail.partial.changes if trail.partial is not None else {}
        text = before.get(candidate.path, self.sources[candidate.path])
        changes = {**before, candidate.path: candidate.applied(text)}
        edits = (*(trail.partial.edits if trail.partial is not None else ()), candidate)
        verdict = self.judge.try_(changes)
        self.tried += 1
        self.next_at += trail.partial is None
        self.hung += verdict.hung
        if verdict.passed:
            self._win(edits, changes, trail.cost)
            return None
        known = len(trail.partial.fixed) if trail.partial is not None else 0
        if len(verdict.fixed) <= known or verdict.broken:
            return None
        partial = Partial(edits, changes, tuple(verdict.fixed), round(trail.cost, 4))
        self.partials.append(partial)
        return partial if self._is_worth_following(partial) else None

    def _is_worth_following(self, partial: Partial) -> bool:
        """Whether a partial winner may still be edited, and is among the best of the first ones."""
        best = sorted(self.partials, key=self._penalty)[:MOST_TRAILS]
        return len(partial.edits) < MOST_EDITS and partial in best and len(self.partials) <= MOST_PARTIALS

    def _win(self, edits: Tuple[Candidate, ...], changes: Dict[str, str], cost: float) -> None:
        if self.first_at is None:
            self.first_at = (self.tried, self._now())
        passing = min(covering(self.baseline, edit.path, self._patched(edit)) for edit in edits)
        template = " + ".join(edit.template for edit in edits)
        self.plausible.append(Plausible(edits, changes, round(cost, 4), template, passing, self.tried, self.seconds))

    def _patched(self, edit: Candidate) -> List[int]:
        """The original lines that an edit touches, or stands between."""
        data = self.sources[edit.path].encode("utf-8", "surrogatepass")
        first = data.count(b"\n", 0, edit.start) + 1
        last = data.count(b"\n", 0, max(edit.start, edit.end - 1)) + 1
        if "\n" in edit.replacement and data[edit.start : edit.end].rstrip().endswith(b":"):
            last += 1  # what is put below a head runs with the body's first line
        return [edit.line, *range(first, last + 1)]

    def _enough(self, queue: List[Tuple[float, int, Trail]]) -> str:
        """Why the budget, or what was found, says to stop; empty to go on."""
        if not queue:
            return "there is nothing left to try"
        if self.tried >= self.budget.candidates:
            return f"it may try {self.budget.candidates} of them"
        if self._is_over(self.began, self.budget.seconds):
            return f"its {self.budget.seconds:g} s are used up"
        if self.first_at is None:
            return ""
        at, then = self.first_at
        far = queue[0][0] > self.plausible[0].cost + AS_PLAIN
        it_took = then.processor_s - self.began.processor_s
        longer = self._is_over(then, min(SECONDS_AFTERWARDS, max(0.5, it_took)))
        is_enough = far or longer or self.tried - at >= max(AFTERWARDS, at) or len(self.plausible) >= MOST_PLAUSIBLE
        return "there is a patch" if is_enough else ""

    def _is_over(self, since: Moment, seconds: float) -> bool:
        """Whether the time is. What was had of a processor is only asked where that is not plain."""
        clock_s = time.monotonic() - since.clock_s
        if not seconds <= clock_s < BUSY_MACHINE * seconds:
            return clock_s >= seconds
        return self._now().processor_s - since.processor_s >= seconds

    def _now(self) -> Moment:
        return Moment(time.monotonic(), time.process_time() + self.judge.processor_s())

    def _minimised(self, each: Plausible) -> Plausible:
        return each._replace(changes=minimise(self.sources, each.changes, self.judge))


def search(sources: Mapping[str, str], baseline: Any, judge: Any, budget: Any) -> Found:
    """Look for patches of these files that make the baseline's failing tests pass and break none."""
    return Hunt(sources, baseline, judge, budget).run()
