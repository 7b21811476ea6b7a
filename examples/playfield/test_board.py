import pytest

from board import Board, Occupied


@pytest.fixture
def board():
    return Board(4, 2)


def test_empty(board):
    assert str(board) == "....\n...."


def test_size(board):
    assert len(board.rows) == 2
    assert len(board.rows[0]) == 4


def test_corner(board):
    board.place(0, 0, "x")
    assert str(board) == "x...\n...."


def test_place_and_get(board):
    board.place(1, 1, "x")
    assert board.get(1, 1) == "x"


def test_place_goes_right(board):
    board.place(1, 0, "x")
    assert str(board) == ".x..\n...."


def test_last_field(board):
    board.place(3, 1, "x")
    assert board.get(3, 1) == "x"
    assert str(board) == "....\n...x"


def test_get_sees_what_is_printed(board):
    board.rows[0][1] = "x"
    assert board.get(1, 0) == "x"


def test_occupied(board):
    board.place(1, 1, "x")
    with pytest.raises(Occupied, match="x stands at 1, 1"):
        board.place(1, 1, "o")


def test_occupied_stays(board):
    board.place(0, 0, "x")
    with pytest.raises(Occupied):
        board.place(0, 0, "o")
    assert board.get(0, 0) == "x"


def test_count(board):
    board.place(0, 0, "x")
    board.place(1, 1, "x")
    assert board.count("x") == 2
    assert board.count(".") == 6


@pytest.mark.parametrize(("x", "y", "inside"), [(0, 0, True), (3, 1, True), (4, 0, False), (0, 2, False), (-1, 0, False)])
def test_inside(board, x, y, inside):
    assert board.is_inside(x, y) is inside


def test_neighbours(board):
    assert board.neighbours(1, 0) == [(0, 0), (2, 0), (1, 1)]
