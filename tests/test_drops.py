"""What may be dropped becomes a job, a report or a retry; what may not is told by field, expectation and remedy."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no types

from daemon import drops, steps
from daemon import events as e
from daemon.__main__ import main
from daemon.drops import EXAMPLES, FORMS, Environment, ErrorReport, Idea, Repair, Retry, Unfit, read
from daemon.policy import next_step
from daemon.settings import Settings
from tests.fakes.bad_drops import BAD_JOBS, BAD_REPORTS_AND_RETRIES, BadDrop
from tests.fakes.told import Told

INLET_OF = {form: {"error": "errors", "retry": "retries"}.get(form, "ideas") for form in FORMS}
KNOWN_TO_THE_READER = {
    "repair": ("repo", "test_command"),
    "swebench": ("repo", "FAIL_TO_PASS", "PASS_TO_PASS"),
    "error": ("message", "repo", "tests"),
    "ramp": ("phases", "targets"),
}
ROW: dict[str, Any] = {  # as the published rows are: more fields than are read, tests as lists or as JSON strings
    "repo": "acme/shapes",
    "instance_id": "acme__shapes-1234",
    "base_commit": "d16bfe05a744909de4b27f5875fe0d4ed41ce607",
    "patch": "--- a/shapes/box.py\n+++ b/shapes/box.py\n@@ -1 +1 @@\n-SIZE = 1\n+SIZE = 2\n",
    "test_patch": "diff --git a/tests/test_box.py b/tests/test_box.py\n",
    "problem_statement": "Boxes are too small\r\n\r\n```python\r\n>>> Box().size\r\n1\r\n```",
    "hints_text": "look at the size",
    "created_at": "2022-03-03T15:14:54Z",
    "version": "4.3",
    "FAIL_TO_PASS": ["tests/test_box.py::test_size[a b-1]", "tests/test_box.py::test_size[ü]"],
    "PASS_TO_PASS": ["test_empty (tests.test_box.BoxTests)"],
    "environment_setup_commit": "298ccb478e6bf092953bca67a3d29dc6c35f6752",
    "health": {"class": "healthy", "red_seconds": 3.51, "pass_to_pass_bad": []},
}


def reading(inlet: str, value: object) -> drops.Drop | Unfit:
    try:
        return read(inlet, value)
    except Unfit as told:
        return told


def unfit(inlet: str, value: object) -> Unfit:
    with pytest.raises(Unfit) as raised:
        read(inlet, value)
    return raised.value


# What is accepted


@pytest.mark.parametrize("form", FORMS)
def test_every_example_is_accepted(form: str) -> None:
    read(INLET_OF[form], EXAMPLES[form])


@pytest.mark.parametrize(
    "repo", ["https://org@dev.azure.com/org/p/_git/p", "ssh://git@host/x", "git@host:x/y", "/a:b@c"]
)
def test_an_address_may_say_who_asks(repo: str) -> None:
    assert isinstance(read("ideas", {"repo": repo, "tests": ["t"]}), Repair)


def test_a_row_is_taken_verbatim() -> None:
    drop = read("ideas", ROW)
    assert isinstance(drop, Repair)
    assert (drop.repo, drop.instance_id, drop.title) == ("acme/shapes", "acme__shapes-1234", "acme__shapes-1234")
    assert (drop.tests, drop.keep_passing) == (ROW["FAIL_TO_PASS"], ROW["PASS_TO_PASS"])
    assert (drop.problem, drop.base_commit) == (ROW["problem_statement"], ROW["base_commit"])
    assert (drop.test_patch, drop.gold_patch) == (ROW["test_patch"], ROW["patch"])
    assert drop.hint == "", "the hints of a row were written by those who knew the answer"


def test_a_row_s_tests_may_be_json_strings() -> None:
    texts = {field: json.dumps(ROW[field]) for field in ("FAIL_TO_PASS", "PASS_TO_PASS")}
    assert read("ideas", ROW | texts) == read("ideas", ROW)


def test_an_example_row_without_optional_fields_is_accepted() -> None:
    drop = read("ideas", EXAMPLES["swebench"])
    assert isinstance(drop, Repair)
    assert drop.keep_passing == []


def test_the_short_forms_need_no_kind() -> None:
    assert read("ideas", {"repo": "/r", "tests": ["t"]}) == Repair(repo="/r", tests=["t"])
    assert read("ideas", {"title": "T", "description": "D"}) == Idea(title="T", description="D")
    assert read("ideas", {"kind": None, "repo": "/r", "tests": ["t"]}) == Repair(repo="/r", tests=["t"])


def test_all_fields_arrive() -> None:
    fields: dict[str, Any] = {
        "repo": "/r",
        "tests": ["t"],
        "environment": {
            "python": "3.9",
            "requirements": ["a==1"],
            "install": ["make"],
            "image": "i",
            "dockerfile": "d/D",
        },
        "priority": 9,
        "land_branch": True,
    }
    environment = Environment(python="3.9", requirements=["a==1"], install=["make"], image="i", dockerfile="d/D")
    expected = Repair(repo="/r", tests=["t"], environment=environment, priority=9, land_branch=True)
    assert read("ideas", {"kind": "repair"} | fields) == expected
    tests = {"acceptance_tests": {"tests/test_a..b.py": "assert True"}}
    idea = read("ideas", EXAMPLES["idea"] | tests)
    assert isinstance(idea, Idea)
    assert idea.acceptance_tests == tests["acceptance_tests"]


def test_a_dockerfile_is_a_file_of_the_repository() -> None:
    drop = {**EXAMPLES["repair"], "environment": {"dockerfile": ""}}
    assert read("ideas", drop) == read("ideas", EXAMPLES["repair"])
    for outside in ("/etc/Dockerfile", "../Dockerfile", "a/../../b", "\n"):
        told = unfit("ideas", {**EXAMPLES["repair"], "environment": {"dockerfile": outside}})
        assert told.field == "environment.dockerfile"
        assert told.expected == "a relative file name without '..', '.git' or a part that begins with '-' or '@'"


def test_an_idea_in_another_language_is_refused_before_anything_is_spent_on_it() -> None:
    told = unfit("ideas", EXAMPLES["idea"] | {"language": "rust"})
    assert (told.field, told.got) == ("language", 'the text "rust"')
    assert "leave language out for Python" in told.remedy
    assert isinstance(read("ideas", EXAMPLES["idea"] | {"language": "Python"}), Idea)


def test_reports_and_retries() -> None:
    assert read("errors", {"project": "p", "traceback": "t"}) == ErrorReport(project="p", traceback="t")
    assert read("retries", {"job": "i-000007", "rung": "N5"}) == Retry(job="i-000007", rung="N5")
    assert read("retries", {"job": "i-000007", "rung": "L4v5"}) == Retry(job="i-000007", rung="L4v5")


# What is not


@pytest.mark.parametrize("bad", [*BAD_JOBS, *BAD_REPORTS_AND_RETRIES], ids=lambda bad: bad.name)
def test_what_is_wrong_is_told_in_words(bad: BadDrop) -> None:
    assert isinstance(bad.content, bytes)
    value = json.loads(bad.content)
    told = reading(bad.inlet, value[0] if isinstance(value, list) else value)
    if isinstance(told, Retry):
        return  # only whether a job can be opened again is not to be seen in the drop
    assert isinstance(told, Unfit)
    assert told.field == bad.field
    for words in (told.expected, told.got, told.remedy):
        assert words.strip()
        assert words.isprintable()
        assert "regex" not in words
        assert "`str`" not in words


@pytest.mark.parametrize(
    ("inlet", "value"),
    [
        ("ideas", {"repo": "/r\n", "tests": ["t"]}),
        ("ideas", {"repo": "/r", "tests": ["t\n"]}),
        ("ideas", {"repo": "/r", "tests": ["t"], "base_commit": "HEAD\n"}),
        ("ideas", {"title": "T", "description": "D", "acceptance_tests": {"t.py\n": ""}}),
        ("retries", {"job": "r-000001\n"}),
        ("retries", {"job": "r-000001", "rung": "A1\n"}),
    ],
)
def test_no_line_end_hides_behind_a_value(inlet: str, value: object) -> None:
    assert r"\n" in unfit(inlet, value).got


@pytest.mark.parametrize(
    ("typo", "meant"),
    [("test", "tests"), ("prority", "priority"), ("keep_pasing", "keep_passing"), ("Repo", "repo"), ("hints", "hint")],
)
def test_an_unknown_field_names_the_nearest(typo: str, meant: str) -> None:
    told = unfit("ideas", EXAMPLES["repair"] | {typo: "x"})
    assert told.field == typo
    assert repr(meant) in told.expected
    assert repr(meant) in told.remedy


@pytest.mark.parametrize("inlet", ["errors", "retries"])
@pytest.mark.parametrize("form", ["repair", "idea", "swebench"])
def test_a_job_in_the_wrong_folder_is_told_where_it_belongs(inlet: str, form: str) -> None:
    short = {field: value for field, value in EXAMPLES[form].items() if field not in ("kind", "project")}
    assert "drop jobs into queue/ideas" in unfit(inlet, short).remedy


def test_an_unknown_field_in_the_environment_names_the_nearest_there() -> None:
    told = unfit("ideas", EXAMPLES["repair"] | {"environment": {"requirement": []}})
    assert (told.field, "'requirements'" in told.remedy) == ("environment.requirement", True)


@pytest.mark.parametrize("inlet", drops.INLETS)
@given(value=st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_whatever_is_no_object_is_told(inlet: str, value: object) -> None:
    assert unfit(inlet, value).field == "entry"


JUNK = st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just([1]) | st.just({"a": 1})
CASES = [(form, field) for form, known in FORMS.items() for field in known.__struct_fields__]


@pytest.mark.parametrize(("form", "field"), CASES, ids=str)
@given(junk=JUNK)
def test_the_schema_accepts_and_rejects_what_the_reader_does(form: str, field: str, junk: object) -> None:
    """For every field of every form, whatever stands there; the reader alone knows rules between two fields."""
    value = EXAMPLES[form] | {field: junk}
    fits_schema = Draft202012Validator(drops.schema(form)).is_valid(value)
    told = reading(INLET_OF[form], value)
    if isinstance(told, Unfit):
        known = KNOWN_TO_THE_READER.get(form, ())
        is_other_place = told.field.startswith("instances[")  # that is another form's
        assert not fits_schema or told.field in known or is_other_place or (form, field) == ("swebench", "kind")
    else:
        assert fits_schema


@pytest.mark.parametrize("form", FORMS)
def test_the_verb_prints_a_valid_schema_that_accepts_the_example(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", form]) == 0
    schema = json.loads(capsys.readouterr().out)
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(EXAMPLES[form])
    without_kind = {key: value for key, value in EXAMPLES[form].items() if key != "kind"}
    Draft202012Validator(schema).validate(without_kind)


# The answer


def test_no_step_of_a_run_carries_the_gold_patch() -> None:
    """It stays in the log, where whoever judges later finds it; opened again, it is the same."""
    drop = read("ideas", ROW)
    assert isinstance(drop, Repair)
    accepted = e.JobAccepted(source="s", job="r-000001", kind="repair", project="p", title="t", drop=drop)
    reopened = e.JobReopened(
        source="s2", job="r-000001", kind="repair", project="p", title="t", drop=drop, runs_before=1
    )
    for fact in (accepted, reopened):
        told = Told().tell(fact).opened().claimed()
        job = told.views.jobs.open["r-000001"]
        assert isinstance(job.drop, Repair)
        assert job.drop.gold_patch == ""
        assert job.drop.test_patch == ROW["test_patch"], "nothing else is gone"
        step = next_step(job, job.runs["r-000001.1"], Settings())
        assert isinstance(step, steps.OfRun)
        assert step.drop is job.drop
    assert accepted.drop is drop
    assert drop.gold_patch == ROW["patch"]


def test_what_has_no_answer_is_left_as_it_is() -> None:
    idea = Idea(title="T", description="D")
    repair = Repair(repo="/r", tests=["t"])
    assert drops.without_answer(idea) is idea
    assert drops.without_answer(repair) is repair
