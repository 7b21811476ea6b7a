"""What memory offers for a failure, and to whom: the same each time, the likely first, nothing that was banned."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import events as e
from daemon.policy import recall
from daemon.policy.dice import Dice, seed_of
from daemon.policy.recall import Recollection, index, is_held_out
from daemon.text.pattern import fix_name
from daemon.views.fix_database import FixDatabase
from tests.fakes.told import Told

CART, OTHER = "v2:cart.one", "v2:other.two"


def learned(fix: str, signature: str, message: str = "", pattern: str = "[]") -> e.FixLearned:
    return e.FixLearned(
        job="r-0", fix=fix, signature=signature, before="x", after="y", pattern=pattern, message=message, project="p"
    )


def tried(fix: str, *, worked: bool, times: int = 1) -> list[e.FixTried]:
    return [e.FixTried(job="r-1", run="r-1.1", fix=fix, worked=worked) for _ in range(times)]


def asked(database: FixDatabase, signature: str = CART, message: str = "", seed: int = 1) -> Recollection:
    return recall.recall(database, index(database), signature, message, seed)


def test_the_same_failure_is_found_first_then_its_class_then_what_is_like_it_then_anything() -> None:
    messages = {
        "f-1": "total of the cart is wrong",
        "f-2": "a",
        "f-3": "the price of the basket is missing",
        "f-4": "b",
    }
    signatures = {"f-1": "v2:c.e", "f-2": "v2:c.x", "f-3": "v2:d.y", "f-4": "v2:z.z"}
    known = Told().tell(*(learned(fix, signatures[fix], messages[fix]) for fix in messages)).views.fix_database
    assert asked(known, "v2:c.e").by == "exact"
    assert asked(known, "v2:c.new").by == "coarse"
    assert asked(known, "v2:q.q", "the price of the basket was missing").by == "similar"
    assert asked(known, "v2:q.q", "unheard of").by == "anywhere"
    assert asked(FixDatabase()) == Recollection()


def test_what_worked_is_replayed_before_what_did_not_and_what_was_banned_never() -> None:
    told = Told().tell(*(learned(fix, CART) for fix in ("f-no", "f-yes", "f-bad")))
    for project in range(3):
        told.accepted(f"r-00000{project}").tell(*tried("f-yes", worked=True))
    told.tell(*tried("f-no", worked=False, times=3), *tried("f-bad", worked=False, times=100))
    firsts = Counter(asked(told.views.fix_database, seed=seed).replay[0] for seed in range(200))
    assert firsts["f-yes"] > 120
    assert firsts["f-bad"] == 0
    assert "f-bad" not in asked(told.views.fix_database).replay


def test_a_fix_without_a_pattern_is_shown_and_not_replayed() -> None:
    found = asked(Told().tell(learned("f-1", CART, pattern="")).views.fix_database)
    assert (found.replay, found.show) == ([], ["f-1"])


def test_only_what_holds_for_something_alike_is_shown_to_a_model() -> None:
    told = Told().tell(learned("f-1", OTHER), learned("f-2", CART), *tried("f-2", worked=False))
    assert asked(told.views.fix_database).show == []
    assert asked(told.views.fix_database, "v2:other.three").show == ["f-1"]


def test_what_worked_in_two_projects_is_shown_anywhere() -> None:
    told = Told().tell(learned("f-1", OTHER), *tried("f-1", worked=True)).accepted("r-1")
    assert asked(told.views.fix_database).show == []
    assert asked(told.tell(*tried("f-1", worked=True)).views.fix_database).show == ["f-1"]


def test_offers_are_bounded() -> None:
    told = Told().tell(*(learned(f"f-{n}", CART) for n in range(500)))
    found = asked(told.views.fix_database)
    assert len(found.replay) == recall.REPLAYED
    assert len(found.show) <= recall.SHOWN


def test_the_same_state_and_seed_give_the_same_offer() -> None:
    known = Told().tell(*(learned(f"f-{n}", CART) for n in range(9))).views.fix_database
    assert asked(known, seed=7) == asked(known, seed=7)
    assert len({tuple(asked(known, seed=seed).replay) for seed in range(20)}) > 1


def test_an_index_that_was_kept_up_answers_like_one_that_is_built_anew() -> None:
    """However often a fix was taught or tried, and however much its failure said."""
    told, kept = Told(), index(FixDatabase())
    message = f"the price of the basket is missing {'in shop ' * 60}"
    for fix, said in (("f-2", message + "two"), ("f-1", message + "one"), ("f-2", "another one"), ("f-3", "")):
        told.tell(learned(fix, OTHER, said), *tried("f-2", worked=False))
        recall.keep_up(kept, told.views.fix_database, fix)
    anew = index(told.views.fix_database)
    assert [name for name, _ in anew.find(message, 9)] == ["f-1", "f-2"]
    assert [kept.find(words, 9) for words in (message, "two")] == [anew.find(words, 9) for words in (message, "two")]
    assert len(kept) == len(anew) == 2


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_share_of_the_jobs_is_held_out_and_always_the_same_ones(share: float) -> None:
    jobs = [f"r-{number:06d}" for number in range(2_000)]
    held = [is_held_out(job, share) for job in jobs]
    assert held == [is_held_out(job, share) for job in jobs]
    assert abs(sum(held) / len(held) - share) < 0.04


def test_the_same_pattern_is_the_same_fix() -> None:
    assert fix_name("[1]") == fix_name("[1]") != fix_name("[2]")


@given(st.integers(), st.floats(0.01, 200), st.floats(0.01, 200))
def test_a_draw_is_a_share_and_the_seed_decides_it(seed: int, worked: float, failed: float) -> None:
    assert 0 <= Dice(seed).beta(worked, failed) == Dice(seed).beta(worked, failed) <= 1


def test_draws_are_spread_as_they_should_be() -> None:
    dice = Dice(seed_of("r-000001", 3))
    drawn = [dice.beta(3, 1) for _ in range(4_000)]
    assert sum(drawn) / len(drawn) == pytest.approx(0.75, abs=0.02)
    assert sum((x - 0.75) ** 2 for x in drawn) / len(drawn) == pytest.approx(0.0375, abs=0.006)
