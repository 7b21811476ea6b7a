from invoice import number


def test_number():
    assert number(2023, 12, 7) == "2023-12-0007"


def test_number_in_january():
    assert number(2024, 1, 1) == "2024-01-0001"


def test_large_count():
    assert number(2024, 1, 12345) == "2024-01-12345"
