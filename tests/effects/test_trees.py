"""Trees: the code at its base commit or as it stands, byte for byte, without history; the checkout is never touched."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from daemon.effects.trees import COMMIT_LINES, WEIGHT, Source, SourceRefused, Texts, Tree, Trees, is_inside
from tests.fakes import failing_disk
from tests.fakes.small_disk import not_real

HOUSE = Path(__file__).parents[2]

FILES = {
    "pkg/__init__.py": b"",
    "pkg/crlf.py": b"a = 1\r\nb = 2\r\n",
    "pkg/tab.py": b"if True:\n\ta = 1\n",
    "pkg/no_end.py": b"a = 1",
    "data.bin": bytes(range(256)),
    ".gitattributes": b"*.py filter=evil\nsecret.txt export-ignore text eol=crlf\n",
    "secret.txt": b"kept\n",
    "name with \xc3\xbcml\xc3\xa4ut.py".encode("latin-1").decode("utf-8"): b"x = 1\n",
}


def git(place: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "core.autocrlf=false", *arguments]
    return subprocess.run(command, cwd=place, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with three commits; the last one is the future."""
    place = tmp_path / "checkout"
    place.mkdir()
    git(place, "init", "-q")
    for name, data in FILES.items():
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).write_bytes(data)
    (place / "outside").symlink_to("/etc/passwd")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "one")
    (place / "pkg" / "tab.py").write_bytes(b"# two\n")
    git(place, "commit", "-qam", "two")
    (place / "answer.py").write_bytes(b"the future's fix\n")
    git(place, "add", "-A")
    git(place, "commit", "-qm", "three")
    return place


@pytest.fixture
def trees(tmp_path: Path) -> Trees:
    return Trees(tmp_path / "trees", {"me/shop": str(tmp_path / "checkout")})


def show(place: Path, name: str) -> bytes:
    return subprocess.run(["git", "show", name], cwd=place, capture_output=True, check=True).stdout


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        for path in folder.rglob("*")
        if path.is_symlink() or path.is_file()
    }


def test_a_commit_is_taken_byte_for_byte_whatever_its_attributes_say(checkout: Path, trees: Trees) -> None:
    tree = trees.of_job("r-000001", Source("me/shop", git(checkout, "rev-parse", "HEAD~2")))
    committed = {
        name: subprocess.run(["git", "show", f"HEAD~2:{name}"], cwd=checkout, capture_output=True, check=True).stdout
        for name in FILES
    }
    assert contents(tree.files) == committed | {"outside": b"/etc/passwd"}


def test_the_future_is_out_of_reach(checkout: Path, trees: Trees) -> None:
    tree = trees.of_job("r-000001", Source("me/shop", "HEAD~1"))
    future = git(checkout, "rev-parse", "HEAD:answer.py")
    objects = tree.git.ask("cat-file", "--batch-check", "--batch-all-objects").decode()
    assert future not in objects
    assert objects.count(" commit ") == 1
    assert not list(tree.files.rglob(".git"))


@pytest.mark.usefixtures("checkout")
def test_history_is_the_past_of_the_base_for_these_files(trees: Trees) -> None:
    told = trees.history(Source("me/shop", "HEAD~1"), ["pkg/tab.py", "answer.py"])
    assert [" two" in told, "+# two" in told, "future" in told] == [True, True, False]


def test_history_leaves_out_what_moved_half_of_the_tree(checkout: Path, trees: Trees) -> None:
    (checkout / "pkg" / "tab.py").write_text("moved = 1\n" * (COMMIT_LINES + 1))
    git(checkout, "commit", "-qam", "four")
    told = trees.history(Source("me/shop", git(checkout, "rev-parse", "HEAD")), ["pkg/tab.py"])
    assert ("+# two" in told, "moved" in told) == (True, False)


@pytest.mark.parametrize(
    "source",
    [Source("me/shop"), Source("me/shop", "nothing"), Source("/nowhere", "HEAD"), Source("https://a.b/c", "HEAD")],
)
@pytest.mark.usefixtures("checkout")
def test_where_no_base_is_named_or_none_is_there_there_is_no_history(source: Source, trees: Trees) -> None:
    assert trees.history(source, ["pkg/tab.py"]) == ""


