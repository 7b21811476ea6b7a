import pytest

from matrix import Matrix


def test_zeros():
    assert Matrix.zeros(2, 3).rows == [[0, 0, 0], [0, 0, 0]]


def test_size():
    matrix = Matrix.zeros(2, 3)
    assert (matrix.height, matrix.width) == (2, 3)


def test_identity():
    assert Matrix.identity(2).rows == [[1, 0], [0, 1]]


def test_set_one_cell():
    matrix = Matrix.zeros(2, 3)
    matrix.set(0, 1, 5)
    assert matrix.rows == [[0, 5, 0], [0, 0, 0]]


def test_set_in_a_given_matrix():
    matrix = Matrix([[1, 2], [3, 4]])
    matrix.set(1, 0, 9)
    assert matrix.rows == [[1, 2], [9, 4]]


def test_transposed():
    assert Matrix([[1, 2, 3], [4, 5, 6]]).transposed() == Matrix([[1, 4], [2, 5], [3, 6]])


def test_transposed_row():
    assert Matrix([[7, 7]]).transposed() == Matrix([[7], [7]])


def test_sum():
    assert Matrix([[1, 2]]) + Matrix([[3, 4]]) == Matrix([[4, 6]])


def test_product():
    assert Matrix([[1, 2], [3, 4]]) @ Matrix([[5], [6]]) == Matrix([[17], [39]])


def test_product_with_identity():
    matrix = Matrix([[1, 2], [3, 4]])
    assert matrix @ Matrix.identity(2) == matrix


def test_product_of_what_does_not_fit():
    with pytest.raises(ValueError):
        Matrix([[1, 2]]) @ Matrix([[1, 2]])


def test_ragged_rows():
    with pytest.raises(ValueError):
        Matrix([[1, 2], [3]])


def test_rows_are_independent():
    matrix = Matrix.zeros(3, 3)
    for place in range(3):
        matrix.set(place, place, 1)
    assert matrix == Matrix.identity(3)


def test_empty():
    assert Matrix([]).width == 0
