"""The contracts of what may be dropped into queue/: one struct per form, and how a plain value becomes one.

A value that does not fit raises `Unfit`, which names the field, what was expected and the remedy. This room knows
values only: files, folders and moving things to rejected/ are the inlet's.
"""

import json
import re
import shlex
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct, structs

END = r"$(?!\n)"  # Python's $ alone would let a line end through
ONE_LINE = rf"^[^\x00-\x1f\x7f]*{END}"
TEST_ID = rf"^[^\x00\n\r]+{END}"
FILE_NAME = rf"^(?!/)(?!(.*/)?(\.\.(/|$)|\.git(/|$)|[-@]))[^\x00-\x1f\x7f\\]+{END}"  # - and @ mean more to commands
FILE_NAME_OR_NONE = rf"^{END}|{FILE_NAME}"
COMMIT = rf"^[0-9A-Za-z._/-]*{END}"
PYTHON = rf"^(\d+\.\d+(\.\d+)?)?{END}"
DATE = rf"^(\d{{4}}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01]))?{END}"
JOB_ID = rf"^[rim]-\d{{6,12}}{END}"
RUNG = rf"^([CMAN][1-5]|L[1-4]v[1-5])?{END}"
IN_WORDS = {  # what a person reads in place of a pattern
    ONE_LINE: "one line without control characters",
    TEST_ID: "a test id on one line",
    FILE_NAME: "a relative file name without '..', '.git' or a part that begins with '-' or '@'",
    FILE_NAME_OR_NONE: "a relative file name without '..', '.git' or a part that begins with '-' or '@'",
    COMMIT: "a commit, such as 7f33c1e22dbc",
    PYTHON: "a Python version, such as 3.9",
    DATE: "a date, such as 2019-04-01",
    JOB_ID: "a job's id, such as r-000731, or a ramp's, such as m-000001",
    RUNG: "a rung: C, M, A or N and a number from 1 to 5, such as A1, or the same as L3v1",
}

PHASES = (1, 5, 10, 20, 50, 100, 300)

Text = Annotated[str, Meta(max_length=2_000_000)]
Line = Annotated[str, Meta(max_length=500, pattern=ONE_LINE)]
SomeLine = Annotated[str, Meta(min_length=1, max_length=500, pattern=ONE_LINE)]
FileName = Annotated[str, Meta(min_length=1, max_length=500, pattern=FILE_NAME)]
TestId = Annotated[str, Meta(min_length=1, max_length=4_000, pattern=TEST_ID)]
Tests = Annotated[list[TestId], Meta(max_length=20_000)]
KeptTests = Annotated[list[TestId], Meta(max_length=100_000)]
Priority = Annotated[int, Meta(ge=0, le=9, description="9 goes before 0.")]


class Environment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the tests need, where the repository does not say it itself."""

    python: Annotated[str, Meta(pattern=PYTHON, description="Like 3.9.")] = ""
    requirements: list[SomeLine] = []
    install: Annotated[list[SomeLine], Meta(description="Commands, run in the sandbox before the tests.")] = []
    image: Annotated[Line, Meta(description="A container image that has everything.")] = ""
    dockerfile: Annotated[
        str,
        Meta(max_length=500, pattern=FILE_NAME_OR_NONE, description="One of the repository, to build the image from."),
    ] = ""
    as_of: Annotated[
        str, Meta(pattern=DATE, description="Packages as they were on this day, like 2019-04-01: old code wants them.")
    ] = ""


class Repair(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind", tag="repair"
):
    """A failing repository to be mended."""

    repo: Annotated[SomeLine, Meta(description="A path, a git URL, or owner/name from the settings' repos.")]
    tests: Annotated[
        list[TestId], Meta(min_length=1, max_length=20_000, description="The tests that fail and shall pass.")
    ]
    keep_passing: Annotated[KeptTests, Meta(description="Tests that must stay green; by default all that are.")] = []
    title: Line = ""
    project: Annotated[Line, Meta(description="The name in the project tracker; by default taken from repo.")] = ""
    problem: Annotated[Text, Meta(description="What is wrong, in words.")] = ""
    hint: Annotated[Text, Meta(description="Where you would look.")] = ""
    base_commit: Annotated[str, Meta(max_length=100, pattern=COMMIT)] = ""
    test_patch: Annotated[Text, Meta(description="A diff that brings the failing tests.")] = ""
    test_command: Annotated[
        Line,
        Meta(
            description="How the tests are run, where it is not pytest: `python -m unittest …`, Django's runtests.py, "
            "or any command, of which all that is known is the test `exit status`."
        ),
    ] = ""
    environment: Environment = msgspec.field(default_factory=Environment)
    land_branch: Annotated[
        bool, Meta(description="Also leave the patch as branch mendd/<job> on your commit; -2, -3 … if that is taken.")
    ] = False
    priority: Priority = 5
    instance_id: Line = ""
    gold_patch: Annotated[Text, Meta(description="For judging only; it is never shown to a proposer.")] = ""


class Idea(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind", tag="idea"
):
    """A small project to be written."""

    title: SomeLine
    description: Annotated[str, Meta(min_length=1, max_length=2_000_000)]
    language: Annotated[Line, Meta(description="Python is the only one so far; another one is refused.")] = "python"
    acceptance_tests: Annotated[
        dict[FileName, Text], Meta(description="File name → content; the tests that decide. Never edited.")
    ] = {}
    sample_code: Annotated[Text, Meta(description="Code that shows what you mean; an example, not a beginning.")] = ""
    dependencies: Annotated[
        list[SomeLine], Meta(max_length=100, description="What it may stand on, like `httpx>=0.27`.")
    ] = []
    entry_point: Annotated[Line, Meta(description="What a person starts, like `python -m counter`.")] = ""
    constraints: Annotated[
        list[SomeLine], Meta(max_length=100, description="What must hold besides, like `no network`.")
    ] = []
    priority: Priority = 5


class ErrorReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A failure seen elsewhere: with repo and tests it becomes a repair, without them a known signature."""

    project: SomeLine
    message: Text = ""
    traceback: Text = ""
    repo: Line = ""
    tests: Tests = []
    priority: Priority = 5