def test_without_a_commit_the_checkout_is_taken_as_it_stands(checkout: Path, trees: Trees) -> None:
    (checkout / ".gitignore").write_text("ignored.txt\n")
    (checkout / "ignored.txt").write_text("no")
    (checkout / "new.py").write_text("not added yet\n")
    (checkout / "data.bin").unlink()
    before = contents(checkout)
    names = set(contents(trees.of_job("r-000001", Source(str(checkout))).files))
    assert {"new.py", "answer.py"} <= names
    assert not {"ignored.txt", "data.bin"} & names
    assert contents(checkout) == before, "the user's checkout is never touched"


def test_a_plain_folder_is_taken_without_the_usual_litter(tmp_path: Path, trees: Trees) -> None:
    plain = tmp_path / "plain"
    for name in ("a.py", ".venv/lib/x.py", "pkg/__pycache__/a.pyc", "pkg/b.py"):
        (plain / name).parent.mkdir(parents=True, exist_ok=True)
        (plain / name).write_text("x")
    assert set(contents(trees.of_job("r-000001", Source(str(plain))).files)) == {"a.py", "pkg/b.py"}


def test_a_linked_work_tree_and_a_bare_mirror_are_repositories_too(
    checkout: Path, trees: Trees, tmp_path: Path
) -> None:
    git(checkout, "worktree", "add", "-q", str(tmp_path / "linked"), "HEAD~1")
    git(checkout, "clone", "-q", "--bare", ".", str(tmp_path / "mirror.git"))
    keys = {
        trees.of_job(f"r-00000{number}", source).key
        for number, source in enumerate(
            [
                Source(str(tmp_path / "linked"), "HEAD"),
                Source(str(tmp_path / "mirror.git"), "HEAD~1"),
                Source(f"file://{checkout}", git(checkout, "rev-parse", "HEAD~1")),
            ]
        )
    }
    assert len(keys) == 1


