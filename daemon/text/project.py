"""A project that was written for somebody, as values: its files by what they are for. Nothing here runs or reads it."""

import re
import tomllib

from msgspec import Struct

from daemon.text import dependencies
from daemon.text.plan import is_test

CONFIGURATION = ("conftest.py", "pytest.ini", ".pytest.ini", "pytest.toml", ".pytest.toml", "tox.ini", "setup.cfg")
NOT_THE_PRODUCT = ("conftest.py", "setup.py", "noxfile.py")
RUNNERS = {"pytest", "iniconfig", "pluggy", "packaging", "pygments"}  # what our own interpreter brings along
MODULES = 60  # imported one by one; a small project has fewer


class Project(Struct, frozen=True, kw_only=True):
    """What is measured. `planned`: the requirements of plan and drop."""

    job: str
    files: dict[str, str]
    entry_point: str
    acceptance_tests: dict[str, str] = {}
    planned: list[str] = []

    @property
    def wanted(self) -> tuple[list[str], list[str]]:
        """What has to be installed besides the tests' runner, and why some of it may not be."""
        declared = dependencies.declared(self.files)
        accepted, objections = dependencies.unplanned(declared, self.planned)
        is_little = {dependencies.name_of(one) for one in accepted} <= RUNNERS
        return [] if is_little else accepted, [objection.message for objection in objections]

    @property
    def tests(self) -> list[str]:
        """The files of the project's own tests."""
        return sorted(path for path in self.files if is_test(path) and path not in self.acceptance_tests)

    @property
    def accepting(self) -> list[str]:
        """The files of the tests that came with the idea; the others beside them are theirs to use."""
        python = [
            one for one in sorted(self.acceptance_tests) if one.endswith(".py") and not one.endswith("__init__.py")
        ]
        return [path for path in python if is_test(path)] or [path for path in python if "conftest" not in path]

    @property
    def accepted(self) -> dict[str, str]:
        """The files as they stand when these are run: nothing of the project tells how."""
        files = {path: text for path, text in self.files.items() if path.split("/")[-1] not in CONFIGURATION}
        return files | self.acceptance_tests

    @property
    def product(self) -> list[str]:
        """The Python files that are neither tests nor tools."""
        return sorted(
            path
            for path in self.files
            if path.endswith(".py")
            and path not in self.acceptance_tests
            and not is_test(path)
            and path.rpartition("/")[2] not in NOT_THE_PRODUCT
            and not path.startswith(("tests/", "test/"))
        )

    @property
    def tested(self) -> list[str]:
        """What its own tests are for: all of the product but its start, which is a program of its own."""
        return [path for path in self.product if not path.endswith("__main__.py")]

    @property
    def modules(self) -> list[str]:
        """What can be imported, by its name."""
        names = (re.sub(r"(?:^|/)__init__$", "", path.removeprefix("src/")[:-3]) for path in self.product)
        dotted = (name.replace("/", ".") for name in names if name and not name.endswith("__main__"))
        return [name for name in dotted if all(part.isidentifier() for part in name.split("."))][:MODULES]

    @property
    def scripts(self) -> dict[str, str]:
        """The commands that installing the project would make."""
        try:
            found = tomllib.loads(self.files.get("pyproject.toml", "")).get("project", {}).get("scripts", {})
            return {name: place for name, place in found.items() if isinstance(place, str)}
        except (tomllib.TOMLDecodeError, AttributeError, RecursionError):
            return {}
