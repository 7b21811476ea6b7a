"""What the reader and the resolver make of weak models' answers, counted: nothing may land but the truth."""

import itertools
import random
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.text import anchors
from tests.fakes import edit_corpus
from tests.fakes.edit_corpus import Case

PAGE = Path(__file__).parent.parent.parent / "docs" / "edits.md"
FILES = edit_corpus.workspace()
FIXES = edit_corpus.fixes(FILES)
CASES = edit_corpus.cases()
COLUMNS = ("landed correctly", "refused rightly", "refused, though it could be understood", "landed wrongly")


def verdict(case: Case) -> str:
    outcome = edit_corpus.outcome(case.answer, FILES, is_cut_off=case.is_cut_off)
    if outcome.landed is None:
        return COLUMNS[2] if case.fix else COLUMNS[1]
    return COLUMNS[0] if case.fix and outcome.landed == FIXES[case.fix] else COLUMNS[3]


def spoilt() -> Iterator[Case]:
    dice = random.Random(3)  # noqa: S311  the same answers in every run
    for name, path, old, new, at in edit_corpus.edits_of_fixes():
        for way, form, answer in edit_corpus.spoilt(path, old, new, at, dice):
            yield Case(f"{name}, {way}, {form}", f"{way}", answer, name)


def table(cases: list[Case], first: str) -> str:
    counted: dict[str, Counter[str]] = {}
    for case in cases:
        counted.setdefault(case.category, Counter())[verdict(case)] += 1
    counted["**all**"] = sum(counted.values(), Counter())
    rows = [f"| {first} | answers | {' | '.join(COLUMNS)} |", f"|---|{'---:|' * (len(COLUMNS) + 1)}"]
    for category, counts in counted.items():
        numbers = " | ".join(str(counts[column]) for column in COLUMNS)
        rows.append(f"| {category} | {counts.total()} | {numbers} |")
    return "\n".join(rows)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_an_answer_lands_as_meant_or_is_refused_for_the_right_reason(case: Case) -> None:
    outcome = edit_corpus.outcome(case.answer, FILES, is_cut_off=case.is_cut_off)
    if case.fix:
        assert outcome.landed == FIXES[case.fix], outcome.told
    else:
        assert outcome.landed is None
        assert outcome.why & set(case.refused), (outcome.why, outcome.told)
        assert re.search(r"[.?]", outcome.told), "a refusal is a sentence that teaches"


def test_the_corpus_is_large_and_written_by_hand() -> None:
    assert len(CASES) >= 150
    assert len({case.answer for case in CASES}) >= len(CASES) - 5
    assert len({case.name for case in CASES}) == len(CASES)


def test_no_spoilt_edit_lands_wrongly() -> None:
    wrong = [case.name for case in spoilt() if verdict(case) == COLUMNS[3]]
    assert wrong == []


def test_the_page_has_the_tables_as_measured() -> None:
    """Written by hand, the tables would soon be wishes: print them with `-k page` when they differ, and paste."""
    page = PAGE.read_text(encoding="utf-8")
    for measured in (table(CASES, "by hand"), table(list(spoilt()), "by rule"), thresholds()):
        assert measured in page, f"\n{measured}\n"


# The threshold


def nearest_cases() -> Iterator[tuple[float, float, bool, bool]]:
    """Quotations with lines garbled or left out: similarity, lead on the next place, whether the place is right, and
    whether a line that was quoted rightly, and so could be changed, stands there.
    """
    dice = random.Random(5)  # noqa: S311  the same quotations in every run
    for text in FILES.values():
        lines = text.splitlines()
        solid = [place for place, line in enumerate(lines) if line.strip()]
        for size, _ in itertools.product((1, 2, 3, 5, 8), range(8)):
            if len(solid) <= size:
                continue
            at = dice.randrange(len(solid) - size)
            start, end = solid[at], solid[at + size - 1] + 1
            true = [line for line in lines[start:end] if line.strip()]
            quoted = garbled(list(true), dice)
            if quoted == true:
                continue
            change = dice.choice([line for line in quoted if line in true] or [""])
            # once in the file, and once where these lines are gone: there, any place is a wrong one
            for rest, is_there in ((lines, True), (lines[:start] + lines[end:], False)):
                best, span, second = anchors.nearest(quoted, rest)
                is_right = is_there and span[0] < end and start < span[1]
                window = rest[slice(*anchors.widened(span, quoted, rest))]
                is_landing = bool(change) and change in window and anchors.is_vouched(quoted, window)
                yield best, best - second, is_right, is_landing


def garbled(lines: list[str], dice: random.Random) -> list[str]:
    words = sorted(set(re.findall(r"[A-Za-z_]{2,}", " ".join(FILES.values()))))
    for _ in range(dice.randint(1, max(2, len(lines)))):
        place = dice.randrange(len(lines))
        found = re.findall(r"\w+", lines[place])
        if found:
            lines[place] = lines[place].replace(dice.choice(found), dice.choice(words))
    if len(lines) > 2 and dice.random() < 0.3:
        del lines[dice.randrange(1, len(lines) - 1)]
    return lines


def thresholds() -> str:
    measured = list(nearest_cases())
    rows = [
        "| similar | lead | right place | wrong place | landed rightly | landed wrongly |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    for margin, similar in itertools.product((0.0, 0.1, 0.2), (0.4, 0.5, 0.6, 0.7, 0.8, 0.9)):
        found = [case[2:] for case in measured if case[0] >= similar and case[1] >= margin]
        counts = [
            found.count((True, True)) + found.count((True, False)),
            found.count((False, True)) + found.count((False, False)),
        ]
        counts += [found.count((True, True)), found.count((False, True))]
        mark = "**" if (similar, margin) == (anchors.SIMILAR, anchors.MARGIN) else ""
        rows.append(f"| {mark}{similar}{mark} | {mark}{margin}{mark} | {' | '.join(map(str, counts))} |")
    return "\n".join(rows)
