"""A candidate's text → the running program changed, in a process that is thrown away afterwards.

Where only bodies of functions differ, their code is exchanged in the functions that exist: exact, and quick, for only
the definition that holds the edit is compiled. Where more differs, the module's text is run once more in its own
namespace and what others imported from it is bound anew: good enough for a filter, and never for the last word. A
module that nobody has imported yet is changed on its way in. Nothing here runs tests.
"""

import ast
import gc
import importlib.machinery
import os
import sys
from itertools import islice
from operator import eq
from types import CodeType, FunctionType, ModuleType
from typing import Any, Dict, Iterator, List, NamedTuple, Optional, Set, Tuple

from .fuel import fueled
from .source import DEFINITIONS, FUNCTIONS, lines_of

FUTURE_FLAGS = 0x1FE0000 | 0x20000  # the bits of `from __future__` in a code object's flags

Key = Tuple[str, int]  # a function's name and first line, decorators included
Codes = Dict[Key, CodeType]


class Unswappable(Exception):  # noqa: N818  a verdict on a candidate
    """More differs than the bodies of functions."""


class Module:
    """A file of the repository as it was imported."""

    def __init__(self, path: str, file: str, text: str) -> None:
        self.path, self.file = path, file
        self.lines = lines_of(text)
        self.text = text
        self.tree = ast.parse(text, file)
        self.functions: Dict[Key, List[FunctionType]] = {}
        self.flags = 0

    def adopt(self, function: FunctionType) -> None:
        """A function of this file lives."""
        code = function.__code__
        self.functions.setdefault((code.co_name, code.co_firstlineno), []).append(function)
        self.flags |= code.co_flags & FUTURE_FLAGS

    def compile(self, tree: ast.Module) -> CodeType:
        """As the import system would have."""
        made: CodeType = compile(tree, self.file, "exec", flags=self.flags, dont_inherit=True)
        return made

    def exchange(self, text: str, imported: Set[int], *, with_fuel: bool) -> Codes:
        """The codes that make the new text of the file run, or `Unswappable`. SyntaxError where it is no program."""
        around, old, new, touched = self._changed(text)
        pairs = list(_pairs(old, new, touched))
        for before, _ in pairs:
            _refuse_what_has_run(before, imported)
            if (before.name, first_line(before)) not in self.functions:
                raise Unswappable("the function is nowhere")
        wanted = {(after.name, first_line(after)): (before.name, first_line(before)) for before, after in pairs}
        module = ast.Module([_within(around, new)], [])
        made = self.compile(fueled(module) if with_fuel else module)
        found = codes_of(made)
        if not wanted or set(wanted) - set(found):
            raise Unswappable("its code is nowhere")
        codes = {key: found[place] for place, key in wanted.items()}
        if not all(self._fits(key, code) for key, code in codes.items()):
            raise Unswappable("it closes over other names")
        return codes

    def fueled(self) -> Codes:
        """The whole file with fuel, function by function."""
        found = codes_of(self.compile(fueled(ast.parse(self.text, self.file))))
        return {key: code for key, code in found.items() if key in self.functions and self._fits(key, code)}

    def _changed(self, text: str) -> Tuple[List[ast.ClassDef], Any, Any, range]:
        """The innermost definition that differs, as it was and as it is to be, in which classes, and its lines."""
        lines = lines_of(text)
        same = min(len(lines), len(self.lines))
        above = next((at for at, equal in enumerate(map(eq, lines, self.lines)) if not equal), same)
        upwards = map(eq, reversed(lines), reversed(self.lines))
        below = next((at for at, equal in enumerate(islice(upwards, same - above)) if not equal), same - above)
        more = len(lines) - len(self.lines)
        touched = range(above, max(len(self.lines) - below, above + 1) + 1)
        *around, old = _innermost(self.tree, touched) or [None]
        if old is None:
            compile(text, self.file, "exec", flags=self.flags, dont_inherit=True)  # is it a program at all?
            raise Unswappable("the module itself differs")
        first, last = first_line(old), old.end_lineno
        block = (
            "\n" * (first - 2) + "if True:\n" if around else "\n" * (first - 1)
        )  # so that its lines keep their numbers
        tree: Any = ast.parse(block + "".join(lines[first - 1 : last + more]), self.file)
        body = tree.body[0].body if around and len(tree.body) == 1 else tree.body
        if len(body) != 1 or (around and tree.body[0].orelse):
            raise Unswappable("there are other definitions")
        return around, old, body[0], touched

    def _fits(self, key: Key, code: CodeType) -> bool:
        return all(function.__code__.co_freevars == code.co_freevars for function in self.functions[key])


