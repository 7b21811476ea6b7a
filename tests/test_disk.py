"""What strangers leave on the disk is weighed, and goes away again."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from daemon.disk import FOLDERS_DEEP, TooDeep, remove, size_bytes

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


def test_a_folder_that_may_not_be_looked_into_weighs_as_little_as_it_shows() -> None:
    """What strangers make has any rights; root looks into everything, so somebody else does here."""
    with TemporaryDirectory() as place:
        locked = Path(place, "locked")
        locked.mkdir()
        Path(place, "file").write_bytes(b"12345")
        Path(place).chmod(0o755)
        locked.chmod(0)
        us = os.geteuid()
        try:
            if us == 0:
                os.seteuid(65534)
            assert size_bytes(Path(place)) == 5 + locked.lstat().st_size
        finally:
            os.seteuid(us)
            locked.chmod(0o700)


def test_folders_weigh_up_to_a_number_of_them_in_one_another(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a"] * FOLDERS_DEEP)
    deep.mkdir(parents=True)
    assert size_bytes(tmp_path) > 0
    (deep / "a").mkdir()
    with pytest.raises(TooDeep):
        size_bytes(tmp_path)
