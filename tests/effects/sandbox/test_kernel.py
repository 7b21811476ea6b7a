"""The filter of bubblewrap's programs: what knows no namespace is not there for them, and everything else is."""

import platform

import pytest

from daemon.effects.sandbox.kernel import MACHINES, call_filter
from tests.fakes.sandboxes import need, python

FAMILIES = """
import socket
for family in (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK):
    socket.socket(family, socket.SOCK_DGRAM).close()
for family in (socket.AF_VSOCK, socket.AF_PACKET, socket.AF_ALG):
    try:
        socket.socket(family, socket.SOCK_STREAM).close()
        print("a socket of", family)
    except OSError as error:
        print(error.errno)
"""
RING = "import ctypes; libc = ctypes.CDLL(None, use_errno=True); print(libc.syscall(425, 1, 0), ctypes.get_errno())"
# mov eax, 20 (getpid, as 32-bit programs number it); int 0x80; ret
OLD_NUMBERS = """
import ctypes, mmap
code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
code.write(bytes.fromhex("b814000000cd80c3"))
call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
print(call())
"""


@pytest.fixture(autouse=True)
def _real_filter() -> None:
    need("bubblewrap")
    if not call_filter():
        pytest.skip("no filter is known for this processor")


def test_only_sockets_that_a_namespace_holds_are_made() -> None:
    ran = python("bubblewrap", FAMILIES)
    assert (ran.stdout.split(), ran.stderr) == ([b"97"] * 3, b"")


def test_with_a_network_it_is_the_same() -> None:
    assert python("bubblewrap", FAMILIES, network=True).stdout.split() == [b"97"] * 3


def test_no_ring_makes_calls_behind_the_filter() -> None:
    assert python("bubblewrap", RING).stdout == b"-1 38\n"


def test_the_numbers_of_another_machine_lead_nowhere() -> None:
    """A kernel for 64 bits also answers calls of 32, where the same number means another call."""
    if platform.machine() != "x86_64":
        pytest.skip("the calls are written for one processor")
    assert python("bubblewrap", OLD_NUMBERS).stdout == b"-38\n"


def test_every_machine_has_a_filter_and_an_unknown_one_has_none() -> None:
    assert all(call_filter(machine) for machine in MACHINES)
    assert call_filter("pdp11") == b""
