from datetime import date

import pytest

from daterange import DateRange


def march(first, last):
    return DateRange(date(2024, 3, first), date(2024, 3, last))


def test_length_counts_both_ends():
    assert len(march(1, 3)) == 3


def test_one_day():
    assert len(march(5, 5)) == 1


def test_contains_its_ends():
    assert date(2024, 3, 1) in march(1, 3)
    assert date(2024, 3, 3) in march(1, 3)
    assert date(2024, 3, 4) not in march(1, 3)


def test_iterates_over_every_day():
    assert [day.day for day in march(1, 3)] == [1, 2, 3]


def test_month():
    assert len(DateRange.of_month(2024, 2)) == 29


def test_december():
    assert DateRange.of_month(2023, 12).last == date(2023, 12, 31)


def test_backwards_is_refused():
    with pytest.raises(ValueError):
        march(3, 1)


def test_crossing_ranges_overlap():
    assert march(1, 10).overlaps(march(5, 15))


def test_a_range_inside_overlaps():
    assert march(1, 10).overlaps(march(3, 4))
    assert march(3, 4).overlaps(march(1, 10))


def test_sharing_one_day_is_overlapping():
    assert march(1, 5).overlaps(march(5, 9))
    assert march(5, 9).overlaps(march(1, 5))


def test_earlier_range_does_not_overlap():
    assert not march(1, 4).overlaps(march(5, 9))


def test_later_range_does_not_overlap():
    assert not march(20, 25).overlaps(march(5, 9))


def test_common_days():
    assert march(1, 10).common(march(5, 15)) == march(5, 10)


def test_nothing_in_common():
    assert march(1, 2).common(march(8, 9)) is None