@pytest.fixture
def stolen(tmp_path: Path, checkout: Path) -> Path:
    """A checkout whose configuration names a program for everything that git may start; what there is when it ran."""
    loot, program = tmp_path / "loot", tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch '{loot}'\n")
    program.chmod(0o755)
    keys = [
        "core.sshCommand",
        "core.fsmonitor",
        "core.alternateRefsCommand",
        "core.askPass",
        "core.pager",
        "core.editor",
    ]
    keys += ["core.gitProxy", "gpg.program", "diff.external", "diff.evil.textconv", "diff.evil.command"]
    keys += ["filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "uploadpack.packObjectsHook"]
    keys += ["credential.helper", "remote.origin.uploadpack"]
    for key in keys:
        git(checkout, "config", key, str(program))
    for key in ("log.showSignature", "commit.gpgSign", "protocol.ssh.allow", "protocol.ext.allow"):
        git(checkout, "config", key, "always" if key.startswith("protocol") else "true")
    return loot


@pytest.mark.parametrize("url", ["ssh://localhost/nothing", "ext::{program}", "git://localhost/nothing", "{checkout}"])
def test_no_program_that_a_repository_names_is_started(
    checkout: Path, trees: Trees, stolen: Path, tmp_path: Path, url: str
) -> None:
    """Be it for what a remote has only promised, a signature, a conversion, or a difference."""
    signed = f"tree {git(checkout, 'rev-parse', 'HEAD^{tree}')}\nparent {git(checkout, 'rev-parse', 'HEAD')}\n"
    signed += "author t <t@t> 0 +0000\ncommitter t <t@t> 0 +0000\ngpgsig -----BEGIN PGP SIGNATURE-----\n x\n"
    signed += " -----END PGP SIGNATURE-----\n\nsigned\n"
    (tmp_path / "signed").write_text(signed)
    commit = git(checkout, "hash-object", "-w", "-t", "commit", str(tmp_path / "signed"))
    trees.history(Source(str(checkout), commit), ["answer.py", "pkg/tab.py"])
    tree = trees.of_job("r-000001", Source(str(checkout), commit))
    trees.land(Source(str(checkout), commit), "mendd/r-000001", tree.changed({"new.py": b"x = 1\n"}).patch, "mended")
    blob = git(checkout, "rev-parse", "HEAD:answer.py")
    (checkout / ".git" / "objects" / blob[:2] / blob[2:]).unlink()
    git(checkout, "config", "core.repositoryFormatVersion", "1")
    git(checkout, "config", "extensions.partialClone", "origin")
    git(checkout, "config", "remote.origin.promisor", "true")
    git(checkout, "config", "remote.origin.url", url.format(program=tmp_path / "program", checkout=checkout))
    with pytest.raises(SourceRefused):
        trees.of_job("r-000002", Source(str(checkout), commit))
    assert not stolen.exists()


def test_the_head_of_a_url_is_theirs_whatever_its_branch_is_called(checkout: Path, trees: Trees) -> None:
    """… and stays so when it moves on; a branch that they deleted is gone."""
    url = Source(f"file://{checkout}")
    git(checkout, "checkout", "-q", "-b", "trunk")
    first = trees.of_job("r-000001", url).key
    git(checkout, "commit", "-q", "--allow-empty", "-m", "on")
    (checkout / "more.py").write_text("A = 1\n")
    git(checkout, "add", "more.py")
    git(checkout, "commit", "-q", "-m", "more")
    later = trees.of_job("r-000002", url)
    assert later.key != first
    assert (later.files / "more.py").exists()


def test_a_url_whose_head_means_a_branch_that_nobody_pushed_has_its_commits(checkout: Path, trees: Trees) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    git(checkout, "symbolic-ref", "HEAD", "refs/heads/nowhere")
    with pytest.raises(SourceRefused, match="it has no commit HEAD"):
        trees.of_job("r-000001", Source(f"file://{checkout}"))
    assert (trees.of_job("r-000002", Source(f"file://{checkout}", commit)).files / "answer.py").exists()


def test_a_commit_that_was_fetched_needs_no_server_any_more(checkout: Path, trees: Trees) -> None:
    source = Source(f"file://{checkout}", git(checkout, "rev-parse", "HEAD"))
    tree = trees.of_job("r-000001", source)
    checkout.rename(checkout.with_name("gone"))
    assert trees.of_job("r-000002", source) == tree


def test_where_a_name_means_a_url_there_is_no_branch_to_be_made(tmp_path: Path, checkout: Path) -> None:
    trees = Trees(tmp_path / "trees", {"acme/shop": f"file://{checkout}"})
    tree = trees.of_job("r-000001", Source("acme/shop"))
    patch = tree.changed({"pkg/new.py": b"n = 1\n"}).patch
    with pytest.raises(SourceRefused, match="has no branches"):
        trees.land(Source("acme/shop"), "mendd/r-000001", patch, "Mended")


def test_jobs_of_one_url_fetch_it_together(checkout: Path, trees: Trees) -> None:
    """… whether it is new to all of them or has moved on since the last job."""
    for number in range(30):
        git(checkout, "branch", f"b{number}")
    for moved in range(2):
        head = git(checkout, "rev-parse", "HEAD")
        sources = [Source(f"file://{checkout}", head)] * 6
        with ThreadPoolExecutor(len(sources)) as pool:
            got = set(pool.map(trees.of_job, [f"r-{moved}-{number}" for number in range(6)], sources))
        assert len(got) == 1
        git(checkout, "commit", "-q", "--allow-empty", "-m", "four")
        for number in range(30):
            git(checkout, "branch", "--force", f"b{number}")


@pytest.mark.parametrize("lost", ["HEAD", "config", "objects", "refs", "nothing"])
def test_a_mirror_that_a_kill_left_half_made_is_completed(checkout: Path, trees: Trees, lost: str) -> None:
    """… and what git had locked is free again."""
    source = Source(f"file://{checkout}", git(checkout, "rev-parse", "HEAD"))
    before = trees.of_job("r-000001", source)
    [mirror] = (trees.folder / "mirrors").iterdir()
    shutil.rmtree(mirror / lost, ignore_errors=True)
    (mirror / lost).unlink(missing_ok=True)
    for locked in ("HEAD.lock", "config.lock", "packed-refs.lock", "refs/heads/master.lock"):
        (mirror / locked).parent.mkdir(parents=True, exist_ok=True)
        (mirror / locked).touch()
    git(checkout, "branch", "--move", "other")
    assert trees.of_job("r-000002", source) == before


def test_a_job_keeps_its_tree_whatever_becomes_of_the_checkout(checkout: Path, trees: Trees) -> None:
    first = trees.of_job("r-000001", Source(str(checkout)))
    (checkout / "answer.py").write_text("changed since")
    assert trees.of_job("r-000001", Source(str(checkout))) == first
    assert trees.of_job("r-000002", Source(str(checkout))) != first


def test_a_relative_path_means_the_same_wherever_git_stands(
    checkout: Path, trees: Trees, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(checkout.parent)
    assert trees.of_job("r-000001", Source(checkout.name)).key == trees.of_job("r-000002", Source(str(checkout))).key


@pytest.mark.parametrize("is_ignored", [True, False])
def test_what_lies_behind_a_link_is_none_of_the_repositorys(
    checkout: Path, trees: Trees, tmp_path: Path, *, is_ignored: bool
) -> None:
    """Its index names a file in a folder; in the checkout a link stands in the folder's place."""
    (tmp_path / "host").mkdir()
    (tmp_path / "host" / "tab.py").write_text("of the host")
    shutil.rmtree(checkout / "pkg")
    (checkout / "pkg").symlink_to(tmp_path / "host")
    if is_ignored:
        (checkout / ".gitignore").write_text("pkg\n")
    texts = Texts(trees.of_job("r-000001", Source(str(checkout))))
    assert [name for name in texts if "of the host" in texts.get(name, "") or name.startswith("pkg/")] == []
    assert (tmp_path / "host" / "tab.py").read_text() == "of the host"


def test_a_repository_of_folders_in_one_another_without_end_is_refused_and_leaves_nothing(
    tmp_path: Path, trees: Trees
) -> None:
    """What is left of it would end every later start of the daemon, which sweeps."""
    place = tmp_path / "deep"
    git(tmp_path, "init", "-q", "--bare", str(place))
    told = f"commit HEAD\ncommitter t <t@t> 0 +0000\ndata 0\nM 644 inline {'a/' * 1_500}file\ndata 0\n\n"
    subprocess.run(["git", "fast-import", "--quiet"], cwd=place, input=told.encode(), check=True)
    with pytest.raises(SourceRefused, match="more than 100 folders in one another"):
        trees.of_job("r-000001", Source(str(place)))
    assert list(trees.folder.iterdir()) == []


def test_a_tree_that_the_disk_does_not_confirm_is_nobodys(checkout: Path, tmp_path: Path) -> None:
    """A pin is for ever, so it comes last: after a power cut it must not mean a tree of empty files."""
    if not failing_disk.IS_POSSIBLE:
        not_real("no seccomp filter is known for this kernel and processor")
    code = f"""
import sys
from pathlib import Path
from daemon.disk import SyncFailed
from daemon.effects.trees import Source, Trees
from tests.fakes.failing_disk import fail_syncs
fail_syncs(single_files=False)
try:
    Trees(Path({str(tmp_path / "trees")!r}), {{}}).of_job("r-1", Source({str(checkout)!r}))
except SyncFailed as failed:
    sys.exit(str(failed))
"""
    ended = subprocess.run([sys.executable, "-c", code], cwd=HOUSE, capture_output=True, text=True, check=False)
    assert (ended.returncode, "did not confirm" in ended.stderr) == (1, True), ended.stderr
    assert list((tmp_path / "trees").iterdir()) == []


def test_equal_content_is_one_tree(checkout: Path, trees: Trees) -> None:
    assert trees.of_job("r-000001", Source(str(checkout), "HEAD")) == trees.of_job(
        "r-000002", Source(str(checkout), "HEAD")
    )


def test_a_test_patch_is_part_of_the_tree(checkout: Path, trees: Trees) -> None:
    patch = "--- /dev/null\n+++ b/test_new.py\n@@ -0,0 +1 @@\n+def test_new(): assert False\n"
    tree = trees.of_job("r-000001", Source(str(checkout), "HEAD", patch))
    assert (tree.files / "test_new.py").read_text() == "def test_new(): assert False\n"


def test_a_test_patch_may_change_what_the_commit_has(checkout: Path, trees: Trees) -> None:
    before = git(checkout, "show", "HEAD:answer.py").splitlines()
    patch = f"--- a/answer.py\n+++ b/answer.py\n@@ -1 +1,2 @@\n+# tested\n {before[0]}\n"
    tree = trees.of_job("r-000001", Source(str(checkout), "HEAD", patch))
    assert (tree.files / "answer.py").read_text().splitlines() == ["# tested", *before]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (Source("nobody/nothing"), "name its clone in the setting `repos`"),
        (Source("me/shop", "no-such-commit"), "no-such-commit"),
        (Source("me/shop", "--upload-pack=x"), "--upload-pack=x"),
        (Source("me/shop", "HEAD", "garbage"), "apply"),
        (Source("me/shop", "HEAD", "--- a/../x\n+++ b/../x\n@@ -0,0 +1 @@\n+x\n"), "apply"),
        (Source("ext::sh -c touch% pwned"), "there is no folder"),
    ],
)
@pytest.mark.usefixtures("checkout")
def test_what_cannot_be_had_is_refused_with_its_cause(trees: Trees, source: Source, words: str) -> None:
    with pytest.raises(SourceRefused) as refused:
        trees.of_job("r-000001", source)
    assert words in str(refused.value)
    left = [path.name for path in trees.folder.iterdir()] if trees.folder.exists() else []
    assert [name for name in left if name.startswith("making")] == []


