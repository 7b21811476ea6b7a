import pytest

from jobqueue import JobQueue, run


async def double(number):
    return 2 * number


async def fail(number):
    raise ArithmeticError(number)


@pytest.fixture
def queue():
    return JobQueue()


def test_nothing_to_do(queue):
    assert run(queue) == 0


def test_result(queue):
    queue.add("a", double, 21)
    run(queue)
    assert queue.done == {"a": 42}


def test_several(queue):
    for number in range(5):
        queue.add(str(number), double, number)
    assert run(queue) == 5
    assert sorted(queue.done.values()) == [0, 2, 4, 6, 8]


def test_failure(queue):
    queue.add("bad", fail, 1)
    assert run(queue) == 0
    assert isinstance(queue.failed["bad"], ArithmeticError)


def test_failure_does_not_stop_the_others():
    queue = JobQueue(workers=1)
    queue.add("bad", fail, 1)
    queue.add("good", double, 1)
    run(queue)
    assert queue.done == {"good": 2}


def test_failure_at_the_call(queue):
    queue.add("bad", double)
    run(queue)
    assert list(queue.failed) == ["bad"]


def test_names(queue):
    queue.add("a", double, 1)
    queue.add("b", double, 1)
    assert queue.names() == ["a", "b"]


def test_two_of_one_name(queue):
    queue.add("a", double, 1)
    with pytest.raises(ValueError):
        queue.add("a", double, 1)


def test_nothing_has_run_yet(queue):
    queue.add("a", double, 1)
    assert queue.done == {} and queue.failed == {}


def test_first_come_first_served():
    seen = []
    queue = JobQueue(workers=1)
    for name in "abc":
        queue.add(name, lambda name: seen.append(name) or double(1), name)
    run(queue)
    assert seen == ["a", "b", "c"]


def test_queue_is_empty_afterwards(queue):
    queue.add("a", double)
    run(queue)
    assert queue.names() == []


def test_no_workers():
    with pytest.raises(ValueError):
        JobQueue(workers=0)
