"""Whatever of a log is cut, flipped, lost, doubled or swapped is mended or found, and never missed."""

from pathlib import Path
from typing import Any, get_args, get_type_hints

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon import codec, drops
from daemon import events as e
from daemon.events import AnyFact, Fact
from daemon.log import Log, LogBroken, NoRoom, Position, segments

SEGMENT_BYTES = 350  # the few facts below fill one segment and begin a second one
FACTS: list[Fact] = [
    e.DaemonStarted(seq=1, at=1.5, pid=7, version="0.1.0"),
    e.ErrorReported(seq=2, at=2.5, source="a.json:1", project="shop", signature="v1:ab", message="Join-Maß\n* J"),
    e.RunDue(seq=3, at=3.5, runs=["r-000001.1", "r-000001.2"]),
    e.JobSettled(seq=4, at=4.5, job="r-000001", outcome="certified"),
    e.IntakePaused(seq=5, at=5.5, reason="M-J"),
    e.JobSettled(seq=6, at=6.5, job="r-000002", outcome="failed", reason="twice"),
    e.DaemonStopped(seq=7, at=7.5, reason="SIGTERM"),
]
FIRST, SECOND = "000000000001.jsonl", "000000000005.jsonl"


def append(log: Log, facts: list[Fact]) -> None:
    for fact in facts:
        log.stage(fact)
    log.write(log.take_staged())
    log.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A log of two segments."""
    append(Log(tmp_path, SEGMENT_BYTES), FACTS)
    assert segments(tmp_path) == [FIRST, SECOND]
    return tmp_path


def read(folder: Path, start: Position | None = None, *, mend: bool = False) -> list[AnyFact]:
    return [fact for facts in Log(folder, SEGMENT_BYTES, start).read(mend=mend) for fact in facts]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def lay(folder: Path, files: dict[str, bytes]) -> None:
    for path in folder.iterdir():
        path.unlink()
    for name, data in files.items():
        (folder / name).write_bytes(data)


def line_around(data: bytes, offset: int) -> range:
    """Where the line that holds this byte begins and ends."""
    end = data.find(b"\n", offset)
    return range(data.rfind(b"\n", 0, offset) + 1, (end if end >= 0 else len(data) - 1) + 1)


def broken(folder: Path, *, mend: bool = False) -> LogBroken:
    with pytest.raises(LogBroken) as caught:
        read(folder, mend=mend)
    return caught.value


def test_what_was_written_is_read_again_over_segments(folder: Path) -> None:
    assert read(folder) == FACTS


def test_a_segment_is_named_after_its_first_fact(folder: Path) -> None:
    for name in segments(folder):
        first = codec.decode((folder / name).read_bytes().splitlines()[0])
        assert int(name.removesuffix(".jsonl")) == first.seq


# Torn ends


def cuts() -> list[tuple[str, int]]:
    """Every place at which this log can end too early: a segment and the bytes that are left of it."""
    log = Log(Path(), SEGMENT_BYTES)
    for fact in FACTS:
        log.stage(fact)
    lengths = {f"{s.segment:012d}.jsonl": sum(map(len, s.lines)) for s in log.take_staged()}
    return [(name, left) for name, length in lengths.items() for left in range(length + 1)]


def test_every_truncation_recovers_to_the_last_whole_fact(folder: Path) -> None:
    """The cut bytes are kept aside and told, and the log goes on behind the last whole fact."""
    whole = contents(folder)
    for name, left in cuts():
        kept = {other: data for other, data in whole.items() if other < name} | {name: whole[name][:left]}
        lay(folder, kept)
        bytes_left = whole[name][:left]
        lines = sum(data.count(b"\n") for data in kept.values())
        rest = bytes_left[bytes_left.rfind(b"\n") + 1 :]
        is_whole = rest != b"" and whole[name][left : left + 1] == b"\n"  # only its line end is missing
        expected = FACTS[: lines + is_whole]

        assert read(folder) == expected
        assert contents(folder) == kept, "reading alone must not change anything"

        log = Log(folder, SEGMENT_BYTES)
        assert [fact for facts in log.read(mend=True) for fact in facts] == expected
        if rest and not is_whole:
            assert log.torn is not None
            assert (log.torn.segment, log.torn.offset, log.torn.lost_bytes) == (name, left - len(rest), len(rest))
            assert (folder / log.torn.kept_as).read_bytes() == rest
        else:
            assert log.torn is None
        append(log, FACTS[len(expected) :])
        assert read(folder) == FACTS
        assert {name: (folder / name).read_bytes() for name in whole} == whole, "the same facts give the same bytes"


def test_a_sealed_segment_that_ends_early_is_broken_and_left_alone(folder: Path) -> None:
    """What was followed by another segment was once whole and durable: this is no torn write."""
    whole = contents(folder)
    for left in range(len(whole[FIRST])):
        kept = whole | {FIRST: whole[FIRST][:left]}
        lay(folder, kept)
        error = broken(folder, mend=True)
        assert error.segment == (SECOND if whole[FIRST][:left].endswith(b"\n") or not left else FIRST)
        assert contents(folder) == kept


# Damage


def test_every_flipped_bit_is_found_and_located(folder: Path) -> None:
    whole = contents(folder)
    for name, data in whole.items():
        path = folder / name
        for offset in range(len(data)):
            line = line_around(data, offset)
            for bit in range(8):
                flipped = bytearray(data)
                flipped[offset] ^= 1 << bit
                path.write_bytes(flipped)
                error = broken(folder, mend=True)
                assert error.segment == name, (offset, bit)
                assert error.offset in line, (offset, bit, str(error))
                assert path.read_bytes() == flipped, "a broken log is left as it is"
        path.write_bytes(data)


@pytest.mark.parametrize("place", range(len(FACTS)))
@pytest.mark.parametrize("damage", ["deleted", "doubled", "swapped", "emptied"])
def test_lines_that_are_not_where_they_were_are_found(folder: Path, damage: str, place: int) -> None:
    """A deleted, doubled, swapped or emptied line is located where the order first breaks."""
    whole = contents(folder)
    name = FIRST if place < 4 else SECOND
    lines = whole[name].splitlines(keepends=True)
    here = place if name == FIRST else place - 4
    before = sum(map(len, lines[:here]))
    match damage:
        case "deleted":
            del lines[here]
        case "doubled":
            lines.insert(here, lines[here])
            before += len(lines[here])
        case "swapped":
            lines[here - 1], lines[here] = lines[here], lines[here - 1]
            before = sum(map(len, lines[: here - 1])) if here else 0
        case _:
            lines[here] = b"\n"
    (folder / name).write_bytes(b"".join(lines))
    if damage == "deleted" and place == len(FACTS) - 1:
        assert read(folder) == FACTS[:-1], "of a log that ends earlier nothing tells that it once ended later"
        return
    error = broken(folder, mend=True)
    if damage == "deleted" and place == 3:
        assert (error.segment, error.offset) == (SECOND, 0), "the first one just ends: what follows does not follow"
    else:
        assert (error.segment, error.offset) == (name, before)


def test_a_missing_segment_is_found(folder: Path) -> None:
    (folder / FIRST).unlink()
    error = broken(folder, mend=True)
    assert (error.segment, error.offset) == (SECOND, 0)
    assert "fact 1 comes next" in str(error)


def test_a_missing_segment_in_the_middle_is_found(tmp_path: Path) -> None:
    append(Log(tmp_path, 100), FACTS)
    names = segments(tmp_path)
    (tmp_path / names[2]).unlink()
    error = broken(tmp_path)
    assert (error.segment, error.offset) == (names[3], 0)


def test_a_segment_of_another_log_is_found(folder: Path) -> None:
    """The same facts at another time have another checksum from their first line on."""
    data = (folder / SECOND).read_bytes()
    (folder / SECOND).write_bytes(data.replace(b'"at":5.5', b'"at":5.6'))
    assert (broken(folder).segment, broken(folder).offset) == (SECOND, 0)


class NeverHeardOf(Fact, frozen=True, kw_only=True):
    """A fact that a later version may write."""

    what: str


def test_a_fact_of_an_unknown_type_stops_the_reading_and_is_named(folder: Path) -> None:
    log = Log(folder, SEGMENT_BYTES)
    assert len([fact for facts in log.read() for fact in facts]) == len(FACTS)
    at = log.end.offset
    append(log, [NeverHeardOf(seq=8, what="?")])
    error = broken(folder, mend=True)
    assert (error.segment, error.offset) == (SECOND, at)
    assert "this version cannot read fact 8" in str(error)
    assert "NeverHeardOf" in str(error)


# Reading on


@pytest.mark.parametrize("known", range(len(FACTS) + 1))
def test_reading_on_from_a_position_gives_the_rest(tmp_path: Path, known: int) -> None:
    log = Log(tmp_path, SEGMENT_BYTES)
    append(log, FACTS[:known])
    position = log.end
    append(log, FACTS[known:])
    assert read(tmp_path, position) == FACTS[known:]


def test_a_position_behind_the_end_is_not_read_on_from(folder: Path) -> None:
    """The log lost its end after the position was noted: writing on there would leave a hole."""
    log = Log(folder, SEGMENT_BYTES)
    assert list(log.read())
    data = (folder / SECOND).read_bytes()
    for left in range(len(data)):
        (folder / SECOND).write_bytes(data[:left])
        with pytest.raises(LogBroken):
            read(folder, log.end)
    (folder / SECOND).unlink()
    with pytest.raises(LogBroken):
        read(folder, log.end)


def test_a_position_in_another_log_is_not_read_on_from(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Even where nothing follows it: the line before it must be the one that was read then."""
    other = tmp_path_factory.mktemp("other")
    log = Log(other, SEGMENT_BYTES)
    append(log, [msgspec.structs.replace(fact, at=fact.at + 1) for fact in FACTS])
    assert (other / SECOND).stat().st_size == (folder / SECOND).stat().st_size
    with pytest.raises(LogBroken):
        read(folder, log.end)


