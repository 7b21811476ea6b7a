from datetime import date, timedelta

import pytest

from loans import Library, NotAvailable

START = date(2024, 1, 1)


@pytest.fixture
def library():
    library = Library(["Emma", "Ulysses", "Dracula"])
    library.lend("Emma", "Ann", START)
    return library


def after(days):
    return START + timedelta(days=days)


def test_available(library):
    assert library.available() == ["Dracula", "Ulysses"]


def test_due(library):
    assert library.loans["Emma"].due == date(2024, 1, 29)


def test_lent_to_somebody_else(library):
    with pytest.raises(NotAvailable, match="until 2024-01-29"):
        library.lend("Emma", "Bob", after(1))


def test_unknown_book(library):
    with pytest.raises(KeyError):
        library.lend("Hamlet", "Bob", START)


def test_back_in_time(library):
    assert library.give_back("Emma", after(28)) == 0
    assert "Emma" in library.available()


def test_back_early(library):
    assert library.give_back("Emma", after(2)) == 0


def test_back_late(library):
    assert library.give_back("Emma", after(31)) == 60


def test_largest_fine(library):
    assert library.give_back("Emma", after(300)) == 1000


def test_renewed(library):
    library.loans["Emma"].renew()
    assert library.loans["Emma"].due == date(2024, 2, 26)


def test_renewed_too_often(library):
    loan = library.loans["Emma"]
    loan.renew()
    loan.renew()
    with pytest.raises(ValueError):
        loan.renew()


def test_not_overdue(library):
    assert library.overdue(after(28)) == []


def test_overdue(library):
    assert library.overdue(after(29)) == [("Ann", "Emma")]


def test_giving_back_what_is_here(library):
    with pytest.raises(KeyError):
        library.give_back("Dracula", START)