class Retry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Open a settled job again, or cancel an open one. Of a ramp, what failed is opened again."""

    job: Annotated[str, Meta(pattern=JOB_ID, description="Like r-000731; or a ramp, like m-000001.")]
    instance: Annotated[Line, Meta(description="Of a ramp, only this one; it may be one that was excluded.")] = ""
    rung: Annotated[str, Meta(pattern=RUNG, description="Start at this rung, like A1; L3v1 is the same.")] = ""
    hint: Text = ""
    cancel: Annotated[bool, Meta(description="Give an open job up instead.")] = False


class Ramp(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind", tag="ramp"
):
    """Many repairs, mended in phases that grow: the next one begins where the last one reached its target."""

    instances: Annotated[
        list[dict[str, Any]],
        Meta(min_length=1, max_length=10_000, description="SWE-bench rows, verbatim, or repairs; the first go first."),
    ]
    title: Line = ""
    phases: Annotated[
        list[Annotated[int, Meta(ge=1)]], Meta(min_length=1, max_length=100, description="How many, phase by phase.")
    ] = msgspec.field(default_factory=lambda: list(PHASES))
    targets: Annotated[
        list[Annotated[float, Meta(gt=0, le=1)]],
        Meta(max_length=100, description="The share to be solved, phase by phase; by default all, of 300 nine in ten."),
    ] = []
    gold_check: Annotated[
        bool, Meta(description="Where an instance has a gold patch, see first that it goes green; in the sandbox.")
    ] = False


class Course(Struct, frozen=True):
    """A ramp as it will be climbed: its instances by name, its phases no larger than there are instances."""

    title: str
    repairs: dict[str, Repair]
    phases: list[int]
    targets: list[float]
    gold_check: bool


class SweBench(Struct, frozen=True, kw_only=True):
    """A SWE-bench instance, taken verbatim: fields that are not named here are allowed and left alone."""

    instance_id: SomeLine
    repo: SomeLine
    base_commit: Annotated[str, Meta(min_length=1, max_length=100, pattern=COMMIT)]
    problem_statement: Text
    FAIL_TO_PASS: Tests | str
    PASS_TO_PASS: KeptTests | str = []
    test_patch: Text = ""
    patch: Text = ""
    hints_text: Text = ""
    version: str = ""
    image_name: Line = ""


Job = Repair | Idea
Drop = Repair | Idea | ErrorReport | Retry | Course
LANGUAGES = ("python", "Python", "python3")  # in which a project can be built and measured
INLETS = ("ideas", "errors", "retries")
FORMS: dict[str, type[Struct]] = {
    "repair": Repair,
    "idea": Idea,
    "swebench": SweBench,
    "ramp": Ramp,
    "error": ErrorReport,
    "retry": Retry,
}
EXAMPLES: dict[str, dict[str, Any]] = {
    "repair": {"kind": "repair", "repo": "/home/me/shop", "tests": ["tests/test_cart.py::test_total"]},
    "idea": {"kind": "idea", "title": "Word counter", "description": "Count the words of a text file."},
    "swebench": {
        "instance_id": "django__django-14608",
        "repo": "django/django",
        "base_commit": "7f33c1e22dbc34a7afae7967783725b10f1f13b1",
        "problem_statement": "Add nonform CSS class for non form errors in FormSets",
        "FAIL_TO_PASS": ["forms_tests.tests.test_formsets"],
    },
    "ramp": {
        "kind": "ramp",
        "title": "the shop's bugs",
        "instances": [{"kind": "repair", "repo": "/home/me/shop", "tests": ["tests/test_cart.py::test_total"]}],
        "phases": [1, 5],
    },
    "error": {"project": "shop", "message": "IndexError: list index out of range"},
    "retry": {"job": "r-000731", "hint": "the cache key misses the locale"},
}

AnyForm = TypeVar("AnyForm", bound=Struct)
LARGE_PHASE, LARGE_TARGET = 300, 0.9  # of so many, one in ten may be beyond every model
SHOWN_CHARACTERS = 80
SAID_CHARACTERS = 500


class Unfit(ValueError):  # noqa: N818  it is not an error of ours: the value does not fit
    """A value that is no drop: which field, what was expected there, what stood there, and the remedy."""

    def __init__(self, field: str, expected: str, got: str, remedy: str) -> None:
        super().__init__(f"{field}: expected {expected}, got {got}")
        self.field, self.expected, self.got, self.remedy = map(_sayable, (field, expected, got, remedy))


def read(inlet: str, value: object) -> Drop:
    """Read one entry of a drop in this inlet, or raise `Unfit`."""
    form = {"errors": "error", "retries": "retry"}.get(inlet, "repair")
    if not isinstance(value, dict):
        raise Unfit("entry", "an object with named fields", _shown(value), f"write an entry such as {_example(form)}")
    if inlet == "ideas":
        return _course(_convert("ramp", value, Ramp)) if value.get("kind") == "ramp" else _job(value)
    own = {"errors": {"project", "message", "traceback"}, "retries": {"job"}}[inlet]
    if "kind" in value or (not own & value.keys() and {"repo", "description"} & value.keys()):
        remedy = f"drop jobs into queue/ideas; in queue/{inlet} belongs an entry such as {_example(form)}"
        field, got = ("kind", _shown(value["kind"])) if "kind" in value else ("entry", "a job")
        raise Unfit(field, f"an entry of queue/{inlet}, which is no job", got, remedy)
    return _error_report(value) if inlet == "errors" else _convert("retry", value, Retry)


def without_answer(drop: Job) -> Job:
    """The job as everybody at work on it may know it. The gold patch stays in the log, for whoever judges later."""
    return structs.replace(drop, gold_patch="") if isinstance(drop, Repair) and drop.gold_patch else drop


def schema(form: str) -> dict[str, Any]:
    """The JSON Schema of one form of drop. A job's kind may be left out, as its other fields tell it."""
    made = msgspec.json.schema(FORMS[form])
    described = made["$defs"][FORMS[form].__name__]
    described["required"] = [field for field in described["required"] if field != "kind"]
    if form == "idea":
        described["properties"]["language"]["enum"] = list(LANGUAGES)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **made}


