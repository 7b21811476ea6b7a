"""The words that the families try: what is taken for what in Python programs, and what usually stands around a value.

Data only, general knowledge of the language and its library; nothing that belongs to one repository.
"""

from typing import Dict, Tuple


def _words(text: str) -> Tuple[str, ...]:
    return tuple(text.split())


# Functions and methods that are taken for one another; a row reads in every direction.
_MISTAKEN = """
min max | any all | sorted reversed list | int float round str | floor ceil | append extend insert | add update
remove discard pop | pop popleft | append appendleft add | keys values items | lower upper casefold
index find rfind rindex | startswith endswith | strip lstrip rstrip | split rsplit splitlines | partition rpartition
union intersection difference symmetric_difference | issubset issuperset | isdigit isalpha isalnum isnumeric
isupper islower | capitalize title | list set tuple | dumps dump | loads load | read readlines readline
match search fullmatch | chain product | permutations combinations | heappush heappushpop heapreplace
bisect_left bisect_right | sum len max | dict OrderedDict | ljust rjust center | appendleft extendleft
get setdefault pop | map filter | total_seconds seconds | dirname basename | writelines write | sort reverse
isinstance issubclass | getattr hasattr | zip zip_longest | copy deepcopy | encode decode | now utcnow | count index
"""
MISTAKEN: Dict[str, Tuple[str, ...]] = {}
for _row in _MISTAKEN.strip().replace("\n", "|").split("|"):
    for _word in _row.split():
        MISTAKEN[_word] = (*MISTAKEN.get(_word, ()), *(other for other in _row.split() if other != _word))

# By the kind of a value: the functions that it may have to go through, and what may have to follow it.
WRAPS = {
    kind: tuple(names.split())
    for kind, names in (
        ("", "str int list sorted len float abs set tuple sum dict bool max min round reversed"),
        ("list", "sorted list len set sum tuple reversed max min dict"),
        ("set", "sorted list len"),
        ("dict", "dict list sorted len"),
        ("text", "int float list len str"),
        ("number", "int str abs float round"),
        ("truth", "bool int str"),
    )
}
TRAILERS = {
    kind: tuple(trailers.split())
    for kind, trailers in (
        ("", "[0] [1:] [-1] [::-1] [:-1] .strip() .lower() .copy() .items() .values() ()"),
        ("list", "[::-1] [1:] [:-1] [0] [-1] .copy()"),
        ("set", ".copy()"),
        ("dict", ".items() .values() .keys() .copy()"),
        ("text", ".strip() .lower() .upper() [::-1] .split() [1:] [:-1]"),
        ("number", ""),
        ("truth", ""),
    )
}

# What functions and methods of these names also take.
_ORDERED = ("reverse=True", "key=len", "key=str", "key=lambda each: each[1]", "key=lambda each: each[0]")
MORE_ARGUMENTS: Dict[str, Tuple[str, ...]] = {
    "sorted": _ORDERED,
    "sort": _ORDERED,
    "min": ("default=0", "default=None", "key=len"),
    "max": ("default=0", "default=None", "key=len"),
    "enumerate": ("1", "start=1"),
    "split": ('","', '" "', '"\\n"', "1"),
    "rsplit": ("1",),
    "range": ("-1",),
    "round": ("2", "1"),
    "get": ("0", "None", '""', "[]", "{}", "False"),
    "pop": ("0", "None", "-1"),
    "dumps": ("sort_keys=True", "indent=2"),
    "sum": ("[]", "0"),
    "getattr": ("None",),
    "next": ("None",),
    "open": ('encoding="utf-8"', '"w"'),
    "splitlines": ("keepends=True", "True"),
    "int": ("16", "2"),
    "print": ('end=""',),
    "replace": ("1",),
    "setdefault": ("[]", "0"),
    "makedirs": ("exist_ok=True",),
    "strip": ('"\\n"',),
}
COMMON_ARGUMENTS = ("0", "1", "None", "True", "False")
EMPTY_VALUES = ("[]", "{}", '""', "0", "None", "set()", "()", "[[]]", "False")
SEPARATORS = ("", " ", ",", ", ", "\n", "-", "_", ":", "/", ".", ";", "\t")

# Methods that change what they are called on, and those that give something new.
IN_PLACE = _words("sort reverse append extend update add remove insert clear shuffle")
PURE = _words("strip lower upper replace lstrip rstrip split union copy capitalize title format")

EXCEPTIONS = _words("""
    ValueError TypeError KeyError IndexError AttributeError ZeroDivisionError RuntimeError StopIteration OSError
    FileNotFoundError NotImplementedError LookupError ArithmeticError OverflowError UnicodeDecodeError
""")
MODULES = _words("""
    abc argparse array ast asyncio base64 bisect calendar collections configparser contextlib copy csv dataclasses
    datetime decimal difflib enum fractions functools glob hashlib heapq hmac html inspect io itertools json logging
    math numbers operator os pathlib pickle platform pprint queue random re secrets shlex shutil sqlite3 stat
    statistics string struct sys tempfile textwrap threading time traceback types typing unicodedata urllib uuid
    warnings weakref zlib
""")
MEMBERS: Dict[str, str] = {
    name: module
    for module, names in (
        ("abc", "ABC abstractmethod"),
        ("bisect", "bisect_left bisect_right insort bisect"),
        ("collections", "Counter OrderedDict defaultdict deque namedtuple ChainMap"),
        ("collections.abc", "Mapping MutableMapping"),
        ("contextlib", "contextmanager suppress closing ExitStack"),
        ("copy", "deepcopy copy"),
        ("dataclasses", "dataclass field asdict replace"),
        ("datetime", "datetime timedelta date timezone"),
        ("decimal", "Decimal ROUND_HALF_UP"),
        ("enum", "Enum IntEnum auto Flag"),
        ("fractions", "Fraction"),
        ("functools", "lru_cache partial reduce wraps cached_property total_ordering cmp_to_key"),
        ("heapq", "heappush heappop heapify nlargest nsmallest"),
        ("io", "StringIO BytesIO"),
        ("itertools", "chain product permutations combinations accumulate groupby islice count cycle repeat"),
        ("itertools", "zip_longest takewhile dropwhile starmap"),
        ("math", "sqrt ceil floor pi gcd log inf isclose factorial hypot prod"),
        ("operator", "itemgetter attrgetter methodcaller"),
        ("os.path", "basename dirname"),
        ("pathlib", "Path PurePath"),
        ("random", "randint choice shuffle"),
        ("statistics", "mean median stdev"),
        ("string", "ascii_lowercase ascii_uppercase digits punctuation"),
        ("tempfile", "NamedTemporaryFile TemporaryDirectory"),
        ("textwrap", "dedent"),
        ("threading", "Lock Thread"),
        ("time", "sleep monotonic perf_counter"),
        ("types", "SimpleNamespace"),
        ("typing", "Any Callable Dict Iterable Iterator List NamedTuple Optional Sequence Set Tuple Union"),
        ("urllib.parse", "urlparse urljoin quote unquote urlencode"),
        ("uuid", "uuid4"),
    )
    for name in names.split()
}
