"""Evaluates expressions by recursive descent; ^ binds tighter than * and /, these tighter than + and -."""

from lexer import BadExpression, tokens
from operations import calculate

SUMS = ("+", "-")
PRODUCTS = ("*", "/")


class Parser:
    def __init__(self, text):
        self.tokens = tokens(text)
        self.position = 0

    def peek(self):
        return self.tokens[self.position] if self.position < len(self.tokens) else None

    def take(self):
        token = self.peek()
        if token is None:
            raise BadExpression("the expression ends too early")
        self.position += 1
        return token

    def chain(self, signs, operand):
        """Operands with signs between them, from left to right."""
        value = operand()
        while self.peek() in signs:
            sign = self.take()
            value = calculate(sign, operand(), value)
        return value

    def total(self):
        return self.chain(SUMS, self.product)

    def product(self):
        return self.chain(PRODUCTS, self.power)

    def power(self):
        value = self.atom()
        if self.peek() == "^":
            self.take()
            return value ** self.power()
        return value

    def atom(self):
        token = self.take()
        if token == "-":
            return -self.atom()
        if token == "(":
            value = self.total()
            if self.take() != ")":
                raise BadExpression("a bracket is not closed")
            return value
        if isinstance(token, float):
            return token
        raise BadExpression(f"unexpected {token!r}")


def evaluate(text):
    parser = Parser(text)
    value = parser.total()
    if parser.peek() is not None:
        raise BadExpression(f"unexpected {parser.peek()!r}")
    return value