def _job(value: dict[str, Any]) -> Job:
    kind = value.get("kind")
    if kind is None and "instance_id" in value and {"FAIL_TO_PASS", "problem_statement"} & value.keys():
        return _workable(_from_swebench(_convert("swebench", value, SweBench)))
    if kind is None:  # the short forms: each is told by what only it has
        kind = "repair" if {"repo", "tests"} & value.keys() else "idea" if "description" in value else None
    fields = {key: part for key, part in value.items() if key != "kind"}
    if kind == "repair":
        return _workable(_convert("repair", fields, Repair))
    if kind == "idea":
        return _spoken(_convert("idea", fields, Idea))
    remedy = f"say what to mend, {_example('repair')}, or what to write, {_example('idea')}"
    raise Unfit("kind", "'repair', 'idea' or 'ramp'", "nothing" if kind is None else _shown(kind), remedy)


def _course(ramp: Ramp) -> Course:
    """Read each instance as a job of its own would be read; whatever is wrong with one is said with its place."""
    repairs: dict[str, Repair] = {}
    for number, row in enumerate(ramp.instances):
        where = f"instances[{number}]"
        try:
            read_as = _job(row)
        except Unfit as unfit:
            field = where if unfit.field == "entry" else f"{where}.{unfit.field}"
            raise Unfit(field, unfit.expected, unfit.got, unfit.remedy) from None
        if not isinstance(read_as, Repair):
            raise Unfit(f"{where}.kind", "a repair or a SWE-bench row", "an idea", "drop ideas by themselves")
        name = read_as.instance_id or read_as.title or f"instance-{number + 1:03}"
        if name in repairs:
            remedy = "name each instance once, by instance_id or title"
            raise Unfit(f"{where}.instance_id", "a name that no other instance has", _shown(name), remedy)
        repairs[name] = structs.replace(read_as, instance_id=name)
    phases, targets = _clipped(ramp, len(repairs))
    return Course(ramp.title or f"a ramp of {len(repairs)}", repairs, phases, targets, ramp.gold_check)


