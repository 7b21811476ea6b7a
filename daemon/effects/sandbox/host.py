"""What of this machine a program may see, and as whom: the same for all levels."""

import hashlib
import math
import os
from pathlib import Path

from daemon.effects.sandbox import Command, Level
from daemon.effects.world import Fault

NOBODY = 65534
GRACE_S = 5
HOME, TEMPORARY = "/home/mendd", "/tmp"  # noqa: S108  a path inside the sandbox
BASE_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
LOOKED_UP = (  # what loading a library, a name of a service, a time zone or a certificate needs
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/alternatives",
    "/etc/localtime",
    "/etc/mime.types",
    "/etc/protocols",
    "/etc/services",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/ca-certificates",
    "/etc/pki/tls/certs",
    "/etc/pki/ca-trust/extracted",
)
NAME_SERVER = "/etc/resolv.conf"


def user() -> tuple[int, int]:
    """The host's uid and gid of the programs: ours, or nobody's if we are root."""
    return (NOBODY, NOBODY) if os.geteuid() == 0 else (os.geteuid(), os.getegid())


def written_files() -> dict[str, str]:
    """Files of /etc that are not the machine's, so that they say nothing about it."""
    uid, gid = user()
    return {
        "/etc/passwd": f"root:x:0:0::/:/bin/sh\nmendd:x:{uid}:{gid}::{HOME}:/bin/sh\n",
        "/etc/group": f"root:x:0:\nmendd:x:{gid}:\n",
        "/etc/hosts": "127.0.0.1 localhost\n::1 localhost\n",
        "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
    }


def exactly(command: Command, home: str = HOME, temporary: str = TEMPORARY) -> list[str]:
    """The argv that starts the program in its own environment and no other; also says 127 when there is none."""
    base = {"PATH": BASE_PATH, "HOME": home, "TMPDIR": temporary, "LANG": "C.UTF-8"}
    environment = [f"{name}={value}" for name, value in (base | command.environment).items()]
    return ["/usr/bin/env", "-i", *environment, *command.argv]


def timed(command: Command) -> list[str]:
    """What ends the program by itself, later than we would: for the case that we are gone."""
    return ["timeout", "-k", "1", str(math.ceil(command.seconds) + GRACE_S)]


def give(command: Command) -> None:
    """Let the writable mounts belong to the program's user; it does nothing where they do already.

    The top goes last, so that a half-given tree is given again. Links are not followed. May take its time.
    """
    if os.geteuid() != 0:
        return
    uid, gid = user()
    for source in (Path(mount.source) for mount in command.mounts if mount.writable):
        if source.lstat().st_uid == uid:
            continue
        for folder, _, files, descriptor in os.fwalk(source, topdown=False):
            for name in files:
                os.chown(name, uid, gid, dir_fd=descriptor, follow_symlinks=False)
            if Path(folder) != source:
                os.fchown(descriptor, uid, gid)
        os.chown(source, uid, gid)


def label(owner: str) -> str:
    """A short name for a daemon, so that it sweeps up after itself and not after others."""
    return hashlib.sha256(owner.encode()).hexdigest()[:12]


def cannot(level: Level, what: str) -> Fault:
    """What this level has no means for; another one has."""
    return Fault("sandbox_cannot", f"the {level} sandbox cannot {what}; `HOLDS` says which level can")
