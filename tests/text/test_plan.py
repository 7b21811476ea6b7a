"""A plan is read in whatever form a model wrote it, and completed by what goes without saying."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.text.dialects import Unreadable
from daemon.text.plan import PLANNED_FILES, Plan, read
from daemon.text.safe import unsafe

FIELDS = """Here is the plan.

FILE: shop/__init__.py | the version
FILE: shop/cart.py | adds prices up
FILE: shop/__main__.py | the command
FILE: tests/test_cart.py | tests of the cart
FILE: README.md | how to use it
DEPENDENCIES: rich>=13, httpx[http2]
RUN: python -m shop
TEST: python -m pytest
"""
MARKDOWN = """## Files
1. **`shop/__init__.py`**: the version
2. `shop/cart.py` - adds prices up
3. `shop/__main__.py` — the command
- tests/test_cart.py: tests of the cart
* README.md

### Dependencies
- `rich>=13` - for tables
- httpx[http2] (to ask)

**How to run:** `python -m shop`

## Testing
```
$ python -m pytest
```
"""
TREE = """```
shop-project/
├── shop/
│   ├── __init__.py        # the version
│   ├── cart.py            # adds prices up
│   └── __main__.py
├── tests/
│   └── test_cart.py
└── README.md
```
Dependencies: rich>=13, httpx[http2]
Run: `python -m shop`
Test: `python -m pytest`
"""
TABLE = """| File | Purpose |
|------|---------|
| shop/__init__.py | the version |
| shop/cart.py | adds prices up |
| `shop/__main__.py` | the command |
| tests/test_cart.py | tests |
| README.md | use |

DEPENDENCIES: rich>=13, httpx[http2]
RUN: python -m shop
"""
JSON = """```json
{"files": [{"path": "shop/__init__.py", "purpose": "the version"}, {"file": "shop/cart.py",
 "description": "adds prices up"}, "shop/__main__.py", "./tests/test_cart.py", "README.md"],
 "dependencies": ["rich>=13", "httpx[http2]"], "how_to_run": "python -m shop", "test": "python -m pytest"}
```"""
PATHS = ["shop/__init__.py", "shop/cart.py", "shop/__main__.py", "tests/test_cart.py", "README.md"]


@pytest.mark.parametrize("answer", [FIELDS, MARKDOWN, TREE, TABLE, JSON, f"<think>FILE: x.py</think>{FIELDS}"])
def test_a_plan_is_read_in_many_forms(answer: str) -> None:
    plan = read(answer)
    assert [file.path for file in plan.files] == PATHS
    assert plan.files[1].purpose == "adds prices up"
    assert (plan.dependencies, plan.run, plan.test) == (
        ["rich>=13", "httpx[http2]"],
        "python -m shop",
        "python -m pytest",
    )


def test_what_goes_without_saying_is_added() -> None:
    plan = read("FILE: shop/__main__.py | all of it\nDEPENDENCIES: none\n")
    assert [file.path for file in plan.files] == ["shop/__main__.py", "README.md", "tests/test_shop.py"]
    assert (plan.dependencies, plan.run, plan.test) == ([], "python -m shop", "python -m pytest")


def test_the_persons_word_goes_first() -> None:
    plan = read(FIELDS + "DEPENDENCIES: frobnicator", entry_point="python -m shop --fast", trusted=["frobnicator>1"])
    assert plan.run == "python -m shop --fast"
    assert "frobnicator" in plan.dependencies


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ("", "No file was found"),
        ("I would write a fine program.", "No file was found"),
        ("FILE: shop.py | all", "does not say how the project is started"),
        ("FILE: README.md | all\nRUN: python -m shop", "no Python file"),
        ("FILE: con/../../x.py | all\nRUN: python x.py", "leads out of the project"),
        ("FILE: /etc/cron.d/x.py | all\nRUN: python x.py", "leads out of the project"),
        ("FILE: aux.py | all\nRUN: python aux.py", "a device on some systems"),
        (f"{FIELDS}DEPENDENCIES: reqeusts", "Write requests"),
        (f"{FIELDS}DEPENDENCIES: json", "part of Python"),
        ("\n".join(f"FILE: f{n}.py | x" for n in range(10_000)), f"at most {PLANNED_FILES}"),
        ("x" * 300_000, "cut off"),
    ],
)
def test_what_cannot_be_followed_is_told(answer: str, words: str) -> None:
    with pytest.raises(Unreadable, match=words):
        read(answer)


@pytest.mark.parametrize("mark", [" ", "|", "│   ", "`", "- ", "a/", "**", "─", "[", "(", ": ", "FILE: "])
def test_no_answer_takes_long_to_read(mark: str) -> None:
    """What repeats before a fixed sign is bounded: with a pattern that tries all ways this would not end."""
    with pytest.raises(Unreadable):
        read("\n".join([mark * (900 // len(mark)) + "!"] * 50))


@pytest.mark.parametrize("path", ["a.py", "src/a_b/c-d.py", ".gitignore", "docs/a b.md", "a/__init__.py"])
def test_a_plain_path_is_safe(path: str) -> None:
    assert unsafe(path) == ""


@pytest.mark.parametrize(
    "path", ["", "/a", "../a", "a/../b", "a\\b", "C:x", "con", "a/NUL.txt", "a.", "a /b", ".git/x", "a\n", "a\0",
             "ü.py", "a//b", "a" * 300, "a/" * 20 + "b", ".venv/x", "./a", "-p.py", "@a.py", "con/../../x"]
)  # fmt: skip
def test_what_not_every_system_can_store_is_no_path(path: str) -> None:
    assert unsafe(path)


@given(st.text(alphabet='FILE: a/.py|\n-*`#├─│{}"DRUN', max_size=200))
def test_any_answer_is_a_plan_or_told(answer: str) -> None:
    try:
        assert isinstance(read(answer), Plan)
    except Unreadable as told:
        assert str(told)  # noqa: PT017  either is right
