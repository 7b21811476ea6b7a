"""The same error with other paths, numbers and addresses has the same signature, and another error has another one."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.text.lines import as_asserted, shape
from daemon.text.signature import _MASKS, MESSAGE_CHARACTERS, coarse, exact, masked, of

SAME = {
    "paths": [
        "FileNotFoundError: [Errno 2] No such file or directory: '/home/me/shop/a.txt'",
        "FileNotFoundError: [Errno 2] No such file or directory: '/tmp/x-1/b.cfg'",
    ],
    "bare paths": ["OSError: cannot open /srv/a/b.txt", "OSError: cannot open C:\\temp\\b.txt"],
    "numbers": ["IndexError: index 5 is out of bounds for size 3", "IndexError: index 12 is out of bounds for size -4"],
    "floats": ["ValueError: 1.5 is not 2", "ValueError: 1.75e-12 is not 99"],
    "addresses": ["TypeError: <A object at 0x7f01> is bad", "TypeError: <A object at 0xdeadBEEF12> is bad"],
    "uuids": [
        "KeyError: no job 123e4567-e89b-12d3-a456-426614174000",
        "KeyError: no job 00000000-0000-0000-0000-00000000ABCD",
    ],
    "times": ["ValueError: late since 2024-01-01 10:00", "ValueError: late since 2031-12-31T23:59:59.123+02:00"],
    "dates": ["ValueError: late since 2024-01-01", "ValueError: late since 2031-12-31"],
    "durations": ["TimeoutError: after 10ms", "TimeoutError: after 2500ms"],
    "quoted": ["KeyError: 'colour'", "KeyError: 'size'", 'KeyError: "it\'s"'],
    "hashes": ["ValueError: no commit 7f33c1e22dbc", "ValueError: no commit 0123456789abcdef0123456789abcdef01234567"],
    "urls": ["OSError: cannot reach http://a.example/x?y=1", "OSError: cannot reach https://b.example:8080/"],
    "addresses of people": ["ValueError: no user me@example.com", "ValueError: no user a.b+c@mail.example.co.uk"],
    "colours": ["\x1b[31mValueError\x1b[0m: broken", "ValueError: broken"],
    "modules": ["django.core.exceptions.FieldError: broken", "FieldError: broken"],
    "white space": ["ValueError: a  b", "ValueError:  a\tb "],
}
SAME |= {
    "versions, unbound": [
        "UnboundLocalError: local variable 'a' referenced before assignment",
        "UnboundLocalError: cannot access local variable 'b' where it is not associated with a value",
    ],
    "versions, a hint": [
        "NameError: name 'a' is not defined",
        "NameError: name 'len_' is not defined. Did you mean: 'len'?",
    ],
    "versions, indices": [
        "TypeError: string indices must be integers",
        "TypeError: string indices must be integers, not 'str'",
    ],
    "versions, empty": ["ValueError: max() arg is an empty sequence", "ValueError: max() iterable argument is empty"],
    "versions, zero": ["ZeroDivisionError: integer division or modulo by zero", "ZeroDivisionError: division by zero"],
    "the user's names": [
        "TypeError: total() takes 1 positional argument but 2 were given",
        "TypeError: C.f() takes 2 positional arguments but 3 were given",
    ],
    "temporary names": ["ValueError: no tmpab12cd_9", "ValueError: no tmp1_xyzabc"],
}
DIFFERENT = [
    "",
    "ValueError: broken",
    "TypeError: broken",
    "ValueError: bent",
    "ValueError",
    "KeyError: 'a'",
    "AssertionError",
    "AssertionError: assert 1 == 2",
    "AssertionError: assert 'a' in 'b'",
    "app.models.User.DoesNotExist: User matching query does not exist.",
    "Segmentation fault",
    "TypeError: unsupported operand type(s) for +: 'int' and 'str'",
    "TypeError: unsupported operand type(s) for -: 'int' and 'str'",
    "AttributeError: 'NoneType' object has no attribute 'a'",
    "AttributeError: 'NoneType' object has no attribute 'b'",
    "AttributeError: 'Cart' object has no attribute 'b'",
    "AssertionError: assert 1 == -1",
]
ASSERTED = {
    "self.assertEqual(total([1, -2, {'a': 3}]), -3)": "total(_)==_",
    "assert total(found, key='x') == [1, 2, [3]]  # all of them": "total(v,v=_)==_",
    "assert f(3) is None, 'why'": "f(_) is None",
    "self.assertIsNone(f(3))": "f(_) is None",
    "self.assertFalse(is_even(3))": "not is_even(_)",
    "for i in range(len(x)):": "for v in range(len(v)):",
    "return sum(values[1:]) / self.count": "return sum(v[_:])/v.count",
}

TRACEBACK = """Traceback (most recent call last):
  File "/srv/shop/cart.py", line {line}, in total
    return sum(items) / len(items)
