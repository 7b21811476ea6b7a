"""What strangers leave on the disk goes away again."""

import os
from pathlib import Path

from daemon.disk import remove

DEEPER_THAN_PYTHON_GOES = 1_500


def test_folders_in_one_another_without_end_are_removed(tmp_path: Path) -> None:
    place = os.open(tmp_path, os.O_RDONLY)
    for _ in range(DEEPER_THAN_PYTHON_GOES):
        os.mkdir("a", dir_fd=place)
        inner = os.open("a", os.O_RDONLY, dir_fd=place)
        os.close(place)
        place = inner
    os.close(place)
    remove(tmp_path / "a")
    assert list(tmp_path.iterdir()) == []


def test_folders_without_rights_are_removed_and_what_links_mean_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "else").mkdir(mode=0o500)
    (tmp_path / "a" / "closed").mkdir(parents=True)
    (tmp_path / "a" / "closed" / "file").touch()
    (tmp_path / "a" / "link").symlink_to(tmp_path / "else")
    (tmp_path / "a" / "closed").chmod(0)
    remove(tmp_path / "a")
    remove(tmp_path / "never was there")
    assert [path.name for path in tmp_path.iterdir()] == ["else"]
    assert (tmp_path / "else").stat().st_mode & 0o777 == 0o500
