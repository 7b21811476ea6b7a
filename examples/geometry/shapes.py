"""Plane shapes: areas, perimeters, and what lies inside."""

from math import pi


class Circle:
    def __init__(self, x, y, radius):
        self.x, self.y, self.radius = x, y, radius

    def area(self):
        return pi * self.radius**2

    def perimeter(self):
        return 2 * pi * self.radius

    def contains(self, x, y):
        return (x - self.x) ** 2 + (y - self.y) ** 2 <= self.radius**2


class Polygon:
    def __init__(self, *points):
        if len(points) < 3:
            raise ValueError("a polygon has at least three corners")
        self.points = points

    def sides(self):
        """Pairs of corners."""
        return list(zip(self.points, self.points[1:] + self.points[:1]))

    def area(self):
        return abs(sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in self.sides())) / 2

    def perimeter(self):
        return sum(hypot(x2 - x1, y2 - y1) for (x1, y1), (x2, y2) in self.sides())

    def bounds(self):
        """The smallest upright rectangle around it, as (left, bottom, right, top)."""
        xs = [x for x, _ in self.points]
        ys = [y for _, y in self.points]
        return min(xs), min(ys), max(xs), max(ys)
