"""A test session: the tests of a workspace, run once in the sandbox, as Outcomes. What they mean is not said here."""

import os
import secrets
import shlex
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from anyio.to_thread import run_sync
from msgspec import Struct, structs

from daemon.drops import Repair
from daemon.effects.environment import Environment
from daemon.effects.sandbox import HOLDS, Command, Mount, Ran, Sandbox
from daemon.effects.trees import Texts
from daemon.effects.workspace import Workspace, give
from daemon.settings import Settings
from daemon.text.context import test_files
from daemon.text.objections import PYTHON, forbidden
from daemon.text.outcomes import REPORT_BYTES, Ended, Outcomes, read_report, read_status
from daemon.text.runner_logs import read_log

INSIDE = Path(__file__).parent.parent / "inside"
SECRET_BYTES = 32
FIXED_FILES = 50  # each is a mount of its own; a drop that names more is judged by more than one file
CALM = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONHASHSEED": "0",  # the same tree gives the same session
    "PYTHONUNBUFFERED": "1",
    "NO_COLOR": "1",
}


class Session(Struct, frozen=True):
    """All that a test session needs to be run again."""

    drop: Repair
    job: str
    environment: Environment
    workspace: Workspace

    async def run(self, sandbox: Sandbox, settings: Settings) -> Outcomes:
        """Run the tests once."""
        elsewhere = "elsewhere" in HOLDS[sandbox.level]
        files = await run_sync(lambda: list(Texts(self.workspace.tree)))
        judges = test_files(self.drop.tests, files)
        exchange = await run_sync(self.workspace.emptied)
        root = self.environment.place if elsewhere else str(self.workspace.root)
        report, secret = exchange / "report.jsonl", exchange / "secret"
        key = secrets.token_bytes(SECRET_BYTES)
        await run_sync(put_secret, secret, key)
        runner, argv = self.argv(str(report), str(secret))
        command = Command.within(
            settings,
            argv,
            root,
            image=self.environment.image,
            job=self.job,
            mounts=[
                Mount(str(self.workspace.root), root, writable=True),
                Mount(str(exchange), writable=True),
                Mount(str(INSIDE)),
                *(Mount(folder) for folder in self.environment.folders),
                *(self._fixed(judges, root) if elsewhere else []),
            ],
            environment=self.environment.variables | CALM,
        )
        ran = await sandbox.run(command)
        ended = ended_as(ran)
        if runner == "report":
            outcomes = read_report(await run_sync(taken, report), key, ended)
        else:
            outcomes = read_status(ended) if runner == "status" else read_log(ended.output, runner, ended)
        rewritten = await run_sync(lambda: list(self._rewritten(files, judges)))
        return structs.replace(outcomes, meddling=[*outcomes.meddling, *rewritten])

    def _fixed(self, judges: list[str], root: str) -> list[Mount]:
        """The targets' own files as the pristine tree has them: code under test cannot write itself other tests.

        Where nothing can be shown elsewhere than it is, there are no walls that could hold this either.
        """
        tree = self.workspace.tree
        return [Mount(str(tree.files / name), f"{root}/{name}") for name in judges[:FIXED_FILES]]

    def _rewritten(self, files: Iterable[str], judges: list[str]) -> Iterator[str]:
        """The programs that judge and were not what they are when the tests ended, walls or not; a sentence each."""
        for name in files:
            if name.endswith(PYTHON) and forbidden(name, "", "", judges):
                here, pristine = self.workspace.root / name, self.workspace.tree.files / name
                if not _is_same(here, pristine):
                    yield f"{name} was rewritten while the tests ran"

    def argv(self, report: str, secret: str) -> tuple[str, list[str]]:
        """Who reads what comes out, and the program to run."""
        python = self.environment.python
        told = ["--report", report, "--secret", secret, "--path", "."]
        told += ["--path", "src"] if (self.workspace.tree.files / "src").is_dir() else []
        words = shlex.split(self.drop.test_command)
        if words[:3] in (["python", "-m", "unittest"], ["python3", "-m", "unittest"]):
            return "report", [python, str(INSIDE / "run_unittest.py"), *told, "--", *words[3:]]
        if not words or words[0] == "pytest" or words[1:3] == ["-m", "pytest"]:
            given = words[1:] if words[:1] == ["pytest"] else words[3:]
            places = given or self._files()
            return "report", [python, str(INSIDE / "run_pytest.py"), *told, "--", "-p", "no:cacheprovider", *places]
        path = f'export PATH="{Path(python).parent}:$PATH"; '
        style = "django" if "runtests.py" in self.drop.test_command else "status"
        return style, ["/bin/sh", "-c", path + self.drop.test_command]

    def _files(self) -> list[str]:
        """The test files to run: those that the drop names, or all where it does not say what must stay green."""
        if not self.drop.keep_passing:
            return []
        return sorted({name.partition("::")[0] for name in [*self.drop.tests, *self.drop.keep_passing]})


def put_secret(path: Path, key: bytes) -> None:
    """Leave the secret of the seals for the runner, which removes it before anything else runs."""
    path.write_bytes(key)
    path.chmod(0o600)
    give(path)


def taken(path: Path) -> bytes:
    """What was reported: a plain file of a bounded size, and nothing that it may have been exchanged for."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return b""
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        is_plain = stat.S_ISREG(status.st_mode) and status.st_nlink == 1
        return file.read(REPORT_BYTES) if is_plain else b""


def _is_same(path: Path, pristine: Path) -> bool:
    """Whether a file is what it was; one that an overlay only shows has even changed its status at the same moment."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    with os.fdopen(descriptor, "rb") as file:
        now, before = os.fstat(descriptor), pristine.stat()
        if not stat.S_ISREG(now.st_mode) or now.st_size != before.st_size:
            return False
        return now.st_ctime_ns == before.st_ctime_ns or file.read(before.st_size) == pristine.read_bytes()


def ended_as(ran: Ran) -> Ended:
    """How a session's process ended, as the sandbox saw it."""
    output = (ran.stdout + b"\n" + ran.stderr).decode("utf-8", "replace")
    flooded = ran.truncated and ran.signal is not None and not (ran.timed_out or ran.out_of_memory)
    return Ended(ran.status, ran.signal, ran.timed_out, ran.out_of_memory, output, flooded)
