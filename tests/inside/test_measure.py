"""What is seen of a program by reading it, the faults that can be put into it, and what a child of ours may do."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

from daemon.inside.mendd_faults import faults, main_lines
from daemon.inside.mendd_look import lint, types
from daemon.text import measured as m

MEASURE = Path(__file__).parents[2] / "daemon" / "inside" / "measure.py"
SECRET = b"known to the bench alone"
ALONE = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
}  # what our own tests use is none of theirs


def said(text: str) -> list[str]:
    return [seen.what for seen in lint(ast.parse(text), "shop.py")]


def mutants(text: str) -> list[str]:
    return [fault.put_into(text.encode()).decode() for fault in faults(text.encode())]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("import os\n", "os is imported and never used"),
        ("from a import b as c\n", "c is imported and never used"),
        ("from os import *\n", "`import *` hides"),
        ("try:\n    x = 1\nexcept:\n    raise\n", "`except:` also catches"),
        ("try:\n    x = 1\nexcept Exception:\n    pass\n", "every error is caught and dropped"),
        ("def f(a=[]):\n    return a\n", "a default that all calls of f share"),
        ("x = 1 == None\n", "compare with None"),
        ("x = eval('1')\n", "`eval` runs whatever"),
        ("assert (1, 'one')\n", "an assertion about a tuple"),
        ("x = f'one'\n", "an f-string without"),
        ("def f():\n    return 1\n    x = 2\n", "no way leads to this line"),
        ("def f(): return 1\ndef f(): return 2\n", "f is defined twice; line 1 is lost"),
    ],
)
def test_what_is_nearly_always_a_mistake_is_seen(text: str, what: str) -> None:
    [seen] = said(text)
    assert seen.startswith(what)


@pytest.mark.parametrize(
    "text",
    [
        "import os\n\n__all__ = ['os']\n",
        "import a as a\n",
        "from __future__ import annotations\n",
        "import os.path\n\nx = os.path\n",
        "x = 1\ny = f'{x:8}'\n",
        "@property\ndef f(self): return 1\n@f.setter\ndef f(self, x): self.x = x\n",
        "from t import D\n\ndef f(x: 'list[D]') -> None: return\n",
        "x = 1 == 1\n",
    ],
)
def test_what_is_right_is_left_alone(text: str) -> None:
    assert said(text) == []


def test_functions_without_annotations_are_told() -> None:
    text = "class A:\n    def f(self, a, *, b: int): return a\n\ndef g(a: int) -> int:\n    return a\n"
    count, [seen] = types(ast.parse(text))
    assert (count, tuple(seen)) == (2, (2, "f has no annotation for a, its result"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x = a < b\n", ["x = a <= b\n"]),
        ("x = a in b\n", ["x = a not in b\n"]),
        ("x = a + b\n", ["x = a - b\n"]),
        ("x = a and b\n", ["x = a or b\n"]),
        ("x = not a\n", ["x = (a)\n"]),
        ("x += y\n", ["x -= y\n"]),
        ("x = 3\n", ["x = 4\n"]),
        ("x = True\n", ["x = False\n"]),
        ("f(x)\n", ["None\n"]),
        ("def f():\n    return x\n", ["def f():\n    return None\n"]),
        ("if a:\n    x = y\n", ["if (not (a)):\n    x = y\n"]),
        ("ü = 'ö' < b\n", ["ü = 'ö' <= b\n"]),
        ("x = (a) < (b)  # is a < b\n", ["x = (a) <= (b)  # is a < b\n"]),
        ("x = 'one'\n", ["x = 'another text'\n"]),
    ],
)
def test_a_fault_is_a_small_edit(text: str, expected: list[str]) -> None:
    assert mutants(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        '"""Docs 3."""\n',
        "x: 'a < b'\n",
        "if __name__ == '__main__':\n    f(1)\n",
        "__version__ = 3\n",
        "raise E(a + b)\n",
        "@f(3)\ndef g(): x\n",
    ],
)
def test_no_fault_is_put_where_no_test_could_notice_it(text: str) -> None:
    assert mutants(text) == []


def test_the_start_of_a_program_is_known() -> None:
    assert main_lines(ast.parse("x = 1\nif __name__ == '__main__':\n    f()\n    g()\n")) == {2, 3, 4}
    assert main_lines(ast.parse("if TYPE_CHECKING:\n    import typing\n")) == {1, 2}
    for hiding in ("if __name__:", "if TYPE_CHECKING:", "if __name__ != '__main__':"):
        assert main_lines(ast.parse(f"{hiding}\n    def f():\n        return 1\n")) == set()


# The script


def run(folder: Path, question: str, *words: str) -> Path:
    """Run the script; its report."""
    report, secret = folder.parent / "report.jsonl", folder.parent / "secret"
    secret.write_bytes(SECRET)
    command = [sys.executable, str(MEASURE), question, "--report", str(report), "--secret", str(secret), "--", *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, env=ALONE)
    return report


def ask(folder: Path, question: str, *words: str) -> list[m.Line]:
    report = run(folder, question, *words)
    lines, status = m.read_report(report.read_bytes(), SECRET)
    assert status == 0
    return lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    return tmp_path / "project"


def test_importing_is_watched(folder: Path) -> None:
    texts = {
        "good": "x = 1\n",
        "writes": "open('left', 'w').write('x')\n",
        "starts": "import subprocess\nsubprocess.run(['true'])\n",
        "asks": "input()\n",
        "leaves": "raise SystemExit(0)\n",
        "ends": "import os\nos._exit(0)\n",
        "fails": "import nothing_of_the_kind\n",
        "loops": "while True:\n    pass\n",
        "never": "x = 1\n",
    }
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    told = {one.name: one for one in ask(folder, "imports", "--seconds", "1", *texts) if isinstance(one, m.Module)}
    assert {name: (one.trouble, one.reached) for name, one in told.items()} == {
        "good": ("", []),
        "writes": ("", ["a file to write"]),
        "starts": ("", ["other programs"]),
        "asks": ("EOFError: EOF when reading a line (asks.py:1)", ["the keyboard"]),
        "leaves": ("importing it ends the program", []),
        "ends": ("importing it ends the program", []),
        "fails": ("ModuleNotFoundError: No module named 'nothing_of_the_kind' (fails.py:1)", []),
        "loops": ("importing it does not end within 1 s", []),
    }


def test_faults_are_told_with_their_places(folder: Path) -> None:
    text = "ü = 1\n\n\ndef less(n: int) -> bool:\n    return n < 0\n"
    (folder / "shop.py").write_text(text)
    told = [one for one in ask(folder, "faults", "shop.py") if isinstance(one, m.Put)]
    assert {(one.line, one.what) for one in told} == {(1, "1 → 2"), (5, "< → <="), (5, "0 → 1"), (5, "n < 0 → None")}
    assert [one.put_into(text) for one in told if one.what == "< → <="] == [text.replace("<", "<=")]


def test_what_a_test_calls_is_told_apart_from_what_it_only_imports(folder: Path) -> None:
    (folder / "shop.py").write_text("x = 1\n\n\ndef f(y=x):\n    return y\n\n\ndef g():\n    return x\n")
    (folder / "test_shop.py").write_text("import shop\n\n\ndef test_f():\n    shop.f()\n")
    run(folder, "cover", "test_shop.py", "--files", "shop.py")
    told, _ = m.read_report((folder.parent / "report.jsonl.reached").read_bytes(), SECRET)
    assert told[0] == m.Covered("shop.py", lines=5, reached=4, missing=[9], called=[5])


@pytest.mark.parametrize(("test", "status"), [("assert True", 0), ("assert False", 1), ("while True: pass", -24)])
def test_a_trial_ends_as_its_tests_do_within_its_time_of_a_processor(folder: Path, test: str, status: int) -> None:
    (folder / "test_shop.py").write_text(f"def test_shop():\n    {test}\n")
    command = [sys.executable, str(MEASURE), "trial", "--cpu", "2", "--path", ".", "--", "test_shop.py"]
    assert subprocess.run(command, cwd=folder, check=False, capture_output=True, env=ALONE).returncode == status


def test_an_installed_linter_and_type_checker_go_before_our_own_checks(folder: Path) -> None:
    """The project's own modules of the same names do not stand in for them."""
    (folder / "shop.py").write_text("import os\n\n\ndef f(a):\n    return a\n")
    (folder / "ruff.py").write_text("x: int = 1\n")
    told = ask(folder, "look", "shop.py", "ruff.py")
    [looked] = [one for one in told if isinstance(one, m.Looked)]
    assert (looked.lint_by, looked.types_by, looked.functions) == ("ruff", "mypy", 1)
    found = {(one.of, one.path, one.line): one.what for one in told if isinstance(one, m.Finding)}
    assert "imported but unused" in found["lint", "shop.py", 1]
    assert "missing a type annotation" in found["types", "shop.py", 4]


def test_a_forged_line_ends_a_report(folder: Path) -> None:
    (folder / "shop.py").write_text("x = 1\n")
    ask(folder, "imports", "shop")
    report = folder.parent / "report.jsonl"
    lines = report.read_bytes().splitlines(keepends=True)
    forged = json.dumps({"kind": "module", "name": "shop", "trouble": "", "reached": [], "ends": True}).encode() + b"\n"
    told, status = m.read_report(lines[0] + forged + b"".join(lines[1:]), SECRET)
    assert (len(told), status) == (1, None)
    assert m.read_report(lines[0], SECRET)[1] is None
    assert m.read_report(report.read_bytes(), b"another secret")[0] == []