@pytest.fixture
def tree(checkout: Path, trees: Trees) -> Tree:
    return trees.of_job("r-000001", Source(str(checkout), "HEAD~2"))


def test_a_patch_applies_to_the_users_checkout(checkout: Path, tree: Tree) -> None:
    changes: dict[str, bytes | None] = {
        "pkg/crlf.py": b"a = 1\r\nb = 3\r\n",
        "pkg/no_end.py": b"a = 2",
        "pkg/new.py": b"n = 1\n",
        "data.bin": None,
    }
    patch = tree.changed(changes).patch
    git(checkout, "checkout", "-q", "--force", "HEAD~2")
    subprocess.run(["git", "apply", "--whitespace=nowarn"], cwd=checkout, input=patch, check=True)
    after = contents(checkout)
    assert after["pkg/no_end.py"] == b"a = 2"
    assert after["pkg/new.py"] == b"n = 1\n"
    assert "data.bin" not in after
    assert after["pkg/crlf.py"].replace(b"\r", b"") == b"a = 1\nb = 3\n"


def test_no_change_is_an_empty_patch(tree: Tree) -> None:
    assert tree.changed({"pkg/tab.py": FILES["pkg/tab.py"]}).patch == b""


def test_texts_are_the_text_files_without_links_and_data(tree: Tree) -> None:
    texts = Texts(tree)
    assert texts["pkg/crlf.py"] == "a = 1\r\nb = 2\r\n"
    assert "outside" not in list(texts)
    with pytest.raises(KeyError):
        texts["data.bin"]


