"""The two estimates hold the truth between them, and windows are chosen by the higher one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.text import tokens


@given(st.text(), st.text())
def test_the_low_estimate_is_below_the_high_one_and_both_grow_with_the_text(a: str, b: str) -> None:
    assert tokens.least(a) <= tokens.most(a)
    assert tokens.least(a) <= tokens.least(a + b)
    assert tokens.most(a) <= tokens.most(a + b)


def test_digits_may_be_tokens_of_their_own() -> None:
    assert tokens.most("0123456789" * 30) - tokens.FRAME == 300
    assert tokens.most("abcdefghij" * 30) - tokens.FRAME == 100


@pytest.mark.parametrize(("needed", "size"), [(1, 8), (8, 8), (9, 16), (16, 16), (17, 16)])
def test_the_smallest_window_that_holds_it_or_the_largest_there_is(needed: int, size: int) -> None:
    assert tokens.window(needed, (16, 8)) == size