ZeroDivisionError: division by zero
"""
CHAIN = (
    TRACEBACK
    + """
During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/srv/shop/shop.py", line 12, in checkout
    raise CheckoutError("no total") from error
shop.errors.CheckoutError: no total
"""
)
PYTEST = """
    def test_total():
>       assert total([1, 2]) == 3
E       assert 2 == 3
E        +  where 2 = total([1, 2])

tests/test_cart.py:{line}: AssertionError
=========================== short test summary info ============================
FAILED tests/test_cart.py::test_total - assert 2 == 3
1 failed in 0.0{line}s
"""
PYTEST_RAISED = """
    def total(items):
>       return sum(items) / len(items)
E       ZeroDivisionError: division by zero

shop/cart.py:{line}: ZeroDivisionError
FAILED tests/test_cart.py::test_total - ZeroDivisionError: division by zero
"""
PYTEST_OTHER_NAME = """
E       shop.models.Cart.Missing: Cart 7 is missing
E       See 'help carts'

shop/cart.py:{line}: Missing
1 failed in 0.03s
"""
UNITTEST = """F
======================================================================
FAIL: test_total (test_cart.CartTest.test_total)
----------------------------------------------------------------------
Traceback (most recent call last):
  File "/srv/shop/test_cart.py", line {line}, in test_total
    self.assertEqual(total([1, 2]), 3)
AssertionError: 2 != 3

----------------------------------------------------------------------
Ran 1 test in 0.00{line}s

FAILED (failures=1)
"""
GROUP = """  + Exception Group Traceback (most recent call last):
  |   File "/srv/shop/cart.py", line {line}, in <module>
  | ExceptionGroup: two went wrong (1 sub-exception)
  +-+---------------- 1 ----------------
    | Traceback (most recent call last):
    |   File "/srv/shop/cart.py", line 3, in <module>
    | ValueError: broken
    +------------------------------------
