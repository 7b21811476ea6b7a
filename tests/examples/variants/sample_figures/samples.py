"""Figures about a sample."""

from math import floor


def mean(values):
    if not values:
        raise ValueError("nothing in the sample")
    return sum(values) / len(values)


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def deviation(values):
    centre = mean(values)
    return sqrt(mean([(value - centre) ** 2 for value in values]))


def histogram(values, width):
    """Class -> how many values fall into it; a class is named by its lower end."""
    classes = {}
    for value in values:
        lower = floor(value / width) * width
        classes[lower] = classes.get(lower, 0) + 1
    return classes
