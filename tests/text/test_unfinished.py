"""What only stands for work is found at its line; what is legitimate stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.text.unfinished import placeholders, syntax


def told(text: str, path: str = "shop.py") -> list[str]:
    """What is found. `@ TODO` stands for a mark of work in a comment: the house allows none, not even here."""
    return [str(finding) for finding in placeholders({path: text.replace("@ ", "# ")})]


UNFINISHED = [
    ("x = 1\n@ TODO: the rest\n", "shop.py:2: `TODO`"),
    ("x = 1  @ FIXME\n", "shop.py:1: `FIXME`"),
    ("def f():\n    # your code here\n    return 1\n", "shop.py:2: `your code here`"),
    ("def f():\n    # Implement this\n    return 1\n", "shop.py:2: `Implement this`"),
    ("def f():\n    pass\n", "shop.py:1: f has only `pass`"),
    ('def f():\n    """It counts."""\n    pass\n', "shop.py:1: f has only `pass`"),
    ('def f():\n    """It counts."""\n', "shop.py:1: f has nothing but a docstring"),
    ("class A:\n    def f(self):\n        ...\n", "shop.py:2: f has only `...`"),
    ("async def f():\n    raise NotImplementedError\n", "shop.py:1: f only raises NotImplementedError"),
    ("def f():\n    raise NotImplementedError('later')\n", "shop.py:1: f only raises NotImplementedError"),
    ('def f():\n    """To be implemented."""\n    return 0\n', "shop.py:1: f says in its docstring"),
    ("\n", "shop.py:1: is empty"),
]


@pytest.mark.parametrize(("text", "finding"), UNFINISHED)
def test_a_placeholder_is_found_at_its_line(text: str, finding: str) -> None:
    [found] = told(text)
    assert found.startswith(finding)


@pytest.mark.parametrize(
    "text",
    [
        "class Lost(Exception):\n    pass\n",
        "from typing import Protocol\n\nclass P(Protocol):\n    def f(self) -> int: ...\n",
        "import abc\n\nclass A(abc.ABC):\n    @abc.abstractmethod\n    def f(self):\n        pass\n",
        "class A:\n    def f(self):\n        raise NotImplementedError\n\nclass B(A):\n    f = len\n",
        "STATES = ('TODO', 'DONE')  # of a todo list\n\ndef todo():\n    return 'TODO: buy milk'\n",
        "try:\n    x = 1\nexcept ValueError:\n    pass\n",
        "def quiet(*arguments):\n    return\n",
        "def f() -> tuple[int, ...]:\n    return (1,)\n",
        "def broken(:\n",
    ],
)
def test_what_is_legitimate_stays(text: str) -> None:
    assert told(text) == []


def test_a_test_may_use_something_that_does_nothing_but_not_be_it() -> None:
    text = "def nothing():\n    pass\n\ndef test_f():\n    pass\n"
    assert [finding.line for finding in placeholders({"tests/test_shop.py": text})] == [4]


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("README.md", "# Shop\n\nTODO: say more\n"),
        ("page.html", "<p>Lorem ipsum dolor</p>"),
        ("page.js", "// TODO\n"),
        ("data.json", '{"a": "your code here"}'),
    ],
)
def test_prose_and_data_are_looked_through_too(path: str, text: str) -> None:
    assert len(told(text, path)) == 1


def test_a_readme_may_be_about_todo_lists() -> None:
    assert told("@ TODO app\n\nKeeps your TODO list.\n", "README.md") == []


@pytest.mark.parametrize(
    ("path", "text", "finding"),
    [
        ("a.py", "x = 1\ndef f(:\n", "a.py:2: is no Python: invalid syntax"),
        ("a.json", '{"a": 1\n"b": 2}', "a.json:2: is no JSON: "),
        ("a.toml", "[a]\nb = \n", "a.toml:2: is no TOML: Invalid value"),
        ("a.py", "x = 1\0", "a.py:1: "),
        ("a.py", "(" * 100_000, "a.py:1: "),
        ("a.json", "[" * 100_000, "a.json:1: cannot be parsed"),
        ("a.py", "#" * 500_000, "a.py:1: is longer than"),
    ],
)
def test_a_file_that_is_not_what_its_name_says_is_told_with_its_line(path: str, text: str, finding: str) -> None:
    [found] = syntax({path: text, "good.py": "x = 1\n", "good.toml": "a = 1\n", "notes.txt": "def f(:"})
    assert str(found).startswith(finding)


@given(
    st.text(alphabet="def f():\n pas.TODO\"'\\x00[]{}#", max_size=80),
    st.sampled_from(["a.py", "a.json", "a.toml", "a.md"]),
)
def test_any_text_is_judged(text: str, path: str) -> None:
    syntax({path: text})
    placeholders({path: text})
