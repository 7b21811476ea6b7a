"""`PYTHON -P tests/benchmarks/swebench_report.py FOLDER`: does SWE-bench's own harness read what a ramp leaves?

FOLDER is state/results/ramp/<ramp>, PYTHON one that has the package `swebench` (5.0 or newer), which is no dependency
of this house; -P keeps the module beside this file from taking its name. The harness's own code reads the predictions,
and writes its report over the same outcome: every patch graded as the ramp says. Both reports must have the same fields
of the same types, and the same values, but for what only we know: an instance that could not be judged here is an error
with a reason, and for the harness an empty patch.
"""

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from swebench.harness.constants import LOG_REPORT, RUN_EVALUATION_LOG_DIR  # type: ignore[import-not-found]  # not ours
from swebench.harness.reporting import make_run_report  # type: ignore[import-not-found]  # not ours
from swebench.harness.utils import get_predictions_from_file  # type: ignore[import-not-found]  # not ours

OURS_ALONE = ("failure_reasons", "infra_failure", "error", "empty_patch")
Report = dict[str, Any]


def theirs_for(ours: Report, predictions: list[dict[str, str]], run: str) -> Report:
    """What the harness reports when its logs say of each patch what our report says."""
    os.chdir(tempfile.mkdtemp())  # it writes where it stands
    for each in predictions:
        if each["model_patch"]:
            log = RUN_EVALUATION_LOG_DIR / run / each["model_name_or_path"] / each["instance_id"] / LOG_REPORT
            log.parent.mkdir(parents=True)
            log.write_text(json.dumps({each["instance_id"]: {"resolved": each["instance_id"] in ours["resolved_ids"]}}))
    rows = [{"instance_id": name} for name in ours["submitted_ids"] + ours["incomplete_ids"]]
    report: Report = json.loads(
        make_run_report({each["instance_id"]: each for each in predictions}, rows, run).read_text()
    )
    return report


def main() -> int:
    """Compare, and say what differs."""
    folder = Path(sys.argv[1]).resolve()
    [path] = folder.glob("mendd.*.json")
    ours: Report = json.loads(path.read_text())
    predictions = get_predictions_from_file(str(folder / "predictions.jsonl"), "none", "test")
    theirs = theirs_for(ours, predictions, path.stem.removeprefix("mendd."))
    forms = [{name: type(value).__name__ for name, value in report.items()} for report in (ours, theirs)]
    shared = [name for name in theirs if not name.startswith(OURS_ALONE)]
    differing = [name for name in shared if theirs[name] != ours.get(name)]
    is_whole = sorted(ours["empty_patch_ids"] + ours["error_ids"]) == theirs["empty_patch_ids"]
    said = [
        f"{len(predictions)} predictions read",
        f"{len(theirs)} fields, {'the same in both' if forms[0] == forms[1] else forms}",
        f"values that differ: {', '.join(differing) or 'none'}",
        f"what has no patch is {'the same' if is_whole else 'not the same'}",
    ]
    sys.stdout.write("; ".join(said) + "\n")
    return 0 if forms[0] == forms[1] and not differing and is_whole else 1


if __name__ == "__main__":
    sys.exit(main())
