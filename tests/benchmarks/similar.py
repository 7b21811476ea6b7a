"""Remembered failures looked up among a million: by their exact signature, and by likeness.

The errors are made of thirty sentences of libraries, with names of a vocabulary of 20,000 in them, so that words repeat
as they do in logs. A question is a remembered error that somebody else words another way: a fifth of its words are
missing, two change places, and its type is another one. *Found* is how often the error that was meant comes first.

*mendd*: `text/similar.py`, and a dictionary for the exact signature; both in memory.

*peer*: SQLite's FTS5 in memory with its own bm25, asked for the four rarest words of the question; its exact lookup is
an index on a column.
"""

import gc
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from random import Random
from statistics import quantiles
from time import perf_counter

from daemon.text import signature
from daemon.text.similar import Index
from tests.benchmarks.measure import Row, tell

TITLE = "Similar errors among a million"
MEASURED = "Measured once, one question after the other."
ERRORS = 1_000_000
QUESTIONS = 1_000
PEERS_QUESTIONS = 100  # it is slower
EXACT_QUESTIONS = 100_000
FOUR = 4
TYPES = ("ValueError", "TypeError", "RuntimeError", "ConfigError", "ParseError", "BackendError", "LookupError")
SENTENCES = (
    "{} of {} must be {}, not {}", "cannot find {} in {} while {} is open", "unexpected {} after {} in {}",
    "{} has no {} for {}", "failed to load {} from {}: {} is missing", "connection to {} was closed by {} before {}",
    "{} and {} differ in {}", "the {} {} was used before {}", "could not convert {} to {} with {}",
    "column {} of table {} is not a {}", "no {} matches {} given {}", "maximum {} of {} exceeded by {}",
    "permission to {} the {} of {} was denied", "invalid {} for option {} of {}", "{} got an empty {} from {}",
    "duplicate {} in {} under {}", "plugin {} needs {} but {} is there", "{} timed out waiting for {} of {}",
    "shape of {} does not fit {} along {}", "circular {} between {} and {}", "{} is not registered with {} as {}",
    "state {} of {} cannot become {}", "token {} of {} expired before {}", "unknown {} at {} of {}",
    "the field {} of {} has to follow {}", "{} returned {} where {} was expected", "lock {} is held by {} for {}",
    "version {} of {} is older than {}", "cannot merge {} into {} without {}", "buffer {} of {} is too small for {}",
)  # fmt: skip


def run(folder: Path, _: int) -> list[Row]:
    """Build once, ask often."""
    del folder  # all of it is in memory
    errors = list(made(ERRORS))
    tell(f"{TITLE}: made them")
    questions = list(asked(errors, QUESTIONS))
    ours, theirs = mendd(errors, questions), sqlite(errors, questions[:PEERS_QUESTIONS])
    return [
        Row("exact signature, µs", f"{ours['exact']:.2f}", f"{theirs['exact']:.2f}", met=ours["exact"] < 20),
        Row("similar, p50 ms", f"{ours['p50']:.2f}", f"{theirs['p50']:.2f}", theirs["p50"] / ours["p50"]),
        Row("similar, p99 ms", f"{ours['p99']:.2f}", f"{theirs['p99']:.2f}", met=ours["p99"] < 20),
        Row("found", f"{ours['found']:.3f}", f"{theirs['found']:.3f}"),
        Row("built in", f"{ours['built']:.1f} s", f"{theirs['built']:.1f} s"),
        Row("memory", f"{ours['bytes'] / 2**20:.0f} MiB", f"{theirs['bytes'] / 2**20:.0f} MiB"),
    ]


def made(count: int) -> Iterable[tuple[str, str]]:
    """That many errors: a signature and its words."""
    dice = Random(1)  # noqa: S311  nothing secret
    vocabulary = ["".join(dice.choices("abcdefghijklmnopqrstuvwxyz", k=dice.randrange(4, 10))) for _ in range(20_000)]
    weights = [1 / (place + 10) for place in range(len(vocabulary))]
    names = dice.choices(vocabulary, weights, k=4 * count)
    for number in range(count):
        sentence = SENTENCES[dice.randrange(len(SENTENCES))]
        words = f"{dice.choice(TYPES)}: {sentence.format(*names[4 * number : 4 * number + 4])}"
        yield f"v2:{number:016x}.{number:016x}", words


