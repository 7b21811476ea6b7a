"""The scores of a tournament."""


class Scoreboard:
    def __init__(self):
        self._points = {}
        self._rounds = 0

    def record(self, results):
        """Add the points of a round: name -> points."""
        self._rounds += 1
        for name, points in results.items():
            self._points[name] = self._points.get(name, 0) + points

    def points(self, name):
        return self._points.get(name, 0)

    def ranking(self):
        """(name, points), best first; equal points in alphabetical order."""
        return sorted(self._points.items(), key=lambda entry: (entry[1], entry[0]))

    def top(self, count):
        return [name for name, _ in self.ranking()[:count]]

    def places(self):
        """Name -> place; equal points share a place, and the next place is left out."""
        places = {}
        for place, (name, points) in enumerate(self.ranking(), start=1):
            shared = [other for other in places if self._points[other] == points]
            places[name] = places[shared[0]] if shared else place
        return places

    def average(self, name):
        """Points a round."""
        if self._rounds == 0:
            return 0.0
        return self.points(name) / self._rounds
