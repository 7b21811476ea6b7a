"""Runs pytest (4.6 and later) and tells, test by test, what it saw: `run_pytest.py --report R --secret S -- tests/`."""

import os
import sys
from typing import Any, Dict, Generator, List

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import mendd_wire as wire  # type: ignore[import-not-found]  # found beside this script, wherever it is mounted

ALL_OF_THEM = ["--maxfail=0", "--continue-on-collection-errors"]
IF_LOADED = {"xdist": "-n0", "pytest_cov": "--no-cov"}  # other processes; an exit status that is not the tests'
INTERNAL_ERROR = 3
WHAT_JUDGES = [
    *("_pytest." + name for name in ("runner", "reports", "python", "unittest", "main", "skipping", "outcomes")),
    *("_pytest." + name for name in ("raises", "python_api", "recwarn", "assertion", "assertion.rewrite")),
    *("_pytest.mark.structures", "pytest"),  # the last is where tests look names up
    *("pluggy", "pluggy._callers", "pluggy.callers", "pluggy._hooks", "pluggy.hooks", "pluggy._manager"),
    *("unittest.case", "unittest.suite", "unittest.result", "unittest.mock", "unittest"),
]
HOOKS_THAT_JUDGE = [
    *("pytest_pyfunc_call", "pytest_runtest_protocol", "pytest_runtestloop", "pytest_runtest_call"),
    *("pytest_runtest_makereport", "pytest_runtest_logreport", "pytest_report_teststatus", "pytest_sessionfinish"),
    *("pytest_collection_modifyitems", "pytest_ignore_collect", "pytest_pycollect_makeitem", "pytest_collect_file"),
    *("pytest_make_collect_report", "pytest_itemcollected", "pytest_cmdline_main", "pytest_runtest_setup"),
]


def main(arguments: List[str]) -> None:
    """Run, tell, and leave with pytest's own exit status."""
    report, machinery, args = wire.begin("pytest", arguments, WHAT_JUDGES)
    import pytest  # noqa: PLC0415  it is loaded already, from where the repository has no say

    try:
        status = int(pytest.main([*ALL_OF_THEM, *args], plugins=[recorder(report, machinery)]))
    except BaseException as error:  # noqa: BLE001  even SystemExit(0) from a conftest is no success
        report.tell("broke", cause=report.cause(error))
        status = INTERNAL_ERROR
    report.end(status)


def recorder(report: Any, machinery: Any) -> Any:  # noqa: C901  one class, made here because only now pytest can be imported
    """The plugin object that listens."""
    import pytest  # noqa: PLC0415  see main

    outermost = pytest.hookimpl(hookwrapper=True, tryfirst=True)

    class Recorder:
        """Believes exceptions before reports: a hook may change a report, not what was raised."""

        def __init__(self) -> None:
            self.phases: List[Dict[str, Any]] = []
            self.raised: Dict[Any, Any] = {}
            self.marked = False

        @outermost
        def pytest_load_initial_conftests(self, early_config: Any, args: List[str]) -> Generator[None, Any, None]:
            """The plugins are loaded, the repository's conftest files are not."""
            args += [more for plugin, more in IF_LOADED.items() if early_config.pluginmanager.hasplugin(plugin)]
            early_config.known_args_namespace.no_cov = True  # it is read before these arguments are
            loaded = yield
            if loaded.excinfo:  # pytest itself only prints it
                cause = report.cause(wire.root_cause(loaded.excinfo[1]))
                report.tell("uncollected", id="", status="error", cause=cause, detail="")

        @outermost
        def pytest_make_collect_report(self, collector: Any) -> Generator[None, Any, None]:
            made = yield
            result = made.get_result()
            if result.outcome == "passed":
                return
            call = vars(result).get("call")
            error = call.excinfo.value if call is not None and call.excinfo else None
            cause = report.cause(wire.root_cause(error) if result.outcome == "failed" else error) if error else None
            status = "error" if result.outcome == "failed" else "skipped"
            detail = report.detail(_text(result))
            report.tell("uncollected", id=wire.clean(collector.nodeid), status=status, cause=cause, detail=detail)

        def pytest_collection_finish(self, session: Any) -> None:
            root = str(getattr(session.config, "rootpath", None) or session.config.rootdir)
            ids = [wire.clean(item.nodeid) for item in session.items]
            report.tell("collected", ids=ids, rootdir=wire.clean(root), changed=machinery.changed())
            machinery.watch({item.nodeid: getattr(item, "function", None) for item in session.items})

        def pytest_runtest_logstart(self, nodeid: str) -> None:
            self.phases, self.raised, self.marked = [], {}, False
            report.tell("start", id=wire.clean(nodeid))

        @outermost
        def pytest_runtest_makereport(self, item: Any, call: Any) -> Generator[None, Any, None]:
            kept = getattr(item, "_excinfo", None) or [None]  # what a unittest.TestCase raised reaches the call later
            raised = call.excinfo or kept[0]
            self.raised[call.when] = raised.value if raised else None
            self.marked = item.get_closest_marker("xfail") is not None or _expected_to_fail(item)
            yield

        def pytest_runtest_logreport(self, report: Any) -> None:
            self.phases.append(_phase(report, self.raised.get(report.when)))

        def pytest_runtest_logfinish(self, nodeid: str) -> None:
            phases = _last_try(self.phases)
            if not phases:
                return  # it will be run again
            status, phase = _fold(phases)
            fields: Dict[str, Any] = {"id": wire.clean(nodeid), "status": status, "marked": self.marked}
            fields["seconds"] = round(sum(each["seconds"] for each in self.phases), 4)
            if phase:
                fields["phase"] = phase["when"]
                fields["detail"] = report.detail(phase["text"]) if status != "skipped" else ""
                fields["output"] = phase["output"]
                fields["cause"] = report.cause(phase["error"]) if phase["error"] else None
            report.tell("test", **fields)

        def pytest_internalerror(self, excinfo: Any) -> None:
            report.tell("broke", cause=report.cause(excinfo.value))

        @outermost
        def pytest_sessionfinish(self, session: Any) -> Generator[None, Any, None]:
            yield
            hooks = _hooks(session.config, report)
            report.tell("meddling", what=machinery.changed() + hooks + wire.uninvited(report))

    return Recorder()