def asked(errors: list[tuple[str, str]], count: int) -> Iterable[tuple[str, str]]:
    """Questions, and the words of the error that is meant."""
    dice = Random(2)  # noqa: S311  nothing secret
    for _ in range(count):
        _, meant = dice.choice(errors)
        words = meant.partition(": ")[2].split()
        kept = [word for word in words if dice.random() > 0.2] or words
        place = dice.randrange(len(kept))
        kept[0], kept[place] = kept[place], kept[0]
        yield f"{dice.choice(TYPES)}: {' '.join(kept)}", meant


def mendd(errors: list[tuple[str, str]], questions: list[tuple[str, str]]) -> dict[str, float]:
    """Our figures."""
    before, began = _memory_bytes(), perf_counter()
    index, exact = Index(errors), {name: number for number, (name, _) in enumerate(errors)}
    built, used = perf_counter() - began, _memory_bytes() - before
    words = dict(errors)
    gc.freeze()
    figures = _ask(questions, lambda question: [words[name] for name, _ in index.find(question, 5)])
    names = [errors[number * 7919 % len(errors)][0] for number in range(EXACT_QUESTIONS)]
    began = perf_counter()
    for name in names:
        _ = exact[name]
    one_us = (perf_counter() - began) / EXACT_QUESTIONS * 1e6
    text = 'Traceback (most recent call last):\n  File "/srv/a/b.py", line 3, in f\n    return a / b\nValueError: no'
    began = perf_counter()
    for _ in range(100):
        signature.of(text)
    tell(f"  reading a signature from a traceback: {(perf_counter() - began) * 1e4:.0f} µs, not in the lookup")
    return figures | {"built": built, "bytes": used, "exact": one_us}


def sqlite(errors: list[tuple[str, str]], questions: list[tuple[str, str]]) -> dict[str, float]:
    """The peer's figures."""
    before, began = _memory_bytes(), perf_counter()
    database = sqlite3.connect(":memory:")
    database.execute("CREATE TABLE exact (name TEXT PRIMARY KEY, number INTEGER)")
    database.executemany("INSERT INTO exact VALUES (?, ?)", ((name, number) for number, (name, _) in enumerate(errors)))
    database.execute("CREATE VIRTUAL TABLE similar USING fts5 (words)")
    database.executemany("INSERT INTO similar (words) VALUES (?)", ((words,) for _, words in errors))
    built, used = perf_counter() - began, _memory_bytes() - before
    often = Counter(word for _, words in errors for word in re.findall(r"\w+", words))

    def find(question: str) -> list[str]:
        rare = sorted(set(re.findall(r"\w+", question)), key=lambda word: (often[word], word))[:FOUR]
        rows = database.execute(
            "SELECT words FROM similar WHERE similar MATCH ? ORDER BY rank LIMIT 5", (" OR ".join(rare),)
        )
        return [words for (words,) in rows]

    figures = _ask(questions, find)
    names = [errors[number * 7919 % len(errors)][0] for number in range(EXACT_QUESTIONS)]
    began = perf_counter()
    for name in names:
        database.execute("SELECT number FROM exact WHERE name = ?", (name,)).fetchone()
    one_us = (perf_counter() - began) / EXACT_QUESTIONS * 1e6
    return figures | {"built": built, "bytes": used, "exact": one_us}


def _ask(questions: list[tuple[str, str]], find: Callable[[str], list[str]]) -> dict[str, float]:
    took, found = [], 0
    for question, meant in questions:
        began = perf_counter()
        answers = find(question)
        took.append((perf_counter() - began) * 1e3)
        found += bool(answers) and answers[0] == meant
    cuts = quantiles(took, n=100)
    return {"p50": cuts[49], "p99": cuts[98], "found": found / len(questions)}


def _memory_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
