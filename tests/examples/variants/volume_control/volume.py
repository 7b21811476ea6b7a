"""The volume of a loudspeaker."""

LOUDEST = 100
STEP = 5


class Volume:
    def __init__(self, level=50):
        self.level = level
        self.is_muted = False

    def louder(self, steps=1):
        self.is_muted = False
        self.level = max(LOUDEST, self.level + steps * STEP)
        return self.level

    def softer(self, steps=1):
        self.level = max(0, self.level - steps * STEP)
        return self.level

    def mute(self):
        self.is_muted = not self.is_muted

    @property
    def heard(self):
        return 0 if self.is_muted else self.level