def test_a_file_whose_name_is_no_text_is_kept_and_not_shown(tmp_path: Path) -> None:
    (tmp_path / "strange").mkdir()
    (tmp_path / "strange" / os.fsdecode(b"caf\xe9.py")).write_text("A = 1\n")
    (tmp_path / "strange" / "café.py").write_text("A = 1\n")
    tree = Trees(tmp_path / "trees", {}).of_job("r-000001", Source(str(tmp_path / "strange")))
    assert list(Texts(tree)) == ["café.py"]
    assert len(list(tree.files.glob("*.py"))) == 2


@pytest.mark.parametrize("name", ["", "/etc/passwd", "../x", "a/../../x", ".git/config", "a/.git/x", "a\0b"])
def test_a_name_that_leads_out_is_not_inside(name: str) -> None:
    assert not is_inside(name)


def landed(trees: Trees, tree: Tree, data: bytes) -> str:
    patch = tree.changed({"pkg/tab.py": data}).patch
    return trees.land(Source("me/shop", "HEAD~2"), "mendd/r-000001", patch, "Mended (r-000001)\n")


def test_a_branch_that_is_there_is_never_moved(checkout: Path, trees: Trees, tree: Tree) -> None:
    """Somebody has committed on top of ours, then a further run of the job lands what it found, and does so twice."""
    assert landed(trees, tree, b"a = 2\n") == "mendd/r-000001"
    theirs = git(checkout, "commit-tree", "-p", "mendd/r-000001", "-m", "theirs", "HEAD^{tree}")
    git(checkout, "branch", "--force", "mendd/r-000001", theirs)
    assert [landed(trees, tree, b"a = 3\n") for _ in range(2)] == ["mendd/r-000001-2"] * 2
    assert landed(trees, tree, b"a = 4\n") == "mendd/r-000001-3"
    assert git(checkout, "rev-parse", "mendd/r-000001") == theirs
    assert show(checkout, "mendd/r-000001-2:pkg/tab.py") == b"a = 3\n"
    assert show(checkout, "mendd/r-000001-3:pkg/tab.py") == b"a = 4\n"
    assert git(checkout, "status", "--porcelain") == ""


def test_a_branch_that_names_ours_as_its_folder_is_none_of_ours(checkout: Path, trees: Trees, tree: Tree) -> None:
    git(checkout, "branch", "mendd/r-000001/review")
    assert landed(trees, tree, b"a = 2\n") == "mendd/r-000001-2"


