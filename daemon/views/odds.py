"""What counts say: how often something works at the least, and how far apart two shares may be.

A share of few tries says little, so nothing is ranked or claimed by a bare share. Views and policy count with these.
"""

from math import sqrt

DISPLAY_Z = 1.28  # a one-sided 90 %: what is shown to a person or a model
CLAIM_Z = 1.96  # a two-sided 95 %: what is claimed


def interval(worked: float, tried: float, z: float) -> tuple[float, float]:
    """Wilson's interval of a share; its upper end is what the share of the others leaves at the least."""
    return _least(worked, tried, z), 1.0 - _least(tried - worked, tried, z)


def _least(worked: float, tried: float, z: float) -> float:
    if worked <= 0:
        return 0.0
    square = z * z
    return (worked + square / 2 - z * sqrt(worked * (tried - worked) / tried + square / 4)) / (tried + square)


def at_least(worked: float, tried: float) -> float:
    """How often it works at the least, for all that is known; 0 of what was never tried."""
    return _least(worked, tried, DISPLAY_Z)


def at_most(worked: float, tried: float) -> float:
    """How often it works at the most; 1 of what was never tried."""
    return 1.0 - _least(tried - worked, tried, DISPLAY_Z)


def difference(worked: int, tried: int, worked_without: int, tried_without: int) -> tuple[float, float, float] | None:
    """How much larger the first share is, from at least to at most (Newcombe's interval); None without both."""
    if not tried or not tried_without:
        return None
    one, other = worked / tried, worked_without / tried_without
    (low, high), (low_, high_) = interval(worked, tried, CLAIM_Z), interval(worked_without, tried_without, CLAIM_Z)
    apart = one - other
    return (
        apart,
        apart - sqrt((one - low) ** 2 + (high_ - other) ** 2),
        apart + sqrt((high - one) ** 2 + (other - low_) ** 2),
    )
