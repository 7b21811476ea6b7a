"""An edit becomes a pattern, patterns become a more general one, and a pattern mends other code of the same shape."""

import ast
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.text import pattern, terms
from daemon.text.pattern import Pattern, abstracted, apply, generalise, learn, likeness, load, objection
from daemon.text.terms import Refused
from tests.benchmarks import programs
from tests.benchmarks.seeding import bugs, renamed

# What was learned from: before, after; where it is replayed: before, after.
REPLAYED = {
    "a comparison": (
        "def f(a, b):\n    return a < b\n",
        "def f(a, b):\n    return a <= b\n",
        "def g(x, y):\n    # why\n    if x < y:  # here\n        return 2\n",
        "def g(x, y):\n    # why\n    if x <= y:  # here\n        return 2\n",
    ),
    "a guard, among other names": (
        "def f(a):\n    return a.x\n",
        "def f(a):\n    if a is None:\n        return None\n    return a.x\n",
        "def g(self, n):\n    # keep\n    return n.next  # this\n",
        "def g(self, n):\n    # keep\n    if n is None:\n        return None\n    return n.next  # this\n",
    ),
    "an import with its use": (
        "def f(a):\n    return sqrt(a)\n",
        "import math\n\ndef f(a):\n    return math.sqrt(a)\n",
        '"""Words."""\nfrom __future__ import annotations\n\ndef g(n):\n    return sqrt(n)\n',
        '"""Words."""\nfrom __future__ import annotations\nimport math\n\ndef g(n):\n    return math.sqrt(n)\n',
    ),
    "an import that was missing": (
        "def f():\n    return json.loads('1')\n",
        "import json\n\ndef f():\n    return json.loads('1')\n",
        "def g(x):\n    return json.dumps(x)\n",
        "import json\ndef g(x):\n    return json.dumps(x)\n",
    ),
    "an import below a docstring with what ends no line": (
        "def f():\n    return json.loads('1')\n",
        "import json\n\ndef f():\n    return json.loads('1')\n",
        '\ufeff"""One\x0cpage\x0b of\u2028 words\x85\n."""\r\ndef g(x):\r    return json.dumps(x)\n',
        '\ufeff"""One\x0cpage\x0b of\u2028 words\x85\n."""\r\nimport json\ndef g(x):\r    return json.dumps(x)\n',
    ),
    "an import above all, but for the mark of a file": (
        "def f():\n    return json.loads('1')\n",
        "import json\n\ndef f():\n    return json.loads('1')\n",
        "\ufeffdef g(x):\n    return json.dumps(x)\n",
        "\ufeffimport json\ndef g(x):\n    return json.dumps(x)\n",
    ),
    "another name of a module that is imported already": (
        "from math import pi\n\ndef f(a):\n    return hypot(a, pi)\n",
        "from math import hypot, pi\n\ndef f(a):\n    return hypot(a, pi)\n",
        "from math import floor\n\ndef g(x):\n    return floor(sqrt(x))\n",
        "from math import sqrt\nfrom math import floor\n\ndef g(x):\n    return floor(sqrt(x))\n",
    ),
    "another module of the standard library": (
        "def f(a):\n    return json.loads(a)\n",
        "import json\n\ndef f(a):\n    return json.loads(a)\n",
        "import os\n\ndef g(x):\n    return re.sub(x, our, os.sep)\n",
        "import re\nimport os\n\ndef g(x):\n    return re.sub(x, our, os.sep)\n",
    ),
    "an attribute as it is really spelt": (
        "def f(a):\n    return a.due_date.days\n",
        "def f(a):\n    return a.due.days\n",
        "class C:\n    def f(self, n):\n        self.since = n\n\n    def g(self):\n        return self.sinze.hour\n",
        "class C:\n    def f(self, n):\n        self.since = n\n\n    def g(self):\n        return self.since.hour\n",
    ),
    "parentheses where they are needed": (
        "def f(n):\n    return x * n\n",
        "def f(n):\n    return x * (n + 1)\n",
        "def g(k):\n    return 2 ** (k * k)\n",
        "def g(k):\n    return 2 ** (k * (k + 1))\n",
    ),
    "a statement that goes": (
        "def f(a):\n    a.sort()\n    return a\n",
        "def f(a):\n    return a\n",
        "def g(b):\n    b.sort()\n    return b  # so\n",
        "def g(b):\n    return b  # so\n",
    ),
    "two places at once": (
        "def f(a):\n    i = 1\n    while i < len(a):\n        i += 1\n",
        "def f(a):\n    i = 0\n    while i <= len(a):\n        i += 1\n",
        "def g(z):\n    k = 1\n    print(z)\n    while k < len(z):\n        k += 1\n",
        "def g(z):\n    k = 0\n    print(z)\n    while k <= len(z):\n        k += 1\n",
    ),
    "what stood too deep, below more than was there": (
        "def f(a):\n    n = 0\n    for x in a:\n        n += x\n        return n\n",
        "def f(a):\n    n = 0\n    for x in a:\n        n += x\n    return n\n",
        "def g(z):\n    k = 1\n    for y in z:\n        y = y + 1\n        k *= y\n        return k\n",
        "def g(z):\n    k = 1\n    for y in z:\n        y = y + 1\n        k *= y\n    return k\n",
    ),
    "a default that is shared, of another program": (
        "def f(a, b=[]):\n    b.append(a)\n    return b\n",
        "def f(a, b=None):\n    if b is None:\n        b = []\n    b.append(a)\n    return b\n",
        "def g(k, j, z=[]):\n    if j:\n        z.append(j * k)\n    return z\n",
        "def g(k, j, z=None):\n    if z is None:\n        z = []\n    if j:\n        z.append(j * k)\n    return z\n",
    ),
    "other letters, columns in bytes": (
        "def f(a, b):\n    return a < b\n",
        "def f(a, b):\n    return a <= b\n",
        "\ufeffx = ['\u00e4\u00f6\U0001f642'] if \u00fc < w else ''\r\n",
        "\ufeffx = ['\u00e4\u00f6\U0001f642'] if \u00fc <= w else ''\r\n",
    ),
}
REFUSED = {
    "no change": ({"a.py": ("x = 1\n", "x = 1  # one\n")}, "nothing that runs"),
    "no Python": ({"a.py": ("x = 1\n", "x = \n")}, "cannot be read"),
    "a test": ({"tests/test_a.py": ("x = 1\n", "x = 2\n")}, "teaches nothing"),
    "too deep": ({"a.py": ("x = 1\n", f"x = {'-' * 200}1\n")}, "nested deeper"),
    "too large": ({"a.py": ("a = 1\n", "f(1, 2, 3)\n" * 99)}, "is a rewrite"),
    "too many places": (
        {"a.py": ("".join(f"x{n} = a < b\n" for n in range(9)), "".join(f"x{n} = a > b\n" for n in range(9)))},
        "changes 9 places",
    ),
}
OBJECTED = {
    "it adds exit": ("f(a)\n", "exit(f(a))\n"),
    "it adds skip": ("def f(a):\n    g(a)\n", "import pytest\n\ndef f(a):\n    pytest.skip(a)\n"),
    "it adds subprocess": ("f(a)\n", "import subprocess\nsubprocess.run(a)\n"),
    "it takes a check away": ("def f(a):\n    assert a\n    return a\n", "def f(a):\n    return a\n"),
    "it lets an error pass in silence": (
        "def f(a):\n    return a.b\n",
        "def f(a):\n    try:\n        return a.b\n    except Exception:\n        pass\n",
    ),
    "it returns what the test expects: 42": ("def f(a):\n    return a\n", "def f(a):\n    return 42\n"),
}
HOSTILE = [
    "[" * 100_000,
    '["Name"',
    "[[[[]]]]",
    '[[["a"],["b"]],[]]',
    '[[[["Name","?n0"],["Name",["Name"]]]],[]]',
    '[[[["Call","x"],["Delete","i:a"]]],[]]',
    '[[[["Constant","c:__import__(1)"],["Constant","c:9**9**9"]]],[]]',
    '[[[["Return",["Name","?n0"]],["Return",["Name","i:x;import os"]]]],[]]',
    '[[[["Name","?r0"],["Delete","?r0"]]],[]]',
    '[[[["Call",["Name","?n0"],["[]","?r0","?r1"],["[]"]],["Call",["Name","?n0"],["[]","?r1"],["[]"]]]],[]]',
    '[[[["[]","?r0",["Return","-"]],["[]","?r0","?r0"]]],[]]',
    "{}",
    "null",
    "[[],[]]",
    "\udcff",
]


