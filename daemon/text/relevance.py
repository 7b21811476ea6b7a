"""A tree's Python files, indexed once: which of them speak of something (BM25), and which import which.

Only what can be read off the text is here, with regular expressions, for a tree of thousands of files has to be indexed
in the time that one test takes. What a failing run says is weighed in `context`.
"""

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping
from functools import lru_cache

from msgspec import Struct

from daemon.text.objections import forbidden

PYTHON = (".py", ".pyi", ".pyx")
INDEXED_CHARACTERS = 400_000  # of one file: a longer one is generated
PATH_WEIGHT = 3  # a word of the path counts as often
DEFINED_WEIGHT = 2  # a name that is defined there counts as often again
SATURATION = 1.2  # BM25's k1: how soon one more of the same word says nothing new
LENGTH_SHARE = 0.75  # BM25's b: how much a long file has to say more
QUERY_SATURATION = 2.0  # BM25's k3: the same for the question, which may be a page of log lines
REEXPORTS = 3  # how many packages hand a name on to the next

_NAME = re.compile(r"[A-Za-z_]\w{1,79}")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_DEFINED = re.compile(r"^[ \t]*(?:async[ \t]+def|def|class|cdef|cpdef)[ \t]+(\w+)", re.MULTILINE)
_IMPORT = re.compile(
    r"^[ \t]*(?:from[ \t]+(\.*[\w.]*)[ \t]+import[ \t]+(?:\(([^)]{0,8000})\)|([^\n\\]*(?:\\\n[^\n\\]*)*))"
    r"|import[ \t]+([^\n#;]+))",
    re.MULTILINE,
)
_IMPORTED = re.compile(r"([\w.*]+)(?:\s+as\s+(\w+))?")


class Import(Struct, frozen=True):
    """One imported name: `from module import name as local`; a plain `import module` has no name."""

    module: str
    name: str
    local: str


class Index(Struct, frozen=True):
    """What is known of a tree before anything has failed."""

    paths: tuple[str, ...]
    lengths: tuple[int, ...]
    postings: dict[str, list[tuple[int, int]]]  # word → (which file, how often)
    modules: dict[str, str]  # dotted name → path
    imports: dict[str, tuple[Import, ...]]
    defined: dict[str, list[str]]  # name → where it is defined
    centrality: dict[str, float]  # 0..1: how much of the tree imports it

    def bm25(self, query: Mapping[str, float]) -> dict[str, float]:
        """How much each file speaks of the question."""
        average = sum(self.lengths) / max(len(self.lengths), 1) or 1
        scores: dict[int, float] = {}
        for word, asked in query.items():
            found = self.postings.get(word, ())
            weight = self.rarity(word) * asked * (QUERY_SATURATION + 1) / (asked + QUERY_SATURATION)
            for place, times in found:
                length = 1 - LENGTH_SHARE + LENGTH_SHARE * self.lengths[place] / average
                scores[place] = scores.get(place, 0.0) + weight * times * (SATURATION + 1) / (
                    times + SATURATION * length
                )
        return {self.paths[place]: score for place, score in scores.items()}

    def rarity(self, word: str) -> float:
        """BM25's idf: a word that stands in every file says nothing."""
        files = len(self.postings.get(word, ()))
        return math.log(1 + (len(self.paths) - files + 0.5) / (files + 0.5))

    def homes(self, imported: Import, depth: int = REEXPORTS) -> list[str]:
        """The files that an import leads to: first the one that defines the name, then the packages that hand it on."""
        if not imported.name:
            return [path] if (path := self.modules.get(imported.module)) else []
        if path := self.modules.get(f"{imported.module}.{imported.name}"):
            return [path]
        package = self.modules.get(imported.module)
        if package is None:
            return []
        for further in self.imports.get(package, ()) if depth and package.endswith("__init__.py") else ():
            if further.local == imported.name and (found := self.homes(further, depth - 1)):
                return [*found, package]
            star = self.modules.get(further.module) if further.name == "*" else None
            if star and star in self.defined.get(imported.name, ()):
                return [star, package]
        return [package]


