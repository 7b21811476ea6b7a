"""What candidates change in modules is put back; what cannot be, is noticed."""

import functools
import itertools
import os
import random
import sys
import threading
from collections import OrderedDict, deque
from contextvars import ContextVar
from textwrap import dedent
from types import ModuleType
from typing import Any, Generic, TypeVar

import pytest

from daemon.inside.search.state import State, fit

OWN = dedent("""\
    names, seen, table, line = ["a"], {1}, {"k": [1]}, deque([1])
    ordered = OrderedDict(a=1, b=2)

    class Thing:
        made = 0
        def __init__(self):
            self.value = 1

    thing = Thing()
    def counted(cache=[]):
        counted.calls = getattr(counted, "calls", 0) + 1
        cache.append(1)

    def counter():
        number = 0
        def step():
            nonlocal number
            number += 1
            return number
        return step

    step = counter()

    class Box(Generic[T]):
        __slots__ = ("inside", "unset")
        def __init__(self):
            self.inside = 1

    class Counts(dict):
        pass

    box, counts, part, chance = Box(), Counts(a=1), functools.partial(dict, a=1), random.Random(1)

    @functools.lru_cache
    def cached(number):
        return number
    """)


@pytest.fixture
def own() -> Any:  # noqa: ANN401  a module with whatever names
    module = ModuleType("own_of_test_state")
    vars(module).update(functools=functools, deque=deque, OrderedDict=OrderedDict)
    vars(module).update(random=random, Generic=Generic, T=TypeVar("T"))
    exec(OWN, vars(module))  # noqa: S102  our own text
    return module


CHANGES = {
    "a list": "names.append('b')",
    "a list within": "table['k'].clear()",
    "a set": "seen.add(2)",
    "a deque": "line.popleft()",
    "an order": "ordered.move_to_end('a')",
    "an object": "thing.value = 2; thing.more = 3",
    "a class": "Thing.made += 1; Thing.more = 1",
    "a default and an attribute": "counted()",
    "a cell": "step()",
    "a cache": "cached(1)",
    "a slot": "box.inside = 2; box.unset = 3",
    "an argument that is bound": "part.keywords['a'] = 2",
    "own chance": "chance.random()",
    "a global": "globals().pop('names'); fresh = 1",
    "chance": "__import__('random').random()",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_was_changed_is_put_back(own: Any, change: str) -> None:  # noqa: ANN401  see above
    state, number = State([own]), random.getstate()
    exec(change, vars(own))  # noqa: S102  our own text
    assert state.restored()
    assert (own.names, own.seen, own.table, list(own.line), list(own.ordered)) == (
        ["a"],
        {1},
        {"k": [1]},
        [1],
        ["a", "b"],
    )
    assert (vars(own.thing), own.Thing.made, hasattr(own.Thing, "more")) == ({"value": 1}, 0, False)
    assert (vars(own.counted), own.counted.__defaults__, own.step()) == ({}, ([],), 1)
    assert own.cached.cache_info().currsize == 0
    assert (own.box.inside, hasattr(own.box, "unset"), own.part()) == (1, False, {"a": 1})
    assert own.chance.getstate() == random.Random(1).getstate()  # noqa: S311  no secret
    assert random.getstate() == number


def test_an_own_module_that_was_imported_late_is_forgotten(own: Any) -> None:  # noqa: ANN401  see above
    state = State([own])
    sys.modules[f"{own.__name__}.late"] = own.late = ModuleType("late")
    assert state.restored()
    assert f"{own.__name__}.late" not in sys.modules
    assert not hasattr(own, "late")


def test_what_cannot_be_put_back_is_noticed(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401  see above
    state = State([own])
    monkeypatch.setattr(sys, "path", [*sys.path, "elsewhere"])
    assert not state.restored()


NOTICED = {
    "a lock that is taken": "lock.acquire()",
    "a container of a class of its own": "counts['b'] = 2",
    "a cache that held something": "used(2)",
    "a variable of the context": "variable.set(1)",
}


@pytest.mark.parametrize("change", NOTICED.values(), ids=NOTICED)
def test_what_is_not_put_back_is_noticed(own: Any, change: str) -> None:  # noqa: ANN401  see above
    own.lock, own.variable = threading.Lock(), ContextVar("variable")
    own.used = functools.lru_cache(abs)
    own.used(1)
    state = State([own])
    assert state.restored()
    exec(change, vars(own))  # noqa: S102  our own text
    assert not state.restored()


def test_what_cannot_be_looked_into_is_unfit(own: Any) -> None:  # noqa: ANN401  see above
    own.numbers = itertools.count()
    assert fit([own]) is None


REPLACED = {
    "a variable of the environment": lambda patch: patch.setitem(os.environ, "TMPDIR", "/elsewhere"),
    "the environment": lambda patch: patch.setattr(os, "environ", dict(os.environ)),
    "a module": lambda patch: patch.setitem(sys.modules, "random", ModuleType("random")),
}


@pytest.mark.parametrize("replace", REPLACED.values(), ids=REPLACED)
def test_what_is_replaced_is_noticed(own: Any, monkeypatch: pytest.MonkeyPatch, replace: Any) -> None:  # noqa: ANN401  see above
    """As many as before is not the same as before."""
    monkeypatch.setenv("TMPDIR", "/here")
    state = State([own])
    replace(monkeypatch)
    assert not state.restored()


def test_a_module_that_came_back_is_no_other(own: Any, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401  see above
    """What is taken out and put back stands last among the modules, and is what it was."""
    state = State([own])
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "random")
    assert list(sys.modules)[-1] == "random"
    assert state.restored()
