"""Real test sessions: small repositories run by our own runners, in a process of their own, read back as Outcomes."""

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from daemon.text.outcomes import Ended, Outcomes, read_report

INSIDE = Path(__file__).parent.parent.parent / "daemon" / "inside"
SECRET = b"known to the gate alone"
SECONDS = 60.0


def write(folder: Path, files: dict[str, str]) -> Path:
    """A repository of these files; with an empty text a file is deleted."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if text:
            path.write_text(text)
        else:
            path.unlink()
    return folder


def standing_in(folder: Path) -> list[tuple[int, str]]:
    """The processes that stand in the folder, or were started there, and their words."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended, or is somebody else's
            if (process / "cwd").resolve(strict=True).is_relative_to(folder):
                found.append((int(process.name), (process / "cmdline").read_text().replace("\0", " ")))
    return found


def session(
    repository: Path,
    *arguments: str,
    runner: str = "run_pytest.py",
    python: str = sys.executable,
    flags: tuple[str, ...] = (),
    seconds: float = SECONDS,
) -> Outcomes:
    """Run the tests of a repository and read what was told."""
    place = repository.parent / f"{repository.name}-report"
    place.mkdir(exist_ok=True)
    report, secret = place / "report.jsonl", place / "secret"
    report.unlink(missing_ok=True)
    secret.write_bytes(SECRET)
    command = [python, *flags, str(INSIDE / runner), "--report", str(report), "--secret", str(secret), "--", *arguments]
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(place), "PYTHONDONTWRITEBYTECODE": "1"}
    clean["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # what our own tests use is none of theirs
    with subprocess.Popen(
        command, cwd=repository, env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
            ended = _ended(process.returncode, output)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            ended = Ended(status=None, timed_out=True, output=output.decode(errors="replace"))
    return read_report(report.read_bytes() if report.exists() else b"", SECRET, ended)


def _ended(returncode: int, output: bytes) -> Ended:
    text = output.decode(errors="replace")
    return Ended(None, -returncode, output=text) if returncode < 0 else Ended(returncode, output=text)
