"""Timers that count ticks."""


class Timers:
    def __init__(self):
        self.now = 0
        self._active = []

    def every(self, ticks, callback):
        """Call back every so many ticks; what is returned cancels it."""
        timer = (ticks, callback)
        self._active.append(timer)

        def cancel():
            if timer in self._active:
                self._active.remove(timer)

        return cancel

    def tick(self):
        """One step of the clock; how many timers fired."""
        self.now += 1
        fired = 0
        for ticks, callback in self._active:
            if self.now % ticks == 0:
                callback()
                fired += 1
        return fired

    def __len__(self):
        return len(self._active)
