"""The parts of the sandboxes that can be shown alone: what is kept of an output, both kinds of cgroups, choice."""

import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.effects.sandbox import Command, Level, ending
from daemon.effects.sandbox.cgroup import Cgroup, sweep
from daemon.effects.sandbox.choice import UNCOUNTED, WEAK, Chosen, choose
from daemon.effects.sandbox.kept import FLOOD, Kept
from daemon.effects.world import Fault
from daemon.settings import Settings
from tests.fakes.sandboxes import make, need


@given(st.lists(st.binary(max_size=300), max_size=40), st.integers(min_value=128, max_value=1024))
def test_what_is_kept_is_all_of_it_or_its_two_ends(chunks: list[bytes], limit: int) -> None:
    kept, whole = Kept(limit), b"".join(chunks)
    for chunk in chunks:
        kept.add(chunk)
    value = kept.value()
    assert len(value) <= limit
    assert kept.truncated == (len(whole) > limit)
    assert kept.flooded == (len(whole) > FLOOD * limit)
    if not kept.truncated:
        assert value == whole
    else:
        room = limit - 64
        assert value.startswith(whole[: room // 2])
        assert value.endswith(whole[-(room - room // 2) :])
        assert b"bytes left out" in value


def test_a_status_over_128_is_a_signal_as_in_a_shell() -> None:
    assert [ending(code) for code in (0, 1, 127, 128, 137, 255)] == [
        (0, None),
        (1, None),
        (127, None),
        (128, None),
        (None, 9),
        (255, None),
    ]


def test_limits_come_from_the_settings_unless_they_are_given() -> None:
    command = Command.within(Settings(sandbox_processes=7), ["true"], "/", seconds=3.0, network=True)
    assert (command.processes, command.seconds, command.network) == (7, 3.0, True)
    assert command.memory_bytes == Settings().sandbox_memory_bytes


def test_a_cgroup_of_version_2_has_both_limits_in_one_folder(tmp_path: Path) -> None:
    """On a plain folder that looks like the root of the one tree."""
    (tmp_path / "cgroup.controllers").write_text("memory pids")
    group = Cgroup.make("ours", 1000, 24, tmp_path)
    assert group
    [door] = group.doors
    folder = Path(door).parent
    assert (folder / "memory.max").read_text() == "1000"
    assert int((folder / "pids.max").read_text()) >= 24
    assert (tmp_path / "mendd" / "cgroup.subtree_control").read_text() == "+memory +pids"
    (folder / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 1\noom_kill 2\noom_group_kill 0\n")
    assert group.out_of_memory()
    (folder / "memory.events").write_text("low 0\nhigh 0\nmax 7\noom 1\noom_kill 0\noom_group_kill 0\n")
    assert not group.out_of_memory()


def test_where_no_cgroup_can_be_made_there_is_none(tmp_path: Path) -> None:
    assert Cgroup.make("ours", 1000, 24, tmp_path) is None
    assert Cgroup.make("ours", 1000, 24, tmp_path / "nothing") is None


def test_cgroups_of_our_dead_are_swept_and_those_of_the_living_and_of_others_stay(tmp_path: Path) -> None:
    for tree in ("memory", "pids"):
        for name in ("ours-99999999-0", "ours-1-0", "theirs-99999999-0"):
            (tmp_path / tree / "mendd" / name).mkdir(parents=True)
    assert sweep("ours", tmp_path) == 1
    left = sorted(path.name for path in tmp_path.glob("*/mendd/*"))
    assert left == ["ours-1-0", "ours-1-0", "theirs-99999999-0", "theirs-99999999-0"]


def test_a_member_that_another_namespace_hides_is_not_taken_for_ourselves(tmp_path: Path) -> None:
    """The kernel tells it as 0, and to kill 0 is to kill the group that one is in."""
    (tmp_path / "cgroup.controllers").write_text("memory pids")
    (tmp_path / "mendd" / "ours-99999999-0").mkdir(parents=True)
    (tmp_path / "mendd" / "ours-99999999-0" / "cgroup.procs").write_text("0\n")
    sweeps = f"from daemon.effects.sandbox.cgroup import *; sweep('ours', Path({str(tmp_path)!r}))"
    assert subprocess.run([sys.executable, "-c", sweeps], start_new_session=True, check=False).returncode == 0


def chosen(settings: Settings) -> Chosen:
    async def once() -> Chosen:
        found = await choose(settings, "tests")
        await found.sandbox.close()
        return found

    return anyio.run(once)


def test_the_strongest_is_chosen_without_a_word() -> None:
    need("docker")
    found = chosen(Settings())
    assert (found.sandbox.level, found.warnings) == ("docker", [])


def test_the_weakest_works_and_warns() -> None:
    need("process")
    found = chosen(Settings(sandbox="process"))
    assert (found.sandbox.level, found.warnings[0]) == ("process", WEAK)


@pytest.mark.parametrize("level", ["docker", "bubblewrap"])
def test_a_house_that_only_root_can_read_is_told_with_the_remedy(
    level: Level, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a clone under umask 077: programs run as nobody, and could not even read their runner."""
    need(level)
    if os.geteuid() != 0:
        pytest.skip("programs run as we do, who made it")
    closed = tmp_path / "one" / "two" / "three" / "closed.py"
    closed.parent.mkdir(parents=True)
    closed.touch(mode=0o600)
    monkeypatch.setattr("daemon.effects.sandbox.probe.OURS", closed)
    missing = anyio.run(make(level).available)
    assert f"let everybody read what lies in {tmp_path}" in missing


def test_where_no_cgroup_holds_memory_it_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("bubblewrap")
    monkeypatch.setattr("daemon.effects.sandbox.cgroup.TREES", tmp_path)
    assert chosen(Settings(sandbox="bubblewrap")).warnings == [UNCOUNTED]


def test_what_is_not_allowed_is_not_used() -> None:
    with pytest.raises(Fault, match="allow_process = false"):
        chosen(Settings(sandbox="process", allow_process=False))


def test_without_an_engine_the_next_is_chosen_and_the_way_to_the_stronger_one_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    need("bubblewrap")
    monkeypatch.setattr("daemon.effects.sandbox.docker.ENGINE", "unix:///nonexistent.sock")
    found = chosen(Settings())
    assert found.sandbox.level == "bubblewrap"
    assert "install the Docker Engine" in found.warnings[0]