def _clipped(ramp: Ramp, most: int) -> tuple[list[int], list[float]]:
    """The phases and targets up to the number of instances; the phase that would go beyond it ends there."""
    targets = ramp.targets or [LARGE_TARGET if size >= LARGE_PHASE else 1.0 for size in ramp.phases]
    if sorted(set(ramp.phases)) != ramp.phases:
        raise Unfit("phases", "numbers that grow", _shown(ramp.phases), "write them as [1, 5, 10]")
    if len(targets) != len(ramp.phases):
        raise Unfit(
            "targets", f"{len(ramp.phases)} of them, one a phase", str(len(targets)), "leave them out for 100 %"
        )
    whole = sum(size <= most for size in ramp.phases)
    phases = ramp.phases[:whole]
    if whole < len(ramp.phases) and most not in phases:
        phases.append(most)
    return phases, targets[: len(phases)]


def _spoken(idea: Idea) -> Idea:
    """The idea, if its language is one that can be measured. Not part of the type: an old log's ideas stay readable."""
    if idea.language not in LANGUAGES:
        remedy = "leave language out for Python; other languages cannot be built and measured yet"
        raise Unfit("language", " or ".join(map(repr, LANGUAGES)), _shown(idea.language), remedy)
    return idea


def _workable(repair: Repair) -> Repair:
    """The repair, if its address and its command can be used. Not part of the type either, for the same reason."""
    _check_address(repair.repo)
    if repair.test_command:
        _check_command(repair.test_command)
    return repair


def _check_command(command: str) -> None:
    try:
        shlex.split(command)
    except ValueError as error:
        got = f"{_shown(command)} ({str(error).lower()})"
        raise Unfit("test_command", "a command as a shell reads it", got, "close the quotation mark") from None


def _check_address(repo: str) -> None:
    """What is dropped is shown in reports and certificates, so no password belongs there."""
    if _PASSWORD.match(repo):
        remedy = "leave it out: name the address in the settings' repos, and drop that name, or a local clone"
        raise Unfit("repo", "an address without a password or a token", "one with it", remedy)


def _error_report(value: dict[str, Any]) -> ErrorReport:
    report = _convert("error", value, ErrorReport)
    _check_address(report.repo)
    if not (report.message.strip() or report.traceback.strip()):
        raise Unfit("message", "the error's message or its traceback", "neither", "add what the program printed")
    if bool(report.repo) != bool(report.tests):
        here, missing = ("repo", "tests") if report.repo else ("tests", "repo")
        remedy = f"add {missing} to have it mended, or leave {here} out to have it remembered"
        raise Unfit(missing, "repo and tests together, or neither", f"only {here}", remedy)
    return report


def _from_swebench(instance: SweBench) -> Repair:
    return Repair(
        repo=instance.repo,
        tests=_test_list("FAIL_TO_PASS", instance.FAIL_TO_PASS, Tests, at_least=1),
        keep_passing=_test_list("PASS_TO_PASS", instance.PASS_TO_PASS, KeptTests, at_least=0),
        title=instance.instance_id,
        project=instance.repo,
        problem=instance.problem_statement,
        base_commit=instance.base_commit,
        test_patch=instance.test_patch,
        environment=Environment(image=instance.image_name),
        instance_id=instance.instance_id,
        gold_patch=instance.patch,
    )


def _test_list(field: str, tests: list[str] | str, into: Any, *, at_least: int) -> list[str]:  # noqa: ANN401  a type
    if isinstance(tests, str):  # the published rows carry a JSON string here
        try:
            tests = msgspec.json.decode(tests, type=into)
        except (msgspec.DecodeError, UnicodeEncodeError):
            raise Unfit(
                field, "a list of test ids, or that list as a JSON string", _shown(tests), "copy the row verbatim"
            ) from None
    if len(tests) < at_least:
        raise Unfit(field, "at least one test id", "none", "name the test that fails now and shall pass")
    return list(tests)


