"""A list of offers."""


class Offers:
    def __init__(self, prices=None):
        self.prices = dict(prices or {})

    def set(self, item, cents):
        self.prices[item] = cents

    def ordered(self):
        """(item, cents), the dearest first; equal prices in alphabetical order."""
        return sorted(self.prices.items(), key=lambda offer: (offer[1], offer[0]))

    def dearest(self, count=1):
        return [item for item, _ in self.ordered()[:count]]

    def below(self, cents):
        return sorted(item for item, price in self.prices.items() if price < cents)
