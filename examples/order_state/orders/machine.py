"""A state machine from a table: (state, event) -> state."""


class NotAllowed(Exception):
    """This event does not happen in this state."""


class Machine:
    def __init__(self, table, start):
        self.table = dict(table)
        self.state = start
        self.trail = []

    def can(self, event):
        return (self.state, event) in self.table

    def events(self):
        """What may happen now, in alphabetical order."""
        return sorted(event for state, event in self.table if state == self.state)

    def fire(self, event):
        """Go to the next state; the trail remembers every step as (event, before, after)."""
        before = self.state
        if not self.can(event):
            raise NotAllowed(f"{event!r} does not happen to what is {before!r}")
        after = self.table[before, event]
        self.state = after
        self.trail.append((event, before, before))
        return after

    def undo(self):
        """Take the last step back."""
        if not self.trail:
            raise NotAllowed("nothing has happened yet")
        event, before, after = self.trail.pop()
        self.state = before
        return event
