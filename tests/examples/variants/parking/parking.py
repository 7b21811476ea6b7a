"""A car park that charges by the hour."""

CENTS_PER_HOUR = 150
DAY_CENTS = 1500


class Stay:
    def __init__(self, plate, hour):
        self.plate = plate
        self.since = hour


class CarPark:
    def __init__(self, places):
        self.places = places
        self.stays = {}

    def enter(self, plate, hour):
        if len(self.stays) == self.places:
            raise OverflowError("the car park is full")
        self.stays[plate] = Stay(plate, hour)

    def leave(self, plate, hour):
        """What it costs; an hour that has begun counts, a day has its own price."""
        stay = self.stays.pop(plate)
        hours = max(1, hour - stay.since_hour)
        return min(hours * CENTS_PER_HOUR, DAY_CENTS)

    def longest(self):
        """The plate of who has been here the longest, or None."""
        stay = min(self.stays.values(), key=lambda each: each.since, default=None)
        return stay and stay.plate
