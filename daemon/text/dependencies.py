"""What a project wants installed, as words only: names, look-alikes of well-known names, and where they may come from.

A dependency is code that runs here, so a name is let through for a reason: the idea or the plan names it, or it is well
known. Nothing here asks an index whether a name exists; that comes out at the installation.
"""

import re
import sys
import tomllib
from collections.abc import Collection, Iterable, Iterator, Mapping

from msgspec import Struct

REQUIREMENTS_CHARACTERS = 100_000  # of one file; a longer list of requirements is none
LINE_CHARACTERS = 1_000  # read of one requirement
DEPENDENCIES = 60  # of one project; each costs an installation
SHORT = 8  # characters: of a shorter name one letter off is near, of a longer one two are

WELL_KNOWN = frozenset(
    """
    aiofiles aiohttp alembic altair annotated-types anthropic anyio argcomplete arrow asgiref astropy asyncpg attrs
    babel bcrypt beautifulsoup4 black bleach blinker bokeh boto3 botocore brotli cachetools celery certifi cffi
    chardet charset-normalizer click cloudpickle colorama contourpy coverage croniter cryptography cycler cython
    dash dask dateparser decorator defusedxml deprecated distro django django-cors-headers djangorestframework
    dnspython docker docopt docutils duckdb email-validator evdev execnet faker fastapi feedparser filelock flake8
    flask flask-cors flask-sqlalchemy fonttools freezegun frozenlist fsspec gevent gitpython google-auth graphene
    greenlet grpcio gunicorn h11 h2 httpcore httptools httpx huey hypothesis idna imageio importlib-metadata
    iniconfig ipython isodate isort itsdangerous jedi jinja2 jmespath joblib jsonpatch jsonschema keyring kiwisolver
    langchain loguru lxml mako markdown markdown-it-py markupsafe marshmallow matplotlib mccabe mistune mock
    more-itertools mpmath msgpack msgspec multidict mypy mypy-extensions mysqlclient nats-py networkx nltk nose2
    numba numpy oauthlib ollama openai opencv-python openpyxl orjson packaging pandas paramiko parso passlib
    pathspec patsy peewee pendulum pexpect pillow pip platformdirs playwright plotly pluggy polars pre-commit
    prettytable prometheus-client prompt-toolkit propcache protobuf psutil psycopg psycopg2 psycopg2-binary pyarrow
    pyasn1 pycodestyle pycparser pycryptodome pydantic pydantic-core pyflakes pygame pygments pyjwt pylint pymongo
    pymysql pynacl pyopenssl pyparsing pypdf pyperclip pyserial pytest pytest-asyncio pytest-cov pytest-mock
    pytest-randomly pytest-xdist python-dateutil python-docx python-dotenv python-multipart python-slugify pytz
    pywavelets pyyaml pyzmq qrcode rapidfuzz ray redis regex reportlab requests requests-oauthlib responses rich rsa
    ruamel-yaml ruff s3transfer scikit-image scikit-learn scipy seaborn selenium sentry-sdk setuptools shapely
    shellingham simplejson six sniffio sortedcontainers soupsieve spacy sphinx sqlalchemy sqlmodel sqlparse
    starlette statsmodels structlog sympy tabulate tenacity tensorflow termcolor textual threadpoolctl tinycss2
    tokenizers toml tomli tomlkit toolz torch torchvision tornado tox tqdm traitlets transformers trio typer
    types-requests typing-extensions tzdata tzlocal ujson unidecode urllib3 uv uvicorn uvloop validators virtualenv
    watchdog watchfiles wcwidth websocket-client websockets werkzeug wheel wrapt wtforms xlrd xlsxwriter xmltodict
    yarl zipp zstandard
    """.split()  # noqa: SIM905  one name a line would be three hundred lines
)
SOLD_AS = {  # what is imported → what is installed
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "git": "gitpython",
    "jwt": "pyjwt",
    "pil": "pillow",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "zmq": "pyzmq",
}
_STANDARD = frozenset(name.lower() for name in sys.stdlib_module_names)
_REQUIREMENT = re.compile(
    r"(?P<name>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?)\s{0,9}(?:\[[\w\s,.-]{0,200}\])?\s{0,9}"
    r"(?P<rest>$|[(<>=!~;].{0,300}$)"
)


class Objection(Struct, frozen=True):
    """Why one requirement is not installed. The message goes into the next prompt as it is."""

    requirement: str
    message: str


