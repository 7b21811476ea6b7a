"""What a replay says of the fixes that it tried."""

from daemon.effects.search import Patch, Report
from daemon.effects.unaided import in_vain


def test_a_fix_is_tried_in_vain_when_none_of_its_ways_will_do() -> None:
    """Not one that was as good as the chosen one, nor one whose turn never came."""
    plausible = [Patch(changes={}, number=number) for number in (1, 3)]
    offers = ["f-vain", "f-chosen", "f-vain", "f-as-good", "f-as-good", "f-late"]
    assert in_vain(offers, Report(tried=5, plausible=plausible)) == ["f-vain"]
