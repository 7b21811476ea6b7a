"""A cache that forgets what was not used for the longest time."""

from collections import OrderedDict

MISSING = object()


class LruCache:
    def __init__(self, capacity):
        if capacity < 1:
            raise ValueError("a cache holds at least one entry")
        self.capacity = capacity
        self.hits = 0
        self.misses = 0
        self._entries = OrderedDict()

    def __len__(self):
        return len(self._entries)

    def __contains__(self, key):
        return key in self._entries

    def get(self, key, default=None):
        """The value of a key, which counts as a use of it."""
        value = self._entries.get(key, MISSING)
        if value is MISSING:
            self.misses += 1
            return default
        self.hits += 1
        return value

    def put(self, key, value):
        """Remember a value; the entry that was used the longest ago makes room."""
        self._entries[key] = value
        self._entries.move_to_end(key)
        if len(self._entries) > self.capacity:
            self._entries.popitem(last=False)

    def keys(self):
        """From the least to the most recently used."""
        return list(self._entries)

    def clear(self):
        self._entries.clear()
        self.hits = self.misses = 0
