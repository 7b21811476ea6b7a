"""Whether the repository's modules are as they were, or can be made so: what decides if a process may try one more.

A photograph holds what every container that can be reached from the modules holds, by identity; what a test has changed
in them is put back from it. What cannot be looked into (an iterator, a lock) makes the whole unfit, and then every
candidate gets a fork of its own. No code of the repository is called but the hashes of keys that are put back.
"""

import builtins
import enum
import functools
import gc
import logging
import os
import random
import re
import signal
import sys
import threading
import types
from collections import OrderedDict, defaultdict, deque
from operator import is_
from typing import Any, Dict, List, Optional, Tuple

CONTAINERS_AT_MOST = 3_000  # to look at after every candidate; about a fifth of a millisecond
ITEMS_AT_MOST = 20_000  # in all of them
PLAIN = (str, bytes, int, float, complex, type(None), type(...), type(NotImplemented), range, slice, re.Pattern)
SETTLED = (
    *(types.ModuleType, types.BuiltinFunctionType, types.CodeType, property, logging.Logger, enum.Enum, frozenset),
    *(types.MethodDescriptorType, types.WrapperDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType),
)
STATELESS = {
    *("_pytest", "pytest", "typing", "types", "__future__", "abc", "_abc", "enum", "dataclasses", "operator"),
    *("decimal", "fractions", "datetime", "pathlib", "_frozen_importlib", "_frozen_importlib_external", "importlib"),
}
STATELESS_KINDS = {"_tuplegetter", "mappingproxy"}
DICTS = (dict, defaultdict, OrderedDict)
CONTAINERS = (*DICTS, list, set, deque)
CACHE = type(functools.lru_cache()(len))
EMPTY = object()  # in the place of what a cell does not hold
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGPROF, signal.SIGCHLD, signal.SIGSEGV)

Photograph = List[Tuple[Any, List[Any]]]


class Unfit(Exception):  # noqa: N818  a verdict on modules
    """Something in them can change unseen."""


class State:
    """Of these modules, now."""

    def __init__(self, modules: List[Any]) -> None:
        self._own = {module.__name__ for module in modules}
        self._roots = {name.partition(".")[0] for name in self._own}
        self._photograph: Photograph = []
        self._seen: Dict[int, Any] = {}
        self._items = 0
        self._seen[id(vars(builtins))] = builtins
        self._photograph.append((vars(builtins), _held(vars(builtins))))
        for module in modules:
            self._walk_dict(vars(module))
        self._random = random.getstate()
        self._modules = set(sys.modules)
        self._world = _world()

    def restored(self) -> bool:
        """Put back what has changed since; whether all is then as it was."""
        if not self._settled_modules():
            return False
        for thing, held in self._photograph:
            if not _holds(thing, held):
                try:
                    _put_back(thing, held)
                except BaseException:  # noqa: BLE001  a hash of the repository's own may raise anything
                    return False
                if not _holds(thing, held):
                    return False
        random.setstate(self._random)
        return self._world == _world()

    def _settled_modules(self) -> bool:
        """Whether no module went or was changed for another; new ones of others are only imported late."""
        if len(sys.modules) == len(self._modules):
            return True
        new = sys.modules.keys() - self._modules
        if self._modules - sys.modules.keys() or any(name.partition(".")[0] in self._roots for name in new):
            return False
        self._modules |= new
        return True

    def _look(self, thing: Any) -> None:
        """Keep what a container holds, and look into that."""
        held = _held(thing)
        self._items += len(held)
        if len(self._photograph) > CONTAINERS_AT_MOST or self._items > ITEMS_AT_MOST:
            raise Unfit("there is too much of it")
        self._photograph.append((thing, held))
        for each in held:
            self._walk(each)

    def _look_into_cache(self, thing: Any) -> None:
        if thing.cache_info().currsize:
            raise Unfit("what a cache holds already cannot be put back")
        self._photograph.append((thing, [0]))
        self._walk(thing.__wrapped__)

    def _walk_dict(self, thing: Dict[str, Any]) -> None:
        if id(thing) not in self._seen:
            self._seen[id(thing)] = thing
            self._look(thing)

    def _walk(self, thing: Any) -> None:
        if isinstance(thing, PLAIN) or id(thing) in self._seen or isinstance(thing, SETTLED) or type(thing) is object:
            return
        self._seen[id(thing)] = thing
        kind = type(thing)
        if isinstance(thing, (staticmethod, classmethod)):
            self._walk(thing.__func__)
        elif isinstance(thing, types.MethodType):
            self._walk(thing.__self__)
        elif isinstance(thing, CACHE):
            self._look_into_cache(thing)
        elif isinstance(thing, (types.FunctionType, type)):
            if getattr(thing, "__module__", None) in self._own:
                self._look(thing)
        elif isinstance(thing, tuple) or kind in CONTAINERS:
            self._look(thing)
        elif kind.__module__ in self._own and hasattr(thing, "__dict__") and not hasattr(kind, "__slots__"):
            self._walk_dict(vars(thing))
        elif kind.__module__.partition(".")[0] not in STATELESS and kind.__name__ not in STATELESS_KINDS:
            raise Unfit(f"{kind.__module__}.{kind.__name__} cannot be looked into")


