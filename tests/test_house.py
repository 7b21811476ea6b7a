"""The house rules, held by a machine: floors, types, lint, and the small habits that a linter does not know."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

import pytest

HOUSE = Path(__file__).parent.parent
SOURCES = [path for room in ("daemon", "tools", "tests") for path in sorted((HOUSE / room).rglob("*.py"))]
SHIPPED = [path for path in SOURCES if path.relative_to(HOUSE).parts[0] != "tests"]
EMPTY_WORDS = re.compile(r"(Manager|Handler|Helper|Util|Utils|Processor|Misc)\b|\b(Base|New)[A-Z]")


def run(*command: str, cwd: Path = HOUSE) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", *command], cwd=cwd, capture_output=True, text=True, check=False)


def lint_imports(house: Path) -> subprocess.CompletedProcess[str]:
    code = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", code, "--no-cache"], cwd=house, capture_output=True, text=True, check=False
    )


def test_lint() -> None:
    result = run("ruff", "check", "--no-cache", ".")
    assert result.returncode == 0, result.stdout


def test_format() -> None:
    result = run("ruff", "format", "--check", "--no-cache", ".")
    assert result.returncode == 0, result.stdout


def test_types() -> None:
    result = run("mypy")
    assert result.returncode == 0, result.stdout


def test_floors() -> None:
    result = lint_imports(HOUSE)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("room", "line", "contract"),
    [
        ("daemon/policy/retry.py", "import time", "Pure floors"),
        ("daemon/policy/ladder.py", "from random import random", "Pure floors"),
        ("daemon/views/queue.py", "from daemon.views import jobs", "Views do not know each other"),
        ("daemon/views/health.py", "import pathlib", "Pure floors"),
        ("daemon/effects/ledger.py", "from daemon.policy import retry", "Effects never decide"),
        ("daemon/policy/schedule.py", "from daemon import effects", "The floors"),
        ("daemon/text/entries.py", "from daemon import state", "The floors"),
        ("daemon/supervisor.py", "import anyio", "The supervisor outlives"),
    ],
)
def test_a_seeded_violation_is_caught(tmp_path: Path, room: str, line: str, contract: str) -> None:
    shutil.copytree(HOUSE / "daemon", tmp_path / "daemon", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(HOUSE / "pyproject.toml", tmp_path)
    with (tmp_path / room).open("a") as file:
        file.write(f"\n{line}  # seeded\n")
    result = lint_imports(tmp_path)
    assert result.returncode == 1
    assert re.search(rf"{contract}.* BROKEN", result.stdout)


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    plain = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "." for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def from_the_house(path: Path) -> set[str]:
    return {name for name in imports_of(path) if name.partition(".")[0] in ("daemon", "tests", ".")}


@pytest.mark.parametrize("tool", sorted((HOUSE / "tools").glob("*.py")), ids=lambda path: path.name)
def test_tools_stay_outside(tool: Path) -> None:
    """They read state/ and drop into queue/, and know nothing of how the daemon does its work."""
    assert from_the_house(tool) == set()


def test_a_tool_that_imports_effects_is_caught(tmp_path: Path) -> None:
    tool = tmp_path / "tool.py"
    tool.write_text("from daemon.effects import perform\n")
    assert from_the_house(tool) == {"daemon.effects"}


def test_no_module_carries_a_name_of_the_standard_library() -> None:
    """`python tools/x.py` puts that folder first on the path, and so would shadow it. Packages of the house may."""
    assert [path for path in SHIPPED if path.stem in sys.stdlib_module_names and "views" not in path.parts] == []


def test_queue_and_state_are_data() -> None:
    """A package called `queue` would shadow the standard library's, and break thread pools."""
    assert not (HOUSE / "queue" / "__init__.py").exists()
    assert not (HOUSE / "tests" / "queue").exists()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(HOUSE)))
def test_habits(path: Path) -> None:
    text = path.read_text()
    tree = ast.parse(text)
    assert ast.get_docstring(tree), "a module says why it exists"
    defined = [node.name for node in ast.walk(tree) if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    assert [name for name in defined if EMPTY_WORDS.search(name)] == [], "a name that names nothing"
    assert not re.search(r"#\s*(TODO|FIXME|XXX)", text), "nothing is left to do in what is merged"
    assert [line for line in text.splitlines() if re.search(r"# (noqa|type: ignore)(?!.*  )", line)] == [], (
        "an exception to a rule says which rule and why"
    )


def test_no_mocks_and_no_sleeps_in_tests() -> None:
    for path in SOURCES:
        if path not in SHIPPED:
            assert not {"unittest.mock", "mock", "pytest_mock"} & imports_of(path), path


def test_the_lock_names_the_public_index_only() -> None:
    lock = tomllib.loads((HOUSE / "uv.lock").read_text())
    registries = {package["source"]["registry"] for package in lock["package"] if "registry" in package["source"]}
    [registry] = registries
    index = urlsplit(registry)
    assert (index.scheme, index.port, index.username) == ("https", None, None)
    assert index.hostname
    assert index.hostname.count(".") == 1, "a mirror or an address of somebody's own network is not the public index"
    assert index.path == "/simple"


@pytest.mark.parametrize("requirements", sorted((HOUSE / "requirements").glob("*.txt")), ids=lambda path: path.name)
def test_the_exported_requirements_are_those_of_the_lock(requirements: Path) -> None:
    """What pip installs is what uv would install: the same versions, the same hashes."""
    lock = tomllib.loads((HOUSE / "uv.lock").read_text())
    locked = {
        package["name"]: (package["version"], {file["hash"] for file in package.get("wheels", [])})
        for package in lock["package"]
        if "version" in package
    }
    text = requirements.read_text()
    pinned = re.findall(r"^([a-z0-9._-]+)==(\S+)", text, re.MULTILINE)
    assert pinned
    for name, version in pinned:
        assert locked[name][0] == version
        block = text.partition(f"\n{name}==")[2].partition("\n\n")[0] or text
        assert locked[name][1] <= set(re.findall(r"sha256:[0-9a-f]{64}", text)), block