# No room


def test_what_found_no_room_can_be_written_again(tmp_path: Path) -> None:
    log = Log(tmp_path, SEGMENT_BYTES)
    append(log, FACTS[:2])
    for fact in FACTS[2:]:
        log.stage(fact)
    stretches = log.take_staged()
    (tmp_path / SECOND).symlink_to("/dev/full")  # room for the first stretch, none for the second
    for _ in range(2):
        with pytest.raises(NoRoom):
            log.write(stretches)
    log.close()
    (tmp_path / SECOND).unlink()
    log.write(stretches)
    log.close()
    assert read(tmp_path) == FACTS


def test_a_torn_end_is_only_cut_where_there_is_room_to_keep_it_aside(folder: Path) -> None:
    torn = (folder / SECOND).read_bytes()[:-10]
    (folder / SECOND).write_bytes(torn)
    last_whole = torn.rfind(b"\n") + 1
    aside = folder / f"{SECOND}.torn-{last_whole}"
    aside.symlink_to("/dev/full")
    with pytest.raises(NoRoom):
        read(folder, mend=True)
    assert (folder / SECOND).read_bytes() == torn
    aside.unlink()
    assert read(folder, mend=True) == FACTS[:-1]
    assert torn.endswith(aside.read_bytes())


# The codec


