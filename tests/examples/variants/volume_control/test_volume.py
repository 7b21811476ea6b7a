"""Tests of the volume control."""

from volume import Volume


def test_start():
    assert Volume().heard == 50


def test_louder():
    assert Volume().louder() == 55


def test_several_steps_louder():
    assert Volume(20).louder(3) == 35


def test_not_above_the_loudest():
    assert Volume(98).louder() == 100


def test_stays_at_the_loudest():
    assert Volume(95).louder() == 100


def test_softer():
    assert Volume().softer() == 45


def test_not_below_zero():
    assert Volume(3).softer() == 0


def test_muted():
    volume = Volume()
    volume.mute()
    assert volume.heard == 0


def test_unmuted():
    volume = Volume()
    volume.mute()
    volume.mute()
    assert volume.heard == 50


def test_louder_ends_muting():
    volume = Volume(95)
    volume.mute()
    volume.louder()
    assert volume.heard == 100