class Plan(NamedTuple):
    """How a candidate gets into the running program."""

    codes: List[Tuple[Module, Codes]]
    again: List[Tuple[Module, str]]
    later: Dict[str, str]
    root: str
    with_fuel: bool = False

    @property
    def is_exchange(self) -> bool:
        """Whether it can be undone."""
        return not self.again and not self.later

    @property
    def is_exact(self) -> bool:
        """Whether the program is then as if it had been imported so."""
        return not self.again

    def apply(self) -> None:
        """Let it run. `Unswappable` where that is only known now."""
        if self.later:
            change_on_the_way_in(self.later, self.root)
        for module, codes in self.codes:
            put(module, codes)
        for module, text in self.again:
            run_again(module, text, self.root, with_fuel=self.with_fuel)


class Program(NamedTuple):
    """The repository's own modules as they were imported, and which of their lines ran then."""

    root: str
    modules: Dict[str, Module]
    imported: Dict[str, Set[int]]

    def plan(self, changes: Dict[str, str], *, with_fuel: bool = False) -> Plan:
        """The gentlest way for each file. SyntaxError, ValueError, RecursionError or MemoryError: it is no program."""
        made = Plan([], [], {}, self.root, with_fuel)
        for path, text in changes.items():
            module = self.modules.get(path)
            if module is None:
                compile(text, path, "exec", dont_inherit=True)
                made.later[path] = text
                continue
            try:
                codes = module.exchange(text, self.imported.get(path, set()), with_fuel=with_fuel)
                made.codes.append((module, codes))
            except Unswappable:
                made.again.append((module, text))
        return made


def first_line(node: Any) -> int:
    """Where a definition (or any statement) begins, for the compiler too."""
    decorators = getattr(node, "decorator_list", ())
    return int(decorators[0].lineno if decorators else node.lineno)


def codes_of(code: CodeType) -> Codes:
    """All functions within, however deep."""
    found: Codes = {}
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found.setdefault((constant.co_name, constant.co_firstlineno), constant)
            for key, inner in codes_of(constant).items():
                found.setdefault(key, inner)
    return found


def _innermost(tree: Any, touched: range) -> List[Any]:
    """The definitions around these lines, the outermost first; no function is looked into."""
    for node in tree.body:
        if (
            isinstance(node, DEFINITIONS)
            and first_line(node) <= touched.start + 1
            and touched.stop <= (node.end_lineno or 0) + 1
        ):
            return [node, *(_innermost(node, touched) if isinstance(node, ast.ClassDef) else ())]
    return []


def _within(around: List[ast.ClassDef], node: Any) -> Any:
    """The definition in bare classes of these names: its private names and its `super()` are theirs."""
    for each in reversed(around):
        bare: Any = ast.parse(f"class {each.name}: pass").body[0]
        bare.body = [node]
        node = bare
    return node


def _pairs(old: Any, new: Any, touched: range) -> Iterator[Tuple[Any, Any]]:
    """The functions whose bodies differ, if nothing else does. What does not differ is taken out of the new tree."""
    if type(old) is not type(new) or (touched.start < old.body[0].lineno and _head(old) != _head(new)):
        raise Unswappable("more than a body differs")
    if isinstance(old, FUNCTIONS):
        yield old, new
        return
    if len(old.body) != len(new.body):
        raise Unswappable("a class has other members")
    members, new.body = new.body, []
    for before, after in zip(old.body, members):
        if (before.end_lineno or before.lineno) < touched.start or first_line(before) >= touched.stop:
            continue  # its text is the same; to compare the trees takes longer than to compile them
        if isinstance(before, DEFINITIONS) and isinstance(after, DEFINITIONS):
            if ast.dump(before) != ast.dump(after):
                new.body.append(after)
                yield from _pairs(before, after, touched)
        elif ast.dump(before) != ast.dump(after):
            raise Unswappable("a class has other members")


