"""git, asked for single facts with plumbing only, in a way that a hostile repository cannot use against us.

A work tree of somebody else never brings its own git folder, hooks, filters or configuration: every call names the git
folder that it means, and everything that could start a program is off.
"""

import errno
import os
import re
import subprocess
from pathlib import Path

from daemon.disk import FAULTS
from daemon.effects.world import Fault

CALM = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",  # an object that is promised by a remote would be fetched as the repository says
    "GIT_AUTHOR_NAME": "mendd",
    "GIT_AUTHOR_EMAIL": "mendd@localhost",
    "GIT_COMMITTER_NAME": "mendd",
    "GIT_COMMITTER_EMAIL": "mendd@localhost",
    "LC_ALL": "C.UTF-8",
}
OFF = {
    "core.hooksPath": "/dev/null",
    "core.fsmonitor": "false",
    "core.autocrlf": "false",
    "core.attributesFile": "/dev/null",
    "core.quotePath": "true",
    "diff.external": "",
    "gc.auto": "0",
    "log.showSignature": "false",  # it asks a program that the repository names
    "safe.directory": "*",
    "uploadpack.packObjectsHook": "",
}
SECONDS = 600.0
TROUBLES = {os.strerror(code): code for code in FAULTS} | {"Out of diskspace": errno.ENOSPC}
TROUBLE = re.compile(  # how git says that the machine cannot; checkout-index does not say why it could not write
    rf"(?m)(?:{'|'.join(map(re.escape, TROUBLES))})$|^error: unable to write file (?!')"
)


class GitRefused(Exception):  # noqa: N818  said of git
    """git would not do it; the message is its own."""


class Git:
    """One git folder, without a work tree."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def ask(
        self,
        *arguments: str,
        given: bytes = b"",
        index: Path | None = None,
        tree: Path | None = None,
        protocols: str = "",
    ) -> bytes:
        """What git answers. `index` and `tree` stand in for the ones that a checkout would have.

        It asks nobody else but by these protocols, whatever the repository promises or allows itself.
        GitRefused where git will not; where it cannot, an OSError or a Fault.
        """
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": "/nonexistent", **CALM}
        environment["GIT_ALLOW_PROTOCOL"] = protocols
        environment |= {"GIT_INDEX_FILE": str(index)} if index else {}
        environment |= {"GIT_WORK_TREE": str(tree)} if tree else {}
        settings = [part for key, value in OFF.items() for part in ("-c", f"{key}={value}")]
        command = ["git", f"--git-dir={self.folder}", *settings, *arguments]
        try:
            result = subprocess.run(
                command,
                cwd=tree,
                env=environment,
                input=given,
                capture_output=True,
                timeout=SECONDS,
                check=False,
                start_new_session=True,  # a Ctrl-C is the daemon's to hear
            )
        except subprocess.TimeoutExpired:
            raise Fault("git_timeout", f"git {arguments[0]} did not end in {SECONDS:g} s") from None
        if result.returncode:
            said = result.stderr.decode(errors="replace").strip()
            what = f"git {arguments[0]}: {said or f'status {result.returncode}'}"
            if result.returncode < 0 or "died of signal" in said:
                raise Fault("git_killed", what)
            if trouble := TROUBLE.search(said):
                raise OSError(TROUBLES.get(trouble[0], errno.ENOSPC), what)
            raise GitRefused(what)
        return result.stdout

    def commit_of(self, name: str) -> str:
        """The full name of a commit."""
        try:
            return self.ask("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}").decode().strip()
        except GitRefused:
            raise GitRefused(f"it has no commit {name}") from None
