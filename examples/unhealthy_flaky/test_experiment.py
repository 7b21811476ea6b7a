import pytest

from experiment import new_visitor, variant


@pytest.mark.parametrize("experiment", ["search", "cart", "login", "help", "news", "terms"])
def test_new_visitor_sees_the_new_page(experiment):
    assert variant(experiment, new_visitor()) == "new"


def test_same_visitor_sees_the_same_page():
    visitor = new_visitor()
    assert variant("search", visitor) == variant("search", visitor)


def test_both_pages_are_seen():
    assert {variant("search", str(number)) for number in range(20)} == {"new", "old"}


def test_visitors_differ():
    assert new_visitor() != new_visitor()
