"""A board for games: columns (x) from left to right, rows (y) from top to bottom."""

EMPTY = "."


class Occupied(Exception):
    """Something stands there already."""


class Board:
    def __init__(self, width, height):
        self.width = width
        self.height = height
        self.rows = [[EMPTY] * width for _ in range(height)]

    def is_inside(self, x, y):
        return 0 <= x < self.width and 0 <= y < self.height

    def get(self, x, y):
        return self.rows[x][y]

    def place(self, x, y, piece):
        if self.get(x, y) != EMPTY:
            raise Occupied(f"{self.get(x, y)} stands at {x}, {y}")
        self.rows[x][y] = piece

    def neighbours(self, x, y):
        """The fields beside a field, without the diagonal ones."""
        beside = [(x, y - 1), (x - 1, y), (x + 1, y), (x, y + 1)]
        return [place for place in beside if self.is_inside(*place)]

    def count(self, piece):
        return sum(row.count(piece) for row in self.rows)

    def __str__(self):
        return "\n".join("".join(row) for row in self.rows)
