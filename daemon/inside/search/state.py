"""Whether the repository's modules are as they were, or can be made so: what decides if a process may try one more.

A photograph holds what every container that can be reached from the modules holds, by identity; what a test has changed
in them is put back from it. What cannot be looked into (an iterator, an object of C's) makes the whole unfit, and then
every candidate gets a fork of its own. No code of the repository is called but the hashes of keys that are put back.
"""

import builtins
import contextvars
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
import weakref
from collections import OrderedDict, defaultdict, deque
from itertools import repeat
from operator import is_
from struct import calcsize
from typing import Any, Callable, Dict, Iterable, List, NamedTuple, Optional, Tuple

CONTAINERS_AT_MOST = 3_000  # to look at after every candidate; about a fifth of a millisecond
ITEMS_AT_MOST = 20_000  # in all of them
PLAIN = (str, bytes, int, float, complex, type(None), type(...), type(NotImplemented), range, slice, re.Pattern)
SETTLED = (
    *(types.ModuleType, types.BuiltinFunctionType, types.CodeType, property, logging.Logger, enum.Enum, frozenset),
    *(types.MethodDescriptorType, types.WrapperDescriptorType, types.GetSetDescriptorType, types.MemberDescriptorType),
)
STATELESS = {
    *("_pytest", "pytest", "typing", "types", "__future__", "abc", "_abc", "enum", "dataclasses", "operator"),
    *("decimal", "fractions", "datetime", "zoneinfo", "pathlib"),
    *("_frozen_importlib", "_frozen_importlib_external", "importlib"),
}
STATELESS_KINDS = {"_tuplegetter", "mappingproxy"}
DICTS = (OrderedDict, defaultdict, dict)
BASES = (*DICTS, list, set, deque, tuple, object)  # what a class of Python's may be laid on
POINTER_BYTES = calcsize("P")
NEVER_CHANGED: Dict[type, Callable[[Any], Iterable[Any]]] = {  # but what is in them may
    staticmethod: lambda thing: (thing.__func__,),
    classmethod: lambda thing: (thing.__func__,),
    types.MethodType: lambda thing: (thing.__self__,),
    tuple: tuple,
}
LOCK, RLOCK = type(threading.Lock()), type(threading.RLock())
CACHE = type(functools.lru_cache()(len))
EMPTY = object()  # in the place of what a cell does not hold
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGALRM, signal.SIGPROF, signal.SIGCHLD, signal.SIGSEGV)

Photograph = List[Tuple[Any, List[Any], Callable[[Any], List[Any]]]]


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
        self._keep(vars(builtins))
        self._walk(random._inst)  # what the functions of `random` draw from
        for module in modules:
            self._walk_dict(vars(module))
        self._modules = dict(sys.modules)
        self._world = _world()

    def restored(self) -> bool:
        """Put back what has changed since; whether all is then as it was."""
        if not self._settled_modules():
            return False
        for thing, held, read in self._photograph:
            if not _are(read(thing), held):
                try:
                    _put_back(thing, held)
                except BaseException:  # noqa: BLE001  a hash of the repository's own may raise anything
                    return False
                if not _are(read(thing), held):
                    return False
        return self._world == _world()

    def _settled_modules(self) -> bool:
        """Whether no module went or was replaced. New ones of others are only imported late; own ones are forgotten."""
        now = map(sys.modules.get, self._modules, repeat(EMPTY))
        if not all(map(is_, now, self._modules.values())):
            return False
        if len(sys.modules) > len(self._modules):
            for name in sys.modules.keys() - self._modules.keys():
                if name.partition(".")[0] in self._roots:
                    del sys.modules[name]
            self._modules = dict(sys.modules)
        return True

    def _look(self, thing: Any) -> None:
        """Keep what a container holds, and look into that."""
        for each in self._keep(thing):
            self._walk(each)

    def _keep(self, thing: Any) -> List[Any]:
        read = _reader(type(thing))
        held = read(thing)
        self._items += len(held)
        if len(self._photograph) > CONTAINERS_AT_MOST or self._items > ITEMS_AT_MOST:
            raise Unfit("there is too much of it")
        self._photograph.append((thing, held, read))
        return held

    def _walk_dict(self, thing: Dict[str, Any]) -> None:
        if id(thing) not in self._seen:
            self._seen[id(thing)] = thing
            self._look(thing)

    def _walk(self, thing: Any) -> None:
        kind = type(thing)  # never `isinstance`: it asks the thing itself
        if issubclass(kind, PLAIN) or id(thing) in self._seen or issubclass(kind, SETTLED) or kind is object:
            return
        self._seen[id(thing)] = thing
        if kind in NEVER_CHANGED:
            for each in NEVER_CHANGED[kind](thing):
                self._walk(each)
        elif issubclass(kind, (types.FunctionType, type)):
            if getattr(thing, "__module__", None) in self._own:
                self._look(thing)
        elif kind in READERS:
            self._look(thing)
        elif kind.__module__.partition(".")[0] in STATELESS or kind.__name__ in STATELESS_KINDS:
            return
        elif _is_laid_out_by_python(kind):
            self._look(thing)
        else:
            raise Unfit(f"{kind.__module__}.{kind.__name__} cannot be looked into")


# What things hold, in its order. Nothing here calls code of the repository.


