"""The twenty rungs: no two alike, bounded as the evidence asks, and told in the documents as they are."""

from pathlib import Path
from typing import get_args

import pytest

from daemon.__main__ import main
from daemon.policy.ladder import BASE, LADDER, from_rung, model_of, rung_of, table
from daemon.rungs import AIDS, FOCUSES, PASTS, Aid, Focus, Level, Past, Rung
from daemon.words import read_words

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "ladder.md"
MODELS = ("small:7b", "large:32b", "anthropic/haiku", "openai/big")


def test_no_two_rungs_are_the_same_row() -> None:
    rows = {
        (r.focus, r.shown_files, r.edits, r.sampling, r.reach, r.past, r.learned, r.aid, r.proposers) for r in LADDER
    }
    assert len(rows) == 20


def test_there_are_four_levels_of_five() -> None:
    assert [rung.level for rung in LADDER] == [level for level in get_args(Level) for _ in range(5)]


@pytest.mark.parametrize("rung", LADDER[:5], ids=lambda rung: rung.id)
def test_a_conservative_rung_changes_twenty_lines_of_one_file_at_most(rung: Rung) -> None:
    assert (rung.edits.files, rung.edits.lines <= 20) == (1, True)


def test_only_the_nuclear_level_is_answered_by_hosted_models() -> None:
    assert {rung.level for rung in LADDER if rung.reach == "hosted"} == {"Nuclear"}


@pytest.mark.parametrize(
    ("name", "rung"),
    [
        ("A2", "A2"),
        ("L1v1", "C1"),
        ("L3v2", "A2"),
        ("L4v5", "N5"),
        ("", ""),
        ("L5v1", None),
        ("a2", None),
        ("L1v12", None),
    ],
)
def test_a_rung_is_known_by_its_id_and_by_level_and_variant(name: str, rung: str | None) -> None:
    found = rung_of(name)
    assert (found.id if found else None) == rung


def test_the_ladder_is_climbed_from_either_name() -> None:
    assert from_rung("L4v4") == from_rung("N4") == LADDER[-2:]
    assert from_rung("nobody") == from_rung("") == LADDER


@pytest.mark.parametrize(
    ("models", "reached"),
    [
        (MODELS, ["small:7b", "large:32b", "openai/big"]),
        (MODELS[:2], ["small:7b", "large:32b", "large:32b"]),
        (MODELS[:1], ["small:7b"] * 3),
        (MODELS[2:3], ["anthropic/haiku"] * 3),
    ],
)
def test_how_high_a_rung_reaches_depends_on_what_there_is(models: tuple[str, ...], reached: list[str]) -> None:
    assert [model_of(reach, models) for reach in ("smallest", "largest local", "hosted")] == reached


def test_each_attempt_has_its_proposer() -> None:
    assert [LADDER[0].proposer(attempt) for attempt in (1, 2, 3, 4)] == ["learned", "templates", "model", "model"]
    assert BASE.proposer(6) == "model"


def test_every_value_has_its_words() -> None:
    assert (set(FOCUSES), set(PASTS), set(AIDS)) == (set(get_args(Focus)), set(get_args(Past)), set(get_args(Aid)))


def test_the_document_shows_the_table_as_it_is() -> None:
    """To bring it up to date: the table is what `python -m daemon prompts` prints first."""
    told = DOCUMENT.read_text().partition("<!-- table: begin -->")[2].partition("<!-- table: end -->")[0]
    assert told.strip() == table()


def test_the_verb_prints_the_table_and_every_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompts"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(table())
    words = read_words().templates
    assert all(words[f"variants/{rung.id}"].strip() in told for rung in LADDER)


def test_the_verb_prints_one_rung_by_either_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prompts", "--rung", "L2v2"]) == 0
    told = capsys.readouterr().out
    assert read_words().templates["variants/M2"].strip() in told
    assert read_words().templates["variants/M3"].strip() not in told
    assert main(["prompts", "--rung", "Z1"]) == 2
    assert "C1" in capsys.readouterr().err
