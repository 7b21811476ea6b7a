"""What is like a text is found among many, the same way each time, and no text makes it slow."""

from hypothesis import given
from hypothesis import strategies as st

from daemon.text import similar
from daemon.text.similar import Index

TEXTS = {
    "cart": "ValueError: total of cart 7 cannot be negative",
    "user": "KeyError: no user with this address",
    "open": "OSError: cannot open the file of the cart",
    "again": "ValueError: the total of a basket cannot be negative",
}


def test_the_most_similar_comes_first_and_knows_how_similar_it_is() -> None:
    index = Index(TEXTS.items())
    found = index.find("RuntimeError: total of cart cannot be negative", 2)
    assert [name for name, _ in found] == ["cart", "again"]
    assert 1 > found[0][1] > found[1][1] > 0
    [(name, whole)] = index.find(TEXTS["user"], 1)
    assert (name, round(whole, 6)) == ("user", 1.0)


def test_what_has_nothing_in_common_is_not_found() -> None:
    assert Index(TEXTS.items()).find("zzz", 3) == []
    assert Index().find("anything", 3) == []


def test_what_everything_shares_tells_nothing_apart() -> None:
    """Lists that are full count only where a question has nothing rarer."""
    index = Index((f"e{number}", f"ValueError: bad {number}") for number in range(similar.POSTINGS + 50))
    last = f"e{similar.POSTINGS + 49}"
    assert index.find(f"ValueError: bad {similar.POSTINGS + 49}", 1)[0][0] == last
    assert len(index.find("ValueError: bad", 3)) == 3


@given(st.lists(st.text(max_size=80), max_size=20), st.text(max_size=200))
def test_the_same_texts_give_the_same_answers(texts: list[str], question: str) -> None:
    one, other = (Index((str(number), text) for number, text in enumerate(texts)) for _ in range(2))
    assert one.find(question, 5) == other.find(question, 5)


def test_a_long_text_is_read_as_far_as_it_says_anything() -> None:
    assert len(similar.shingles("word " * 500_000 + "other")) <= 2 * similar.WORDS_READ
    assert similar.shingles("\udcff") != set()
