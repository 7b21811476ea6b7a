import pytest

from ballots import Count


@pytest.fixture
def count():
    return Count(["Ann", "Bob", "Cid"])


def filled(count, ballots):
    for ballot in ballots.split():
        count.add(ballot)
    return count


def test_nothing(count):
    assert count.total() == 0
    assert count.winner() is None


def test_nobody_voted_for_cid(count):
    assert filled(count, "Ann Bob").of("Cid") == 0


def test_one_ballot(count):
    assert filled(count, "Ann").of("Ann") == 1


def test_several_ballots(count):
    assert filled(count, "Ann Bob Ann Ann").of("Ann") == 3


def test_total(count):
    assert filled(count, "Ann Bob Cid").total() == 3


def test_spoilt(count):
    assert filled(count, "Ann Zoe").spoilt == 1


def test_spoilt_only(count):
    assert filled(count, "Zoe Zoe").total() == 0


def test_percent(count):
    assert filled(count, "Ann Ann Bob").percent("Ann") == 66.7


def test_no_percent(count):
    assert count.percent("Ann") == 0.0


def test_all_for_one(count):
    assert filled(count, "Ann Ann").percent("Ann") == 100.0


def test_winner(count):
    assert filled(count, "Bob Bob Ann").winner() == "Bob"


def test_half_is_not_enough(count):
    assert filled(count, "Ann Bob").winner() is None


def test_counted_for_one_candidate_only(count):
    assert filled(count, "Ann").of("Bob") == 0
