from datetime import datetime, timedelta

import pytest

from reminders import UTC, Reminder, due, load, moment, next_one, zone

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def at(hours, text="tea"):
    return Reminder(text, NOON + timedelta(hours=hours))


def test_naive_times_are_utc():
    assert Reminder("tea", datetime(2024, 5, 1, 12)).at == NOON


def test_other_zones_are_kept():
    assert Reminder("tea", datetime(2024, 5, 1, 14, tzinfo=zone(2))).at == NOON


def test_store():
    assert at(0).store() == "1714564800 tea"


@pytest.mark.parametrize(("hours", "text"), [(0, "12:00"), (2, "14:00"), (-5, "07:00"), (5.5, "17:30")])
def test_shown(hours, text):
    assert at(0).shown(hours) == text


def test_due():
    assert [each.text for each in due([at(-1, "b"), at(-2, "a"), at(1, "c")], NOON)] == ["a", "b"]


def test_due_now():
    assert len(due([at(0)], NOON)) == 1


def test_next():
    assert next_one([at(3, "b"), at(2, "a")], NOON).text == "a"


def test_no_next():
    assert next_one([at(-1)], NOON) is None


def test_loaded_text():
    assert load("1714564800 tea at five").text == "tea at five"


def test_loaded_time_can_be_compared():
    assert len(due([load("1714564800 tea")], NOON)) == 1


def test_moment():
    assert moment("1714564800") == NOON


def test_there_and_back():
    assert load(at(1).store()).at == NOON + timedelta(hours=1)


def test_loaded_among_others():
    assert next_one([load("1714568400 tea"), at(2)], NOON).text == "tea"


def test_loaded_is_stored_the_same():
    assert load("1714564800 tea").store() == "1714564800 tea"
