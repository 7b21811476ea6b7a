"""A project's files land whole, or not at all: everything that can be said without running anything is said before."""

import pytest

from daemon.text import edits as answers
from daemon.text.dialects import Edit
from daemon.text.landing import Refused
from daemon.text.proposed import propose
from tests.fakes.projects import ACCEPTANCE_TESTS, PAGES

GOOD = {
    "shop/__init__.py": '"""A shop."""\n',
    "shop/cart.py": "def total(prices: list[int]) -> int:\n    return sum(prices)\n",
    "tests/test_cart.py": "from shop.cart import total\n\n\ndef test_total() -> None:\n    assert total([1, 2]) == 3\n",
    "tests/conftest.py": "import sys\n\nsys.path.append('.')\n",
    "requirements.txt": "rich>=13\n",
}


def edits(files: dict[str, str]) -> list[Edit]:
    return [Edit(path, text) for path, text in files.items()]


def refusal(files: dict[str, str], **more: list[str]) -> str:
    with pytest.raises(Refused) as refused:
        propose(edits(files), {}, **more)
    return str(refused.value)


def test_a_project_may_write_its_own_tests_and_their_configuration() -> None:
    assert propose(edits(GOOD), {}) == GOOD


def test_files_are_edited_in_a_later_attempt() -> None:
    edit = Edit("shop/cart.py", "    return sum(prices, start=0)\n", "    return sum(prices)\n", (2, 2))
    assert propose([edit], GOOD) == {"shop/cart.py": GOOD["shop/cart.py"].replace("(prices)", "(prices, start=0)")}


@pytest.mark.parametrize(
    ("path", "text", "words"),
    [
        ("shop/cart.py", "def f(:\n", "no Python"),
        ("pyproject.toml", "[project\n", "is no TOML"),
        ("data.json", "{", "is no JSON"),
        ("shop/cart.py", "def f():\n    pass\n", "has only `pass`"),
        ("con/../../x", "1", "leads out"),
        ("json.py", "x = 1\n", "would stand in for json"),
        ("src/logging/__init__.py", "x = 1\n", "would stand in for logging"),
        ("src/iniconfig.py", "x = 1\n", "would stand in for iniconfig"),
        ("packaging/__init__.py", "x = 1\n", "would stand in for packaging"),
        ("sitecustomize.py", "x = 1\n", "would run before any program"),
        ("shop/usercustomize/__init__.py", "x = 1\n", "would run before any program"),
        ("shop/shop.pth", "import shop\n", "would run before any program"),
        ("shop/con.py", "x = 1\n", "device"),
        ("Shop/cart.py", "x = 1\n", "are one file on some systems"),
        ("requirements.txt", "reqeusts\n", "Write requests"),
        ("requirements.txt", "frobnicator\n", "not in the plan"),
        ("requirements.txt", "--index-url https://evil.example\n", "is an option"),
    ],
)
def test_nothing_lands_that_could_not_stand(path: str, text: str, words: str) -> None:
    assert words in refusal(GOOD | {path: text})


def test_acceptance_tests_are_not_written() -> None:
    assert "acceptance test" in refusal({"Test_Acceptance.py": "x = 1\n"}, acceptance_tests=["test_acceptance.py"])


def test_ten_thousand_files_are_refused_at_once() -> None:
    assert "more than 200 files" in refusal({f"f{number}.py": "x = 1\n" for number in range(10_000)})


def test_all_refusals_are_told_together() -> None:
    told = refusal({"a.py": "def f():\n    pass\n", "b.py": "# Implement this\nx = 1\n", "requirements.txt": "yaml\n"})
    assert all(words in told for words in ("a.py:1", "b.py:1", "pyyaml"))


REFUSED = {"broken": "is no Python any more: .* at line 5", "lookalike": "Write requests"}


@pytest.mark.parametrize("name", PAGES)
def test_a_whole_project_in_the_format_that_is_asked_for_lands_or_is_refused_in_words(name: str) -> None:
    blocks = [
        f"FILE: {path}\nLINES: all\nREASONING: one\nREPLACEMENT:\n````\n{text}````\n"
        for path, text in PAGES[name].files.items()
    ]
    read = answers.read("\n".join(blocks))
    if name in REFUSED:
        with pytest.raises(Refused, match=REFUSED[name]):
            propose(read, {}, acceptance_tests=ACCEPTANCE_TESTS)
    else:
        assert propose(read, {}, acceptance_tests=ACCEPTANCE_TESTS) == PAGES[name].files


def test_a_file_written_anew_may_leave_out_what_it_held() -> None:
    anew = {"requirements.txt": "attrs\n", "tests/test_cart.py": "def test_nothing() -> None:\n    assert 1 + 1 == 2\n"}
    assert propose(edits(anew), GOOD) == anew