def taught(before: str, after: str) -> Pattern:
    return learn({"shop/cart.py": (before, after)})


@pytest.mark.parametrize(("before", "after", "source", "expected"), REPLAYED.values(), ids=REPLAYED)
def test_what_was_learned_from_one_program_mends_another(before: str, after: str, source: str, expected: str) -> None:
    assert expected in apply(taught(before, after), source, ())


@pytest.mark.parametrize(("files", "why"), REFUSED.values(), ids=REFUSED)
def test_what_is_no_pattern_is_refused(files: dict[str, tuple[str, str]], why: str) -> None:
    with pytest.raises(Refused, match=why):
        learn(files)


@pytest.mark.parametrize(("why", "edit"), OBJECTED.items(), ids=OBJECTED)
def test_what_must_not_be_remembered_is_objected_to(why: str, edit: tuple[str, str]) -> None:
    assert objection(taught(*edit), expected=["42"]) == why


def test_an_honest_fix_is_not_objected_to() -> None:
    for before, after, _, _ in REPLAYED.values():
        assert objection(taught(before, after)) == ""


def test_the_canonical_form_knows_no_names_and_reads_back() -> None:
    one = taught("def f(a, b):\n    return a[b] - 7\n", "def f(a, b):\n    return a[b - 1] - 7\n")
    other = taught("def g(x, yy):\n    return  x[yy] - 9 \n", "def g(x, yy):\n    return  x[yy - 1] - 9\n")
    assert one.text == other.text
    assert load(one.text) == one


