"""A known fix as a recorded answer lands as git applies it: what the tests on real instances stand on."""

from pathlib import Path

import pytest

from daemon.text.answer import landed
from tests.fakes.instances import answer
from tests.fakes.repairs import commit, git, write

BEFORE = {
    "shop/cart.py": "".join(f"def price_{number}():\n    return {number}\n\n\n" for number in range(12)),
    "shop/page.md": "# Shop\n\n```\nold\n```\nFILE: x\n",
    "shop/old.py": "GONE = True\n",
    "shop/end.py": "A = 1\nB = 2",
}
CHANGES = {
    "two hunks": {"shop/cart.py": BEFORE["shop/cart.py"].replace("return 1\n", "return 10\n").replace("11", "12")},
    "an insertion": {"shop/cart.py": BEFORE["shop/cart.py"].replace("def price_5", "FREE = 0\n\n\ndef price_5")},
    "lines gone": {"shop/cart.py": BEFORE["shop/cart.py"].replace("def price_4():\n    return 4\n\n\n", "")},
    "fences": {"shop/page.md": BEFORE["shop/page.md"].replace("old", "new\n```\n\n````\nmore\n````\n\n```")},
    "a new file": {"shop/new/tax.py": "RATE = 3\n"},
    "a file gone": {"shop/old.py": ""},
    "no newline at the end": {"shop/end.py": "A = 1\nB = 3"},
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_patch_as_an_answer_lands_as_the_patch(tmp_path: Path, name: str) -> None:
    commit(write(tmp_path, BEFORE))
    after = {path: text or None for path, text in CHANGES[name].items()}
    write(tmp_path, {path: text for path, text in after.items() if text is not None})
    for path in (path for path, text in after.items() if text is None):
        (tmp_path / path).unlink()
    git(tmp_path, "add", "--all")
    assert landed(answer(git(tmp_path, "diff", "--cached", "--no-renames")), BEFORE, ["t.py::t"]) == after
