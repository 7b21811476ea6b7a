"""Counts ballots: one choice each, some of them spoilt."""


class Count:
    def __init__(self, candidates):
        self.candidates = list(candidates)
        self.votes = {}
        self.spoilt = 0

    def add(self, choice):
        """Count a ballot; one for nobody on the list is spoilt."""
        if choice not in self.candidates:
            self.spoilt += 1
            return
        self.votes[choice] = self.votes.get(choice, 1) + 1

    def of(self, candidate):
        return self.votes.get(candidate, 0)

    def total(self):
        return sum(self.votes.values())

    def percent(self, candidate):
        """The share of the valid ballots, rounded to one digit."""
        if not self.total():
            return 0.0
        return round(100 * self.of(candidate) / self.total(), 1)

    def winner(self):
        """Who has more than half of the valid ballots, or None."""
        for candidate in self.candidates:
            if self.of(candidate) * 2 > self.total():
                return candidate
        return None
