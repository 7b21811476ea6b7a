"""A proposer's answer → the new text of every file that it changes. The same answer on the same tree gives the same."""

from collections.abc import Mapping, Sequence

from daemon.rungs import EditScope
from daemon.text.context import test_files
from daemon.text.edits import read
from daemon.text.landing import Refusal, Refused, land
from daemon.text.scope import beyond

Texts = dict[str, str | None]  # path → its new text; None takes the file away


def landed(
    answer: str,
    files: Mapping[str, str],
    tests: Sequence[str],
    *,
    is_cut_off: bool = False,
    limit: EditScope | None = None,
) -> Texts:
    """What the answer makes of the files; `Unreadable` or `Refused` where it makes nothing of them."""
    texts = land(read(answer, is_cut_off=is_cut_off), files, test_files(tests, files))
    if limit and (reasons := beyond(limit, {path: files.get(path) for path in texts}, texts)):
        raise Refused([Refusal(next(iter(texts)), "too_much", reason) for reason in reasons])
    return texts


def as_bytes(texts: Texts) -> dict[str, bytes | None]:
    """The same as it stands on a disk."""
    return {path: None if text is None else text.encode() for path, text in texts.items()}
