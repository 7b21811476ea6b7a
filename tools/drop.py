"""Drop files into a queue: `python tools/drop.py job.json more.jsonl`. Each appears in its inlet in one move.

Copies, never moves: the file stays yours. Whether the daemon likes it is the daemon's to say.
"""

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

INLETS = ("ideas", "errors", "retries")


def main() -> int:
    """Drop what is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--inlet", choices=INLETS, help="by default taken from what is in the file")
    parser.add_argument("--queue", type=Path, default=Path(os.environ.get("MENDD_QUEUE_DIR", "queue")))
    options = parser.parse_args()
    missing = [str(file) for file in options.files if not file.is_file()]
    if missing:
        print(f"drop: no such file: {', '.join(missing)}; nothing was dropped", file=sys.stderr)
        return 2
    for file in options.files:
        print(f"dropped {drop(file, options.queue, options.inlet or inlet_of(file))}")
    return 0


def drop(file: Path, queue: Path, inlet: str) -> Path:
    """Copy a file into an inlet in one move; return where it appeared."""
    for folder in ("tmp", inlet):
        (queue / folder).mkdir(parents=True, exist_ok=True)
    temporary = queue / "tmp" / f"{os.getpid()}-{file.name}"
    shutil.copyfile(file, temporary)
    for number in range(1, sys.maxsize):
        target = queue / inlet / (file.name if number == 1 else f"{file.stem}-{number}{file.suffix}")
        try:
            os.link(temporary, target)  # unlike a rename, this never replaces a drop of the same name
        except FileExistsError:
            continue
        temporary.unlink()
        return target
    raise FileExistsError(file.name)


def inlet_of(file: Path) -> str:
    """Which inlet a file is for: retries name a job, error reports have a message and no kind, the rest are jobs."""
    try:
        entry: Any = json.loads(file.read_bytes().splitlines()[0] if file.suffix == ".jsonl" else file.read_bytes())
    except (ValueError, IndexError, RecursionError):
        return "ideas"  # where the daemon will say what is wrong with it
    if isinstance(entry, list) and entry:
        entry = entry[0]
    if not isinstance(entry, dict) or "kind" in entry:
        return "ideas"
    if "job" in entry:
        return "retries"
    return "errors" if {"message", "traceback"} & entry.keys() else "ideas"


if __name__ == "__main__":
    sys.exit(main())
