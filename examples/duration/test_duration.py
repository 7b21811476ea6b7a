import pytest

from duration import clock, human, parse


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "1 h"), (5400, "1 h 30 min"), (-90, "-1 min 30 s")],
)
def test_human(seconds, text):
    assert human(seconds) == text


def test_a_day():
    assert human(86400) == "1 d"


def test_almost_a_day():
    assert human(86399) == "23 h 59 min 59 s"


def test_days_and_hours():
    assert human(2 * 86400 + 7200) == "2 d 2 h"


def test_parse():
    assert parse("1 h 30 min") == 5400


def test_parse_days():
    assert parse("3 d") == 259200


@pytest.mark.parametrize("text", ["", "5", "5 years", "h 1"])
def test_no_duration(text):
    with pytest.raises(ValueError):
        parse(text)


@pytest.mark.parametrize(("seconds", "text"), [(5, "0:05"), (65, "1:05"), (3665, "1:01:05"), (90000, "25:00:00")])
def test_clock(seconds, text):
    assert clock(seconds) == text


@pytest.mark.parametrize("seconds", [1, 61, 3601, 80000])
def test_there_and_back(seconds):
    assert parse(human(seconds)) == seconds
