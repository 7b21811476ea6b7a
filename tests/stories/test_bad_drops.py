"""Whatever is dropped, the daemon stays up, tells what is wrong with it and how to mend it, and takes in the rest."""

import json
import os
import stat
import zlib
from collections import Counter
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from daemon import events as e
from daemon.drops import EXAMPLES
from daemon.exits import Exit
from tests.fakes.bad_drops import BAD_DROPS, BAD_IN_PART, NO_FILES, OPEN, REPAIR, SETTLED, BadDrop
from tests.fakes.daemon_process import DaemonProcess, repair

WITHOUT_ROOT_S_EYES = """
import os, sys
capabilities = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
command = [*capabilities, sys.executable, "-m", "daemon", *sys.argv[1:]]
os.execvp(command[0], command)
"""
GOOD = 30


def drop(daemon: DaemonProcess, bad: BadDrop) -> Path:
    """Make it aside and move it in, except for what cannot be moved while it is what it is."""
    aside = daemon.queue / "tmp" / bad.name
    bad.make(aside)
    return aside.rename(daemon.queue / bad.inlet / bad.name)


def lying(daemon: DaemonProcess) -> list[Path]:
    return [path for inlet in ("ideas", "errors", "retries") for path in (daemon.queue / inlet).iterdir()]


def told(daemon: DaemonProcess) -> dict[str, tuple[str, dict[str, Any]]]:
    """Each drop's name, as it was told → the name that it has in rejected/, and the reasons."""
    reasons = {}
    for path in (daemon.queue / "rejected").glob("*.why.json"):
        if path.is_file() and b'"problems"' in (data := path.read_bytes()):
            why = json.loads(data)
            reasons[why["name"]] = path.name.removesuffix(".why.json"), why
    return reasons


def name_told(name: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in name)


def wait_until_gone(daemon: DaemonProcess, path: Path) -> None:
    daemon.wait_until(lambda: not os.path.lexists(path))


def wait_until_said(daemon: DaemonProcess, words: str, times: int) -> None:
    daemon.wait_until(lambda: daemon.said().count(words) >= times)


def start(home: Path, half_written_s: float = 0.2) -> DaemonProcess:
    """A daemon that may read only what it is allowed to, with one job settled and one that never will."""
    daemon = DaemonProcess(
        home, drop_max_bytes=2 * 2**20, drop_max_entries=1_000, half_written_s=half_written_s, drain_s=0.2
    )
    launcher = home / "launch.py"
    launcher.write_text(WITHOUT_ROOT_S_EYES)
    daemon.drop("settles.json", repair("settles"))
    daemon.start("work", launcher=launcher)
    daemon.wait_until(lambda: daemon.settled() == 1)
    daemon.drop("stalls.json", repair("stalls", "stall 3600, fix"))
    daemon.wait_until(lambda: [row["job"] for row in daemon.view("queue").get("running", [])] == [OPEN])
    daemon.wait_until(lambda: [row["job"] for row in daemon.view("jobs")["open_jobs"]] == [OPEN])
    assert [row["job"] for row in daemon.view("jobs")["last_settled"]] == [SETTLED]
    return daemon


def test_the_corpus_is_large_and_each_drop_has_its_own_name() -> None:
    assert len(BAD_DROPS) >= 80
    assert len({bad.name for bad in BAD_DROPS}) == len(BAD_DROPS)


def test_every_bad_drop_is_told_and_kept_and_no_good_one_is_held_up(tmp_path: Path) -> None:
    with start(tmp_path) as daemon:
        for number in range(GOOD):
            for bad in BAD_DROPS[number::GOOD]:
                drop(daemon, bad)
            daemon.drop(f"good-{number}.json", REPAIR | {"title": f"good {number}"})
        daemon.wait_until(lambda: not lying(daemon))
        reasons = told(daemon)
        for bad in BAD_DROPS:
            kept_as, why = reasons.pop(name_told(bad.name))
            assert [problem["field"] for problem in why["problems"]] == [bad.field], why
            assert why["inlet"] == bad.inlet
            assert why["accepted"] == bad.good
            for problem in why["problems"]:
                assert all(problem[key].strip() for key in ("field", "expected", "got", "remedy")), why
            check_kept(bad, daemon.queue / "rejected" / kept_as)
        assert reasons == {}
        titles = [f"good {number}" for number in range(GOOD)]
        titles += [f"good among bad {number + 1}" for number in range(sum(bad.good for bad in BAD_IN_PART))]
        accepted = [fact.title for fact in daemon.facts() if isinstance(fact, e.JobAccepted)]
        assert Counter(accepted) == Counter([*titles, "settles: t::a", "stalls: t::a"])
        rejected = [fact for fact in daemon.facts() if isinstance(fact, e.DropRejected)]
        assert Counter(fact.name for fact in rejected) == Counter(name_told(bad.name) for bad in BAD_DROPS)
        assert daemon.stop() == 0
        assert daemon.said().count("  ready") == 1, "it never went down"
        assert daemon.ask("check").returncode == 0


