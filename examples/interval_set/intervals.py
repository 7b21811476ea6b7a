"""Times at which somebody is busy, as intervals of whole hours, the end excluded."""


class Busy:
    def __init__(self, day_start=0, day_end=24):
        self.day_start = day_start
        self.day_end = day_end
        self._intervals = []

    def add(self, start, end):
        if not start < end:
            raise ValueError("an interval ends after its start")
        self._intervals.append((start, end))

    def merged(self):
        """The intervals in order, those that touch or overlap made one."""
        merged = []
        for start, end in sorted(self._intervals):
            if merged and start <= merged[-1][1]:
                last_start, last_end = merged[-1]
                merged[-1] = (last_start, end)
            else:
                merged.append((start, end))
        return merged

    def free(self):
        """The gaps of the day."""
        gaps = []
        position = self.day_start
        for start, end in self.merged():
            if start > position:
                gaps.append((position, start))
            position = end
        if position < self.day_end:
            gaps.append((position, self.day_end))
        return gaps

    def is_busy(self, hour):
        return any(start <= hour < end for start, end in self._intervals)

    def hours(self):
        return sum(end - start for start, end in self.merged())
