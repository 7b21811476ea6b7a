"""Starts the daemon on a disk that stops confirming writes as soon as a file says so: `failing_disk.py VERB …`.

From the moment on at which the file named by FAIL_SYNCS_WHEN exists, the kernel itself answers fsync, fdatasync and
syncfs with EIO, by a seccomp filter over all threads. So the daemon that is tested is the real one, unchanged.
"""

import ctypes
import errno
import os
import platform
import struct
import sys
import threading
import time
from pathlib import Path
from typing import NamedTuple

from daemon.__main__ import main


class Machine(NamedTuple):
    """The numbers that a kernel has for its calls on this processor."""

    arch: int
    seccomp: int
    fsync: int
    fdatasync: int
    syncfs: int


MACHINES = {
    "x86_64": Machine(0xC000003E, 317, 74, 75, 306),
    "aarch64": Machine(0xC00000B7, 277, 82, 83, 267),
}
IS_POSSIBLE = sys.platform == "linux" and platform.machine() in MACHINES
LOOK_EVERY_S = 0.002

# From linux/prctl.h, linux/seccomp.h and linux/bpf_common.h
PR_SET_NO_NEW_PRIVS = 38
SET_MODE_FILTER, ALL_THREADS = 1, 1
LOAD, IS_EQUAL, RETURN = 0x20, 0x15, 0x06
ALLOW, FAIL = 0x7FFF0000, 0x00050000
AT_NUMBER, AT_ARCH = 0, 4


def fail_syncs(*, single_files: bool = True) -> None:
    """From now on no write of this process is confirmed any more; those of single files may still be."""
    machine = MACHINES[platform.machine()]
    files = ((IS_EQUAL, 3, 0, machine.fsync), (IS_EQUAL, 2, 0, machine.fdatasync)) if single_files else ()
    instructions = (  # operation, steps to skip where it is true and where not, operand
        (LOAD, 0, 0, AT_ARCH),
        (IS_EQUAL, 0, 2 + len(files), machine.arch),
        (LOAD, 0, 0, AT_NUMBER),
        *files,
        (IS_EQUAL, 1, 0, machine.syncfs),
        (RETURN, 0, 0, ALLOW),
        (RETURN, 0, 0, FAIL | errno.EIO),
    )
    code = ctypes.create_string_buffer(b"".join(struct.pack("=HBBI", *one) for one in instructions))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(instructions), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    one, none = ctypes.c_ulong(1), ctypes.c_ulong(0)
    if libc.prctl(PR_SET_NO_NEW_PRIVS, one, none, none, none):
        raise OSError(ctypes.get_errno(), "prctl")
    if libc.syscall(ctypes.c_long(machine.seccomp), SET_MODE_FILTER, ALL_THREADS, program):
        raise OSError(ctypes.get_errno(), "seccomp")


def _fail_syncs_when(told: Path) -> None:
    while not told.exists():
        time.sleep(LOOK_EVERY_S)
    try:
        fail_syncs()
    except OSError as error:
        sys.stderr.write(f"no filter: {error}\n")
        os._exit(99)


if __name__ == "__main__":
    threading.Thread(target=_fail_syncs_when, args=[Path(os.environ["FAIL_SYNCS_WHEN"])], daemon=True).start()
    sys.exit(main())
