"""Settings: one typed list, three layers, and errors that name the key and the nearest valid one."""

import tomllib
from pathlib import Path

import pytest

from daemon.__main__ import main, read_settings
from daemon.exits import Exit
from daemon.settings import SettingError, Settings, description, from_environment, resolve, unit


def test_later_layers_lie_on_top_and_each_value_knows_its_origin() -> None:
    settings, origins = resolve(
        [("settings.toml", {"workers": 4, "base_runs": 2}), ("environment", from_environment({"MENDD_WORKERS": "8"}))]
    )
    assert (settings.workers, settings.base_runs, settings.runs_abreast) == (8, 2, 3)
    assert (origins["workers"], origins["base_runs"], origins["runs_abreast"]) == (
        "environment",
        "settings.toml",
        "default",
    )


NO_PRICES = ("m cheap", "m 1.00", "m nan nan", "m -1 5", "m inf 5", f"m {'9' * 400} 5", "m 1 5 5", "1 5")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("wrokers", 3, ["'wrokers'", "'workers'"]),
        ("state_dri", "x", ["'state_dir'"]),
        ("workers", 0, ["workers = 0", ">= 1", "6"]),
        ("workers", "many", ["workers = 'many'", "int"]),
        ("world", "imaginary", ["world = 'imaginary'", "none of 'real', 'scripted'"]),
        ("quiet_hours", "25", ["it has not the form", "08:00-18:30"]),
        ("state_dir", "", ["state_dir = ''", "you read here"]),
        ("package_indexes", ["https://me:secret@host/simple"], ["https://…@host", "no passwords"]),
        ("drain_s", -1, ["drain_s = -1"]),
        *(("hosted_prices", [price], [price, "it has not the form", "MODEL 1.00 5.00"]) for price in NO_PRICES),
    ],
)
def test_a_bad_setting_is_named_with_its_origin_and_the_way_out(key: str, value: object, words: list[str]) -> None:
    with pytest.raises(SettingError) as error:
        resolve([("settings.toml", {key: value})])
    assert all(word in str(error.value) for word in ["settings.toml", *words])
    assert "secret" not in str(error.value)


def test_every_setting_says_what_it_is_for() -> None:
    assert all(description(name) for name in Settings.__struct_fields__)


def test_units_stand_in_the_names() -> None:
    assert (unit("drain_s"), unit("publish_every_ms"), unit("segment_bytes"), unit("workers")) == (
        "s",
        "ms",
        "bytes",
        "",
    )


def test_a_broken_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("workers = ")
    with pytest.raises(SettingError, match="is not TOML"):
        read_settings(tmp_path / "settings.toml")


def test_the_verb_prints_value_unit_and_origin(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MENDD_DRAIN_S", "2.5")
    assert main(["settings"]) == Exit.DONE
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("drain_s")]
    assert line.split()[:5] == ["drain_s", "=", "2.5", "s", "environment"]


def test_a_bad_environment_stays_down(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("MENDD_WOKRERS", "2")
    assert main(["settings"]) == Exit.STAY_DOWN
    assert "'workers'" in capsys.readouterr().err


def test_the_example_file_shows_every_setting_with_its_default() -> None:
    example = Path(__file__).parent.parent / "settings.example.toml"
    lines = [
        line.removeprefix("# ") for line in example.read_text().splitlines() if line.startswith("# ") and " = " in line
    ]
    shown = tomllib.loads("\n".join(lines))
    assert resolve([("example", shown)])[0] == Settings()
    assert list(shown) == list(Settings.__struct_fields__)
