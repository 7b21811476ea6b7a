"""Which files are shown for which failure, in what form, and what is told of those that are not."""

import math
import random
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.text import context, outline, relevance
from daemon.text.context import Evidence, Selection, select
from daemon.text.outcomes import Frame

CALENDAR = '''"""Days."""


def last_days(days, count):
    """The last of the days."""
    return days[-count + 1:]
'''
SHOP = {
    "shop/__init__.py": "from shop.basket import Basket\n",
    "shop/basket.py": (
        "from shop import prices\n\n\nclass Basket:\n    def total(self):\n        return prices.total(self)\n"
    ),
    "shop/prices.py": "def total(basket):\n    raise ValueError('no prices')\n",
    "shop/calendar.py": CALENDAR,
    "shop/unrelated.py": "def paint(canvas):\n    return canvas\n",
    "tests/test_calendar.py": (
        "from shop.calendar import last_days\n\n\ndef test_last():\n    assert last_days([1, 2], 1) == [2]\n"
    ),
    "tests/test_basket.py": "from shop import Basket\n\n\ndef test_total():\n    assert Basket().total() == 3\n",
    "README.md": "A shop with a calendar.\n",
    ".env": "TOKEN=1\n",
}


def chosen(evidence: Evidence, files: Mapping[str, str] = SHOP, budget: int = 8000) -> Selection:
    return select(evidence, files, relevance.index(files), budget)


def names(selection: Selection) -> list[str]:
    return [file.path for file in selection.files]


def test_the_file_that_the_test_speaks_of_comes_first() -> None:
    selection = chosen(Evidence(problem="The last day is missing.", tests=["tests/test_calendar.py"]))
    assert names(selection)[0] == "shop/calendar.py"
    assert set(selection.files[0].parts) >= {"imported", "stem", "words"}
    assert selection.files[0].form == "whole"


def test_the_innermost_frame_weighs_most_and_the_others_less_and_less() -> None:
    frames = [
        Frame("tests/test_basket.py", 5, "test_total"),
        Frame("shop/basket.py", 6, "total"),
        Frame("shop/prices.py", 2, "total"),
    ]
    ranked = {one.path: one for one in context.rank(Evidence(tracebacks=[frames]), SHOP, relevance.index(SHOP))}
    assert ranked["shop/prices.py"].parts["frames"] == 2.0
    assert ranked["shop/basket.py"].parts["frames"] == 1.4
    assert "tests/test_basket.py" not in ranked


def test_who_calls_the_test_is_not_suspected_for_it() -> None:
    frames = [Frame("shop/prices.py", 1, "run_tests"), Frame("tests/test_basket.py", 5, "test_total")]
    evidence = Evidence(tests=["tests/test_basket.py"], tracebacks=[frames])
    assert not any("frames" in one.parts for one in context.rank(evidence, SHOP, relevance.index(SHOP)))


def test_each_of_several_tracebacks_in_a_problem_counts() -> None:
    one = 'Traceback (most recent call last):\n  File "/x/shop/prices.py", line 2, in total\nValueError\n'
    other = one.replace("shop/prices.py", "tests/test_basket.py") + '  File "/x/shop/basket.py", line 6, in total\n'
    evidence = Evidence(problem=f"First\n{one}then\n{other}", tests=["tests/test_basket.py"])
    ranked = {one.path: one for one in context.rank(evidence, SHOP, relevance.index(SHOP))}
    assert ranked["shop/prices.py"].parts["frames"] == ranked["shop/basket.py"].parts["frames"] == 1.0


def test_lines_that_only_failing_tests_run_weigh_more_than_those_that_all_run() -> None:
    failing = {"shop/prices.py": [1, 2], "shop/basket.py": [1]}
    passing = [{"shop/basket.py": [1]} for _ in range(8)]
    evidence = Evidence(executed_failing=[failing], executed_passing=passing)
    ranked = {one.path: one for one in context.rank(evidence, SHOP, relevance.index(SHOP))}
    assert ranked["shop/prices.py"].parts["coverage"] == 2.0
    assert ranked["shop/basket.py"].parts["coverage"] == pytest.approx(2.0 / math.sqrt(9) / 2, abs=1e-4)