def check_kept(bad: BadDrop, kept: Path) -> None:
    """What was dropped is still what it was; of what was accepted in part, the rest is there."""
    if bad.refused is not None:
        assert "".join(kept.read_text().split()) == "".join(bad.refused.decode().split())
    elif isinstance(bad.content, bytes):
        assert kept.read_bytes() == bad.content
    else:
        status = kept.lstat()
        assert status.st_size >= 0
        if bad in NO_FILES and bad.name != "unreadable.json":
            assert not stat.S_ISREG(status.st_mode)
        elif bad.name == "1-gigabyte.json":
            assert status.st_size == 2**30


def test_a_folder_that_cannot_be_moved_away_is_told_once_and_holds_nobody_up(tmp_path: Path) -> None:
    """To move a folder the daemon must be allowed to write in it, which somebody else's folder does not grant."""
    with start(tmp_path) as daemon:
        folder = daemon.queue / "ideas" / "a-folder"
        folder.mkdir(mode=0o555)
        why = daemon.queue / "rejected" / "a-folder.why.json"
        daemon.wait_until(why.exists)
        for number in range(3):
            wait_until_gone(daemon, daemon.drop(f"{number}.json", REPAIR))
        assert folder.exists()
        assert len(daemon.facts_of(e.DropRejected)) == 1
        folder.chmod(0o755)
        daemon.drop("ring.json", REPAIR)
        wait_until_gone(daemon, folder)
        assert (daemon.queue / "rejected" / "a-folder").is_dir()
        assert len(daemon.facts_of(e.DropRejected)) == 1