def test_where_no_branch_can_be_made_the_cause_is_told(checkout: Path, trees: Trees, tree: Tree) -> None:
    git(checkout, "branch", "mendd")
    with pytest.raises(SourceRefused, match="'refs/heads/mendd' exists"):
        landed(trees, tree, b"a = 2\n")


def test_what_a_killed_daemon_left_half_made_is_swept_and_nothing_else(checkout: Path, trees: Trees) -> None:
    tree = trees.of_job("r-000001", Source(f"file://{checkout}", git(checkout, "rev-parse", "HEAD")))
    before = contents(trees.folder)
    for left in ("making-7-ab/files/a.py", "going-x/key/files/a.py", "index-x/index", f"{tree.key}/index-y/index"):
        (trees.folder / left).parent.mkdir(parents=True)
        (trees.folder / left).touch()
    (trees.folder / "jobs" / ".r-000001.7-7.new").touch()
    trees.sweep()
    assert contents(trees.folder) == before


@pytest.fixture
def crowded(checkout: Path, tmp_path: Path) -> tuple[Trees, dict[str, Tree], list[str]]:
    """Trees with a budget of two of them, of three jobs that were all open when they were made; and the open ones."""
    open_jobs = ["r-1", "r-2", "r-3"]
    commits = [git(checkout, "rev-parse", name) for name in ("HEAD~2", "HEAD~1", "HEAD")]
    one = Trees(tmp_path / "measured", {}).of_job("r-1", Source(str(checkout), commits[0]))
    large = int((one.folder / WEIGHT).read_text())
    trees = Trees(tmp_path / "trees", {}, 2 * large + large // 2, lambda: open_jobs)
    made = {
        job: trees.of_job(job, Source(str(checkout), commit)) for job, commit in zip(open_jobs, commits, strict=True)
    }
    for ago, tree in enumerate(reversed(made.values())):
        os.utime(tree.folder, (1_000_000 - ago, 1_000_000 - ago))
    return trees, made, open_jobs


def test_the_longest_unused_trees_go_first_and_those_of_open_jobs_stay(
    checkout: Path, crowded: tuple[Trees, dict[str, Tree], list[str]]
) -> None:
    trees, made, open_jobs = crowded
    assert trees.evict() == []
    open_jobs.remove("r-3")
    assert trees.evict() == [made["r-3"].key], "the last used one, but the others are needed"
    open_jobs.clear()
    assert trees.evict() == []
    (checkout / "answer.py").write_text("another tree\n")
    open_jobs.append("r-4")
    trees.of_job("r-4", Source(str(checkout)))
    left = {path.name for path in trees.folder.iterdir()} - {"jobs"}
    assert left == {made["r-2"].key, trees.of_job("r-4", Source(str(checkout))).key}


@pytest.mark.parametrize("number", [b"", b"\0\0\0", None])
def test_a_tree_whose_size_is_not_known_is_counted_again(
    crowded: tuple[Trees, dict[str, Tree], list[str]], number: bytes | None
) -> None:
    """A power cut left no number, or an older daemon wrote none."""
    trees, made, open_jobs = crowded
    for ago, tree in enumerate(reversed(made.values())):
        (tree.folder / WEIGHT).unlink() if number is None else (tree.folder / WEIGHT).write_bytes(number)
        os.utime(tree.folder, (1_000_000 - ago, 1_000_000 - ago))
    open_jobs.clear()
    assert trees.evict() == [made["r-1"].key]


def test_a_tree_that_is_gone_is_made_again_for_a_job_that_is_opened_again(
    checkout: Path, crowded: tuple[Trees, dict[str, Tree], list[str]]
) -> None:
    """… unless its source is not what it was: then the job is refused, and never goes on with another tree."""
    trees, made, open_jobs = crowded
    open_jobs.remove("r-1")
    assert trees.evict() == [made["r-1"].key]
    assert not made["r-1"].folder.exists()
    open_jobs.append("r-1")
    with pytest.raises(SourceRefused, match="has changed since"):
        trees.of_job("r-1", Source(str(checkout)))
    assert trees.of_job("r-1", Source(str(checkout), "HEAD~2")) == made["r-1"]
    assert (made["r-1"].files / "pkg" / "tab.py").exists()


def test_who_does_not_know_the_open_jobs_takes_no_tree_away(checkout: Path, trees: Trees) -> None:
    tree = trees.of_job("r-1", Source(str(checkout)))
    assert trees.evict() == []
    assert tree.files.exists()
