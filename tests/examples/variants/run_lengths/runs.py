"""Run-length coding of text."""


def encode(text):
    """(character, how often in a row) for every run."""
    runs = []
    last = None
    length = 0
    for character in text:
        if last is not None and character != last:
            runs.append((last, length))
        last = character
        length += 1
    if length:
        runs.append((last, length))
    return runs


def decode(runs):
    return "".join(character * length for character, length in runs)


def longest(text):
    """The longest run, the first of equals; None for no text."""
    return max(encode(text), key=lambda run: run[1], default=None)
