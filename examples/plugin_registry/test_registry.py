import pytest

from registry import Registry, UnknownPlugin


@pytest.fixture
def registry():
    registry = Registry()

    @registry.register("upper", "up", "big")
    def upper(text):
        return text.upper()

    @registry.register("title")
    def title(text):
        return text.title()

    return registry


def test_find(registry):
    assert registry.find("upper")("a") == "A"


def test_alias(registry):
    assert registry.find("up") is registry.find("big") is registry.find("upper")


def test_call(registry):
    assert registry.call("title", "a b") == "A B"


def test_names(registry):
    assert registry.names() == ["title", "upper"]


def test_registered_twice(registry):
    with pytest.raises(ValueError):
        registry.register("upper")(str.upper)


def test_the_function_stays_what_it_was():
    assert Registry().register("x")(len) is len


def test_unknown(registry):
    with pytest.raises(UnknownPlugin, match="md"):
        registry.find("md")


def test_default():
    assert Registry(default=str).find("md") is str


def test_default_is_called():
    assert Registry(default=len).call("md", "four") == 4


def test_known_goes_before_the_default(registry):
    registry.default = len
    assert registry.call("upper", "a") == "A"


def test_errors_of_a_plugin_are_its_own(registry):
    registry.register("broken")(lambda: [][1])
    with pytest.raises(IndexError):
        registry.call("broken")


def test_newest(registry):
    assert registry.newest() == "title"


def test_no_newest():
    assert Registry().newest() is None
