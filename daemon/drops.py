"""The contracts of what may be dropped into queue/: one struct per form, and how a plain value becomes one.

A value that does not fit raises `Unfit`, which names the field, what was expected and the remedy. This room knows
values only: files, folders and moving things to rejected/ are the inlet's.
"""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Annotated, Any, TypeVar

import msgspec
from msgspec import Meta, Struct

Text = Annotated[str, Meta(max_length=2_000_000)]
Line = Annotated[str, Meta(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$")]
SomeLine = Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]+$")]
TestId = Annotated[str, Meta(min_length=1, max_length=4_000, pattern=r"^[^\x00\n\r]+$")]
Priority = Annotated[int, Meta(ge=0, le=9, description="9 goes before 0.")]


class Environment(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the tests need, where the repository does not say it itself."""

    python: Annotated[str, Meta(pattern=r"^(\d+\.\d+(\.\d+)?)?$", description="Like 3.9.")] = ""
    requirements: list[SomeLine] = []
    install: Annotated[list[SomeLine], Meta(description="Commands, run in the sandbox before the tests.")] = []
    image: Annotated[Line, Meta(description="A container image that has everything.")] = ""


class Repair(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind", tag="repair"
):
    """A failing repository to be mended."""

    repo: Annotated[SomeLine, Meta(description="A path, a git URL, or owner/name from the settings' repos.")]
    tests: Annotated[
        list[TestId], Meta(min_length=1, max_length=20_000, description="The tests that fail and shall pass.")
    ]
    keep_passing: Annotated[
        list[TestId], Meta(max_length=100_000, description="Tests that must stay green; by default all that are.")
    ] = []
    title: Line = ""
    project: Annotated[Line, Meta(description="The name in the project tracker; by default taken from repo.")] = ""
    problem: Annotated[Text, Meta(description="What is wrong, in words.")] = ""
    hint: Annotated[Text, Meta(description="Where you would look.")] = ""
    base_commit: Annotated[str, Meta(pattern=r"^[0-9A-Za-z._/-]{0,100}$")] = ""
    test_patch: Annotated[Text, Meta(description="A diff that brings the failing tests.")] = ""
    test_command: Annotated[Line, Meta(description="How the tests are run, where it is not pytest.")] = ""
    environment: Environment = msgspec.field(default_factory=Environment)
    land_branch: Annotated[bool, Meta(description="Also leave the patch as branch mendd/<job> in your repository.")] = (
        False
    )
    priority: Priority = 5
    instance_id: Line = ""
    gold_patch: Annotated[Text, Meta(description="For judging only; it is never shown to a proposer.")] = ""


class Idea(
    Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True, tag_field="kind", tag="idea"
):
    """A small project to be written."""

    title: SomeLine
    description: Annotated[str, Meta(min_length=1, max_length=2_000_000)]
    language: Line = "python"
    acceptance_tests: Annotated[
        dict[SomeLine, Text], Meta(description="File name → content; the tests that decide. Never edited.")
    ] = {}
    sample_code: Text = ""
    dependencies: list[SomeLine] = []
    entry_point: Annotated[Line, Meta(description="What a person starts, like `python -m counter`.")] = ""
    constraints: list[SomeLine] = []
    priority: Priority = 5


class ErrorReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A failure seen elsewhere: with repo and tests it becomes a repair, without them a known signature."""

    project: SomeLine
    message: Text = ""
    traceback: Text = ""
    repo: Line = ""
    tests: list[TestId] = []
    priority: Priority = 5


class Retry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Open a settled job again, or cancel an open one."""

    job: Annotated[str, Meta(pattern=r"^[ri]-\d{6,12}$", description="Like r-000731.")]
    rung: Annotated[str, Meta(pattern=r"^([CMAN][1-5])?$", description="Start at this rung, like A1.")] = ""
    hint: Text = ""
    cancel: Annotated[bool, Meta(description="Give an open job up instead.")] = False


class SweBench(Struct, frozen=True, kw_only=True):
    """A SWE-bench instance, taken verbatim: fields that are not named here are allowed and left alone."""

    instance_id: SomeLine
    repo: SomeLine
    base_commit: Annotated[str, Meta(pattern=r"^[0-9A-Za-z._/-]{1,100}$")]
    problem_statement: Text
    FAIL_TO_PASS: list[TestId] | str
    PASS_TO_PASS: list[TestId] | str = []
    test_patch: Text = ""
    patch: Text = ""
    hints_text: Text = ""
    version: str = ""
    image_name: Line = ""


Job = Repair | Idea
Drop = Repair | Idea | ErrorReport | Retry
INLETS = ("ideas", "errors", "retries")
FORMS: dict[str, type[Struct]] = {
    "repair": Repair,
    "idea": Idea,
    "swebench": SweBench,
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
    "error": {"project": "shop", "message": "IndexError: list index out of range"},
    "retry": {"job": "r-000731", "hint": "the cache key misses the locale"},
}


_TAGGED = (Repair, Idea)
AnyForm = TypeVar("AnyForm", bound=Struct)
SHOWN_CHARACTERS = 80


class Unfit(ValueError):  # noqa: N818  it is not an error of ours: the value does not fit
    """A value that is no drop: which field, what was expected there, what stood there, and the remedy."""

    def __init__(self, field: str, expected: str, got: str, remedy: str) -> None:
        super().__init__(f"{field}: expected {expected}, got {got}")
        self.field, self.expected, self.got, self.remedy = field, expected, got, remedy


def read(inlet: str, value: object) -> Drop:
    """Read one entry of a drop in this inlet, or raise `Unfit`."""
    if not isinstance(value, dict):
        form = {"errors": "error", "retries": "retry"}.get(inlet, "repair")
        raise Unfit("$", "an object with named fields", _shown(value), f"write an entry such as {_example(form)}")
    match inlet:
        case "errors":
            return _error_report(value)
        case "retries":
            return _convert("retry", value, Retry)
        case _:
            return _job(value)


def schema(form: str) -> dict[str, Any]:
    """The JSON Schema of one form of drop."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **msgspec.json.schema(FORMS[form])}


def _job(value: dict[str, Any]) -> Job:
    kind = value.get("kind")
    if kind is None and "instance_id" in value and "FAIL_TO_PASS" in value:
        return _from_swebench(_convert("swebench", value, SweBench))
    if kind is None:  # the short forms: each is told by what only it has
        kind = "repair" if {"repo", "tests"} & value.keys() else "idea" if "description" in value else None
    if kind == "repair":
        return _convert("repair", value, Repair)
    if kind == "idea":
        return _convert("idea", value, Idea)
    remedy = f"say what to mend, {_example('repair')}, or what to write, {_example('idea')}"
    raise Unfit("kind", "'repair' or 'idea'", "nothing" if kind is None else _shown(kind), remedy)


def _error_report(value: dict[str, Any]) -> ErrorReport:
    report = _convert("error", value, ErrorReport)
    if not (report.message or report.traceback):
        raise Unfit("message", "the error's message or its traceback", "neither", "add what the program printed")
    if bool(report.repo) != bool(report.tests):
        missing = "tests" if report.repo else "repo"
        raise Unfit(missing, "repo and tests together, or neither", "one of them", f"add {missing}, or drop the other")
    return report


def _from_swebench(instance: SweBench) -> Repair:
    return Repair(
        repo=instance.repo,
        tests=_test_list("FAIL_TO_PASS", instance.FAIL_TO_PASS, at_least=1),
        keep_passing=_test_list("PASS_TO_PASS", instance.PASS_TO_PASS, at_least=0),
        title=instance.instance_id,
        project=instance.repo,
        problem=instance.problem_statement,
        base_commit=instance.base_commit,
        test_patch=instance.test_patch,
        environment=Environment(image=instance.image_name),
        instance_id=instance.instance_id,
        gold_patch=instance.patch,
    )


def _test_list(field: str, tests: list[str] | str, *, at_least: int) -> list[str]:
    if isinstance(tests, str):  # the published rows carry a JSON string here
        try:
            tests = msgspec.json.decode(tests, type=list[TestId])
        except msgspec.DecodeError:
            raise Unfit(
                field, "a list of test ids, or that list as a JSON string", _shown(tests), "copy the row verbatim"
            ) from None
    if len(tests) < at_least:
        raise Unfit(field, "at least one test id", "none", "name the test that fails now and shall pass")
    return tests


_WHERE = re.compile(r"^(?P<what>.*?)(?: - at `(?:key in )?(?P<path>\$[^`]*)`)?$", re.DOTALL)
_NAMED = re.compile(r"Object (?:missing required|contains unknown) field `(?P<field>[^`]*)`")


def _convert(form: str, value: dict[str, Any], into: type[AnyForm]) -> AnyForm:
    value = {key: part for key, part in value.items() if key != "kind"}
    try:
        return msgspec.convert(value if into not in _TAGGED else {"kind": form, **value}, into)
    except msgspec.ValidationError as error:
        raise _unfit(form, value, str(error)) from None


def _unfit(form: str, value: dict[str, Any], message: str) -> Unfit:
    """Turn msgspec's sentence into field, expectation and remedy."""
    match = _WHERE.match(message)
    what, path = (match["what"], match["path"] or "$") if match else (message, "$")
    remedy = f"see `python -m daemon schema {form}`; an example: {_example(form)}"
    if named := _NAMED.match(what):
        field = f"{path}.{named['field']}".removeprefix("$.")
        if "missing" in what:
            return Unfit(field, "a value", "nothing", f"add {field!r}; {remedy}")
        known = Environment.__struct_fields__ if path == "$.environment" else FORMS[form].__struct_fields__
        near = get_close_matches(named["field"], known, n=1, cutoff=0.0)[0]
        return Unfit(
            field,
            f"a known field, such as {near!r}",
            "an unknown one",
            f"rename it to {near!r} or leave it out; {remedy}",
        )
    expected = what.replace("`", "").removeprefix("Expected ").split(", got")[0]
    return Unfit(path.removeprefix("$."), expected, _shown(_at(path, value)), remedy)


def _at(path: str, value: object) -> object:
    """The part of the value that a path such as $.tests[0] means, as far as it can be followed."""
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
    kinds = {dict: "an object", list: "a list", str: "the text", bool: "", int: "the number", float: "the number"}
    if value is None:
        return "null"
    text = repr(value)
    if len(text) > SHOWN_CHARACTERS:
        text = text[:SHOWN_CHARACTERS] + "…"
    return f"{kinds.get(type(value), '')} {text}".strip()


def _example(form: str) -> str:
    return msgspec.json.encode(EXAMPLES[form]).decode()
