import pytest

from config import BadLine, Config, parse, value_of

DEFAULTS = {"retries": 3, "debug": True, "name": "anon", "db.port": 5432}


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("-7", -7), ("true", True), ("FALSE", False), ("none", None), ("'a b'", "a b"), ("x1", "x1")],
)
def test_values(text, value):
    assert value_of(text) == value


def test_comments_and_empty_lines():
    assert parse("# all\n\nretries = 5  # enough\n") == {"retries": 5}


def test_sections():
    assert parse("[db]\nport = 1") == {"db.port": 1}


def test_bad_line():
    with pytest.raises(BadLine, match="line 2"):
        parse("a = 1\nnonsense")


def test_default():
    assert Config(DEFAULTS).get("retries") == 3


def test_layer_wins():
    assert Config(DEFAULTS, {"retries": 5}).get("retries") == 5


def test_last_layer_wins():
    assert Config(DEFAULTS, {"name": "a"}, {"name": "b"}).get("name") == "b"


def test_none_is_no_value():
    assert Config(DEFAULTS, {"name": "a"}, {"name": None}).get("name") == "a"


def test_zero_is_a_value():
    assert Config(DEFAULTS, {"retries": 0}).get("retries") == 0


def test_false_is_a_value():
    assert Config(DEFAULTS, parse("debug = false")).get("debug") is False


def test_empty_text_is_a_value():
    assert Config(DEFAULTS, parse("name = ''")).get("name") == ""


def test_unknown():
    with pytest.raises(KeyError):
        Config(DEFAULTS).get("colour")


def test_known():
    assert Config({"a": 1}, {"c": 1}, {"b": 1}).known() == ["a", "b", "c"]
