"""What the signs mean."""

import operator

MEANING = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def calculate(sign, left, right):
    return MEANING[sign](left, right)
