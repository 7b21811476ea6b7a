"""Tests of the labels."""

from labels import Receiver, label, lines

ANN = Receiver("Ann", "Elm Street 1", "Rome")
BOB = Receiver("Bob", "Elm Street 2", "Oslo", company=" Acme ")


def test_company_comes_first():
    assert lines(BOB) == ["Acme", "Bob", "Elm Street 2", "OSLO"]


def test_without_a_company():
    assert lines(ANN) == ["Ann", "Elm Street 1", "ROME"]


def test_blank_company():
    assert len(lines(Receiver("Cid", "x", "y", company="  "))) == 3


def test_empty_company():
    assert len(lines(Receiver("Cid", "x", "y", company=""))) == 3


def test_frame():
    assert label(BOB).splitlines()[0] == "*" * 24


def test_height():
    assert len(label(BOB).splitlines()) == 6


def test_private_label():
    assert len(label(ANN).splitlines()) == 5


def test_long_lines_are_cut():
    assert all(len(line) == 7 for line in label(BOB, 3).splitlines())
