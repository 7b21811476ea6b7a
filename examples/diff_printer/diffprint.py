"""Prints what changed in a text, line by line, with some lines around each change."""


def changed_lines(before, after):
    """The numbers (from 0) of the lines that differ."""
    longest = max(len(before), len(after))
    return [
        number
        for number in range(longest)
        if number >= len(before) or number >= len(after) or before[number] != after[number]
    ]


def around(lines, number, context):
    """A line with up to `context` lines before and behind it."""
    start = max(0, number - context)
    return lines[start : number + context]


def marked(before, after):
    """All lines, with "- " and "+ " in front of those that changed."""
    changed = set(changed_lines(before, after))
    for number in range(max(len(before), len(after))):
        if number not in changed:
            yield "  " + before[number]
            continue
        if number < len(before):
            yield "- " + before[number]
        if number < len(after):
            yield "+ " + after[number]


def summary(before, after):
    count = len(changed_lines(before, after))
    return "no change" if count == 0 else f"{count} line{'' if count == 1 else 's'} changed"
