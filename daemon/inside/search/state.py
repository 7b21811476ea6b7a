"""Whether the repository's modules are as they were: what decides if a process may try one more candidate.

A photograph holds what every container that can be reached from the modules holds, by identity. What cannot be looked
into (a cache, an iterator, a lock) makes the whole unfit, and then every candidate gets a fork of its own.
"""

import builtins
import enum
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
CONTAINERS = (dict, list, set, deque, defaultdict, OrderedDict)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGPROF, signal.SIGCHLD, signal.SIGSEGV)

Photograph = List[Tuple[Any, List[Any]]]


class Unfit(Exception):  # noqa: N818  a verdict on modules
    """Something in them can change unseen."""


class State:
    """Of these modules, now."""

    def __init__(self, modules: List[Any]) -> None:
        self._own = {module.__name__ for module in modules}
        self._photograph: Photograph = []
        self._seen: Dict[int, Any] = {}
        self._items = 0
        self._seen[id(vars(builtins))] = builtins
        self._photograph.append((vars(builtins), _held(vars(builtins))))
        for module in modules:
            self._walk_dict(vars(module))
        self._world = _world()

    def is_same(self) -> bool:
        """Whether nothing has changed since."""
        if self._world != _world():
            return False
        for thing, held in self._photograph:
            now = _held(thing)
            if len(now) != len(held) or any(one is not other for one, other in zip(now, held)):
                return False
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

    def _walk_dict(self, thing: Dict[str, Any]) -> None:
        if id(thing) not in self._seen:
            self._seen[id(thing)] = thing
            self._look(thing)

    def _walk(self, thing: Any) -> None:
        if isinstance(thing, PLAIN) or id(thing) in self._seen or isinstance(thing, SETTLED):
            return
        self._seen[id(thing)] = thing
        kind = type(thing)
        if isinstance(thing, (staticmethod, classmethod)):
            self._walk(thing.__func__)
        elif isinstance(thing, types.MethodType):
            self._walk(thing.__self__)
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
        return [*dict.keys(thing), *dict.values(thing)]
    if isinstance(thing, (list, tuple, deque, set)):
        return list(thing)
    if isinstance(thing, types.FunctionType):
        cells = [_inside(cell) for cell in thing.__closure__ or ()]
        return [thing.__defaults__, thing.__kwdefaults__, thing.__code__, *cells, *vars(thing).values()]
    return [*vars(thing).keys(), *vars(thing).values()]


def _inside(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # it is empty
        return None


def _world() -> List[Any]:
    """What a process has besides its modules."""
    return [
        os.getcwd(),
        len(os.environ),
        list(sys.path),
        len(sys.modules),
        sys.getrecursionlimit(),
        sys.gettrace(),
        sys.stdout,
        sys.stderr,
        threading.active_count(),
        gc.isenabled(),
        [signal.getsignal(each) for each in SIGNALS],
        signal.getitimer(signal.ITIMER_REAL)[0] > 0,
        random.getstate(),
    ]


def fit(modules: List[Any]) -> Optional[State]:
    """Their state, or None where it cannot be seen whole."""
    try:
        return State(modules)
    except (Unfit, RecursionError, OSError):
        return None