def index(files: Mapping[str, str]) -> Index:
    """Index what may be edited of a tree's Python: tests are shown, never mended. What cannot be read is left out."""
    known: list[str] = []
    lengths: list[int] = []
    postings: dict[str, list[tuple[int, int]]] = {}
    imports: dict[str, tuple[Import, ...]] = {}
    defined: dict[str, list[str]] = {}
    for path in sorted(files):
        text = files.get(path) if path.endswith(PYTHON) and not forbidden(path, "", "") else None
        if text is None:
            continue
        text = text[:INDEXED_CHARACTERS]
        names = _DEFINED.findall(text)
        counts = words(text)
        for name in names:
            for word in parts(name):
                counts[word] += DEFINED_WEIGHT
            if not (found := defined.setdefault(name, [])) or found[-1] != path:
                found.append(path)
        for name in _NAME.findall(path.rpartition(".")[0]):
            for word in parts(name):
                counts[word] += PATH_WEIGHT
        for word, times in counts.items():
            postings.setdefault(word, []).append((len(known), times))
        lengths.append(sum(counts.values()))
        known.append(path)
        imports[path] = tuple(imported(text, path))
    modules = _modules(known)
    return Index(tuple(known), tuple(lengths), postings, modules, imports, defined, _centrality(modules, imports))


# Words


def words(text: str) -> Counter[str]:
    """The words of a text, names taken apart: `get_HTTPError` also says get, http and error."""
    counts: Counter[str] = Counter()
    for name, times in Counter(_NAME.findall(text)).items():
        for word in parts(name):
            counts[word] += times
    return counts


@lru_cache(maxsize=200_000)
def parts(name: str) -> tuple[str, ...]:
    """A name in lower case, and its parts where it has several."""
    found = [part.lower() for part in _PART.findall(name) if len(part) > 1]
    whole = name.lower().strip("_")
    return (whole,) if found == [whole] else tuple(dict.fromkeys([whole, *found]))


# Imports


def imported(text: str, path: str) -> list[Import]:
    """The imports of a file, relative ones spelled out."""
    found = []
    for module, in_brackets, in_line, plain in _IMPORT.findall(text):
        if plain:
            found += [
                Import(name, "", local or name.partition(".")[0]) for name, local in _IMPORTED.findall(plain.strip())
            ]
            continue
        names = re.sub(r"#[^\n]*|\\\n", "", in_brackets or in_line)
        origin = _absolute(module, path)
        found += [Import(origin, name, local or name) for name, local in _IMPORTED.findall(names)]
    return found


def _absolute(module: str, path: str) -> str:
    """`..sibling` in a/b/c.py is a.sibling."""
    bare = module.lstrip(".")
    if bare == module:
        return module
    package = path.split("/")[: -(len(module) - len(bare))]
    return ".".join([*package, bare] if bare else package)


def _modules(paths: Collection[str]) -> dict[str, str]:
    """Dotted names → paths. Imports may begin in any folder that is no package: the root, `src/`, `lib/`."""
    packages = {path.removesuffix("/__init__.py") for path in paths if path.endswith("/__init__.py")}
    modules: dict[str, str] = {}
    for path in sorted(paths, key=lambda path: (path.count("/"), path)):
        names = path.rpartition(".")[0].removesuffix("/__init__").split("/")
        for start in range(len(names)):
            if "/".join(names[:start]) not in packages:
                modules.setdefault(".".join(names[start:]), path)
    return modules


def _centrality(modules: Mapping[str, str], imports: Mapping[str, tuple[Import, ...]]) -> dict[str, float]:
    """One importer says little, a hundred say no hundred times as much: the logarithm of how many there are."""
    importers: Counter[str] = Counter()
    for path, found in imports.items():
        targets = {modules.get(f"{one.module}.{one.name}") or modules.get(one.module) for one in found}
        importers.update(target for target in targets if target and target != path)
    most = math.log1p(max(importers.values(), default=0)) or 1
    return {path: math.log1p(count) / most for path, count in importers.items()}