def _held(thing: Any) -> List[Any]:
    """What it holds, in its order. Never calls code of the repository."""
    if isinstance(thing, dict):
        kind = OrderedDict if isinstance(thing, OrderedDict) else dict  # it has an order of its own
        return [*kind.keys(thing), *kind.values(thing)]
    if isinstance(thing, (list, tuple, deque, set)):
        return list(thing)
    if isinstance(thing, types.FunctionType):
        cells = [_inside(cell) for cell in thing.__closure__ or ()]
        return [thing.__defaults__, thing.__kwdefaults__, thing.__code__, *cells, *_held(vars(thing))]
    if isinstance(thing, CACHE):
        return [thing.cache_info().currsize]
    return [*vars(thing).keys(), *vars(thing).values()]


def _holds(thing: Any, held: List[Any]) -> bool:
    now = _held(thing)
    return len(now) == len(held) and all(map(is_, now, held))


def _inside(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return EMPTY


def _put_back(thing: Any, held: List[Any]) -> None:
    """What it held. Where that cannot be done, it stays as it is."""
    half = len(held) // 2
    if type(thing) in DICTS and thing is not vars(builtins):
        thing.clear()
        thing.update(zip(held[:half], held[half:]))
    elif type(thing) in (list, deque):
        thing.clear()
        thing.extend(held)
    elif type(thing) is set:
        thing.clear()
        thing.update(held)
    elif isinstance(thing, CACHE):
        thing.cache_clear()
    elif isinstance(thing, types.FunctionType):
        _put_back_function(thing, held)
    elif isinstance(thing, type):
        _put_back_class(thing, dict(zip(held[:half], held[half:])))


def _put_back_function(thing: types.FunctionType, held: List[Any]) -> None:
    thing.__defaults__, thing.__kwdefaults__, thing.__code__, *rest = held
    cells = thing.__closure__ or ()
    for cell, content in zip(cells, rest):
        if content is EMPTY:
            del cell.cell_contents
        else:
            cell.cell_contents = content
    _put_back(vars(thing), rest[len(cells) :])


def _put_back_class(thing: type, held: Dict[str, Any]) -> None:
    for name in vars(thing).keys() - held.keys():
        type.__delattr__(thing, name)
    for name, value in held.items():
        if vars(thing).get(name) is not value:
            type.__setattr__(thing, name, value)


def _world() -> List[Any]:
    """What a process has besides its modules."""
    return [
        os.getcwd(),
        len(os.environ),
        list(sys.path),
        sys.getrecursionlimit(),
        sys.gettrace(),
        sys.stdout,
        sys.stderr,
        threading.active_count(),
        gc.isenabled(),
        [signal.getsignal(each) for each in SIGNALS],
        signal.getitimer(signal.ITIMER_REAL)[0] > 0,
    ]


def fit(modules: List[Any]) -> Optional[State]:
    """Their state, or None where it cannot be seen whole."""
    try:
        return State(modules)
    except (Unfit, RecursionError, OSError):
        return None
