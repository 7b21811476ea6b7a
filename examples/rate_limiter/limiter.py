"""A token bucket: so many at once, and so many a second. The clock comes from outside."""

import time


class TokenBucket:
    def __init__(self, capacity, per_second, clock=time.monotonic):
        if capacity <= 0 or per_second <= 0:
            raise ValueError("capacity and rate are above zero")
        self.capacity = capacity
        self.per_second = per_second
        self.clock = clock
        self.tokens = capacity
        self.filled_at = clock()

    def refill(self):
        """Add what has trickled in since the last time."""
        now = self.clock()
        trickled = (now - self.filled_at) * self.per_second
        self.tokens = max(self.capacity, self.tokens + trickled)
        self.filled_at = now

    def allow(self, cost=1):
        """Whether this may happen now; if so, it is paid for."""
        self.refill()
        if cost > self.tokens:
            return False
        self.tokens -= cost
        return True

    def wait_seconds(self, cost=1):
        """How long until it would be allowed."""
        if cost > self.capacity:
            raise ValueError("this will never be allowed")
        self.refill()
        return max(0, cost - self.tokens) / self.per_second
