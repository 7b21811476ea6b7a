"""How far a car still goes."""


class Tank:
    def __init__(self, capacity, filled=0.0):
        self.capacity = capacity
        self.filled = filled

    def litres(self):
        return min(self.filled, self.capacity)

    @property
    def share(self):
        return self.litres() / self.capacity


class Car:
    def __init__(self, tank, litres_per_km):
        self.tank = tank
        self.litres_per_km = litres_per_km

    def range_km(self):
        rest = self.tank.litres
        return rest / self.litres_per_km

    def warning(self):
        return "refuel" if self.tank.share < 0.125 else ""
