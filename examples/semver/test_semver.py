import pytest

from semver import Version, newest


@pytest.mark.parametrize(
    ("lower", "higher"),
    [
        ("1.0.0", "1.0.1"),
        ("1.9.0", "1.10.0"),
        ("1.9.9", "2.0.0"),
        ("1.0.0-alpha", "1.0.0"),
        ("1.0.0-alpha", "1.0.0-beta"),
        ("1.0.0-alpha", "1.0.0-alpha.1"),
        ("1.0.0-rc.1", "1.0.0-rc.2"),
    ],
)
def test_order(lower, higher):
    assert Version(lower) < Version(higher)
    assert not Version(higher) < Version(lower)


def test_numbers_count_as_numbers():
    assert Version("2.0.0-rc.9") < Version("2.0.0-rc.10")


def test_longer_numbers_count_as_numbers():
    assert Version("2.0.0-99") < Version("2.0.0-100.a")


def test_numbers_stand_before_words():
    assert Version("2.0.0-rc.5") < Version("2.0.0-rc.-x")


def test_builds_do_not_count():
    assert Version("1.0.0+a") == Version("1.0.0+b")


def test_equal():
    assert Version("1.2.3-rc.1") == Version("1.2.3-rc.1")


@pytest.mark.parametrize("text", ["1", "1.0", "v1.0.0", "1.0.0-", "a.b.c"])
def test_no_version(text):
    with pytest.raises(ValueError):
        Version(text)


def test_newest():
    assert str(newest(["1.0.0", "1.10.0", "1.9.0", "2.0.0-rc.1"])) == "1.10.0"


def test_newest_pre_release():
    assert str(newest(["1.0.0", "2.0.0-rc.1"], pre_releases=True)) == "2.0.0-rc.1"


def test_none_is_newest():
    assert newest([]) is None
