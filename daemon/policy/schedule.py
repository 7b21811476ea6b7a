"""Which run is claimed next: priority first, then first runs before further ones, then who waits longest for a turn."""

from daemon.views.queue import Queue


def next_run(queue: Queue) -> str | None:
    """The run that a free worker claims, if any stands ready and none is held back."""
    return queue.ready[0][2] if queue.ready and not queue.held else None


def next_due_at(queue: Queue) -> float | None:
    """When the next delayed run may stand in line, if any is delayed."""
    return queue.later[0][0] if queue.later else None


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
