"""Parts of a log to look at."""


def tail(lines, count):
    """The last lines."""
    return lines[max(0, len(lines) - count) :]


def window(lines, place, radius):
    """A line and its neighbours, up to `radius` on each side."""
    first = max(0, place - radius)
    return lines[first : place + radius]


def matching(lines, word, radius=0):
    """The windows around all lines with a word in them."""
    return [window(lines, place, radius) for place, line in enumerate(lines) if word in line]
