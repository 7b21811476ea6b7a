"""Wraps plain text to a width, word by word."""


def wrap(text, width):
    """The lines of a paragraph, none wider than width unless a single word is."""
    if width < 1:
        raise ValueError("the width is at least 1")
    lines = []
    words = []
    used = 0
    for word in text.split():
        needed = len(word) if not words else len(word) + 1
        if words and used + needed > width:
            lines.append(" ".join(words))
            words = []
            needed = len(word)
        words.append(word)
        used += needed
    if words:
        lines.append(" ".join(words))
    return lines


def fill(text, width):
    """All paragraphs of a text, wrapped; an empty line stands between two."""
    paragraphs = [part for part in text.split("\n\n") if part.strip()]
    return "\n\n".join("\n".join(wrap(part, width)) for part in paragraphs)


def indent(text, prefix):
    """Put a prefix in front of every line that is not empty."""
    return "\n".join(prefix + line if line else line for line in text.split("\n"))
