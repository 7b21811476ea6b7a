"""A progress bar for the terminal."""

WIDTH = 10


def bar(done, total, width=WIDTH):
    """Such as [###.......]: full only when all is done."""
    if total <= 0:
        raise ValueError("nothing to do is no progress")
    filled = width * done / total
    return "[" + "#" * filled + "." * (width - filled) + "]"


def percent(done, total):
    """Rounded down, so that 100 means done."""
    return f"{int(100 * done / total)} %"


def eta_seconds(done, total, elapsed):
    """How long it will still take, or None before there is anything to go by."""
    if done == 0:
        return None
    return elapsed / done * (total - done)
