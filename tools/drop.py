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

import peek

INLETS = ("ideas", "errors", "retries")
UNFINISHED = (".tmp", ".part")  # the inlet leaves such names alone, and dotfiles


def main() -> int:
    """Drop what is named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--inlet", choices=INLETS, help="by default taken from what is in the file")
    parser.add_argument("--queue", type=Path, default=peek.folder("queue_dir", "queue"), help="the queue folder")
    options = parser.parse_args()
    peek.speak()
    missing = [str(file) for file in options.files if not file.is_file()]
    if missing:
        print(f"drop: no such file: {', '.join(missing)}; nothing was dropped", file=sys.stderr)
        return 2
    for file in options.files:
        try:
            print(f"dropped {drop(file, options.queue, options.inlet or inlet_of(file))}")
        except OSError as error:
            print(f"drop: {file} could not be dropped: {error}", file=sys.stderr)
            return 1
    return 0


def drop(file: Path, queue: Path, inlet: str) -> Path:
    """Copy a file into an inlet in one move; return where it appeared."""
    for folder in ("tmp", inlet):
        (queue / folder).mkdir(parents=True, exist_ok=True)
    temporary = queue / "tmp" / f"drop-{os.getpid()}"
    try:
        shutil.copyfile(file, temporary)
        for number in range(1, sys.maxsize):
            target = queue / inlet / target_name(file, number)
            try:
                os.link(temporary, target)  # unlike a rename, this never replaces a drop of the same name
            except FileExistsError:
                continue
            return target
        raise FileExistsError(file.name)
    finally:
        temporary.unlink(missing_ok=True)


def target_name(file: Path, number: int) -> str:
    """A name that the inlet takes for a finished file."""
    stem, suffix = file.stem.lstrip(".") or "drop", file.suffix
    if suffix in UNFINISHED:
        suffix = ".json"
    return f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}"


def inlet_of(file: Path) -> str:
    """Which inlet a file is for: retries name a job, error reports have a message and no kind, the rest are jobs."""
    entry = first_entry(file.read_bytes())
    if not isinstance(entry, dict) or "kind" in entry:
        return "ideas"
    if "job" in entry:
        return "retries"
    return "errors" if {"message", "traceback"} & entry.keys() else "ideas"


def first_entry(data: bytes) -> Any:  # noqa: ANN401  it may be any JSON
    """The first entry of an object, an array or JSON lines; None where the daemon will have to say what is wrong."""
    for text in (data, data.lstrip().partition(b"\n")[0]):
        try:
            entry = json.loads(text)
        except (ValueError, RecursionError):
            continue
        return entry[0] if isinstance(entry, list) and entry else entry
    return None


if __name__ == "__main__":
    sys.exit(main())
