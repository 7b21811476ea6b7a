"""What is shown: nothing that a terminal would obey, and one is one."""

import pytest

from daemon.text.shown import many, printable


def test_nothing_that_a_terminal_would_obey_is_left() -> None:
    assert printable("a\x1b[2Jb") == "a\N{REPLACEMENT CHARACTER}[2Jb"


@pytest.mark.parametrize(("count", "told"), [(0, "0 fixes"), (1, "1 fix"), (2, "2 fixes")])
def test_one_is_one(count: int, told: str) -> None:
    assert many(count, "fix", "fixes") == told
    assert many(count, "fact") == f"{count} fact{'' if count == 1 else 's'}"
