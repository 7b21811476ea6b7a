"""Remembers what a function answered, for a while."""

import functools
import time


def memoize(seconds=None, clock=time.monotonic):
    """A decorator; without `seconds` an answer is kept for ever. Errors are never kept."""

    def decorate(function):
        answers = {}

        @functools.wraps(function)
        def wrapper(*arguments):
            if arguments in answers:
                answer, until = answers[arguments]
                if until is None or clock() < until:
                    wrapper.hits += 1
                    return answer
            return remember(arguments, function(*arguments))

        def remember(arguments, answer):
            until = None if seconds is None else clock() + seconds
            answers[arguments] = (answer, until)

        def forget(*arguments):
            """Forget one answer; without arguments, all of them."""
            if not arguments:
                answers.clear()
                return
            answers.pop(arguments, None)

        wrapper.hits = 0
        wrapper.forget = forget
        wrapper.size = lambda: len(answers)
        return wrapper

    return decorate
