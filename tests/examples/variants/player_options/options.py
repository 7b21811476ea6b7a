"""Options of a player: what the user chose, then what the device allows, then the defaults."""

DEFAULTS = {"volume": 7, "shuffle": True, "theme": "dark"}


class Options:
    def __init__(self, user=None, device=None):
        self.sources = [user or {}, device or {}, DEFAULTS]

    def get(self, name):
        """The first source that has a value; None is no value."""
        for source in self.sources:
            chosen = source.get(name)
            if chosen:
                return chosen
        raise KeyError(name)

    def all(self):
        return {name: self.get(name) for name in DEFAULTS}
