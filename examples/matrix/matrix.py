"""Small matrices of numbers."""


class Matrix:
    def __init__(self, rows):
        self.rows = rows
        if len({len(row) for row in rows}) > 1:
            raise ValueError("all rows are of the same length")

    @classmethod
    def zeros(cls, height, width):
        return cls([[0] * width] * height)

    @classmethod
    def identity(cls, size):
        return cls([[int(row == column) for column in range(size)] for row in range(size)])

    @property
    def height(self):
        return len(self.rows)

    @property
    def width(self):
        return len(self.rows[0]) if self.rows else 0

    def __eq__(self, other):
        return self.rows == other.rows

    __hash__ = None

    def get(self, row, column):
        return self.rows[row][column]

    def set(self, row, column, value):
        self.rows[row][column] = value

    def transposed(self):
        result = Matrix.zeros(self.width, self.height)
        for row in range(self.height):
            for column in range(self.width):
                result.set(column, row, self.get(row, column))
        return result

    def __add__(self, other):
        return Matrix([[a + b for a, b in zip(mine, theirs)] for mine, theirs in zip(self.rows, other.rows)])

    def __matmul__(self, other):
        if self.width != other.height:
            raise ValueError(f"{self.width} columns do not meet {other.height} rows")
        columns = list(zip(*other.rows))
        return Matrix([[sum(a * b for a, b in zip(row, column)) for column in columns] for row in self.rows])
