"""A metro network: which stations can be reached, and over how many stops."""

from collections import deque


class Network:
    def __init__(self):
        self._neighbours = {}

    def line(self, *stations):
        """Add a line; trains go both ways."""
        for here, there in zip(stations, stations[1:]):
            self._neighbours.setdefault(here, []).append(there)
            self._neighbours.setdefault(there, []).append(here)

    def stops(self, start, closed=()):
        """Station -> number of stops from the start, for all that can be reached through open stations."""
        if start not in self._neighbours:
            raise KeyError(start)
        distance = {start: 0}
        waiting = deque([start])
        while waiting:
            here = waiting.popleft()
            for there in self._neighbours[here]:
                if there not in distance:
                    distance[there] = distance[here] + 1
                    waiting.append(there)
        return distance

    def reachable(self, start, closed=()):
        return sorted(self.stops(start, closed))

    def distance(self, start, end, closed=()):
        """The number of stops, or None where no train goes."""
        return self.stops(start, closed).get(end)
