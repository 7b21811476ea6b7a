"""Which run is claimed next: priority first, then first runs before further ones, then who waits longest for a turn."""

from daemon.views.queue import Queue

LONGEST_SLEEP_S = 60.0  # who sleeps does not see that the machine was suspended or its clock set: a run is late by this


def next_run(queue: Queue) -> str | None:
    """The run that a free worker claims, if any stands ready and none is held back."""
    return queue.ready[0][2] if queue.ready and not queue.held else None


def sleep_s(queue: Queue, now: float) -> float | None:
    """How long nobody has to look for delayed runs whose time has come; for ever while none is delayed."""
    return min(LONGEST_SLEEP_S, max(0.0, queue.later[0][0] - now)) if queue.later else None


def due(queue: Queue, now: float) -> list[str]:
    """The delayed runs whose time has come, the longest due first."""
    found: set[tuple[float, str]] = set()
    places = [0]  # a walk down the heap, which ends wherever an entry is not due yet
    while places:
        place = places.pop()
        if place < len(queue.later) and queue.later[place][0] <= now:
            if queue.is_delayed(queue.later[place]):
                found.add(queue.later[place])
            places += [2 * place + 1, 2 * place + 2]
    return [run for _, run in sorted(found)]
