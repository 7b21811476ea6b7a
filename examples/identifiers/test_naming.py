import pytest

from naming import first_name, is_name, is_version, snake_case


@pytest.mark.parametrize("text", ["a", "total", "_hidden", "x2", "Total_Cost"])
def test_names(text):
    assert is_name(text)


@pytest.mark.parametrize("text", ["", "2x", "-a", "select", "FROM"])
def test_no_names(text):
    assert not is_name(text)


@pytest.mark.parametrize("text", ["total cost", "a-b", "name!"])
def test_names_with_something_behind(text):
    assert not is_name(text)


@pytest.mark.parametrize("text", ["1.0", "10.20.30"])
def test_versions(text):
    assert is_version(text)


@pytest.mark.parametrize("text", ["1", "v1.0", "a.b"])
def test_no_versions(text):
    assert not is_version(text)


def test_version_with_something_behind():
    assert not is_version("1.2.3-rc$")


@pytest.mark.parametrize(("text", "snake"), [("fooBar", "foo_bar"), ("HTTPServer", "http_server"), ("x", "x")])
def test_snake_case(text, snake):
    assert snake_case(text) == snake


def test_first_name():
    assert first_name("42 apples and pears") == "apples"
    assert first_name("42") is None
