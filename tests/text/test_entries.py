"""A drop's bytes come apart into its entries, each as the text that stood there; only what is odd is refused."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.drops import Unfit
from daemon.text.entries import Limits, Piece, join, parse

LIMITS = Limits(entries=100, depth=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
VALUES: st.SearchStrategy[Any] = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=20
)
OBJECTS = st.dictionaries(st.text(), SCALARS | st.lists(SCALARS, max_size=3), max_size=4)


def values(data: bytes, *, are_lines: bool = False) -> list[Any]:
    return [piece.value for piece in parse(data, LIMITS, are_lines=are_lines).entries]


def refusal(data: bytes) -> Unfit:
    with pytest.raises(Unfit) as raised:
        parse(data, LIMITS)
    return raised.value


@given(st.lists(VALUES, min_size=1, max_size=5), st.sampled_from([None, 0, 3]), st.booleans())
def test_an_array_comes_apart_as_python_reads_it(entries: list[Any], indent: int | None, ascii_only: bool) -> None:  # noqa: FBT001  drawn
    text = json.dumps(entries, indent=indent, ensure_ascii=ascii_only)
    pieces = parse(text.encode(), Limits(entries=100, depth=100)).entries
    assert [piece.value for piece in pieces] == entries
    assert [json.loads(piece.text) for piece in pieces] == entries


@given(st.lists(OBJECTS, min_size=2, max_size=5), st.sampled_from(["\n", "\r\n", "\n\n", " \n"]), st.booleans())
def test_lines_come_apart_whatever_characters_are_in_them(entries: list[Any], end: str, ascii_only: bool) -> None:  # noqa: FBT001  drawn
    """U+2028 and its like end no line of JSON lines."""
    text = end.join(json.dumps(entry, ensure_ascii=ascii_only) for entry in entries)
    pieces = parse(text.encode(), LIMITS)
    assert [piece.value for piece in pieces.entries] == entries
    assert pieces.are_lines


@given(st.binary(max_size=200) | st.text(alphabet='[]{}",:0123456789.eE-+ \n\\utrfalsn', max_size=60).map(str.encode))
def test_any_bytes_are_read_as_python_reads_them_or_refused(data: bytes) -> None:
    try:
        pieces = parse(data, LIMITS)
    except Unfit:
        return
    if not pieces.are_lines:
        whole = json.loads(data.decode("utf-8-sig"))
        entries = whole if isinstance(whole, list) else [whole]
        found = [piece.value for piece in pieces.entries]
        assert all(isinstance(a, Unfit) or a == b for a, b in zip(found, entries, strict=True))


@given(st.lists(OBJECTS.map(json.dumps), min_size=1, max_size=4), st.booleans())
def test_what_was_taken_apart_can_be_put_together(texts: list[str], as_lines: bool) -> None:  # noqa: FBT001  drawn
    assert [piece.text for piece in parse(join(texts, as_lines=as_lines), LIMITS, are_lines=as_lines).entries] == texts


@pytest.mark.parametrize(
    ("data", "field", "got"),
    [
        (b'[1, {"a": [0, NaN]}]', "a[1]", "NaN"),
        (b'[1, {"a": 1e999}]', "a", "Infinity"),
        (b'[1, {"a": -1e999}]', "a", "-Infinity"),
        (b'[1, {"a": {"b": 1, "b": 2}}]', "a.b", "the same key twice"),
        (b'[1, {"": 1, "": 2}]', "entry", "the same key twice"),
        (b'[1, {"a": %s}]' % (b"1" * 5_000), "a", "one of 5000 digits"),
        (rb'[1, {"a": "\udc00"}]', "a", "half of a surrogate pair"),
        (b'[1, {"a": %s}]' % (b"[" * 8 + b"]" * 8), "a" + "[0]" * 7, "a value nested deeper"),
    ],
)
def test_an_odd_entry_is_refused_and_the_others_are_not(data: bytes, field: str, got: str) -> None:
    good, odd = parse(data, LIMITS).entries
    assert good.value == 1
    assert isinstance(odd.value, Unfit)
    assert (odd.value.field, odd.value.got) == (field, got)
    assert odd.text.encode() in data


def test_a_broken_line_is_refused_with_its_number_and_the_others_are_not() -> None:
    good, broken, last = values(b'{"a": 1}\n{"a":\n\n{"a": 2}\n')[:3]
    assert (good, last) == ({"a": 1}, {"a": 2})
    assert isinstance(broken, Unfit)
    assert "line 2" in broken.got


@pytest.mark.parametrize("data", [b'{\n"a": 1\n} x', b'{\n"environment":\n{"python": "3.9"}\n}}', b'x\n{"a": 1}\n'])
def test_a_broken_file_is_not_taken_for_lines(data: bytes) -> None:
    assert refusal(data).field == "file"


def test_a_name_that_promises_lines_is_believed() -> None:
    assert len(values(b'x\n{"a": 1}\n', are_lines=True)) == 2
    assert values(b'[\n{"a": 1}\n]\n', are_lines=True) == [{"a": 1}]


def test_limits_hold_exactly() -> None:
    assert len(values(b"[" + b",".join([b"1"] * 100) + b"]")) == 100
    assert "100 entries" in refusal(b"[" + b",".join([b"1"] * 101) + b"]").expected
    assert "100 entries" in refusal(b"1\n" * 101).expected
    assert values(b'{"a": ' * 8 + b"1" + b"}" * 8) == [json.loads(b'{"a": ' * 8 + b"1" + b"}" * 8)]
    assert isinstance(values(b'{"a": ' * 9 + b"1" + b"}" * 9)[0], Unfit)


def test_long_keys_on_every_level_cost_no_more_than_their_length() -> None:
    """A path is put together for what is refused and for nothing else: here it would be 40 GB otherwise."""
    key = "k" * 1_000_000
    data = json.dumps({key: {key: [0] * 20_000}}).encode()
    assert isinstance(parse(data, LIMITS).entries[0], Piece)


def test_whatever_a_key_says_the_refusal_can_be_written_down() -> None:
    data = json.dumps({"a\ud800\n\x1b" + "b" * 10_000: math.nan}).encode()
    unfit = values(data)[0]
    assert isinstance(unfit, Unfit)
    assert unfit.field.encode().decode().isprintable()
    assert len(unfit.field) < 1_000
