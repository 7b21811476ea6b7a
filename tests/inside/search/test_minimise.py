"""What a change does not need is dropped, whoever proposed it."""

from daemon.inside.search.minimise import hunks, minimise
from tests.inside.search.in_process import InProcess

PROGRAM = "def low(xs):\n    return max(xs)\n\n\ndef high(xs):\n    return max(xs)\n"
TESTS = "import m\ndef test_low():\n    assert m.low([1, 2]) == 1\ndef test_high():\n    assert m.high([1, 2]) == 2\n"


def test_needless_hunks_and_lines_are_dropped() -> None:
    judge = InProcess({"m.py": PROGRAM}, TESTS)
    judge.baseline()
    proposed = PROGRAM.replace("    return max(xs)\n\n", "    print('here')\n    xs = list(xs)\n    return min(xs)\n\n")
    proposed = proposed.replace("def high(xs):\n", "def high(xs):\n    xs = sorted(xs)\n")
    assert len(hunks(judge.sources, {"m.py": proposed})) == 2
    assert minimise(judge.sources, {"m.py": proposed}, judge) == {"m.py": PROGRAM.replace("max", "min", 1)}


def test_what_is_needed_stays() -> None:
    judge = InProcess({"m.py": PROGRAM}, TESTS)
    judge.baseline()
    needed = {"m.py": PROGRAM.replace("max", "min", 1)}
    assert minimise(judge.sources, needed, judge) == needed


def test_a_form_feed_ends_no_line() -> None:
    """What stands behind it is not left over, alone on a line, when what stands before it goes."""
    program = "def low(xs):\n    return max(xs)\n"
    judge = InProcess({"m.py": program}, "import m\ndef test_low():\n    assert m.low([1, 2]) == 1\n")
    judge.baseline()
    proposed = program.replace("    return max", "    pages = 'one\x0ctwo'\n    return min")
    assert minimise(judge.sources, {"m.py": proposed}, judge) == {"m.py": program.replace("max", "min")}


def test_somebody_elses_change_loses_places_only() -> None:
    """What no test asks for stays where it belongs to what one asks for; what stands elsewhere goes."""
    program = PROGRAM.replace("\n\n\n", "\n\n\nNAMES = (\n    'low',\n    'high',\n)\n\n\n")
    judge = InProcess({"m.py": program}, TESTS)
    judge.baseline()
    careful = "    if not xs:\n        return None\n    xs = list(xs)\n    return min(xs)\n\n"
    meant = program.replace("    return max(xs)\n\n", careful, 1)
    proposed = meant.replace("return max(xs)\n", "return max(list(xs))\n") + "\n\ndef other(xs):\n    return xs\n"
    assert minimise(judge.sources, {"m.py": proposed}, judge, by_place=True) == {"m.py": meant}
