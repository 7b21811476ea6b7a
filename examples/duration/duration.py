"""Durations: seconds -> "1 h 30 min" and back."""

UNITS = [("d", 8640), ("h", 3600), ("min", 60), ("s", 1)]


def human(seconds):
    """The duration in the largest units that fit."""
    if seconds < 0:
        return "-" + human(-seconds)
    parts = []
    for unit, size in UNITS:
        count, seconds = divmod(seconds, size)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0 s"


def parse(text):
    """The seconds of what human() writes."""
    sizes = dict(UNITS)
    words = text.split()
    if not words or len(words) % 2:
        raise ValueError(f"no duration: {text!r}")
    total = 0
    for count, unit in zip(words[::2], words[1::2]):
        if unit not in sizes:
            raise ValueError(f"no unit: {unit!r}")
        total += int(count) * sizes[unit]
    return total


def clock(seconds):
    """As on a stop watch: 1:01:05, or 1:05 below an hour."""
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02}:{seconds:02}"
    return f"{minutes}:{seconds:02}"
