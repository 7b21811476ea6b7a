"""What a module binds, uses unbound, and gives to objects."""

import ast

import pytest

from daemon.text.bindings import attributes, imported, unbound
from daemon.text.terms import code

BINDS = """
import a.b, c as d
from e import f
def g(h, *i, j=None, **k): m = n
class O: p: int = 1
try:
    pass
except q as r: r
for s in d: (t := s)
match f:
    case [u, *v] | {"x": u, **v}: u
"""


def test_what_is_used_and_bound_nowhere_is_told_in_its_order() -> None:
    uses = "print(z, a, d, f, g, h, i, j, k, m, O, r, s, t, u, v, len, y, z)\n"
    assert sorted(unbound(ast.parse(BINDS + uses))) == ["n", "q", "y", "z"]


def test_nobody_knows_what_a_star_brings() -> None:
    assert unbound(ast.parse("from a import *\nb\n")) == []


def test_attributes_are_those_of_assignments_and_of_classes() -> None:
    source = "class A:\n    b: int\n    c = 1\n    def d(self):\n        self.e = self.f\n        g = 1\n"
    assert sorted(attributes(ast.parse(source))) == ["b", "c", "d", "e"]


@pytest.mark.parametrize("written", ["import a, b.c as d\nfrom e import f, g as h\n", "import a\nimport b.c as d\n"])
def test_imports_are_the_same_however_they_are_written(written: str) -> None:
    apart = "\n".join(map(code, imported(ast.parse(written))))
    assert list(imported(ast.parse(apart))) == list(imported(ast.parse(written)))
    assert apart.count("import") == apart.count("\n") + 1
