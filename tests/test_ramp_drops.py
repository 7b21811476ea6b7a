"""What a ramp's drop is read as: its instances by name, its phases no larger than there are instances."""

from typing import Any

import pytest

from daemon.drops import Course, Unfit, read

ROW: dict[str, object] = {
    "instance_id": "shop__shop-1",
    "repo": "shop/shop",
    "base_commit": "abc",
    "problem_statement": "It breaks.",
    "FAIL_TO_PASS": '["t::a"]',
}


def row(number: int, **fields: object) -> dict[str, object]:
    return {"repo": f"/repos/{number}", "tests": ["t"], "title": f"i{number}"} | fields


def course(rows: list[dict[str, object]], **fields: object) -> Course:
    found = read("ideas", {"kind": "ramp", "instances": rows} | fields)
    assert isinstance(found, Course)
    return found


def test_rows_of_the_benchmark_and_repairs_may_be_mixed() -> None:
    found = course([ROW, row(2)])
    assert list(found.repairs) == ["shop__shop-1", "i2"]
    assert found.repairs["i2"].instance_id == "i2", "so that predictions are written for it"


@pytest.mark.parametrize(
    ("many", "sizes", "targets"),
    [
        (1, [1], [1.0]),
        (7, [1, 5, 7], [1.0] * 3),
        (20, [1, 5, 10, 20], [1.0] * 4),
        (300, [1, 5, 10, 20, 50, 100, 300], [1.0] * 6 + [0.9]),
    ],
)
def test_the_last_phase_ends_where_the_instances_do(many: int, sizes: list[int], targets: list[float]) -> None:
    found = course([row(number) for number in range(many)])
    assert (found.phases, found.targets) == (sizes, targets)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"instances": [row(0), row(1, tests=[])]}, "instances[1].tests"),
        ({"instances": [ROW, ROW | {"instance_id": "b", "FAIL_TO_PASS": "no list"}]}, "instances[1].FAIL_TO_PASS"),
        ({"instances": [row(0), row(0)]}, "instances[1].instance_id"),
        ({"instances": [{"title": "T", "description": "D"}]}, "instances[0].kind"),
        ({"instances": []}, "instances"),
        ({"phases": [5, 1]}, "phases"),
        ({"phases": [1, 5], "targets": [1.0]}, "targets"),
        ({"targets": [2.0]}, "targets[0]"),
    ],
)
def test_what_is_wrong_is_named_with_its_place(changed: dict[str, Any], field: str) -> None:
    with pytest.raises(Unfit) as told:
        read("ideas", {"kind": "ramp", "instances": [row(0)]} | changed)
    assert told.value.field == field
