"""What a candidate changes in a file gets into the functions that live, and only where that is exact."""

import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from daemon.inside.search import swap

NAME = "shop_of_test_swap"
TEXT = dedent('''\
    class Base:
        def name(self):
            return "base"


    class Outer:
        class Inner(Base):
            __hidden = "hidden"

            @staticmethod
            def twice(number):
                return number * 2

            def name(self):
                """Long
    text."""
                return super().name() + self.__hidden + str(1)

        def last(self): return 1
    \x0c
    def below():
        return 3
    ''')


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[ModuleType]:
    file = tmp_path / f"{NAME}.py"
    file.write_text(TEXT)
    module = ModuleType(NAME)
    module.__file__ = str(file)
    sys.modules[NAME] = module
    exec(compile(TEXT, str(file), "exec"), vars(module))  # noqa: S102  our own text
    yield module
    del sys.modules[NAME]


def exchanged(shop: ModuleType, old: str, new: str, imported: set[int] | None = None) -> swap.Codes:
    """Put the new text into the functions that live; which codes that took."""
    file = Path(str(shop.__file__))
    module = swap.modules_of({file.name: TEXT}, str(file.parent))[file.name]
    assert TEXT.count(old) == 1
    codes = module.exchange(TEXT.replace(old, new), imported or set(), with_fuel=False)
    swap.put(module, codes)
    return codes


EDITS = {
    "a method of a class in a class": ("+ str(1)", '+ str(2) + "!"', "basehidden2!"),
    "more lines": ("return super().name()", "more = 1\n            return super().name()", "basehidden1"),
    "a decorated one": ("number * 2", "number * 3", "basehidden1"),
    "below a form feed": ("return 3", "return 4", "basehidden1"),
    "on the line of its head": ("def last(self): return 1", "def last(self): return 2", "basehidden1"),
}


@pytest.mark.parametrize(("old", "new", "name"), EDITS.values(), ids=EDITS)
def test_only_the_function_that_differs_is_exchanged(shop: ModuleType, old: str, new: str, name: str) -> None:
    """Private names and `super()` are those of its class, and lines keep their numbers."""
    [(key, code)] = exchanged(shop, old, new).items()
    assert (code.co_name, code.co_firstlineno) == key
    assert shop.Outer.Inner().name() == name
    seen = [shop.Outer.Inner.twice(1), shop.Outer().last(), shop.below()]
    assert seen == [2 + ("* 3" in new), 1 + ("return 2" in new), 3 + ("return 4" in new)]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("def twice(number)", "def twice(number, more=1)"),
        ("def last(self): return 1", "def last(self, more=2): return 1"),
        ('"hidden"', '"shown"'),
        ("        return number * 2\n", "        return number * 2\n\n        def more(self):\n            pass\n"),
        ("def below", "def beneath"),
    ],
)
def test_more_than_a_body_is_not_exchanged(shop: ModuleType, old: str, new: str) -> None:
    with pytest.raises(swap.Unswappable):
        exchanged(shop, old, new)


def test_what_ran_at_import_is_not_exchanged(shop: ModuleType) -> None:
    line = TEXT[: TEXT.index("number * 2")].count("\n") + 1
    with pytest.raises(swap.Unswappable):
        exchanged(shop, "number * 2", "number * 3", {line})


def test_what_is_no_program_is_said_to_be_none(shop: ModuleType) -> None:
    with pytest.raises(SyntaxError):
        exchanged(shop, "return super().name()", "return super(.name()")
