"""Tests of the fuel gauge."""

from gauge import Car, Tank


def test_litres():
    assert Tank(40, 10.0).litres() == 10.0


def test_not_more_than_full():
    assert Tank(40, 50.0).litres() == 40


def test_share():
    assert Tank(40, 10.0).share == 0.25


def test_range():
    assert Car(Tank(40, 10.0), 0.0625).range_km() == 160


def test_no_range():
    assert Car(Tank(40), 0.0625).range_km() == 0


def test_warning():
    assert Car(Tank(40, 4.0), 0.0625).warning() == "refuel"


def test_no_warning():
    assert Car(Tank(40, 5.0), 0.0625).warning() == ""


def test_full_share():
    assert Tank(40, 99.0).share == 1
