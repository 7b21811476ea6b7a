"""A dependency is let through for a reason, and what is refused is told with what to write instead."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.text.dependencies import WELL_KNOWN, declared, lookalike, name_of, normalised, unplanned, wanting


def refused(line: str, *planned: str) -> str:
    accepted, [objection] = unplanned([line], planned)
    assert accepted == []
    return objection.message


@pytest.mark.parametrize("name", ["Ruamel.YAML", "ruamel_yaml", "ruamel--yaml"])
def test_names_are_compared_as_indexes_do(name: str) -> None:
    assert normalised(name) == "ruamel-yaml"


@pytest.mark.parametrize("line", ['Rich[all] >=13; python_version > "3"', "rich", "rich==13.*", "rich (>=13)"])
def test_a_requirement_has_a_name(line: str) -> None:
    assert name_of(line) == "rich"


@pytest.mark.parametrize(
    ("typo", "meant"),
    [
        ("reqeusts", "requests"),
        ("request", "requests"),
        ("numpyy", "numpy"),
        ("djago", "django"),
        ("pydanticc", "pydantic"),
    ],
)
def test_a_lookalike_of_a_well_known_name_is_refused(typo: str, meant: str) -> None:
    assert lookalike(typo) == meant
    assert f"Write {meant}" in refused(typo)
    [objection] = wanting([f"{typo}>=1"])
    assert meant in objection.message


def test_a_person_may_name_what_looks_like_another() -> None:
    assert wanting(["request"], trusted=["Request==1.0"]) == []


def test_a_lookalike_of_what_is_planned_is_refused() -> None:
    assert "looks like frobnicator" in refused("frobnicater", "frobnicator>=2")


def test_what_is_neither_planned_nor_well_known_is_refused() -> None:
    assert "not in the plan" in refused("frobnicator")
    assert unplanned(["frobnicator", "rich>=13"], ["frobnicator"]) == (["frobnicator", "rich>=13"], [])


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--index-url https://evil.example/simple", "is an option"),
        ("--extra-index-url=https://evil.example/simple", "is an option"),
        ("-e .", "is an option"),
        ("-r ../../etc/passwd", "is an option"),
        ("rich @ https://evil.example/rich.whl", "is a place"),
        ("git+https://evil.example/rich", "is a place"),
        ("./rich.whl", "is a place"),
        ("rich; import os", "rich"),
        ("ri ch", "cannot be read"),
        ("json", "part of Python"),
        ("yaml", "write pyyaml"),
        ("PIL", "write pillow"),
    ],
)
def test_what_is_no_name_is_refused_and_told(line: str, words: str) -> None:
    accepted, objections = unplanned([line], [])
    assert words in (objections[0].message if objections else accepted[0])


def test_too_many_are_refused_at_once() -> None:
    many = [f"package{number}" for number in range(50_000)]
    assert "at most 60" in unplanned(many, [])[1][0].message
    assert "at most 60" in wanting(many)[0].message


def test_what_the_files_want_is_read_from_their_usual_places() -> None:
    files = {
        "requirements.txt": "# ours\nrich>=13  # for tables\nhttpx \\\n  --hash=sha256:00\n\n",
        "requirements-dev.txt": "pytest\n",
        "docs/requirements.txt": "sphinx\n",
        "pyproject.toml": '[project]\ndependencies = ["rich>=13", "click"]\noptional-dependencies.test = ["tox"]\n',
    }
    assert declared(files) == ["pytest", "rich>=13", "httpx", "click", "tox"]


@pytest.mark.parametrize(
    "text", ["[project", "project = 1", 'project = {dependencies = "rich"}', "[project]\ndependencies = [1]"]
)
def test_a_strange_pyproject_wants_nothing(text: str) -> None:
    assert declared({"pyproject.toml": text}) == []


def test_the_well_known_are_normal_and_not_lookalikes_of_each_other() -> None:
    assert {normalised(name) for name in WELL_KNOWN} == WELL_KNOWN
    assert [name for name in WELL_KNOWN if lookalike(name)] == []


@given(st.text(max_size=60))
def test_any_line_is_accepted_or_told(line: str) -> None:
    accepted, objections = unplanned([line], [])
    assert all(name_of(one) in WELL_KNOWN for one in accepted)
    assert all(one.message for one in objections)
