"""The entry point: `run.py --request R --report P` looks for a patch and tells what it found; `--serve` is our own.

It loads its own folder as a package under a name that no repository has, so that nothing of ours stands in the way of
the target's modules. The report is bounded, written once before the search and once after, and believed by nobody.
"""

import argparse
import importlib.util
import json
import os
import sys
import time
from typing import Any, Dict, List

PACKAGE = "mendd_search"
VERSION = 1
OLDEST = (3, 8)  # interpreter of a target
TESTS_TOLD = 400  # with the lines that each executes; more of them change no ranking
LINES_TOLD = 200  # of the suspicious ones
CHARACTERS_TOLD = 300  # of what a test said
REPORT_BYTES = 32 * 2**20  # as much as the host reads
PATCHES_TOLD = 8
LINES_WATCHED = 12  # with their values


def load() -> None:
    """Make our folder a package."""
    here = os.path.dirname(os.path.abspath(__file__))
    if PACKAGE in sys.modules:
        return
    spec = importlib.util.spec_from_file_location(
        PACKAGE, os.path.join(here, "__init__.py"), submodule_search_locations=[here]
    )
    if spec is None or spec.loader is None:
        raise ImportError(here)
    package = importlib.util.module_from_spec(spec)
    sys.modules[PACKAGE] = package
    spec.loader.exec_module(package)
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]


def main(arguments: List[str]) -> None:
    """Search, or serve."""
    if sys.version_info < OLDEST:
        ours, theirs = (".".join(map(str, version[:2])) for version in (OLDEST, sys.version_info))
        sys.exit(f"the search runs in Python {ours} or newer, and these tests run in {theirs}")
    load()
    parser = argparse.ArgumentParser()
    parser.add_argument("--serve", type=int, help="a socket's number")
    parser.add_argument("--request", help="a JSON file")
    parser.add_argument("--report", help="the file to write")
    options = parser.parse_args(arguments)
    if options.serve is not None:
        from mendd_search import server  # type: ignore[import-not-found]  # noqa: PLC0415  # loaded just now

        server.main(options.serve)
        return
    with open(options.request, encoding="utf-8") as file:
        request = json.load(file)
    search(request, options.report)


def search(request: Dict[str, Any], place: str) -> None:
    """From the request to the report."""
    from mendd_search import engine, forks, judge, suspicion, verdicts  # noqa: PLC0415  # loaded just now

    began = time.monotonic()
    forks.adopt_orphans()
    limits = verdicts.Limits(**request.get("limits", {}))
    asked = judge.Judge(request["root"], request["places"], request["targets"], request["runner"], limits)
    report: Dict[str, Any] = {"version": VERSION}
    try:
        if request["mode"] == "offers":
            report.update(first_that_holds(request["offers"], asked, request["seconds"]))
            return
        baseline = asked.baseline()
        report.update(told_of(baseline, suspicion), seconds_baseline=round(time.monotonic() - began, 3))
        write(report, place)
        failing = [test for test in baseline.tests if not test.passed]
        if not failing:
            report["ended"] = "here none of the failing tests fails"
        if request["mode"] == "search" and failing:
            touched = {path for test in failing for path in test.executed} | set(baseline.imported)
            sources = {path: text for path, text in asked.sources.items() if path in touched}
            budget = engine.Budget(
                request["seconds"],  # whatever the baseline took: a busy machine would leave nothing to the search
                request["candidates"],
                request["seed"],
                request["start_at"],
                request.get("priors", {}),
            )
            found = engine.search(sources, baseline, asked, budget)
            report.update(patches_of(found, asked), rungs={str(rung): count for rung, count in asked.tried.items()})
        if request["mode"] == "values" and failing:
            report.update(values_of(asked, baseline))
    except judge.Dead as dead:
        report["error"] = str(dead)
    finally:
        asked.close()
        forks.end_orphans([])  # a candidate may have killed who was to clear up
        report["processor_s"] = round(time.process_time() + asked.processor_s(), 3)
        write(report, place)