def normalised(name: str) -> str:
    """A package's name as all indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(requirement: str) -> str:
    """The normalised name of a requirement such as `Rich[all]>=13; python_version > "3"`, or "" where it is none."""
    match = _REQUIREMENT.fullmatch(requirement.strip())
    return normalised(match["name"]) if match else ""


def lookalike(name: str, trusted: Collection[str] = ()) -> str:
    """The well-known or trusted name that this one could be mistaken for, or "" where it is one of them, or none."""
    if name in WELL_KNOWN or name in trusted:
        return ""
    reach = 1 if len(name) < SHORT else 2
    near = [
        (distance, known)
        for known in sorted({*WELL_KNOWN, *trusted})
        if abs(len(known) - len(name)) <= reach and (distance := _distance(name, known)) <= reach
    ]
    return min(near)[1] if near else ""


def wanting(requirements: Iterable[str], trusted: Iterable[str] = ()) -> list[Objection]:
    """What a plan may not ask for: what is no name, what is part of Python, what looks like something else.

    `trusted`: the requirements that the drop names; a person wrote them.
    """
    names = frozenset(map(name_of, trusted))
    asked = list(dict.fromkeys(bare for line in requirements if (bare := _bare(line))))
    if len(asked) > DEPENDENCIES:
        return [_too_many(asked)]
    return [Objection(line, why) for line in asked if (why := _objection(line, names))]


def nonsense(requirements: Iterable[str]) -> list[Objection]:
    """What not even a person can ask for: what is no name, and what is part of Python."""
    named = [(line, name_of(line)) for line in map(_bare, requirements)]
    told = [(line, _part_of_python(name) if name else _about_line(line[:120])) for line, name in named]
    return [Objection(line, why) for line, why in told if why]


def unplanned(requirements: Iterable[str], planned: Iterable[str]) -> tuple[list[str], list[Objection]]:
    """What may be installed of what the files ask for, and why the rest may not.

    What the plan does not name has to be well known. `planned` holds the plan's requirements and the drop's. Which
    indexes are asked is nobody's business but the settings'.
    """
    names = frozenset(map(name_of, planned))
    accepted: list[str] = []
    found: list[Objection] = []
    asked = list(dict.fromkeys(map(_bare, requirements)))
    if len(asked) > DEPENDENCIES:
        return [], [_too_many(asked)]
    for line in asked:
        if not line:
            continue
        why = _objection(line, names)
        if not why and (name := name_of(line)) not in names | WELL_KNOWN:
            why = f"{name} is not in the plan: name it among the plan's dependencies, or do without it."
        if why:
            found.append(Objection(line, why))
        else:
            accepted.append(line)
    return accepted, found


def _too_many(asked: list[str]) -> Objection:
    return Objection("", f"There are {len(asked)} dependencies: do with at most {DEPENDENCIES}.")


def _objection(line: str, trusted: frozenset[str]) -> str:
    """Why this line cannot be installed, or ""."""
    name = name_of(line)
    if name in trusted - {""}:
        return ""
    return _about_name(name, trusted) if name else _about_line(line[:120])


def _about_line(shown: str) -> str:
    if shown.startswith("-"):
        return f"`{shown}` is an option, not a package: leave it out. Packages come from this machine's own index only."
    if "://" in shown or " @ " in shown or re.match(r"[./~]|[A-Za-z]:[\\/]", shown):
        return f"`{shown}` is a place, not a name: packages come from the index only. Write the package's name."
    return f"`{shown}` cannot be read as a requirement: write a name and perhaps a version, such as `rich>=13`."


def _part_of_python(name: str) -> str:
    is_part = name.replace("-", "_") in _STANDARD and name not in WELL_KNOWN
    return f"{name} is part of Python: leave it out of the dependencies." if is_part else ""


def _about_name(name: str, trusted: Collection[str]) -> str:
    if why := _part_of_python(name):
        return why
    if name in SOLD_AS:
        return f"{name} is what is imported; the package is called {SOLD_AS[name]}: write {SOLD_AS[name]}."
    if meant := lookalike(name, trusted):
        return (
            f"{name} looks like {meant}, and is not: names one letter off are how harmful packages are spread. "
            f"Write {meant}, or do without it."
        )
    return ""


def declared(files: Mapping[str, str]) -> list[str]:
    """What the files of a project want installed: requirements*.txt at its top, and pyproject.toml's dependencies."""
    lines = [
        line
        for path in sorted(files)
        if re.fullmatch(r"(?:requirements|test-requirements|dev-requirements)[\w.-]*\.txt", path)
        for line in _lines(files[path])
    ]
    return list(dict.fromkeys([*lines, *_in_pyproject(files.get("pyproject.toml", ""))]))


def _lines(text: str) -> Iterator[str]:
    joined = text[:REQUIREMENTS_CHARACTERS].replace("\\\n", " ")
    return (line for part in joined.splitlines() if (line := _bare(part)))


def _bare(line: str) -> str:
    """A line of requirements without its comment and its hashes."""
    return re.sub(r"(?:^|\s+)#.*$|\s+--hash=\S+", "", line[:LINE_CHARACTERS]).strip()


def _in_pyproject(text: str) -> Iterator[str]:
    try:
        project = tomllib.loads(text[:REQUIREMENTS_CHARACTERS]).get("project", {})
        extras = project.get("optional-dependencies", {})
        lists = [project.get("dependencies", []), *(extras.get(name, []) for name in ("dev", "test", "tests"))]
    except (tomllib.TOMLDecodeError, AttributeError, RecursionError):
        return
    for wanted in lists:
        yield from (line.strip() for line in wanted if isinstance(line, str)) if isinstance(wanted, list) else ()


def _distance(one: str, other: str) -> int:
    """How many letters have to be added, dropped, replaced or swapped with their neighbour."""
    before: list[int] = []
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, 1):
        here = [row]
        for column, facing in enumerate(other, 1):
            cost = min(above[column] + 1, here[-1] + 1, above[column - 1] + (letter != facing))
            is_swap = row > 1 and column > 1 and letter == other[column - 2] and one[row - 2] == facing
            here.append(min(cost, before[column - 2] + 1) if is_swap else cost)
        before, above = above, here
    return above[-1]
