"""Workspaces: made, written, rolled back and thrown away, and no write ever leads out of one."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.effects import workspace as room
from daemon.effects.trees import Source, Tree, Trees
from daemon.effects.workspace import Escape, Workspace, sweep


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    plain = tmp_path / "plain"
    (plain / "pkg").mkdir(parents=True)
    (plain / "pkg" / "a.py").write_text("a = 1\n")
    (plain / "run.sh").write_text("#!/bin/sh\n")
    (plain / "run.sh").chmod(0o755)
    (plain / "out").symlink_to(tmp_path)
    (plain / "pkg" / "link.py").symlink_to("a.py")
    return Trees(tmp_path / "trees", {}).of_job("r-000001", Source(str(plain)))


@pytest.fixture(params=["overlay", "checkout"])
def workspace(
    request: pytest.FixtureRequest, tmp_path: Path, tree: Tree, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Workspace]:
    """Both kinds; where overlays are not allowed, the checkout is what there is."""
    if request.param == "checkout":
        monkeypatch.setattr(room, "overlays_allowed", lambda _: False)
    made = Workspace(tree, tmp_path / "workspaces" / "r-000001" / "r-000001.1", quota_bytes=2**20)
    kind = made.open()
    if kind != request.param:
        assert not os.environ.get("REQUIRE_REAL_PARTS"), "overlays have to be allowed here"
        pytest.skip("overlays are not allowed here")
    yield made
    made.close()


def test_it_begins_as_the_pristine_tree(workspace: Workspace) -> None:
    assert (workspace.root / "pkg" / "a.py").read_text() == "a = 1\n"
    assert os.access(workspace.root / "run.sh", os.X_OK)
    assert (workspace.root / "out").is_symlink()


def test_writing_changes_only_it_and_opening_again_rolls_back(workspace: Workspace, tree: Tree) -> None:
    workspace.write({"pkg/a.py": b"a = 2\n", "new/b.py": b"b\n", "run.sh": None})
    assert (workspace.root / "pkg" / "a.py").read_bytes() == b"a = 2\n"
    assert (tree.files / "pkg" / "a.py").read_bytes() == b"a = 1\n"
    (workspace.root / "left_by_a_test").write_text("x")
    workspace.open()
    assert sorted(path.name for path in workspace.root.iterdir()) == ["out", "pkg", "run.sh"]
    assert (workspace.root / "pkg" / "a.py").read_bytes() == b"a = 1\n"


def test_a_written_file_keeps_its_mode(workspace: Workspace) -> None:
    workspace.write({"run.sh": b"#!/bin/sh\necho\n"})
    assert os.access(workspace.root / "run.sh", os.X_OK)


def test_nothing_is_written_through_a_link_that_lies_in_wait(workspace: Workspace, tmp_path: Path) -> None:
    """Whatever name a file may have while it is being written, the repository may have put a link there."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (workspace.root / "pkg" / ".a.py.mendd").symlink_to(victim)
    workspace.write({"pkg/a.py": b"a = 2\n"})
    assert victim.read_text() == "mine"
    assert not (workspace.root / "pkg" / "a.py").is_symlink()


@pytest.mark.parametrize(
    "name", ["../x", "/etc/x", "out/x", "out/plain/a", "pkg/link.py", ".git/hooks/x", "pkg", "a/../x"]
)
def test_what_leads_out_is_refused_before_anything_is_written(workspace: Workspace, name: str) -> None:
    with pytest.raises(Escape):
        workspace.write({"pkg/a.py": b"half", name: b"x"})
    assert (workspace.root / "pkg" / "a.py").read_bytes() == b"a = 1\n"


def test_closing_leaves_nothing(workspace: Workspace) -> None:
    workspace.close()
    assert not workspace.folder.exists()
    assert str(workspace.folder) not in Path("/proc/self/mountinfo").read_text()


def test_an_overlay_has_a_quota(tmp_path: Path, tree: Tree) -> None:
    workspace = Workspace(tree, tmp_path / "workspaces" / "r-000001.2", quota_bytes=2**16)
    if workspace.open() == "overlay":
        with pytest.raises(OSError, match="No space left"):
            (workspace.root / "flood").write_bytes(bytes(2**20))
        with pytest.raises(OSError, match="No space left"):
            (workspace.emptied() / "flood").write_bytes(bytes(2**20))  # what a program tells, too
    workspace.close()


def test_what_a_killed_daemon_left_mounted_is_swept(tmp_path: Path, tree: Tree) -> None:
    workspace = Workspace(tree, tmp_path / "workspaces" / "r-000001.3", quota_bytes=2**20)
    kind = workspace.open()
    assert sweep(tmp_path / "workspaces") == (2 if kind == "overlay" else 0)
    assert sweep(tmp_path / "workspaces") == 0
    workspace.close()


def test_what_is_swept_may_lie_in_a_folder_of_any_name(tmp_path: Path, tree: Tree) -> None:
    folder = tmp_path / "Jürgens\tWerk stätte"
    if Workspace(tree, folder / "r-000001.1", quota_bytes=2**20).open() == "checkout":
        pytest.skip("overlays are not allowed here")
    assert sweep(folder) == 2
    assert sweep(folder) == 0