def test_files_that_are_as_suspicious_as_many_others_are_hardly_suspicious() -> None:
    alone = Evidence(executed_failing=[{"shop/prices.py": [1]}])
    among_four = Evidence(
        executed_failing=[{f"shop/{name}.py": [1] for name in ("prices", "basket", "calendar", "unrelated")}]
    )
    parts = [
        {one.path: one.parts["coverage"] for one in context.rank(evidence, SHOP, relevance.index(SHOP))}
        for evidence in (alone, among_four)
    ]
    assert parts[0]["shop/prices.py"] == 4 * parts[1]["shop/prices.py"]


def test_a_traceback_quoted_in_the_problem_finds_its_file_from_another_machine() -> None:
    problem = 'Traceback:\n  File "/usr/lib/python3/site-packages/shop/prices.py", line 2, in total\nValueError'
    ranked = context.rank(Evidence(problem=problem), SHOP, relevance.index(SHOP))
    assert ranked[0].path == "shop/prices.py"
    assert ranked[0].parts["frames"] == 1.0


def test_a_name_handed_on_by_a_package_leads_to_where_it_is_defined() -> None:
    evidence = Evidence(tests=["tests/test_basket.py"], failing=["tests/test_basket.py::test_total"])
    ranked = {one.path: one for one in context.rank(evidence, SHOP, relevance.index(SHOP))}
    assert ranked["shop/basket.py"].parts["imported"] > ranked["shop/__init__.py"].parts["imported"]


def test_tests_are_shown_but_never_offered_for_an_edit() -> None:
    evidence = Evidence(
        problem="test_total in tests/test_basket.py", tests=["tests/test_basket.py"], changed=["tests/test_calendar.py"]
    )
    selection = chosen(evidence)
    assert [test.path for test in selection.tests] == ["tests/test_basket.py"]
    assert not any(path.startswith("tests/") for path in names(selection))


@pytest.mark.parametrize(
    ("test", "path", "is_test"),
    [
        ("test_c (testcart.T)", "testcart.py", True),
        ("testcart.T.test_c", "testcart.py", True),
        ("check_cart.py::test_c", "check_cart.py", True),
        ("check_cart.py::T::test_c[1.5]", "check_cart.py", True),
        ("cart.py::cart.total", "cart.py", False),
        ("cart.py::cart", "cart.py", False),
        ("cart.T.test_c", "cart.py", False),
    ],
)
def test_what_passing_tests_stand_in_is_a_test_whatever_it_is_called(test: str, path: str, is_test: bool) -> None:  # noqa: FBT001  a table's column
    """… but a doctest stands in the product, and where no test is written none can stand."""
    files = {
        "testcart.py": "class T(TestCase):\n    def test_c(self): ...\n",
        "check_cart.py": "def test_c(): ...\n",
        "cart.py": '"""\n>>> total()\n3\n"""\n',
    }
    assert context.tests_among({"cart.py", path}, [test], files) == [path] * is_test


def test_a_file_of_secrets_is_not_shown_even_if_it_is_named() -> None:
    assert ".env" not in names(chosen(Evidence(problem="see .env and shop/prices.py", changed=[".env"])))


def test_a_file_that_is_no_python_is_shown_where_it_is_named() -> None:
    assert "README.md" in names(chosen(Evidence(problem="README.md and shop/prices.py are wrong")))


def long_module(functions: int = 100) -> str:
    steps = "    step += 1\n" * 6
    bodies = "".join(
        f"\n\ndef task_{number}(value):\n    step = value\n{steps}    return step" for number in range(functions)
    )
    return f'"""Tasks."""\n\nimport math{bodies}\n'


def test_a_long_file_is_an_outline_with_the_bodies_that_matter() -> None:
    files = {"pkg/tasks.py": long_module()}
    lines = outline.lines_of(files["pkg/tasks.py"])
    inside = lines.index("def task_70(value):") + 4
    (shown,) = chosen(
        Evidence(problem="task_42 is wrong", tracebacks=[[Frame("pkg/tasks.py", inside, "task_70")]]), files
    ).files
    assert shown.form == "outline"
    assert shown.bodies[0] == "task_70"
    assert "task_42" in shown.bodies
    assert "3| import math" in shown.text
    assert f"{lines.index('def task_9(value):') + 1}| def task_9(value):" in shown.text
    assert "are not shown)" in shown.text


def test_a_long_file_that_cannot_be_parsed_is_shown_in_windows() -> None:
    files = {"pkg/old.py": "\n".join(f"print 'line {number} of the beast'" for number in range(1000))}
    (shown,) = chosen(Evidence(tracebacks=[[Frame("pkg/old.py", 500, "f")]]), files, 3000).files
    assert "500| print 'line 499 of the beast'" in shown.text


