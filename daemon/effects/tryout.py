"""Runs of a project that was written for somebody: each of a fresh copy, in the sandbox, without network, in its time.

So nothing that one run leaves behind helps the next; and whatever the project does to a run, it ends as something that
was seen. What is asked, and what it means, is not said here.
"""

import re
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path

from anyio.to_thread import run_sync
from msgspec import Struct

from daemon.effects.environment import TREE_IN_SANDBOX, Environment
from daemon.effects.sandbox import HOLDS, Command, Mount, Ran, Sandbox
from daemon.effects.session import CALM, INSIDE, SECRET_BYTES, ended_as, put_secret, taken
from daemon.effects.workspace import Workspace
from daemon.settings import Settings
from daemon.text import measured as m
from daemon.text import outcomes as o
from daemon.text.project import Project

FIXED_FILES = 50  # acceptance tests that are mounts of their own


class Tryout(Struct, frozen=True):
    """One project, and where it is run."""

    project: Project
    environment: Environment
    workspace: Workspace
    sandbox: Sandbox
    settings: Settings

    async def ask(self, question: m.Question, seconds: float, words: list[str]) -> tuple[list[m.Line], str]:
        """What measure.py answers, and why it does not."""
        await self._lay_out(self.project.files)
        key, ran = await self._told(question, words, seconds)
        told, status = m.read_report(await self._left("report.jsonl"), key)
        is_whole = status is not None and status == ran.status
        return told, "" if is_whole else self.end_of(ran, seconds)

    async def session(
        self, words: list[str], files: Mapping[str, str], seconds: float, fixed: Sequence[str] = ()
    ) -> tuple[m.Tests, list[m.Covered]]:
        """How a session of tests ends, and what it reaches. What is `fixed`, no code under test can write anew."""
        await self._lay_out(files)
        key, ran = await self._told("cover", words, seconds, await self._mounted(files, fixed))
        outcomes = o.read_report(await self._left("report.jsonl"), key, ended_as(ran))
        told, _ = m.read_report(await self._left("report.jsonl.reached"), key)
        return m.tests_of(outcomes), [line for line in told if isinstance(line, m.Covered)]

    async def trial(
        self, words: Sequence[str], files: Mapping[str, str], seconds: float, cpu_s: int, fixed: Sequence[str] = ()
    ) -> Ran:
        """How the process of the same tests ends. It has no report, so that is all that anybody can say of it."""
        await self._lay_out(files)
        argv = [self.environment.python, str(INSIDE / "measure.py"), "trial", "--cpu", str(cpu_s), *self._paths()]
        return await self._ran([*argv, "--", *words], seconds, mounts=await self._mounted(files, fixed))

    async def command(self, words: list[str], seconds: float) -> Ran:
        """How a command of a person ends."""
        await self._lay_out(self.project.files)
        return await self._ran(self._program(words), seconds, paths=[".", "src"])

    def end_of(self, ran: Ran, seconds: float) -> str:
        """How a run ended that should have ended otherwise; without the places of this machine."""
        if ran.timed_out:
            return f"it does not end within {seconds:g} s"
        if ran.out_of_memory:
            return "it ran out of memory"
        text = (ran.stderr or ran.stdout).decode("utf-8", "replace")
        for place in (f"{self.workspace.root}/", f"{TREE_IN_SANDBOX}/", f"{Path(self.environment.python).parent}/"):
            text = text.replace(place, "")
        said = [m.short(line) for line in text.splitlines() if line.strip()]
        ended = f"signal {ran.signal}" if ran.signal else f"status {ran.status}"
        return f"it ends with {ended}" + (f": {said[-1]}" if said else "")

    # How it is done

    async def _lay_out(self, files: Mapping[str, str]) -> None:
        """A fresh copy of these files, and an empty place for what is told."""
        data = {path: text.encode(errors="surrogatepass") for path, text in files.items()}
        await run_sync(self.workspace.open)
        await run_sync(self.workspace.write, data)
        await run_sync(self.workspace.emptied)

    async def _left(self, name: str) -> bytes:
        return await run_sync(taken, self.workspace.exchange / name)

    async def _mounted(self, files: Mapping[str, str], fixed: Sequence[str]) -> list[Mount]:
        """These files of the project as mounts that nobody can write to, where the sandbox has such."""
        if "elsewhere" not in HOLDS[self.sandbox.level]:
            return []
        mounts = []
        for number, path in enumerate(fixed[:FIXED_FILES]):
            source = self.workspace.folder / "fixed" / str(number)
            source.parent.mkdir(exist_ok=True)
            source.write_bytes(files[path].encode(errors="surrogatepass"))
            mounts.append(Mount(str(source), f"{TREE_IN_SANDBOX}/{path}"))
        return mounts

    async def _told(
        self, question: m.Question, words: list[str], seconds: float, mounts: Sequence[Mount] = ()
    ) -> tuple[bytes, Ran]:
        """Run our script in the sandbox; the key of its report, and how it ended."""
        exchange = self.workspace.exchange
        key = secrets.token_bytes(SECRET_BYTES)
        await run_sync(put_secret, exchange / "secret", key)
        told = ["--report", str(exchange / "report.jsonl"), "--secret", str(exchange / "secret"), *self._paths()]
        argv = [self.environment.python, str(INSIDE / "measure.py"), question, *told, "--", *words]
        return key, await self._ran(argv, seconds, mounts=mounts)

    def _paths(self) -> list[str]:
        has_src = any(path.startswith("src/") for path in self.project.files)
        return ["--path", ".", *(["--path", "src"] if has_src else [])]

    async def _ran(
        self, argv: list[str], seconds: float, *, paths: Sequence[str] = (), mounts: Sequence[Mount] = ()
    ) -> Ran:
        """Run something where the files are. `paths` are on Python's path from its beginning."""
        elsewhere = "elsewhere" in HOLDS[self.sandbox.level]
        root = TREE_IN_SANDBOX if elsewhere else str(self.workspace.root)
        path = [*(f"{root}/{one}" for one in paths), self.environment.variables.get("PYTHONPATH", "")]
        command = Command.within(
            self.settings,
            argv,
            root,
            seconds=min(seconds, self.settings.sandbox_timeout_s),
            image=self.environment.image,
            job=self.project.job,
            mounts=[
                Mount(str(self.workspace.root), root, writable=True),
                Mount(str(self.workspace.exchange), writable=True),
                Mount(str(INSIDE)),
                *(Mount(folder) for folder in self.environment.folders),
                *mounts,
            ],
            environment=self.environment.variables | CALM | {"PYTHONPATH": ":".join(filter(None, path))},
        )
        return await self.sandbox.run(command)

    def _program(self, words: list[str]) -> list[str]:
        """The command of a person, as it is started here: nothing of the project is installed."""
        python = self.environment.python
        if words[0] in ("python", "python3"):
            return [python, *words[1:]]
        if words[0].endswith(".py"):
            return [python, *words]
        module, _, function = self.project.scripts.get(words[0], "").partition(":")
        if re.fullmatch(r"[\w.]+", module) and function.isidentifier():
            return [python, "-c", f"import sys; from {module} import {function}; sys.exit({function}())", *words[1:]]
        return words
