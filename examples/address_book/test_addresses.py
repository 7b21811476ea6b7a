import pytest

from addresses import AddressBook


@pytest.fixture
def book():
    book = AddressBook()
    book.add("Ada Lovelace", "ada@engine.example")
    book.add("Alan Turing", "alan@machine.example")
    return book


def test_find(book):
    assert book.find("Ada Lovelace") == "ada@engine.example"


def test_find_nobody(book):
    assert book.find("Grace Hopper") is None


def test_find_in_lower_case(book):
    assert book.find("ada lovelace") == "ada@engine.example"


def test_find_with_spaces(book):
    assert book.find("  Ada   Lovelace ") == "ada@engine.example"


def test_names(book):
    assert book.names() == ["Ada Lovelace", "Alan Turing"]


def test_add_again(book):
    book.add("Ada Lovelace", "countess@engine.example")
    assert book.find("Ada Lovelace") == "countess@engine.example"
    assert len(book.names()) == 2


def test_add_again_in_capitals(book):
    book.add("ADA LOVELACE", "countess@engine.example")
    assert book.names() == ["Ada Lovelace", "Alan Turing"]
    assert book.find("Ada Lovelace") == "countess@engine.example"


def test_remove(book):
    book.remove("Alan Turing")
    assert book.names() == ["Ada Lovelace"]


def test_remove_in_lower_case(book):
    book.remove("alan turing")
    assert book.names() == ["Ada Lovelace"]


def test_remove_nobody(book):
    with pytest.raises(KeyError):
        book.remove("Grace Hopper")


def test_words_are_kept_apart(book):
    assert book.find("AdaLovelace") is None


def test_no_address(book):
    with pytest.raises(ValueError):
        book.add("Bob", "nowhere")


def test_domain(book):
    assert book.of_domain("engine.example") == ["Ada Lovelace"]
    assert book.of_domain("example") == []