_PASSWORD = re.compile(r"[a-z][a-z0-9+.-]*://[^/\s@:]*:[^/\s]*@|https?://[^/\s@]{20,}@")  # or a token without one
_WHERE = re.compile(r"^(?P<what>.*?)(?: - at (?:`key` in )?`\$(?P<path>[^`]*)`)?$", re.DOTALL)
_MISSING = re.compile(r"Object missing required field `([^`]*)`")
_TYPES = {  # in JSON's and Python's words, and in those of a person
    "str": "text",
    "int": "a whole number",
    "bool": "true or false",
    "array": "a list",
    "object": "an object with named fields",
}
_LIMITS = {" of length >= 1": " that is not empty", "length <=": "at most", ">=": "at least", "<=": "at most", "`": ""}


def _convert(form: str, value: dict[str, Any], into: type[AnyForm]) -> AnyForm:
    tag = {"kind": form} if into in (Repair, Idea, Ramp) else {}
    try:
        return msgspec.convert(tag | value, into)
    except msgspec.ValidationError as error:
        raise _unfit(form, value, str(error)) from None


def _unfit(form: str, value: dict[str, Any], message: str) -> Unfit:
    """Turn msgspec's sentence into field, expectation and remedy."""
    see = f"`python -m daemon schema {form}` tells all fields; an example: {_example(form)}"
    if message.startswith("Object contains unknown field"):
        field, near = _unknown_field(form, value)
        remedy = f"rename it to {near!r} if that is what you mean, or leave it out; {see}"
        return Unfit(field, f"a known field; the nearest is {near!r}", "an unknown field", remedy)
    match = _WHERE.match(message)
    what, path = (match["what"], match["path"] or "") if match else (message, "")
    if missing := _MISSING.match(what):
        return Unfit(f"{path}.{missing[1]}".removeprefix("."), "a value", "nothing", f"add {missing[1]!r}; {see}")
    field = path.removeprefix(".") or "entry"
    expected = _expected(what)
    return Unfit(field, expected, _shown(_at(path, value)), f"write {expected} there; {see}")


def _unknown_field(form: str, value: dict[str, Any]) -> tuple[str, str]:
    """A field that is not known, and the nearest that is. Looked for, since a key may pose as any part of a message."""
    inside = value.get("environment")
    places: list[tuple[str, dict[str, Any], type[Struct]]] = [("", value, FORMS[form])]
    if isinstance(inside, dict):
        places.append(("environment.", inside, Environment))
    for where, fields, known in places:
        for name in fields:
            if name not in known.__struct_fields__:
                near = get_close_matches(name[:SHOWN_CHARACTERS], known.__struct_fields__, n=1, cutoff=0.0)[0]
                return where + name, near
    raise AssertionError("msgspec found an unknown field that is not there")


def _expected(what: str) -> str:
    """What msgspec expected, in words."""
    for pattern, words in IN_WORDS.items():
        if repr(pattern) in what:
            return words
    expected = what.removeprefix("Expected ").split(", got")[0]
    types, _, limits = expected.removeprefix("`").partition("`")
    if "length <=" in limits:
        limits += " characters" if types == "str" else " entries"
    for sign, words in _LIMITS.items():
        limits = limits.replace(sign, words)
    return " or ".join(_TYPES.get(name, name) for name in types.split(" | ")) + limits


def _at(path: str, value: object) -> object:
    """The part of the value that a path such as .tests[0] means, as far as it can be followed."""
    for name, index in re.findall(r"\.([^.\[]+)|\[(\d+)\]", path):
        if name and isinstance(value, Mapping) and name in value:
            value = value[name]
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            break
    return value


def _shown(value: object) -> str:
    """A value as a short phrase for a message: what it is, and its beginning."""
    kinds = {dict: "an object", list: "a list", str: "the text", int: "the number", float: "the number"}
    text = json.dumps(value[:SHOWN_CHARACTERS] if isinstance(value, str | list) else value, ensure_ascii=False)
    if len(text) > SHOWN_CHARACTERS:
        text = text[:SHOWN_CHARACTERS] + "…"
    return f"{kinds.get(type(value), '')} {text}".strip()


def _sayable(text: str) -> str:
    """Untrusted text as a part of a message: on one line, not too long, and such that any file can hold it."""
    text = text if len(text) <= SAID_CHARACTERS else text[:SAID_CHARACTERS] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)


def _example(form: str) -> str:
    return msgspec.json.encode(EXAMPLES[form]).decode()