def _values(name: str, hint: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401  whatever a type hint may be
    if name == "drop":
        return st.sampled_from([drops.read("ideas", drops.EXAMPLES[form]) for form in ("repair", "idea", "swebench")])
    if hint is float:
        return st.floats(allow_nan=False, allow_infinity=False)
    if hint is int:
        return st.integers(-(2**63), 2**63 - 1)
    if hint == list[float]:
        return st.lists(st.floats(allow_nan=False, allow_infinity=False))
    return st.from_type(hint)


def _facts_of(fact_type: type[Fact]) -> st.SearchStrategy[Fact]:
    hints = get_type_hints(fact_type)
    return st.builds(fact_type, **{name: _values(name, hints[name]) for name in fact_type.__struct_fields__})


ANY_FACT = st.one_of([_facts_of(fact_type) for fact_type in get_args(AnyFact)])


@given(ANY_FACT, st.integers(0, 2**32 - 1))
def test_any_fact_survives_its_line(fact: Fact, running: int) -> None:
    line, after = codec.encode(fact, running)
    assert codec.decode(line) == fact
    assert line.count(b"\n") == 1
    assert line.endswith(b"\n")
    assert codec.follows(line, running) == after
    assert codec.running_after(line[-codec.SEAL :]) == after


@given(st.lists(ANY_FACT, min_size=1, max_size=20))
def test_a_stretch_of_lines_is_vouched_for_by_its_last_seal(facts: list[Fact]) -> None:
    running, lines = 0, b""
    for fact in facts:
        line, running = codec.encode(fact, running)
        lines += line
    assert codec.follows(lines, 0) == running
    assert codec.decode_lines(lines) == facts
