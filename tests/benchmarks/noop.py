"""What the peers' scripts share: reading the drops, and leaving what the daemon leaves of a settled job."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson


def drops(inlet: Path) -> Iterator[tuple[Path, str, dict[str, Any]]]:
    """Every file in the inlet, the name of its job, and what it asks for."""
    for number, path in enumerate(sorted(inlet.iterdir()), 1):
        yield path, f"r-{number:06d}", orjson.loads(path.read_bytes())


def leave_report(results: Path, name: str, drop: dict[str, Any]) -> dict[str, str]:
    """Put the report down in one move, as the daemon does; return the outcome."""
    mine = results / name
    mine.mkdir()
    report = (
        f"# {name}: {drop['repo']}\n\n**refused**: already_green\n\n- repository {drop['repo']}\n- 1 runs, 0 attempts\n"
    )
    written = mine / ".report.md.new"
    written.write_text(report)
    written.replace(mine / "report.md")
    return {"outcome": "refused", "reason": "already_green"}
