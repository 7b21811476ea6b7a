"""Where each way to ask looks: other files of the same evidence."""

from typing import get_args

import pytest

from daemon.rungs import EditScope, Focus, Rung, Sampling
from daemon.text.context import Evidence
from daemon.text.focus import select
from daemon.text.outcomes import Frame
from daemon.text.relevance import index

FILES = {
    "shop/cart.py": "from shop.price import rounded\n\n\ndef total(items):\n    return rounded(sum(items))\n",
    "shop/price.py": "def rounded(value):\n    return int(value)\n",
    "shop/invoice.py": "from shop.cart import total\n\n\ndef printed(items):\n    return str(total(items))\n",
    "shop/mail.py": "def send(cart, total):\n    return cart, total\n",
    "tests/test_cart.py": "from shop.cart import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n",
}
EVIDENCE = Evidence(
    problem="total of the cart is wrong in mail",
    failing=["tests/test_cart.py::test_total"],
    tests=["tests/test_cart.py"],
    tracebacks=[[Frame("shop/cart.py", 5, "total"), Frame("shop/price.py", 2, "rounded")]],
    executed_failing=[{"shop/cart.py": [5], "shop/price.py": [2]}],
    changed=["shop/price.py"],
)
INDEX = index(FILES)


def rung(focus: Focus, shown_files: int) -> Rung:
    return Rung("C1", "Conservative", "a way", focus, shown_files, EditScope(1, 9), Sampling(0.0), "smallest")


def looked_at(focus: Focus, shown_files: int = 3, evidence: Evidence = EVIDENCE) -> list[str]:
    return [file.path for file in select(rung(focus, shown_files), evidence, FILES, INDEX, 4000).files]


@pytest.mark.parametrize(
    ("focus", "shown_files", "shown"),
    [
        ("ranking", 3, ["shop/cart.py", "shop/price.py", "shop/mail.py"]),
        ("frames", 3, ["shop/cart.py", "shop/price.py"]),
        ("tests", 3, ["shop/cart.py", "shop/price.py"]),
        ("changed", 1, ["shop/price.py"]),
        ("elsewhere", 3, ["shop/cart.py", "shop/mail.py", "shop/invoice.py"]),
        ("contract", 3, ["shop/cart.py", "shop/invoice.py"]),
    ],
)
def test_each_way_to_ask_looks_at_its_own_files(focus: Focus, shown_files: int, shown: list[str]) -> None:
    assert looked_at(focus, shown_files) == shown


def test_callers_are_shown_though_nothing_else_speaks_for_them() -> None:
    evidence = Evidence(tracebacks=[[Frame("shop/cart.py", 5, "total")]], tests=["tests/test_cart.py"])
    assert "shop/invoice.py" not in looked_at("ranking", 5, evidence)
    assert "shop/invoice.py" in looked_at("callers", 5, evidence)


@pytest.mark.parametrize("focus", get_args(Focus))
def test_a_way_that_would_see_nothing_sees_the_ranking(focus: Focus) -> None:
    evidence = Evidence(problem="total", changed=list(FILES))
    assert looked_at(focus, 2, evidence) != []


@pytest.mark.parametrize("focus", get_args(Focus))
def test_the_tests_are_shown_in_every_way_and_nothing_goes_in_silence(focus: Focus) -> None:
    made = select(rung(focus, 1), EVIDENCE, FILES, INDEX, 4000)
    assert [test.path for test in made.tests] == ["tests/test_cart.py"]
    assert len(made.files) == 1
    assert "this way to ask does not look at it" in {one.why for one in made.left_out}
