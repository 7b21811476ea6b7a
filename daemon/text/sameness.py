"""Whether two answers are the same answer: a digest of what the files become, blind to what nothing runs.

An answer that makes a program which was tested before is not tested again. So nothing that may change a verdict is
left out of the digest; only comments, layout and docstrings of Python are, since most tests do not look at them.
"""

import hashlib
from collections.abc import Mapping

from daemon.text.objections import PYTHON, meaning


def tree_digest(changes: Mapping[str, str | None]) -> str:
    """The digest of changed paths and their new texts, None where the file goes. Two orders are one change."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(changes):
        for part in (path, *_content(path, changes[path])):
            data = part.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "big") + data)  # the length keeps neighbours apart
    return digest.hexdigest()


def _content(path: str, text: str | None) -> tuple[str, str]:
    if text is None:
        return "gone", ""
    program = meaning(text) if path.endswith(PYTHON) else ""
    return ("program", program) if program else ("text", text)