def values_of(asked: Any, baseline: Any) -> Dict[str, Any]:
    """What variables hold on the most suspicious lines, in a failing test and in a passing one that meets most."""
    from mendd_search import suspicion  # noqa: PLC0415  loaded just now

    ranked = [(path, line) for _, path, line in suspicion.ranked(suspicion.suspicions(baseline))]

    def meets(test: Any, lines: List[Any]) -> int:
        return sum(line in test.executed.get(path, ()) for path, line in lines)

    failing = max((test for test in baseline.tests if not test.passed), key=lambda test: meets(test, ranked[:1]))
    lines = [line for line in ranked if meets(failing, [line])][:LINES_WATCHED]
    passing = max((test for test in baseline.tests if test.passed), key=lambda test: meets(test, lines), default=None)
    watched = [failing] if passing is None or not meets(passing, lines) else [failing, passing]
    return {
        "values": [
            {"test": test.id, "passed": test.passed, "seen": asked.witnessed(test.id, lines)} for test in watched
        ]
    }


def first_that_holds(offers: List[Dict[str, str]], asked: Any, seconds: float) -> Dict[str, Any]:
    """The first of these changes with which all is green, without what it does not need; none is begun too late."""
    from mendd_search import judge, minimise, suspicion  # noqa: PLC0415  # loaded just now

    asked.measure()
    until = time.monotonic() + seconds
    for number, changes in enumerate(map(judge.bare, offers)):
        if time.monotonic() > until:
            return {"plausible": [], "tried": number, "generated": len(offers), "seconds": seconds}
        if not asked.try_(changes).passed:
            continue
        smaller = minimise.minimise(asked.sources, changes, asked, by_place=True)
        parts = minimise.hunks(asked.sources, smaller)
        baseline = asked.baseline()  # only now is it worth to watch each line
        lines = [(part.path, range(part.start + 1, max(part.end, part.start + 1) + 1)) for part in parts]
        covering = min(suspicion.covering(baseline, path, numbers) for path, numbers in lines) if lines else 0
        held = {"number": number, "template": "as offered", "cost": 0.0, "covering_tests": covering}
        held["changes"] = asked.as_files(smaller)
        return {"plausible": [held], "tried": number + 1, "generated": len(offers)}
    return {"plausible": [], "tried": len(offers), "generated": len(offers)}


def told_of(baseline: Any, suspicion: Any) -> Dict[str, Any]:
    """The tests, and where the bug may be."""
    tests = sorted(baseline.tests, key=lambda test: test.passed)[:TESTS_TOLD]
    lines = suspicion.ranked(suspicion.suspicions(baseline))[:LINES_TOLD]
    return {
        "tests": [
            {
                "id": test.id,
                "passed": test.passed,
                "seconds": test.seconds,
                "error": test.error[:CHARACTERS_TOLD],
                "frames": [list(frame) for frame in test.frames],
                "executed": {path: sorted(found) for path, found in test.executed.items()},
            }
            for test in tests
        ],
        "suspicious": [[path, line, round(score, 4)] for score, path, line in lines],
    }


def patches_of(found: Any, asked: Any) -> Dict[str, Any]:
    """What the search came to."""
    partial = found.partial
    return {
        "plausible": [
            {
                "number": each.number,
                "template": each.template,
                "cost": each.cost,
                "covering_tests": each.covering_tests,
                "seconds": round(each.seconds, 3),
                "changes": asked.as_files(each.changes),
            }
            for each in found.plausible[:PATCHES_TOLD]
        ],
        "partial": {"changes": asked.as_files(partial.changes), "fixed": list(partial.fixed)}
        if partial is not None
        else None,
        "tried": found.tried,
        "generated": found.generated,
        "hung": found.hung,
        "refused": dict(found.refused),
        "seconds": round(found.seconds, 3),
        "searched_processor_s": round(found.processor_s, 3),
        "next_at": found.next_at,
        "ended": found.ended,
    }


def write(report: Dict[str, Any], place: str) -> None:
    """The report as it is now, in one piece; without the lines of each test where it would be too large."""
    data = json.dumps(report)
    if len(data) > REPORT_BYTES:
        slim = [{**test, "executed": {}} for test in report.get("tests", [])]
        data = json.dumps({**report, "tests": slim})
    with open(place + ".new", "w", encoding="utf-8") as file:
        file.write(data)
    os.replace(place + ".new", place)


if __name__ == "__main__":
    main(sys.argv[1:])
