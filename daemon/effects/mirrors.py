"""What the URLs of repositories have, fetched into bare clones of our own."""

import hashlib
import os
import re
import time
from pathlib import Path
from threading import Lock

from daemon.effects.git import Git, GitRefused
from daemon.effects.world import Fault

THEIR_HEAD = "refs/mendd/head"  # what the branch is called that a mirror's HEAD means, is theirs to say
PROTOCOLS = "file:git:http:https:ssh"
EVERYTHING = "+refs/*:refs/*"
HEAD = f"+HEAD:{THEIR_HEAD}"
WITHOUT_HEAD = "couldn't find remote ref HEAD"  # of a repository whose HEAD means a branch that nobody pushed
FULL_NAME = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
NO_ANSWER = re.compile(  # how git, curl and ssh speak of a network or a server that may be back tomorrow
    r"(?i)could not resolve|unable to (?:look up|connect)|couldn't connect|connect to host|timed out|empty reply"
    r"|connection (?:refused|reset|closed)|rpc failed|early eof|unexpected disconnect|returned error: (?:429|5\d\d)"
    r"|cannot lock ref.*(?:File exists|but expected)"  # what a killed daemon's git, still fetching, may do to ours
)


def is_address(named: str) -> bool:
    """Whether a repository is to be fetched, and no folder of this machine."""
    return "://" in named or named.startswith("git@")


class Mirrors:
    """One folder of mirrors. One job at a time fetches a URL, for git's own locks refuse where they could wait."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._fetching: dict[str, Lock] = {}
        self._failed: dict[str, tuple[float, Fault]] = {}  # when a URL did not answer, and how

    def of(self, url: str, commit: str = "") -> Path:
        """A clone of what the URL has now; of what it had, where that holds the commit. Blocks."""
        mirror = self.folder / hashlib.sha256(url.encode()).hexdigest()[:24]
        began = time.monotonic()
        with self._fetching.setdefault(url, Lock()):
            when, fault = self._failed.get(url, (0.0, None))
            if fault and when > began:
                raise fault  # who waited for a server that does not answer need not ask it once more
            if not _holds(mirror, commit):
                try:
                    _fetch(Git(mirror), url)
                except Fault as fault:
                    self._failed[url] = time.monotonic(), fault
                    raise
        return mirror


def _holds(mirror: Path, commit: str) -> bool:
    try:
        return bool(FULL_NAME.fullmatch(commit) and (mirror / "HEAD").exists() and Git(mirror).commit_of(commit))
    except GitRefused:
        return False


def _fetch(git: Git, url: str) -> None:
    for folder, _, names in os.walk(git.folder):
        for left in names:
            if left.endswith(".lock"):  # by a git that was killed
                Path(folder, left).unlink(missing_ok=True)
    git.ask("init", "--quiet", "--bare", str(git.folder))  # also completes what a kill has left half made
    fetch = ("fetch", "--quiet", "--prune", "--no-recurse-submodules", "--", url, EVERYTHING)
    try:
        try:
            git.ask(*fetch, HEAD, protocols=PROTOCOLS)
        except GitRefused as error:
            if WITHOUT_HEAD not in str(error):
                raise
            git.ask(*fetch, protocols=PROTOCOLS)
    except GitRefused as error:
        if NO_ANSWER.search(str(error)):
            raise Fault("repository_down", str(error)) from error
        raise
    git.ask("symbolic-ref", "HEAD", THEIR_HEAD)
