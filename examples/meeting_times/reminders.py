"""Reminders: stored as seconds since 1970, compared in UTC, shown in the zone of whoever reads them."""

from datetime import datetime, timedelta, timezone

UTC = timezone.utc


def zone(hours):
    return timezone(timedelta(hours=hours))


class Reminder:
    def __init__(self, text, at):
        if at.tzinfo is None:
            at = at.replace(tzinfo=UTC)
        self.text = text
        self.at = at

    def store(self):
        return f"{int(self.at.timestamp())} {self.text}"

    def shown(self, hours):
        """The local time somewhere, such as 18:30."""
        return self.at.astimezone(zone(hours)).strftime("%H:%M")


def moment(seconds):
    """The time that was stored."""
    return datetime.fromtimestamp(int(seconds))


def load(line):
    seconds, _, text = line.partition(" ")
    reminder = Reminder.__new__(Reminder)
    reminder.text = text
    reminder.at = moment(seconds)
    return reminder


def due(reminders, now):
    """Those whose time has come, the earliest first."""
    return sorted((each for each in reminders if each.at <= now), key=lambda each: each.at)


def next_one(reminders, now):
    waiting = [each for each in reminders if each.at > now]
    return min(waiting, key=lambda each: each.at, default=None)
