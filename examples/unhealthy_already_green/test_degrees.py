from degrees import celsius, fahrenheit


def test_boiling_water():
    assert fahrenheit(100) == 212


def test_freezing_water():
    assert fahrenheit(0) == 32


def test_where_both_meet():
    assert fahrenheit(-40) == -40


def test_back():
    assert celsius(212) == 100


def test_there_and_back():
    assert celsius(fahrenheit(37)) == 37
