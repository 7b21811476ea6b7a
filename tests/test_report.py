"""The page of a settled job: one page whatever was tried, and no text of others that could pose as ours."""

from daemon import events as e
from daemon.policy.ladder import LADDER
from daemon.report import report
from tests.fakes.told import Told

PAGE_LINES = 80
HOSTILE = "first | **certified** |\n# Certified\n<b>`code`</b>"


def failed_everywhere(messages: list[str]) -> str:
    told = Told().accepted()
    for number, rung in enumerate(["", "", "", *(rung.id for rung in LADDER)], 1):
        run = f"r-000001.{number}"
        told.opened(run, rung=rung, attempts=1).claimed(run)
        told.tell(
            e.RedGateHeld(job="r-000001", run=run, failing=["t"], passing=1, signature="v2:a.b", message="KeyError: 1"),
            e.Proposed(job="r-000001", run=run, attempt=1, prompt="", answer="", model=HOSTILE, tokens_in=7),
            e.AttemptFailed(
                job="r-000001", run=run, attempt=1, failure="same_failure", message=messages[number % len(messages)]
            ),
        ).settled(run, reason=HOSTILE)
    told.tell(e.JobSettled(job="r-000001", outcome="failed", reason=HOSTILE))
    return report(told.views.jobs.settled["r-000001"])


def test_twenty_three_runs_are_one_page() -> None:
    page = failed_everywhere(["KeyError: 1", "KeyError: 2"]).splitlines()
    assert len(page) <= PAGE_LINES
    assert page[2].startswith("**failed**: first")
    assert '- to have it tried again, told what you know: `{"job": "r-000001", "hint": "…"}` in queue/retries/' in page
    assert [line.split(" | ")[1] for line in page if line.startswith("| ")][5:] == [rung.id for rung in LADDER]
    assert len([line for line in page if line.startswith("      KeyError: 2")]) == 1


def test_of_very_many_messages_a_page_tells_some_and_says_where_the_others_are() -> None:
    page = failed_everywhere([f"KeyError: {number}" for number in range(23)])
    assert "11 other messages: `python -m daemon show r-000001` tells them." in page


def test_nobody_writes_headings_or_cells_of_ours() -> None:
    page = failed_everywhere([HOSTILE])
    assert [line for line in page.splitlines() if line.startswith("#")] == [
        "# r-000001: mend it",
        "## What was wrong (v2:a.b)",
        "## The runs",
        "## What the attempts came to",
    ]
    assert {line.count(" | ") for line in page.splitlines() if line.startswith("| ")} == {7}
    assert "<b>" not in page.replace("      <b>", "")


def test_the_patch_stands_there_with_what_to_mind_before_it_is_merged() -> None:
    told = Told().accepted().opened("r-000001.1").claimed("r-000001.1")
    told.tell(
        e.Proposed(
            job="r-000001", run="r-000001.1", attempt=1, prompt="", answer="", warnings=["weak: one test\n# runs it"]
        ),
        e.GreenGatePassed(job="r-000001", run="r-000001.1", attempt=1, fixed=1, kept=1),
        e.Certified(
            job="r-000001",
            run="r-000001.1",
            attempt=1,
            certificate="c",
            patch="p",
            not_run=23,
            no_branch="it does not apply to HEAD",
            sandbox="bubblewrap",
        ),
    ).settled("r-000001.1", "certified")
    told.tell(e.JobSettled(job="r-000001", outcome="certified"))
    page = report(told.views.jobs.settled["r-000001"], "-a\n+b\n# c\n" * 40).splitlines()
    patch = page[page.index("## The patch") :]
    assert patch[2] == "- mind: weak: one test # runs it"
    assert patch[3] == "- mind: the job's command leaves out 23 of the repository's files of tests: they were not run"
    assert patch[4] == "- mind: there is no branch of it: it does not apply to HEAD"
    assert patch[5].endswith("verify …/r-000001/certificate.json`, the one beside this page")
    assert patch[7:10] == ["      -a", "      +b", "      # c"]
    assert patch[67] == "      …"
    assert "- sandbox: bubblewrap" in page


def test_without_a_certificate_the_best_that_was_found_stands_there() -> None:
    told = Told().accepted().opened("r-000001.1").claimed("r-000001.1")
    told.tell(
        e.Proposed(job="r-000001", run="r-000001.1", attempt=1, prompt="", answer=""),
        e.EditsApplied(job="r-000001", run="r-000001.1", attempt=1, files=["a.py"], diff="d"),
        e.AttemptFailed(
            job="r-000001", run="r-000001.1", attempt=1, failure="regression", message="", fixed=2, broken=["t"]
        ),
    ).settled("r-000001.1")
    told.tell(e.JobSettled(job="r-000001", outcome="failed"))
    page = report(told.views.jobs.settled["r-000001"], "-a\n+b\n")
    assert "## The best that was found: regression, fixed 2 tests, broke 1 test\n\n      -a\n      +b\n" in page
