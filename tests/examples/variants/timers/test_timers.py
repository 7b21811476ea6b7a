"""Tests of the timers."""

import pytest

from timers import Timers


@pytest.fixture
def timers():
    return Timers()


@pytest.fixture
def seen():
    return []


def test_no_timer(timers):
    assert timers.tick() == 0


def test_every_tick(timers, seen):
    timers.every(1, lambda: seen.append(timers.now))
    timers.tick()
    timers.tick()
    assert seen == [1, 2]


def test_every_other_tick(timers, seen):
    timers.every(2, lambda: seen.append(timers.now))
    for _ in range(4):
        timers.tick()
    assert seen == [2, 4]


def test_cancelled(timers, seen):
    timers.every(1, lambda: seen.append(1))()
    assert timers.tick() == 0
    assert len(timers) == 0


def test_cancelled_twice(timers):
    cancel = timers.every(1, print)
    cancel()
    cancel()
    assert len(timers) == 0


def test_one_that_cancels_itself(timers, seen):
    cancel = timers.every(1, lambda: (seen.append("a"), cancel()))
    timers.every(1, lambda: seen.append("b"))
    assert timers.tick() == 2
    assert seen == ["a", "b"]


def test_two_that_cancel_themselves(timers):
    first = timers.every(1, lambda: first())
    second = timers.every(1, lambda: second())
    timers.tick()
    assert len(timers) == 0


def test_order(timers, seen):
    timers.every(1, lambda: seen.append("a"))
    timers.every(1, lambda: seen.append("b"))
    timers.tick()
    assert seen == ["a", "b"]
