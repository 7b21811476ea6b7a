import pytest

from scoreboard import Scoreboard


@pytest.fixture
def board():
    board = Scoreboard()
    board.record({"Ann": 3, "Bob": 1, "Cid": 2})
    board.record({"Ann": 3, "Bob": 4, "Dora": 5})
    return board


def test_points_add_up(board):
    assert board.points("Ann") == 6


def test_unknown_player(board):
    assert board.points("Zoe") == 0


def test_ranking(board):
    assert board.ranking() == [("Ann", 6), ("Bob", 5), ("Dora", 5), ("Cid", 2)]


def test_top(board):
    assert board.top(2) == ["Ann", "Bob"]


def test_top_of_more_than_there_are(board):
    assert len(board.top(10)) == 4


def test_top_of_none(board):
    assert board.top(0) == []


def test_equal_points_in_alphabetical_order():
    board = Scoreboard()
    board.record({"Cid": 1, "Ann": 1, "Bob": 1})
    assert board.top(3) == ["Ann", "Bob", "Cid"]


def test_places_are_shared(board):
    assert board.places() == {"Ann": 1, "Bob": 2, "Dora": 2, "Cid": 4}


def test_average(board):
    assert board.average("Bob") == 2.5


def test_average_before_the_first_round():
    assert Scoreboard().average("Ann") == 0.0


def test_empty_board():
    assert Scoreboard().ranking() == []


def test_negative_points_go_to_the_end():
    board = Scoreboard()
    board.record({"Ann": -2, "Bob": -2})
    assert board.top(2) == ["Ann", "Bob"]
