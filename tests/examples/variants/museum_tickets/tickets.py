"""Prices of museum tickets, in cents."""

FULL_CENTS = 1200
REDUCED_CENTS = 700
FREE_BELOW_AGE = 6
REDUCED_FROM_AGE = 65


def price(age, is_student=False):
    """Small children go in for nothing; students and older visitors pay less."""
    if age < 0:
        raise ValueError("an age is not negative")
    if age < FREE_BELOW_AGE:
        return 0
    if is_student or age > REDUCED_FROM_AGE:
        return REDUCED_CENTS
    return FULL_CENTS


def group_price(ages):
    """What a group pays; of ten visitors one goes in for nothing, the cheapest."""
    prices = sorted(price(age) for age in ages)
    return sum(prices[len(prices) // 10 :])
