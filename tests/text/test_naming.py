"""A title becomes a safe and unique name, whatever stands in it."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.text.naming import NAME_CHARACTERS, RESERVED, project_name


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("Word counter", "word_counter"),
        ("con", "project_con"),
        ("CON/../../x", "con_x"),
        ("../", "project"),
        ("../../etc/passwd", "etc_passwd"),
        ("Zähler für Wörter", "zahler_fur_worter"),
        ("Größe", "grosse"),
        ("Счётчик", "project"),
        ("", "project"),
        ("\x00\u202e\n", "project"),
        ("json", "project_json"),
        ("this", "project_this"),
        ("class", "project_class"),
        ("pytest", "project_pytest"),
        ("2048", "project_2048"),
        ("-rf --no-preserve-root", "rf_no_preserve_root"),
        ("a" * 500, "a" * NAME_CHARACTERS),
    ],
)
def test_a_title_becomes_a_safe_name(title: str, name: str) -> None:
    assert project_name(title) == name


def test_a_taken_name_gets_a_number_whatever_its_case() -> None:
    assert project_name("Word counter", {"Word_Counter"}) == "word_counter_2"
    assert project_name("Word counter", {"word_counter", "word_counter_2"}) == "word_counter_3"
    assert project_name("b" * 500, {"b" * NAME_CHARACTERS}) == "b" * NAME_CHARACTERS + "_2"


@given(st.text(max_size=80), st.sets(st.sampled_from(["project", "a", "project_2"])))
def test_every_name_is_an_importable_package_and_free(title: str, taken: set[str]) -> None:
    name = project_name(title, taken)
    assert name.isidentifier()
    assert name.isascii()
    assert name == name.lower()
    assert name not in RESERVED | taken | sys.stdlib_module_names