def test_a_job_that_cannot_be_removed_pauses_intake_and_is_taken_once(tmp_path: Path) -> None:
    with start(tmp_path) as daemon:
        assert daemon.stop() == 0
        ideas = daemon.queue / "ideas"
        daemon.drop("stays.json", REPAIR | {"title": "stays"})
        ideas.chmod(0o555)
        for life, end in enumerate((daemon.kill, daemon.stop, daemon.kill)):
            daemon.start("work", launcher=tmp_path / "launch.py")
            wait_until_said(daemon, "cannot clear drop", life + 1)
            end()
        daemon.start("work", launcher=tmp_path / "launch.py")
        daemon.wait_until(lambda: daemon.view("queue").get("intake_paused"))
        waiting = daemon.drop("report.json", {"project": "shop", "message": "KeyError: 'a'"}, "errors")
        ideas.chmod(0o755)
        wait_until_gone(daemon, waiting)
        wait_until_gone(daemon, ideas / "stays.json")
        daemon.wait_until(lambda: daemon.view("queue").get("intake_paused", "") is None)
        assert [fact.title for fact in daemon.facts() if isinstance(fact, e.JobAccepted)].count("stays") == 1
        pauses = [type(fact) for fact in daemon.facts_of(e.IntakePaused, e.IntakeResumed)]
        assert pauses == [e.IntakePaused, e.IntakeResumed] * (len(pauses) // 2), "each life finds out for itself"


def test_a_job_in_a_worker_s_hand_is_given_up_on_request(tmp_path: Path) -> None:
    with start(tmp_path) as daemon:
        assert [row["job"] for row in daemon.view("queue")["running"]] == [OPEN]
        daemon.drop("stop.json", {"job": OPEN, "cancel": True}, "retries")
        daemon.wait_until(lambda: daemon.view("jobs")["settled"].get("cancelled"))
        daemon.wait_until(lambda: daemon.view("queue")["running"] == [])
        daemon.drop("again.json", {"job": OPEN}, "retries")
        daemon.wait_until(lambda: daemon.view("queue")["running"])


def test_nothing_of_the_answer_is_found_outside_the_log(tmp_path: Path) -> None:
    """From drop to certificate, failed attempts included: prompts, views, results and snapshot do not know it."""
    answer = "THE-GOLD-ANSWER"
    row = EXAMPLES["swebench"] | {"patch": answer, "problem_statement": "script: fail, fail, fix"}
    with start(tmp_path) as daemon:
        daemon.drop("row.json", row)
        daemon.wait_until(lambda: daemon.settled() == 2)
        assert daemon.stop() == 0
    holders = {path for path in daemon.state.rglob("*") if path.is_file() and answer.encode() in path.read_bytes()}
    assert {path.parent.name for path in holders} == {"log"}
    blobs = [path for path in (daemon.state / "blobs").rglob("*") if path.is_file()]
    assert blobs
    assert [blob for blob in blobs if answer.encode() in zlib.decompress(blob.read_bytes())] == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root makes devices")
def test_a_device_is_rejected(tmp_path: Path) -> None:
    with start(tmp_path) as daemon:
        device = daemon.queue / "ideas" / "device.json"
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero, which never ends
        wait_until_gone(daemon, device)
        _, why = told(daemon)["device.json"]
        assert why["problems"][0]["got"] == "a device"


def test_two_bad_drops_of_one_name_are_both_kept(tmp_path: Path) -> None:
    contents = [b'{"first": ', b'{"second": ', b'{"third": ', b'{"first": ']
    with start(tmp_path) as daemon:
        for content in contents:
            dropped = daemon.drop("same.json", content)
            wait_until_gone(daemon, dropped)
        kept = [path for path in (daemon.queue / "rejected").iterdir() if not path.name.endswith(".why.json")]
        assert Counter(path.read_bytes() for path in kept) == Counter(contents)
        assert all(path.with_name(f"{path.name}.why.json").is_file() for path in kept)


def test_what_a_drop_said_comes_back_corrected(tmp_path: Path) -> None:
    """What is left of a drop in rejected/ can be mended and dropped again as it is."""
    with start(tmp_path) as daemon:
        for name, bad in (("a.json", b"[%s, {}]"), ("b.jsonl", b"%s\n{}\n")):
            dropped = daemon.drop(name, bad % json.dumps(REPAIR).encode())
            wait_until_gone(daemon, dropped)
            left = daemon.queue / "rejected" / name
            left.write_text(left.read_text().replace("{}", json.dumps(REPAIR | {"title": f"mended {name}"})))
            left.rename(dropped)
            wait_until_gone(daemon, dropped)
        titles = [fact.title for fact in daemon.facts() if isinstance(fact, e.JobAccepted)]
        assert [title for title in titles if title.startswith("mended")] == ["mended a.json", "mended b.jsonl"]


@pytest.mark.parametrize(
    ("name", "half", "rest"),
    [
        ("a.json", b'{"title": "grown", "repo": ', b'"/repos/shop", "tests": ["t::a"]}'),
        ("a.json", b"", json.dumps(REPAIR | {"title": "grown"}).encode()),
        ("a.json", b"[", json.dumps(REPAIR | {"title": "grown"}).encode() + b"]"),
        ("a.json", b'{"title": "\xc3', b'\xbcgrown", "repo": "/repos/shop", "tests": ["t::a"]}'),
    ],
)
def test_a_young_half_written_file_is_left_alone_until_it_is_whole(
    tmp_path: Path, name: str, half: bytes, rest: bytes
) -> None:
    with start(tmp_path, half_written_s=600) as daemon:
        growing = daemon.queue / "ideas" / name
        with growing.open("wb", buffering=0) as file:
            file.write(half)
            sibling = daemon.drop("z.json", REPAIR)  # looked at after it
            wait_until_gone(daemon, sibling)
            assert growing.read_bytes() == half
            assert not list((daemon.queue / "rejected").iterdir())
            file.write(rest)
        wait_until_gone(daemon, growing)
        accepted = [fact.title for fact in daemon.facts() if isinstance(fact, e.JobAccepted)]
        assert len([title for title in accepted if title.endswith("grown")]) == 1
        assert not list((daemon.queue / "rejected").iterdir())


def put_in_the_place_of(folder: Path) -> bool:
    """A file where the folder was, unless the daemon is faster and makes it again."""
    with suppress(FileNotFoundError):
        folder.rmdir()
    with suppress(IsADirectoryError):
        folder.write_text("in the way")
    return folder.is_file()


def test_an_inlet_that_is_out_of_reach_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    """Something else stands where errors/ should be, while ideas/ is in use."""
    with DaemonProcess(tmp_path, scan_every_s=0.1) as daemon:
        (daemon.queue / "ideas").mkdir(parents=True)
        daemon.start().wait_until_said("ready")
        daemon.wait_until((daemon.queue / "errors").is_dir)
        daemon.wait_until(partial(put_in_the_place_of, daemon.queue / "errors"))
        daemon.wait_until_said("inlet out of reach")
        daemon.drop("a.json", repair("a"))
        daemon.wait_until(lambda: daemon.settled() == 1)


def test_once_ends_when_only_what_nobody_can_look_into_is_left(tmp_path: Path) -> None:
    with DaemonProcess(tmp_path) as daemon:
        daemon.drop("a.json", repair("a"))
        (daemon.queue / "errors").touch()
        assert daemon.start("once").wait() == Exit.NOT_ALL_CERTIFIED
        assert daemon.settled() == 1
        assert "out of reach: errors; start again" in daemon.said()


def test_once_ends_when_the_queue_cannot_be_entered_whatever_stands_ready(tmp_path: Path) -> None:
    """Whether there is a brake on what was taken in before, nobody can see."""
    with start(tmp_path) as daemon:
        daemon.kill()
        daemon.queue.chmod(0o600)
        try:
            assert daemon.start("once", launcher=tmp_path / "launch.py").wait() == Exit.NOT_ALL_CERTIFIED
        finally:
            daemon.queue.chmod(0o755)
        assert "out of reach: queue; start again" in daemon.said()
        assert daemon.view("jobs")["open"] == 1


def test_a_queue_that_cannot_be_entered_is_told_and_holds_runs_back_until_it_can(tmp_path: Path) -> None:
    with start(tmp_path) as daemon:
        daemon.queue.chmod(0o600)
        wait_until_said(daemon, "nobody can see whether", 1)
        wait_until_said(daemon, "inlet out of reach", 1)
        daemon.queue.chmod(0o755)
        wait_until_said(daemon, "resumed", 1)
        wait_until_gone(daemon, daemon.drop("a.json", REPAIR))
