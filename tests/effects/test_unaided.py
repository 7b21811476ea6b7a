"""What is said of a search and of a replay that led to nothing."""

import pytest

from daemon.effects.search import Patch, Report
from daemon.effects.unaided import chosen, in_vain


def test_a_fix_is_tried_in_vain_when_none_of_its_ways_will_do() -> None:
    """Not one that was as good as the chosen one, nor one whose turn never came."""
    plausible = [Patch(changes={}, number=number) for number in (1, 3)]
    offers = ["f-vain", "f-chosen", "f-vain", "f-as-good", "f-as-good", "f-late"]
    assert in_vain(offers, Report(tried=5, plausible=plausible)) == ["f-vain"]


@pytest.mark.parametrize(
    ("report", "why"),
    [
        (Report(error="it ran out of memory", ended="it may try 3 of them"), "it ran out of memory"),
        (Report(ended="it may try 3 of them"), "it may try 3 of them"),
        (
            Report(plausible=[Patch({"a.py": "x = 1\r\n"})], ended="it may try 3 of them"),
            "what it found no edit can say",
        ),
    ],
)
def test_what_led_to_nothing_says_why(report: Report, why: str) -> None:
    """A patch of a line's end alone is one that the format of edits has no words for."""
    assert chosen(report, {"a.py": "x = 1\n"}) == (None, why)
