"""A decorator that tries again, with pauses that grow."""

import functools
import time


class GaveUp(Exception):
    """Every attempt failed; the last error is the cause."""

    def __init__(self, attempts):
        super().__init__(f"gave up after {attempts} attempts")
        self.attempts = attempts


def pauses(attempts, first, backoff, longest):
    """The seconds between the attempts: each pause is backoff times the one before, up to the longest."""
    pause = first
    for _ in range(attempts - 1):
        yield min(pause, longest)
        pause = pause + backoff


def retry(attempts=3, on=(Exception,), first=1, backoff=2, longest=60, sleep=time.sleep):
    """Call again while it raises one of `on`."""
    if attempts < 1:
        raise ValueError("at least one attempt")

    def decorate(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            waits = pauses(attempts, first, backoff, longest)
            while True:
                try:
                    return function(*args, **kwargs)
                except on as error:
                    pause = next(waits, None)
                    if pause is None:
                        raise GaveUp(attempts) from error
                    sleep(pause)

        return wrapper

    return decorate
