"""The entry point: `run.py --request R --report P` searches for a patch; `--serve` is for ourselves.

It loads its own folder as a package under a name that no repository has, so that nothing of ours stands in the way of
the target's modules. The report is bounded, and nobody outside believes it.
"""

import importlib.util
import os
import sys
from typing import List

PACKAGE = "mendd_search"


def load() -> None:
    """Make our folder a package."""
    here = os.path.dirname(os.path.abspath(__file__))
    if PACKAGE in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        PACKAGE, os.path.join(here, "__init__.py"), submodule_search_locations=[here]
    )
    if spec is None or spec.loader is None:
        raise ImportError(here)
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]


def main(arguments: List[str]) -> None:
    """Search, or serve."""
    load()
    if arguments[:1] == ["--serve"]:
        from mendd_search import server  # type: ignore[import-not-found]  # noqa: PLC0415  loaded just now

        server.main(int(arguments[1]))
        return


if __name__ == "__main__":
    main(sys.argv[1:])
