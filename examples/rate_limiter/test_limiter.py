import pytest

from limiter import TokenBucket


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def bucket(clock):
    return TokenBucket(3, 2, clock)


def burst(bucket, tries=10):
    return sum(bucket.allow() for _ in range(tries))


def test_a_burst_is_limited(bucket):
    assert burst(bucket) == 3


def test_tokens_trickle_in(bucket, clock):
    burst(bucket)
    clock.now += 1
    assert burst(bucket) == 2


def test_part_of_a_token_is_none(bucket, clock):
    burst(bucket)
    clock.now += 0.25
    assert not bucket.allow()


def test_parts_add_up(bucket, clock):
    burst(bucket)
    clock.now += 0.25
    bucket.allow()
    clock.now += 0.25
    assert bucket.allow()


def test_no_more_than_capacity_after_a_pause(bucket, clock):
    clock.now += 60
    assert burst(bucket) == 3


def test_pause_in_the_middle(bucket, clock):
    bucket.allow()
    clock.now += 60
    assert burst(bucket) == 3


def test_cost(bucket):
    assert bucket.allow(2)
    assert not bucket.allow(2)
    assert bucket.allow(1)


def test_refused_costs_nothing(bucket):
    assert not bucket.allow(4)
    assert bucket.tokens == 3


def test_no_wait(bucket):
    assert bucket.wait_seconds(3) == 0


def test_wait(bucket):
    bucket.allow(3)
    assert bucket.wait_seconds(1) == 0.5


def test_wait_for_ever(bucket):
    with pytest.raises(ValueError):
        bucket.wait_seconds(4)


def test_whole_bucket_at_once(bucket):
    assert bucket.allow(3)


def test_more_than_the_bucket(bucket):
    assert not bucket.allow(3.5)


def test_no_wait_after_a_pause(bucket, clock):
    bucket.allow(3)
    clock.now += 60
    assert bucket.wait_seconds(3) == 0


@pytest.mark.parametrize(("capacity", "rate"), [(0, 1), (1, 0)])
def test_impossible_buckets(capacity, rate):
    with pytest.raises(ValueError):
        TokenBucket(capacity, rate)
