"""Draws that a seed and nothing else decides, so that a replayed log makes the same choices.

Policy may not roll dice: whoever asks it for a choice gives it a number, and the same number gives the same choice on
every machine and under every version. Nothing here is fit for secrets.
"""

from hashlib import blake2b
from math import cos, log, pi, sqrt

_STEPS = 1 << 53  # of a float between 0 and 1


def seed_of(*parts: str | int) -> int:
    """A seed from what it shall depend on, such as a job and how many runs it had."""
    return int.from_bytes(blake2b("\0".join(map(str, parts)).encode(errors="backslashreplace"), digest_size=8).digest())


class Dice:
    """Numbers from a seed, one after the other."""

    def __init__(self, seed: int) -> None:
        self._seed = (seed % 2**64).to_bytes(8)
        self._drawn = 0

    def uniform(self) -> float:
        """Above 0 and below 1."""
        self._drawn += 1
        drawn = blake2b(self._drawn.to_bytes(8), key=self._seed, digest_size=8).digest()
        return (int.from_bytes(drawn) % _STEPS + 0.5) / _STEPS

    def below(self, most: int) -> int:
        """A whole number from 0 on."""
        return int(self.uniform() * most)

    def normal(self) -> float:
        """Around 0, by Box and Muller."""
        return sqrt(-2.0 * log(self.uniform())) * cos(2.0 * pi * self.uniform())

    def gamma(self, shape: float) -> float:
        """By Marsaglia and Tsang; below 1 by their boost."""
        if shape < 1.0:
            return float(self.gamma(shape + 1.0) * self.uniform() ** (1.0 / shape))
        d = shape - 1.0 / 3.0
        c = 1.0 / sqrt(9.0 * d)
        while True:
            x = self.normal()
            v = (1.0 + c * x) ** 3
            if v > 0.0 and log(self.uniform()) < 0.5 * x * x + d - d * v + d * log(v):
                return float(d * v)

    def beta(self, worked: float, failed: float) -> float:
        """A share that so many successes and failures let one believe in."""
        one, other = self.gamma(worked), self.gamma(failed)
        return one / (one + other) if one + other > 0.0 else 0.5
