"""Ranges of whole days, both ends included."""

from datetime import date, timedelta

DAY = timedelta(days=1)


class DateRange:
    def __init__(self, first, last):
        if last < first:
            raise ValueError("a range ends on or after the day on which it begins")
        self.first = first
        self.last = last

    @classmethod
    def of_month(cls, year, month):
        following = date(year + month // 12, month % 12 + 1, 1)
        return cls(date(year, month, 1), following - DAY)

    def __eq__(self, other):
        return (self.first, self.last) == (other.first, other.last)

    def __hash__(self):
        return hash((self.first, self.last))

    def __repr__(self):
        return f"DateRange({self.first}, {self.last})"

    def __len__(self):
        return (self.last - self.first).days + 1

    def __contains__(self, day):
        return self.first <= day <= self.last

    def __iter__(self):
        day = self.first
        while day <= self.last:
            yield day
            day += DAY

    def overlaps(self, other):
        """Whether the two have a day in common."""
        return self.first <= other.last or other.first <= self.last

    def common(self, other):
        """The days in both, or None."""
        if not self.overlaps(other):
            return None
        return DateRange(max(self.first, other.first), min(self.last, other.last))
