"""A second Docker Engine beside the machine's, to be stopped and killed at will.

What must never enter: anything that a test wants to show of it.
"""

import contextlib
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from tests.fakes.sandboxes import alive, end


class Engine:
    """An engine of our own beside the machine's, to be stopped at will. It borrows the bridge, or would remove it."""

    def __init__(self, folder: Path, unseen: Path | None = None) -> None:
        """Its files are in this folder; it may live where another folder of this machine cannot be seen."""
        self.socket = folder / "docker.sock"
        elsewhere = ["unshare", "--mount", "/bin/sh", "-c", f"mount -t tmpfs none '{unseen}' && exec \"$@\"", "sh"]
        self._start = [
            *(elsewhere if unseen else []),
            "dockerd",
            "--host",
            f"unix://{self.socket}",
            "--data-root",
            str(folder / "data"),
        ]
        self._start += ["--exec-root", str(folder / "exec"), "--pidfile", str(folder / "pid"), "--bridge", "docker0"]
        self._start += ["--iptables=false", "--ip-masq=false", "--storage-driver", "vfs"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"unix://{self.socket}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = subprocess.Popen(self._start, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            if subprocess.run(["docker", "-H", self.url, "version"], capture_output=True, check=False).returncode == 0:
                return
            threading.Event().wait(0.05)
        pytest.fail("a second engine does not start")

    def stop(self, number: int) -> None:
        """End it by this signal."""
        assert self._process
        self._process.send_signal(number)
        self._process.wait(30)

    def clear(self) -> None:
        """An engine that was killed leaves its own helpers, and mounts."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop(signal.SIGTERM)
        folder = str(self.socket.parent)
        end(alive(folder))
        for line in reversed(Path("/proc/mounts").read_text().splitlines()):
            if folder in line.split()[1]:
                subprocess.run(["umount", "--lazy", line.split()[1]], check=False)