def test_two_patterns_become_the_one_that_both_are_cases_of() -> None:
    one = taught("g(a, b[0])\n", "g(b[0], a)\n")
    other = taught("h(a.q, b)\n", "h(b, a.q)\n")
    both = generalise(one, other)
    assert both is not None
    assert apply(both, "z = swap(1, x + 2)\n", ()) == ["z = swap(x + 2, 1)\n"]
    assert generalise(both, one) == both


def test_patterns_with_nothing_in_common_have_no_common_one() -> None:
    assert generalise(taught("f(a)\n", "f(b)\n"), taught("x = a < b\n", "x = a <= b\n")) is None


def test_likeness_is_one_for_the_same_and_less_for_others() -> None:
    one, near = taught("x = a < b\n", "x = a <= b\n"), taught("x = a < b.c\n", "x = a <= b.c\n")
    far = taught("def f(a):\n    return\n", "def f(a):\n    return a\n")
    assert likeness(one, one) == 1.0
    assert 1 > likeness(one, near) > likeness(one, far)


def test_only_suspicious_lines_are_changed_and_the_most_suspicious_first() -> None:
    found = apply(taught("x = a < b\n", "x = a <= b\n"), "p = q < r\ns = t < u\nv = w < x\n", (3, 1))
    assert found == ["p = q < r\ns = t < u\nv = w <= x\n", "p = q <= r\ns = t < u\nv = w < x\n"]


def test_a_bug_that_was_mended_once_is_mended_again_under_other_names() -> None:
    """Every fifth program of the corpus: learned from each bug, replayed on it with every name changed."""
    dice, tried, mended = Random(1), 0, 0  # noqa: S311  nothing secret
    for program in programs.read()[::5]:
        right = ast.unparse(ast.parse(program.source)) + "\n"
        for bug in bugs(program, 6):
            tried += 1
            other, names = renamed(bug.source, dice), dice.getstate()
            ways = apply(load(taught(bug.source, right).text), other, (), 6)
            dice.setstate(names)
            mended += any(_means(way, right) for way in ways)
    assert mended / tried > 0.7, (mended, tried)


def _means(one: str, other: str) -> bool:
    """The same program, whatever its variables are called."""
    shapes = [abstracted(Pattern(((terms.of(ast.parse(text)), "-"),)), ()) for text in (one, other)]
    return shapes[0] == shapes[1]


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_text_is_learned_from_or_refused(before: str, after: str) -> None:
    try:
        found = taught(before, after)
    except Refused:
        return
    assert load(found.text) == found


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_pattern_is_refused_or_changes_nothing(text: str) -> None:
    try:
        found = load(text)
    except Refused:
        return
    ways = apply(found, "def f(x):\n    return x\n", ())
    assert all("import" not in way for way in ways)


@pytest.mark.parametrize("source", ["(" * 50_000, "-" * 50_000 + "1", "x." * 50_000 + "y", "a = b < c\n" * 5_000])
def test_a_hostile_source_ends_soon(source: str) -> None:
    """Nothing here is timed: without bounds this would not end while anybody waits."""
    assert len(apply(taught("x = a < b\n", "x = a <= b\n"), source, ())) <= pattern.INSTANCES


def test_what_an_edit_only_carries_over_may_be_any_expression() -> None:
    taught = learn(
        {
            "a.py": (
                "def f(cart):\n    return cart.total() > LIMIT\n",
                "def f(cart):\n    return cart.total() >= LIMIT\n",
            )
        }
    )
    replayed = apply(taught, "def g(age, limits):\n    return age + 1 > limits[0]\n", [2])
    assert replayed == ["def g(age, limits):\n    return age + 1 >= limits[0]\n"]