"""
OUTPUTS = {
    "a traceback": (TRACEBACK, "ZeroDivisionError|by-zero"),
    "a chain: what came out of it": (CHAIN, "CheckoutError|no total"),
    "pytest, a bare assert": (PYTEST, "AssertionError|compared:off-by-one"),
    "pytest, an error": (PYTEST_RAISED, "ZeroDivisionError|by-zero"),
    "pytest, an error of any name": (PYTEST_OTHER_NAME, "Missing|Cart <int> is missing"),
    "unittest": (UNITTEST, "AssertionError|compared:off-by-one"),
    "an exception group": (GROUP, "ValueError|broken"),
}
HOSTILE = {
    "dots": "a." * 500_000,
    "dots and signs": "a.-+" * 250_000,
    "slashes": "/" * 1_000_000,
    "paths": "/a" * 500_000,
    "digits": "1" * 1_000_000,
    "digits and dots": "1." * 500_000,
    "hex": "a1" * 500_000,
    "hex words": "abcdef " * 140_000,
    "quotes": "'\"" * 500_000,
    "escapes": "\x1b[" * 500_000,
    "escape digits": "\x1b[" + "1;" * 500_000,
    "dashes": "1-" * 500_000,
    "ats": "a@a" * 330_000,
    "schemes": "a+a:/" * 200_000,
    "capitals": "A" * 1_000_000,
    "dotted capitals": "A." * 500_000,
    "errors": "Error" * 200_000,
    "lines": "A\n" * 500_000,
    "errors without end": "E   " + "AError" * 160_000,
    "locations": "x:1: " * 200_000,
    "bars": " | " * 330_000,
    "spaces": " " * 1_000_000 + "x",
    "E lines": "E   x\n" * 160_000 + "a.py:1: AError",
    "unicode": "\U0001f642\u0660" * 250_000,
}


@pytest.mark.parametrize("outputs", SAME.values(), ids=SAME)
def test_the_same_error_has_the_same_signature(outputs: list[str]) -> None:
    assert len({of(output) for output in outputs}) == 1


@pytest.mark.parametrize(("line", "expected"), ASSERTED.items(), ids=ASSERTED)
def test_a_line_has_a_shape_without_names_and_values(line: str, expected: str) -> None:
    assert as_asserted(shape(line)) == expected


def test_where_it_was_raised_tells_two_errors_of_one_kind_apart() -> None:
    """The coarse key is the same; the exact one knows line and function, but neither file nor place nor names."""
    one, elsewhere = TRACEBACK.format(line=7), TRACEBACK.format(line=99).replace("/srv/shop/cart", "/home/me/basket")
    other = one.replace("sum(items) / len(items)", "items[0] / 0")
    renamed = elsewhere.replace("items", "things")
    assert of(one) == of(renamed)
    assert coarse(of(one)[0]) == coarse(of(other)[0])
    assert exact(of(one)[0]) != exact(of(other)[0])


def test_different_errors_have_different_signatures() -> None:
    assert len({of(output)[0] for output in DIFFERENT}) == len(DIFFERENT)


@pytest.mark.parametrize(("output", "words"), OUTPUTS.values(), ids=OUTPUTS)
def test_the_error_is_found_in_what_was_printed(output: str, words: str) -> None:
    assert of(output.format(line=7))[1] == words
    assert of(output.format(line=9)) == of(output.format(line=7))


@given(
    st.text(alphabet=st.characters(), max_size=2_000)
    | st.text(alphabet="E ErorAa.:'\"/\\@0x1-\n\x1b[m|<>", max_size=500)
)
def test_any_output_has_a_signature(output: str) -> None:
    name, words = of(output)
    assert re.fullmatch(r"v2:[0-9a-f]{16}\.[0-9a-f]{16}", name)
    assert name == f"{coarse(name)}.{exact(name)}"
    assert "|" in words


@given(
    st.text(max_size=400)
    | st.text(alphabet="abcdefxyzT_ 0123456789.:-+/\\@'\"<>eE\x1b[m\n", max_size=400)
    | st.lists(
        st.sampled_from(["12", "ab", "7f33c1e", "0x", "://", "@", ".", "'", "/", "\x1b", "[0m", " ", "_", "-"])
    ).map("".join)
)
def test_masking_again_changes_nothing(message: str) -> None:
    assert masked(masked(message)) == masked(message)
    assert len(masked(message)) <= MESSAGE_CHARACTERS


def test_half_of_a_surrogate_pair_is_no_obstacle() -> None:
    assert of("ValueError: \udcff")[0] != of("ValueError: \udcfe")[0]


@pytest.mark.parametrize("output", HOSTILE.values(), ids=HOSTILE)
def test_a_megabyte_of_hostile_output_takes_linear_time(output: str) -> None:
    """Nothing here is timed: with a rule that goes back over what it read, this would not end while anybody waits."""
    of(output)
    for pattern, word in _MASKS:  # without the limit on a line's length, which would hide it
        pattern.sub(word, output[:200_000])


def test_a_signature_is_the_same_for_ever() -> None:
    """It stands in logs for years: whoever has to change this line has to change the version, too."""
    assert of("ValueError: broken")[0] == "v2:e306b2756fc22264.afd092672aa3d54d"
