import pytest

from csvreport import cells, records, totals, unquoted

REPORT = "city,product,sold\nRome,tea,3\nOslo,tea,4\nRome,jam,5\n"


def test_nothing():
    assert cells("") == []


def test_rows():
    assert cells("a,b\nc,d\n") == [["a", "b"], ["c", "d"]]


def test_without_a_last_line_end():
    assert cells("a,b\nc,d") == [["a", "b"], ["c", "d"]]


def test_empty_cells():
    assert cells("a,,c\n") == [["a", "", "c"]]


def test_empty_lines():
    assert cells("a\n\nb\n") == [["a"], ["b"]]


def test_comma_in_quotes():
    assert cells('"a,b",c\n') == [["a,b", "c"]]


def test_doubled_quotes():
    assert cells('"say ""hi""",b\n') == [['say "hi"', "b"]]


def test_windows_line_ends():
    assert cells("a,b\r\nc,d\r\n") == [["a", "b"], ["c", "d"]]


def test_line_break_in_quotes():
    assert cells('"two\nlines",b\nc,d\n') == [["two\nlines", "b"], ["c", "d"]]


def test_windows_line_break_in_quotes():
    assert cells('"two\r\nlines",b\r\n') == [["two\nlines", "b"]]


@pytest.mark.parametrize(("cell", "text"), [("a", "a"), ('"a"', "a"), ('"', '"'), ('""', ""), ('a"b', 'a"b')])
def test_unquoted(cell, text):
    assert unquoted(cell) == text


def test_records():
    assert records("a,b\n1,2\n") == [{"a": "1", "b": "2"}]


def test_no_records():
    assert records("a,b\n") == []
    assert records("") == []


def test_totals():
    assert totals(REPORT, "city", "sold") == {"Rome": 8, "Oslo": 4}


def test_totals_of_a_windows_report():
    assert totals(REPORT.replace("\n", "\r\n"), "product", "sold") == {"tea": 7, "jam": 5}