def _phase(told: Any, error: Any) -> Dict[str, Any]:
    xfail = getattr(told, "wasxfail", None) is not None
    outcome = told.outcome
    if outcome == "passed" and error is not None and not xfail:
        outcome = "failed"  # something made a pass of it
    return {
        "when": told.when,
        "outcome": outcome,
        "xfail": xfail,
        "seconds": getattr(told, "duration", 0.0),
        "text": _text(told) if outcome == "failed" else "",
        "output": wire.tail("".join(text for _, text in told.sections)) if outcome == "failed" else "",
        "error": error,
    }


def _last_try(phases: List[Dict[str, Any]]) -> List[Dict[str, Any]]:
    """The phases after the last one that a plugin calls a rerun; none when only its teardown has come."""
    reruns = [place for place, phase in enumerate(phases, 1) if phase["outcome"] == "rerun"]
    if not reruns:
        return phases
    rest = phases[reruns[-1] :]
    return rest if any(phase["when"] != "teardown" for phase in rest) else []


def _fold(phases: List[Dict[str, Any]]) -> Any:
    """One status for all phases of a test, and the phase that gave it, as pytest counts."""
    for phase in phases:
        if phase["outcome"] == "failed":
            return ("failed" if phase["when"] == "call" else "error"), phase
    for phase in phases:
        if phase["outcome"] == "skipped":
            return ("xfailed" if phase["xfail"] else "skipped"), phase
    called = [phase for phase in phases if phase["when"] == "call" and phase["outcome"] == "passed"]
    if not called:
        return "error", None
    return ("xpassed" if called[-1]["xfail"] else "passed"), None


def _text(told: Any) -> str:
    try:
        return str(told.longrepr or "")
    except BaseException:  # noqa: BLE001  reprs are code of the repository
        return "<unprintable>"


def _expected_to_fail(item: Any) -> bool:
    function = getattr(item, "obj", None)
    return bool(getattr(function, "__unittest_expecting_failure__", False))


def _hooks(config: Any, report: Any) -> List[str]:
    """Hooks of the repository that can change what counts as a pass."""
    relay = config.pluginmanager.hook  # config.hook is a proxy in some versions, and hides who implements a hook
    found = [
        (name, report.own(impl.function.__code__.co_filename))
        for name in HOOKS_THAT_JUDGE
        if hasattr(relay, name)
        for impl in getattr(relay, name).get_hookimpls()
        if hasattr(impl.function, "__code__")
    ]
    return [f"hook {name} in {file}" for name, file in found if file and "_pytest/" not in file]


if __name__ == "__main__":
    main(sys.argv[1:])