def _reader(kind: type) -> Callable[[Any], List[Any]]:
    return READERS.get(kind) or (_in_class if issubclass(kind, type) else _in_object)


def _in_dict(thing: Dict[Any, Any]) -> List[Any]:
    return [*dict.keys(thing), *dict.values(thing)]


def _in_ordered(thing: Any) -> List[Any]:
    return [*OrderedDict.keys(thing), *OrderedDict.values(thing)]  # it has an order of its own


def _in_function(thing: Any) -> List[Any]:
    cells = map(_inside, thing.__closure__ or ())
    return [thing.__defaults__, thing.__kwdefaults__, thing.__code__, *cells, *_in_dict(vars(thing))]


def _inside(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:
        return EMPTY


def _in_class(thing: Any) -> List[Any]:
    about = vars(thing)
    return [*about.keys(), *about.values()]


def _in_cache(thing: Any) -> List[Any]:
    about = thing.cache_info()
    return [_once((about.misses, about.currsize)), thing.__wrapped__]


def _once(value: Any) -> Any:
    """The same object for equal values, where what is held is no object that stays."""
    return _known.setdefault(value, value)


_known: Dict[Any, Any] = {}

READERS: Dict[type, Callable[[Any], List[Any]]] = {
    dict: _in_dict,
    defaultdict: _in_dict,
    OrderedDict: _in_ordered,
    list: list,
    set: list,
    deque: list,
    types.FunctionType: _in_function,
    CACHE: _in_cache,
    LOCK: lambda thing: [thing.locked()],
    RLOCK: lambda thing: [thing._is_owned()],
    functools.partial: lambda thing: [thing.func, thing.args, thing.keywords, *_in_dict(vars(thing))],
    contextvars.ContextVar: lambda thing: [thing.get(EMPTY)],
    weakref.ref: lambda thing: [thing()],
    random.Random: lambda thing: [_once(thing.getstate())],
}


class Layout(NamedTuple):
    """What instances of a class hold: what `base` does, attributes, and a value in each slot."""

    base: Any
    has_attributes: bool
    slots: List[Any]


def _layout(kind: type) -> Layout:
    if kind not in _layouts:
        base = next(each for each in BASES if issubclass(kind, each))
        named = [each for each in kind.__mro__ if not issubclass(base, each)]
        places = [each for above in named for each in vars(above).values() if type(each) is types.MemberDescriptorType]
        _layouts[kind] = Layout(base, bool(kind.__dictoffset__), places)
    return _layouts[kind]


_layouts: Dict[type, Layout] = {}


def _is_laid_out_by_python(kind: type) -> bool:
    """Whether that is all: a class of C's may hold more."""
    base, _, slots = _layout(kind)
    places = len(slots) + (kind.__dictoffset__ > 0) - (base.__dictoffset__ > 0)
    places += (kind.__weakrefoffset__ > 0) - (base.__weakrefoffset__ > 0)
    return base is tuple or kind.__basicsize__ == base.__basicsize__ + POINTER_BYTES * places


def _in_object(thing: Any) -> List[Any]:
    """What it holds as the container that its class is made of, its attributes, and what is in its slots."""
    base, has_attributes, slots = _layout(type(thing))
    contents = _in_container(base, thing) if base is not object else []
    attributes = _in_dict(vars(thing)) if has_attributes else []
    return [*contents, *attributes, *(_in_slot(slot, thing) for slot in slots)]


def _in_container(base: Any, thing: Any) -> List[Any]:
    return READERS[base](thing) if issubclass(base, dict) else [*base.__iter__(thing)]


def _in_slot(slot: Any, thing: Any) -> Any:
    try:
        return slot.__get__(thing)
    except AttributeError:
        return EMPTY


def _are(now: List[Any], held: List[Any]) -> bool:
    return len(now) == len(held) and all(map(is_, now, held))


def _put_back(thing: Any, held: List[Any]) -> None:
    """What it held. Where that cannot be done, it stays as it is."""
    kind, half = type(thing), len(held) // 2
    if kind in DICTS and thing is not vars(builtins):
        thing.clear()
        thing.update(zip(held[:half], held[half:]))
    elif kind in (list, deque):
        thing.clear()
        thing.extend(held)
    elif kind is set:
        thing.clear()
        thing.update(held)
    elif kind is CACHE:
        thing.cache_clear()
    elif issubclass(kind, types.FunctionType):
        _put_back_function(thing, held)
    elif issubclass(kind, type):
        _put_back_class(thing, dict(zip(held[:half], held[half:])))
    elif kind is random.Random:
        thing.setstate(held[0])
    elif kind not in READERS and _layout(kind).base is object:
        _put_back_object(thing, held)


def _put_back_object(thing: Any, held: List[Any]) -> None:
    _, has_attributes, slots = _layout(type(thing))
    attributes = held[: len(held) - len(slots)]
    if has_attributes:
        _put_back(vars(thing), attributes)
    for slot, value in zip(slots, held[len(attributes) :]):
        if value is not EMPTY:
            slot.__set__(thing, value)
        elif _in_slot(slot, thing) is not EMPTY:
            slot.__delete__(thing)


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
        dict(getattr(os.environ, "_data", os.environ)),  # as bytes: to decode all of it takes as long as all else
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
