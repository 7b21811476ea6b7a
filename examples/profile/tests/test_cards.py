from people.card import card, display_name, origin, sorted_cards
from people.person import Person

ADA = Person("Ada", "Lovelace", city="London")
BOB = Person("Robert", "Roe", nickname=" bob ")
CAT = Person("Catherine", "Coe", nickname="Cat", city="York")
BLANK = Person("Dora", "Doe", nickname="  ")


def test_nickname():
    assert display_name(CAT) == "Cat"


def test_nickname_is_trimmed():
    assert display_name(BOB) == "bob"


def test_blank_nickname():
    assert display_name(BLANK) == "Dora Doe"


def test_no_nickname():
    assert display_name(ADA) == "Ada Lovelace"


def test_empty_nickname():
    assert display_name(Person("Ann", "Poe", nickname="")) == "Ann Poe"


def test_origin():
    assert origin(ADA) == "from London"
    assert origin(BOB) == "from somewhere"


def test_initials():
    assert ADA.initials() == "AL"


def test_initials_without_last_name():
    assert Person("plato", "").initials() == "P"


def test_card():
    assert card(CAT) == "[CC] Cat, from York"


def test_card_without_nickname():
    assert card(ADA) == "[AL] Ada Lovelace, from London"


def test_sorted_by_nickname():
    assert sorted_cards([CAT, BOB]) == ["[RR] bob, from somewhere", "[CC] Cat, from York"]


def test_sorted_with_and_without_nickname():
    assert [text[1:3] for text in sorted_cards([CAT, BOB, ADA])] == ["AL", "RR", "CC"]
