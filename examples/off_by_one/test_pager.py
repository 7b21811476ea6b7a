from pager import page, pages

ITEMS = ["a", "b", "c", "d", "e"]


def test_first_page():
    assert page(ITEMS, 1, 2) == ["a", "b"]


def test_last_page():
    assert page(ITEMS, 3, 2) == ["e"]


def test_number_of_pages():
    assert pages(ITEMS, 2) == 3
