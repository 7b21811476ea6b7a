"""Points are lost, never gained: fifteen projects in the expected order, and every rule of the table by itself."""

import re
from pathlib import Path

import pytest
from msgspec import structs

from daemon.settings import Settings
from daemon.text.measured import Fault, Measured, Readme, Tests
from daemon.text.score import DECIDES, TABLE, WEIGHTS, document, score
from tests.fakes.projects import PAGES, recorded

HOUSE = Path(__file__).parents[2]
PERFECT = Measured(
    files=2,
    modules=2,
    entry_point="python -m shop",
    acceptance=Tests(passed=3),
    own=Tests(passed=5),
    lines=10,
    lines_reached=10,
    faults=[Fault("shop.py:1", "+ → -", noticed=True)] * 10,
    readme=Readme(exists=True, runs=True, tests=True, installs=True),
)
ORDER = [
    *("good", "terse", "untyped", "calls_home", "lazy", "no_command", "thin", "wrong"),
    *("cannot_fail", "no_tests", "red", "endless", "undeclared", "broken", "lookalike"),
]


def lost(**changes: object) -> dict[str, int]:
    return {finding.criterion: finding.cost for finding in score(structs.replace(PERFECT, **changes)).findings}


@pytest.mark.parametrize("name", PAGES)
def test_a_measured_project_scores_as_its_page_says(name: str) -> None:
    expected = PAGES[name]
    scored = score(recorded(expected))
    assert {finding.criterion: finding.cost for finding in scored.findings} == expected.findings
    assert scored.points == expected.score == 100 - sum(expected.findings.values())


def test_the_fifteen_stand_in_the_expected_order() -> None:
    assert sorted(PAGES, key=lambda name: (-score(recorded(PAGES[name])).points, name)) == ORDER
    passing = Settings().passing_score
    assert [name for name in ORDER if score(recorded(PAGES[name])).points >= passing] == ["good", "terse", "untyped"]


def test_the_table_adds_up_to_a_hundred() -> None:
    assert sum(WEIGHTS.values()) == 100
    assert len(WEIGHTS) == len(TABLE)
    assert score(PERFECT).points == 100
    assert score(Measured()).points == 49  # what nobody asked for costs nothing


def test_what_decides_costs_more_than_may_be_missing() -> None:
    assert 100 - Settings().passing_score < DECIDES


@pytest.mark.parametrize(
    ("changes", "costs"),
    [
        ({"files": 0}, {"parses": 11}),
        ({"unparsed": ["a.py:1: no"]}, {"parses": 11}),
        ({"installs": "no such package"}, {"installs": 11}),
        ({"modules": 0}, {"imports": 11}),
        ({"unimported": ["a: no"]}, {"imports": 11}),
        ({"reached": ["a reaches for the network"]}, {"imports": 11}),
        ({"entry_trouble": "it ends with status 1"}, {"entry point": 11}),
        ({"acceptance": None}, {}),
        ({"acceptance": Tests(passed=999, failing=1)}, {"acceptance tests": 12}),
        ({"acceptance": Tests(passed=1, failing=1)}, {"acceptance tests": 16}),
        ({"acceptance": Tests(failing=3)}, {"acceptance tests": 20}),
        ({"acceptance": Tests(trouble="there are none")}, {"acceptance tests": 20}),
        ({"own": Tests(passed=9, failing=1)}, {"own tests": 11, "mutation strength": 8, "coverage": 6}),
        ({"faults": [Fault("a:1", "x", noticed=False)] * 9}, {"own tests": 11, "mutation strength": 8, "coverage": 6}),
        ({"lines_reached": 9}, {}),
        ({"lines_reached": 8}, {"coverage": 1}),
        ({"lines_reached": 0}, {"coverage": 6}),
        ({"faults": [Fault("a:1", "x", noticed=at < 8) for at in range(10)]}, {}),
        ({"faults": [Fault("a:1", "x", noticed=at < 4) for at in range(10)]}, {"mutation strength": 4}),
        ({"lint": ["a.py:1: x"]}, {"lint": 1}),
        ({"lint": ["a.py:1: x"] * 50}, {"lint": 3}),
        ({"types": ["a.py:1: x"] * 2}, {"types": 2}),
        ({"readme": Readme()}, {"README": 4}),
        ({"readme": Readme(exists=True, tests=True, installs=True)}, {"README": 2}),
        ({"readme": Readme(exists=True)}, {"README": 4}),
        ({"unmeasured": {"coverage": "time was up"}}, {"coverage": 6}),
        ({"unmeasured": {"mutation strength": "time was up"}, "faults": []}, {"mutation strength": 8}),
    ],
)
def test_each_rule_costs_what_the_table_says(changes: dict[str, object], costs: dict[str, int]) -> None:
    assert lost(**changes) == costs


def test_a_finding_says_its_cost_and_what_to_mend() -> None:
    [finding] = score(
        structs.replace(PERFECT, unimported=["shop: ModuleNotFoundError: No module named 'click'"])
    ).findings
    assert str(finding) == "-11 imports: shop: ModuleNotFoundError: No module named 'click'"


def test_the_page_shows_the_table() -> None:
    page = (HOUSE / "docs" / "score.md").read_text()
    assert "\n".join(document()) in page
    assert f"**{Settings().passing_score}**" in page
    shown = re.findall(r"^\| `(\w+)` \| (\d+) \|", page, re.MULTILINE)
    assert dict(shown) == {name: str(page.score) for name, page in PAGES.items()}
