from math import pi

import pytest

from shapes import Circle, Polygon

TRIANGLE = Polygon((0, 0), (3, 0), (3, 4))
SQUARE = Polygon((0, 0), (2, 0), (2, 2), (0, 2))


def test_circle():
    assert Circle(0, 0, 2).area() == 4 * pi
    assert Circle(0, 0, 2).perimeter() == 4 * pi


def test_inside_a_circle():
    assert Circle(1, 1, 1).contains(1, 2)
    assert not Circle(1, 1, 1).contains(2, 2)


def test_sides():
    assert len(TRIANGLE.sides()) == 3


def test_area():
    assert TRIANGLE.area() == 6
    assert SQUARE.area() == 4


def test_direction_does_not_matter():
    assert Polygon((3, 4), (3, 0), (0, 0)).area() == 6


def test_perimeter_of_a_triangle():
    assert TRIANGLE.perimeter() == 12


def test_perimeter_of_a_square():
    assert SQUARE.perimeter() == 8


def test_bounds():
    assert TRIANGLE.bounds() == (0, 0, 3, 4)


def test_two_corners():
    with pytest.raises(ValueError):
        Polygon((0, 0), (1, 1))
