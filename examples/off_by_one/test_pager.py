from pager import page, pages

ITEMS = ["a", "b", "c", "d", "e"]


def test_first_page():
    assert page(ITEMS, 1, 2) == ["a", "b"]


def test_last_page():
    assert page(ITEMS, 3, 2) == ["e"]


def test_number_of_pages():
    assert pages(ITEMS, 2) == 3


def test_no_pages_of_nothing():
    assert pages([], 2) == 0


def test_full_pages():
    assert pages(ITEMS[:4], 2) == 2


def test_page_behind_the_last():
    assert page(ITEMS, 4, 2) == []
