"""A warehouse: shelves of named goods with their weight in kilograms."""


class Full(Exception):
    """There is no room for more."""


class Warehouse:
    def __init__(self, goods=[], limit_kg=1000):
        self.goods = goods
        self.limit_kg = limit_kg

    def weight_kg(self):
        return sum(weight for _, weight in self.goods)

    def store(self, name, weight_kg):
        """Put something in."""
        if weight_kg <= 0:
            raise ValueError("goods weigh something")
        if self.weight_kg() + weight_kg > self.limit_kg:
            raise Full(f"{name} is too heavy by {self.weight_kg() + weight_kg - self.limit_kg} kg")
        self.goods.append((name, weight_kg))

    def take(self, name):
        """Take one piece out, the one that was stored first; return its weight."""
        for place, (stored, weight) in enumerate(self.goods):
            if stored == name:
                del self.goods[place]
                return weight
        raise KeyError(name)

    def count(self, name):
        return sum(stored == name for stored, _ in self.goods)

    def heaviest(self):
        """The name of the heaviest piece, or None."""
        if not self.goods:
            return None
        return max(self.goods, key=lambda piece: piece[1])[0]
