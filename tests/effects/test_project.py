"""A project is measured in a real sandbox, with nothing of this machine; whatever it does ends as a finding."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.effects.project import Limits, empty_tree
from daemon.effects.sandbox import Sandbox
from daemon.effects.trees import Texts, Trees
from daemon.text.measured import Measured, command_of, readme_of
from daemon.text.project import Project
from daemon.text.score import score
from tests.fakes.projects import PAGES, in_walls, measured, of_files, recorded
from tests.fakes.sandboxes import need, place


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """One for all of these tests, so that the interpreter of our own is laid out once."""
    need("bubblewrap")
    with place() as folder:
        yield folder


def test_three_of_the_fifteen_are_measured_as_the_record_says(folder: Path) -> None:
    async def work(sandbox: Sandbox) -> Measured:
        seen = await measured(PAGES["good"], sandbox, folder, Limits(faults=2))
        assert (score(seen).points, len(seen.faults)) == (100, 2)
        for name in ("undeclared", "broken"):
            assert await measured(PAGES[name], sandbox, folder) == recorded(PAGES[name])
        return seen

    seen = in_walls(folder, work)
    expected = recorded(PAGES["good"])
    assert (seen.own, seen.acceptance, seen.readme) == (expected.own, expected.acceptance, expected.readme)


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({f"f{number}.py": "" for number in range(10_000)}, "10000 files"),
        ({"con/../../x": "1"}, "leads out of the project"),
        ({"-p.py": "1"}, "not every system can store"),
        ({".git/hooks/post-checkout": "1"}, "made by tools"),
    ],
)
def test_files_that_cannot_be_laid_out_are_a_finding(folder: Path, files: dict[str, str], words: str) -> None:
    seen = of_files(folder, files)
    assert words in seen.unparsed[0]
    assert score(seen).points <= 20  # what nobody asked for


def test_a_command_that_never_ends_and_one_that_only_installing_would_make(folder: Path) -> None:
    endless = of_files(folder, {"shop.py": "import time\n\nif __name__ == '__main__':\n    time.sleep(99)\n"})
    assert endless.entry_trouble == "it does not end within 0.5 s"
    pyproject = '[project]\nname = "shop"\nscripts.shop = "shop:main"\n'
    script = of_files(
        folder, {"shop.py": "def main() -> int:\n    return 0\n", "pyproject.toml": pyproject}, "shop FILE"
    )
    assert script.entry_trouble == ""


def test_a_hostile_project_is_no_more_than_a_finding(folder: Path) -> None:
    """It stands in for modules that we import, prints what no terminal should see, and holds what no file can."""
    texts = {
        "argparse.py": "import os\n\nos._exit(0)\n",
        "sitecustomize.py": "import os\n\nos._exit(0)\n",
        "shop.py": "import sys\n\nsys.exit('\x1b[31mred\\x1b[0m ' + str(object()))\n",
        "odd.py": "x = '\ud800'\n",
    }
    seen = of_files(folder, texts | {"tests/test_shop.py": "def test_x() -> None:\n    assert True\n"})
    assert [place.partition(":")[0] for place in seen.unparsed] == ["odd.py"]
    del texts["odd.py"]
    seen = of_files(folder, texts, "python shop.py")
    assert "sitecustomize: importing it ends the program" in seen.unimported
    del texts["sitecustomize.py"]
    assert of_files(folder, texts, "python shop.py").entry_trouble.endswith("[31mred [0m <object object at 0x…>")


def test_the_code_cannot_write_itself_other_acceptance_tests(folder: Path) -> None:
    rewriting = "from pathlib import Path\n\nPath('test_b.py').write_text('def test_b(): assert True')\n"
    given = {
        "test_a.py": "import contextlib\n\nwith contextlib.suppress(OSError):\n    import shop\n",
        "test_b.py": "def test_b():\n    assert False\n",
    }

    acceptance = of_files(folder, {"shop.py": rewriting}, "", acceptance_tests=given).acceptance
    assert acceptance is not None
    assert acceptance.failing == 1


def test_an_idea_starts_from_nothing(tmp_path: Path) -> None:
    trees = Trees(tmp_path / "trees", {})
    tree = empty_tree(trees, tmp_path)
    assert list(Texts(tree)) == []
    assert empty_tree(trees, tmp_path) == tree


def test_parts_of_a_project() -> None:
    names = ("src/shop/__init__.py", "src/shop/cart.py", "src/shop/__main__.py", "setup.py", "a-b.py", "tests/data.py")
    project = Project(
        job="i-000001",
        files=dict.fromkeys([*names, "tests/test_cart.py", "tests/conftest.py", "test_all.py", "README.md"], ""),
        entry_point="",
        acceptance_tests={"test_all.py": ""},
    )
    assert project.tests == ["tests/test_cart.py"]
    assert project.product == ["a-b.py", "src/shop/__init__.py", "src/shop/__main__.py", "src/shop/cart.py"]
    assert project.modules == ["shop", "shop.cart"]


@pytest.mark.parametrize(
    ("entry_point", "command"),
    [
        ("python -m shop", (["python", "-m", "shop"], False)),
        ("python -m shop FILE --fast", (["python", "-m", "shop"], True)),
        ("shop [options]", (["shop"], True)),
        ("shop <file>", (["shop"], True)),
        ("shop 'a b'", (["shop", "a b"], False)),
        ("shop 'a", (["shop", "'a"], False)),
        ("shop \0", (["shop"], True)),
        ("", ([], False)),
    ],
)
def test_a_command_ends_where_its_words_stand_for_others(entry_point: str, command: tuple[list[str], bool]) -> None:
    assert command_of(entry_point) == command


def test_a_page_tells_the_command_the_tests_and_the_installation() -> None:
    page = {
        "README.md": "# Shop\n\n    python3 -m shop x\n\nInstall: `pip install -r requirements.txt`; test: `pytest`\n"
    }
    told = readme_of(page, "python -m shop FILE", has_dependencies=True)
    assert (told.exists, told.runs, told.tests, told.installs) == (True, True, True, True)
    other = readme_of({"README": "x"}, "python -m shop", has_dependencies=True)
    assert (other.exists, other.runs, other.tests, other.installs) == (True, False, False, False)
    assert not readme_of({"docs/README.md": "x"}, "", has_dependencies=False).exists
