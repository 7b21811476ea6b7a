"""How views forget: what is oldest goes, and not one by one, for a dictionary walks over the gaps at its front."""

from itertools import islice
from typing import Any


def keep_last(entries: dict[Any, Any], most: int) -> None:
    """Forget the oldest entries down to `most`, once there are twice as many."""
    if len(entries) > 2 * most:
        for key in list(islice(entries, len(entries) - most)):
            del entries[key]
