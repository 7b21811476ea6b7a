"""An amount of money in whole cents of one currency; amounts of different currencies do not mix."""

from functools import total_ordering


class CurrencyMismatch(TypeError):
    """Two currencies in one calculation."""


@total_ordering
class Money:
    def __init__(self, cents, currency):
        self.cents = cents
        self.currency = currency

    @classmethod
    def parse(cls, text):
        """Such as "12.50 EUR"."""
        amount, currency = text.split()
        whole, _, cents = amount.partition(".")
        return cls(int(whole) * 100 + int(cents.ljust(2, "0") or 0), currency)

    def __repr__(self):
        return f"Money({self.cents!r}, {self.currency!r})"

    def __str__(self):
        return f"{self.cents // 100}.{self.cents % 100:02} {self.currency}"

    def __eq__(self, other):
        return isinstance(other, Money) and (self.cents, self.currency) == (other.cents, other.currency)

    def __hash__(self):
        return hash((self.cents, self.currency))

    def __lt__(self, other):
        return self.cents < self._same(other).cents

    def __add__(self, other):
        return Money(self.cents + self._same(other).cents, self.currency)

    def __sub__(self, other):
        return Money(self.cents - self._same(other).cents, self.currency)

    def __mul__(self, times):
        return Money(self.cents * times, self.currency)

    def _same(self, other):
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self.currency} and {other.currency}")
        return other

    def split(self, parts):
        """Equal shares; the first ones get the cents that are left over."""
        if parts < 1:
            raise ValueError("at least one part")
        share = self.cents / parts
        left_over = self.cents % parts
        return [Money(share + (number < left_over), self.currency) for number in range(parts)]
