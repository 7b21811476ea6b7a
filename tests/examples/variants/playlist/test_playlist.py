"""Tests of the playlists."""

from playlist import Playlist


def test_given_songs():
    assert Playlist("road", ["a", "b"]).current() == "a"


def test_skip():
    assert Playlist("road", ["a", "b"]).skip() == "b"


def test_skip_behind_the_last():
    assert Playlist("road", ["a"]).skip() == "a"


def test_add():
    playlist = Playlist("road", ["a"])
    playlist.add("b")
    assert playlist.skip() == "b"


def test_two_playlists_share_nothing():
    Playlist("one").add("a")
    assert Playlist("two").songs == []


def test_given_list_stays_as_it_is():
    songs = ["a"]
    Playlist("road", songs).add("b")
    assert songs == ["a"]


def test_nothing_plays():
    assert Playlist("road", []).current() is None


def test_nothing_to_skip():
    assert Playlist("road", []).skip() is None


def test_title():
    assert Playlist("road").title == "road"
