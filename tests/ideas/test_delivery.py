"""A project gets a name that nobody has, and a folder that is there at once and never takes another's place."""

from pathlib import Path

from daemon.effects.delivery import MAKING, Version, deliver, sweep_projects, take_name
from tests.fakes.repairs import git

FIRST = {"a.py": "x = 1\n", "con fig/b.txt": "1\r\n", ".gitattributes": "* text eol=lf\n"}


def test_a_job_keeps_its_name_and_no_other_job_gets_it(tmp_path: Path) -> None:
    assert [take_name(tmp_path, job, "Shop") for job in ("i-1", "i-2", "i-1", "i-2")] == ["shop", "shop_2"] * 2


def test_a_folder_that_somebody_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "projects" / "shop").mkdir(parents=True)
    assert take_name(tmp_path, "i-1", "Shop") == "shop_2"


def test_files_lie_as_they_were_certified_with_a_commit_for_each_version(tmp_path: Path) -> None:
    last = FIRST | {"a.py": "x = 2\n"}
    place = deliver(tmp_path, "shop", [Version("one\n", FIRST), Version("two\n", last)])
    assert {str(path.relative_to(place)) for path in place.rglob("*") if ".git/" not in str(path)} >= set(last)
    assert all((place / path).read_bytes() == text.encode() for path, text in last.items())
    assert git(place, "log", "--format=%an %s") == "mendd two\nmendd one\n"
    assert git(place, "show", "HEAD~1:a.py") == "x = 1\n"
    assert [path.name for path in place.parent.iterdir()] == ["shop"], "nothing else is left"


def test_doing_it_again_leaves_what_is_there_and_another_project_keeps_the_former_one(tmp_path: Path) -> None:
    place = deliver(tmp_path, "shop", [Version("one\n", FIRST)])
    (place / "mine.txt").write_text("a person's own")
    assert deliver(tmp_path, "shop", [Version("again\n", FIRST)]) == place
    assert (place / "mine.txt").exists()
    deliver(tmp_path, "shop", [Version("other\n", {"a.py": "x = 3\n"})])
    assert (place / "a.py").read_text() == "x = 3\n"
    assert (place.with_name("shop.before-1") / "mine.txt").read_text() == "a person's own"


def test_what_a_death_left_half_made_is_swept_and_nothing_of_a_person(tmp_path: Path) -> None:
    place = deliver(tmp_path, "shop", [Version("one\n", FIRST)])
    place.with_name(f"{MAKING}abc").mkdir()
    place.with_name(".vscode").mkdir()
    sweep_projects(tmp_path)
    assert sorted(path.name for path in place.parent.iterdir()) == [".vscode", "shop"]
