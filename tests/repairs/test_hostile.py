"""The quick part of the hostile corpus, in the Docker Engine, and the page that tells of all of it."""

from pathlib import Path

import pytest

from tests.fakes.sandboxes import need
from tests.repairs import hostile
from tests.repairs.siege import besieged, page

PAGE = Path(__file__).parents[2] / "docs" / "hostile.md"


@pytest.mark.campaign
def test_nothing_hostile_gets_through_or_leaves_anything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every refusal before the gates, and one attack of each kind at them; the rest is a campaign."""
    need("docker")
    monkeypatch.setenv(hostile.VARIABLE, hostile.SECRET)
    quick = [row for row in (*hostile.FORGED, *hostile.STOLEN, *hostile.EXHAUSTING) if row.is_quick]
    repositories = [row for row in hostile.REPOSITORIES if row.is_quick]
    assert besieged(tmp_path, "docker", [[*quick, *hostile.REFUSED]], repositories) == []


def test_the_page_tells_of_the_whole_corpus() -> None:
    """Run `python -m tests.repairs.siege` to write it anew."""
    assert PAGE.read_text() == page()


def test_the_corpus_is_as_large_as_it_says() -> None:
    names = [row.name for row in hostile.ANSWERS] + [row.name for row in hostile.REPOSITORIES]
    assert len(names) == len(set(names)) > 100
