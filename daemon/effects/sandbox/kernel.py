"""What a namespace does not part from the host: kept from a program by a filter of its calls to the kernel.

Two ways lead out of namespaces. Keyrings go by user and by session, so a program would read the keys of whoever started
the daemon. And sockets of some families know no network namespace: those of VSOCK reach the machine that this one runs
on. Docker brings a filter of its own.
"""

import errno
import platform
import struct
from typing import NamedTuple


class Machine(NamedTuple):
    """How the kernel numbers these calls on a processor."""

    name: int
    socket: int
    keyrings: tuple[int, ...]  # add_key, request_key, keyctl


MACHINES = {
    "x86_64": Machine(0xC000003E, 41, (248, 249, 250)),
    "aarch64": Machine(0xC00000B7, 198, (217, 218, 219)),
    "riscv64": Machine(0xC00000F3, 198, (217, 218, 219)),
}
RINGS = (425, 426, 427)  # io_uring everywhere: through one, a socket is made that no filter sees
FAMILIES = (1, 2, 10, 16)  # UNIX, INET, INET6 and NETLINK: what a namespace of the network holds
OTHER_NUMBERS = 0x40000000  # x86_64 counts its calls a second time from here

# From linux/seccomp.h, linux/bpf_common.h and struct seccomp_data
LOAD, IS_EQUAL, IS_AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000
NUMBER, MACHINE, FIRST_ARGUMENT = 0, 4, 16  # of an argument the half that counts here, as these machines order it


def call_filter(machine: str = "") -> bytes:
    """The filter, as bubblewrap reads it; empty for a processor whose numbers are not known here."""
    numbers = MACHINES.get(machine or platform.machine())
    if numbers is None:
        return b""
    absent = (*numbers.keyrings, *RINGS)
    steps = [  # operation, operand, where to go on if it is true, and where if not
        (LOAD, MACHINE, "", ""),
        (IS_EQUAL, numbers.name, "", "absent"),
        (LOAD, NUMBER, "", ""),
        (IS_AT_LEAST, OTHER_NUMBERS, "absent", ""),
        *((IS_EQUAL, number, "absent", "") for number in absent),
        (IS_EQUAL, numbers.socket, "", "allow"),
        (LOAD, FIRST_ARGUMENT, "", ""),
        *((IS_EQUAL, family, "allow", "") for family in FAMILIES),
    ]
    ends = {"no_family": FAIL | errno.EAFNOSUPPORT, "absent": FAIL | errno.ENOSYS, "allow": ALLOW}
    places = {name: len(steps) + number for number, name in enumerate(ends)}

    def skip(here: int, name: str) -> int:
        return places[name] - here - 1 if name else 0

    words = [(operation, skip(at, yes), skip(at, no), word) for at, (operation, word, yes, no) in enumerate(steps)]
    words += [(RETURN, 0, 0, answer) for answer in ends.values()]
    return b"".join(struct.pack("=HBBI", *word) for word in words)
