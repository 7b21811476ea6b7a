"""A folder of wheels without any index: what is installed here, packed again, and small packages of a test's own."""

import zipfile
from importlib.metadata import distribution
from pathlib import Path

OUR_TESTS_RUN_ON = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")
TAG = "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def pack(folder: Path) -> Path:
    """Wheels of pytest and all that it needs, each as it is installed here."""
    folder.mkdir()
    for name in OUR_TESTS_RUN_ON:
        package = distribution(name)
        files = {str(file): file.locate() for file in package.files or [] if ".." not in file.parts}
        with zipfile.ZipFile(folder / f"{name}-{package.version}-py3-none-any.whl", "w") as wheel:
            for inside, path in files.items():
                if Path(path).is_file() and Path(inside).suffix != ".pyc":
                    wheel.write(path, inside)
    return folder


def make(folder: Path, name: str, version: str, code: str) -> None:
    """A wheel of one module."""
    notes = f"{name}-{version}.dist-info"
    files = {
        f"{name}.py": code,
        f"{notes}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{notes}/WHEEL": TAG,
    }
    record = "".join(f"{inside},,\n" for inside in [*files, f"{notes}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
        for inside, text in (files | {f"{notes}/RECORD": record}).items():
            wheel.writestr(inside, text)