def test_what_did_not_fit_is_told_with_its_reason() -> None:
    files = {f"pkg/part_{number}.py": f"def part_{number}():\n    return 'the beast'\n" * 20 for number in range(40)}
    selection = chosen(Evidence(problem="the beast"), files, 1500)
    assert selection.left_out
    assert all(one.why for one in selection.left_out)
    assert selection.manifest()["tokens"] == selection.tokens


def test_every_shown_file_says_why() -> None:
    selection = chosen(Evidence(problem="prices", tests=["tests/test_basket.py"]))
    assert all(file.why and file.parts for file in selection.files)
    assert all("text" not in row for row in selection.manifest()["shown"])  # type: ignore[attr-defined]  # a list of rows


@given(st.integers(0, 6000), st.sampled_from(["prices", "task_42", "the last day of shop/calendar.py"]))
def test_the_budget_is_never_exceeded(budget: int, problem: str) -> None:
    files = {**SHOP, "pkg/tasks.py": long_module(60)}
    selection = chosen(
        Evidence(problem=problem, tests=["tests/test_calendar.py"], failing=["test_last"]), files, budget
    )
    assert selection.tokens <= budget
    assert sum(outline.cost(file.text) for file in selection.all()) <= selection.tokens


def test_the_same_evidence_is_the_same_selection_whatever_the_order_of_the_tree() -> None:
    shuffled = list(SHOP.items())
    random.Random(3).shuffle(shuffled)  # noqa: S311  no secret
    evidence = Evidence(problem="total of the basket", tests=["tests/test_basket.py"])
    assert chosen(evidence, dict(shuffled)) == chosen(evidence)


class Lazy(Mapping[str, str]):
    """A tree of which one file cannot be read as text."""

    def __getitem__(self, name: str) -> str:
        if name == "pkg/binary.py":
            raise KeyError(name)
        return SHOP[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*SHOP, "pkg/binary.py"])

    def __len__(self) -> int:
        return len(SHOP) + 1


def test_a_file_that_is_no_text_is_in_nobodys_way() -> None:
    selection = chosen(Evidence(problem="pkg/binary.py and prices", tests=["pkg/binary.py"]), Lazy())
    assert "pkg/binary.py" not in names(selection)
    assert "shop/prices.py" in names(selection)


@pytest.mark.parametrize(
    ("test", "file"),
    [
        ("tests/test_basket.py::TestX::test_total[1]", "tests/test_basket.py"),
        ("test_total (tests.test_basket.TestX)", "tests/test_basket.py"),
        ("test_total (test_basket.TestX)", "tests/test_basket.py"),
        ("tests.test_basket.TestX.test_total", "tests/test_basket.py"),
        ("nothing like it", None),
    ],
)
def test_the_file_of_a_test_is_found_by_its_id(test: str, file: str | None) -> None:
    assert context.test_files([test], SHOP) == ([file] if file else [])


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("import shop.prices as p", [("shop.prices", "", "p")]),
        ("from . import prices", [("shop", "prices", "prices")]),
        (
            "from .prices import (\n    total,  # all\n    tax as t,\n)",
            [("shop.prices", "total", "total"), ("shop.prices", "tax", "t")],
        ),
        ("from ..other import x", [("other", "x", "x")]),
        ("    from a.b import *", [("a.b", "*", "*")]),
        ("from a import b, \\\n    c", [("a", "b", "b"), ("a", "c", "c")]),
    ],
)
def test_imports_are_read(line: str, found: list[tuple[str, str, str]]) -> None:
    assert [(one.module, one.name, one.local) for one in relevance.imported(line, "shop/basket.py")] == found


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("get_HTTPError", ("get_httperror", "get", "http", "error")),
        ("plain", ("plain",)),
        ("__init__", ("init",)),
        ("utf8", ("utf8", "utf")),
    ],
)
def test_names_are_taken_apart(name: str, parts: tuple[str, ...]) -> None:
    assert relevance.parts(name) == parts


@given(st.text(alphabet=st.sampled_from("def cl(s):\n\t@=\"'x "), max_size=300))
def test_any_text_has_an_outline(text: str) -> None:
    lines = outline.lines_of(text)
    known = outline.blocks(text)
    view = outline.outline(lines, known, known, 10_000)
    assert view is None or view.shown <= len(lines)
