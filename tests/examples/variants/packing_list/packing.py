"""What is packed into a box."""

LIMIT_GRAMS = 20000


class Box:
    def __init__(self, grams):
        self.grams = dict(grams)
        self.packed = {}

    def pack(self, item):
        if item not in self.grams:
            raise KeyError(item)
        self.packed[item] = self.packed.get(item, 1) + 1

    def pieces(self, item):
        return self.packed.get(item, 0)

    def weight(self):
        return sum(count * self.grams[item] for item, count in self.packed.items())

    def is_too_heavy(self):
        return self.weight() > LIMIT_GRAMS
