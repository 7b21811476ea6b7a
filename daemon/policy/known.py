"""What a decision about one run may look at besides the run: what was spent today, and what is remembered."""

from typing import NamedTuple

from daemon.text.similar import Index
from daemon.views.fix_database import FixDatabase
from daemon.views.jobs import Today


class Known(NamedTuple):
    """Of the state, what is nobody's own."""

    today: Today
    fixes: FixDatabase
    messages: Index


NOTHING = Known(Today(), FixDatabase(), Index())
