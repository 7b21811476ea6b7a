import pytest

from retrying import GaveUp, pauses, retry


class Flaky:
    """Fails so many times, then answers."""

    def __init__(self, failures, error=OSError):
        self.failures = failures
        self.error = error
        self.calls = 0

    def __call__(self, answer="ok"):
        self.calls += 1
        if self.calls <= self.failures:
            raise self.error("not yet")
        return answer


@pytest.fixture
def slept():
    return []


def wrapped(function, slept, **options):
    @retry(sleep=slept.append, **options)
    def call(*args, **kwargs):
        """Calls."""
        return function(*args, **kwargs)

    return call


def test_success_at_once(slept):
    assert wrapped(Flaky(0), slept)() == "ok"
    assert slept == []


def test_arguments_go_through(slept):
    assert wrapped(Flaky(1), slept)(answer=5) == 5


def test_success_at_the_second_attempt(slept):
    flaky = Flaky(1)
    assert wrapped(flaky, slept)() == "ok"
    assert flaky.calls == 2
    assert slept == [1]


def test_gives_up(slept):
    flaky = Flaky(9)
    with pytest.raises(GaveUp) as caught:
        wrapped(flaky, slept, attempts=2)()
    assert flaky.calls == 2
    assert caught.value.attempts == 2
    assert isinstance(caught.value.__cause__, OSError)


def test_one_attempt_never_sleeps(slept):
    with pytest.raises(GaveUp):
        wrapped(Flaky(1), slept, attempts=1)()
    assert slept == []


def test_other_errors_are_raised_at_once(slept):
    flaky = Flaky(1, KeyError)
    with pytest.raises(KeyError):
        wrapped(flaky, slept, on=(OSError,))()
    assert flaky.calls == 1


def test_pauses_grow():
    assert list(pauses(4, 1, 3, 60)) == [1, 3, 9]


def test_pauses_double_from_the_first():
    assert list(pauses(4, 5, 2, 60)) == [5, 10, 20]


def test_pauses_stop_at_the_longest():
    assert list(pauses(5, 10, 10, 60)) == [10, 60, 60, 60]


def test_constant_pauses():
    assert list(pauses(3, 2, 1, 60)) == [2, 2]


def test_the_name_is_kept(slept):
    assert wrapped(Flaky(0), slept).__doc__ == "Calls."


def test_no_attempt():
    with pytest.raises(ValueError):
        retry(attempts=0)


def test_pauses_begin_anew_with_every_call(slept):
    flaky = Flaky(1)
    call = wrapped(flaky, slept)
    call()
    flaky.calls = 0
    call()
    assert slept == [1, 1]