def _head(node: Any) -> List[str]:
    """All of a definition but its body."""
    fields = ("name", "args", "returns", "bases", "keywords", "decorator_list", "type_params")
    values = [getattr(node, field, None) for field in fields]
    return [
        ast.dump(part) if isinstance(part, ast.AST) else str(part)
        for value in values
        for part in (value if isinstance(value, list) else [value])
    ]


def _refuse_what_has_run(node: Any, imported: Set[int]) -> None:
    """What ran while modules were imported has left its results there."""
    first = node.body[0].lineno
    if first > node.lineno and any(line in imported for line in range(first, (node.end_lineno or first) + 1)):
        raise Unswappable("it ran at import")


# What lives


def modules_of(sources: Dict[str, str], root: str) -> Dict[str, Module]:
    """The files of which something was imported, each with the functions that live."""
    files = {os.path.realpath(os.path.join(root, path)): path for path in sources}
    imported = {file_of(module) for module in list(sys.modules.values())}
    modules = {}
    for file, path in files.items():
        if file in imported:
            try:
                modules[file] = Module(path, file, sources[path])
            except (SyntaxError, ValueError, RecursionError):
                continue
    known: Dict[str, Optional[Module]] = {}
    for each in gc.get_objects():
        if isinstance(each, FunctionType):
            name = each.__code__.co_filename
            if name not in known:
                known[name] = modules.get(os.path.realpath(name))
            module = known[name]
            if module is not None:
                module.adopt(each)
    return {module.path: module for module in modules.values()}


def put(module: Module, codes: Codes) -> None:
    """Let the functions that live run this code."""
    for key, code in codes.items():
        for function in module.functions[key]:
            function.__code__ = code


def run_again(module: Module, text: str, root: str, *, with_fuel: bool) -> None:
    """Run the module's new text in its own namespace, and bind anew what others took from there."""
    tree = ast.parse(text, module.file)
    code = compile(fueled(tree) if with_fuel else tree, module.file, "exec", dont_inherit=True)
    holders = modules_below(root)
    for mine in [each for each in holders if file_of(each) == module.file]:
        before = dict(vars(mine))
        exec(code, vars(mine))  # noqa: S102  it is what tests are for
        _refuse_heirs(before, vars(mine))
        for holder in holders:
            for name, value in list(vars(holder).items()):
                if name in before and value is before[name] and vars(mine).get(name) is not value:
                    setattr(holder, name, vars(mine).get(name))


def _refuse_heirs(before: Dict[str, Any], after: Dict[str, Any]) -> None:
    """A class elsewhere that inherits from an old one cannot be moved over."""
    gone = [value for name, value in before.items() if isinstance(value, type) and after.get(name) is not value]
    heirs: List[type] = []
    for value in gone:
        heirs += type.__subclasses__(value)
    if {heir.__module__ for heir in heirs} - {value.__module__ for value in gone}:
        raise Unswappable("a class elsewhere inherits from it")


def change_on_the_way_in(changes: Dict[str, str], root: str) -> None:
    """Whoever imports one of these files gets the new text."""
    texts = {os.path.realpath(os.path.join(root, path)): text for path, text in changes.items()}
    loader = importlib.machinery.SourceFileLoader
    before = loader.get_code

    def get_code(self: Any, fullname: str) -> Any:
        file = os.path.realpath(self.get_filename(fullname))
        if file in texts:
            return compile(texts[file], file, "exec", dont_inherit=True)
        return before(self, fullname)

    loader.get_code = get_code  # type: ignore[method-assign]  # in a process that is thrown away


_real: Dict[str, str] = {}  # looked up once in the server, for all of its forks


def file_of(module: Any) -> str:
    """The file that a module was imported from, without links; "" where there is none."""
    file = getattr(module, "__file__", None) if isinstance(module, ModuleType) else None
    if not isinstance(file, str):
        return ""
    if file not in _real:
        _real[file] = os.path.realpath(file)
    return _real[file]


def modules_below(root: str) -> List[ModuleType]:
    """The modules of the repository, its tests included."""
    return [module for module in list(sys.modules.values()) if file_of(module).startswith(root + os.sep)]
