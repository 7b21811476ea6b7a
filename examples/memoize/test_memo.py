import pytest

from memo import memoize


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def calls():
    return []


@pytest.fixture
def square(calls, clock):
    @memoize(seconds=10, clock=clock)
    def square(number):
        """The square."""
        calls.append(number)
        return number * number

    return square


def test_first_answer(square):
    assert square(4) == 16


def test_second_answer(square):
    square(4)
    assert square(4) == 16


def test_called_once(square, calls):
    square(4)
    square(4)
    assert calls == [4]
    assert square.hits == 1


def test_other_arguments(square, calls):
    square(4)
    square(5)
    assert calls == [4, 5]
    assert square.size() == 2


def test_too_old(square, calls, clock):
    square(4)
    clock.now = 10
    square(4)
    assert calls == [4, 4]


def test_answer_after_forgetting(square):
    square(4)
    square.forget()
    assert square(4) == 16


def test_just_young_enough(square, calls, clock):
    square(4)
    clock.now = 9.9
    square(4)
    assert calls == [4]


def test_for_ever():
    keep = memoize()(lambda: "kept")
    keep()
    assert keep() == "kept"
    assert keep.hits == 1


def test_forget_one(square, calls):
    square(4)
    square(5)
    square.forget(4)
    assert square.size() == 1


def test_forget_what_is_unknown(square):
    square.forget(99)
    assert square.size() == 0


def test_errors_are_not_kept():
    @memoize()
    def broken():
        raise OSError

    for _ in range(2):
        with pytest.raises(OSError):
            broken()
    assert broken.size() == 0


def test_none_is_an_answer(calls):
    nothing = memoize()(lambda: calls.append(1))
    nothing()
    assert nothing() is None
    assert calls == [1]


def test_the_name_is_kept(square):
    assert square.__name__ == "square"
