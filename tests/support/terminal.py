"""A command on a terminal of a given size: what its screen shows, its keys, how it ends.

No assertion about pyjobs may live here.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping
from typing import Any, Self

SECONDS = 30.0
ENTER, LEAVE, HOME = "\x1b[?1049h", "\x1b[?1049l", "\x1b[H"
ESCAPE = re.compile(r"\x1b\[[?0-9;]*[A-Za-z]")
WIDE, HIGH = 100, 30
# Ctrl-C reaches the programs of the terminal that controls them.
START = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
import pyjobs.cli.app
print("READY", flush=True)
pyjobs.cli.main(sys.argv[1:])
"""
READY = "READY\r\n"


class Terminal:
    """Responsible for one command and its terminal; a context manager, which kills what still runs.

    Args:
        words: the words behind `pyjobs`.
        size: columns and lines.
        environ: variables of the command's environment, added to those of this process.

    Attributes:
        process: the command.
        said: all that it has written.
    """

    def __init__(
        self,
        *words: str,
        size: tuple[int, int] = (WIDE, HIGH),
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._ours, self._theirs = pty.openpty()
        self.resize(*size)
        self.before = self.modes()
        self.said = ""
        # These two count before the size of the terminal; processes of pytest have one.
        known = {name: os.environ[name] for name in os.environ.keys() - {"COLUMNS", "LINES"}}
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", START, *words],
            stdin=self._theirs, stdout=self._theirs, stderr=self._theirs, start_new_session=True,
            env={**known, "TERM": "xterm", **(environ or {})},
        )  # fmt: skip
        os.set_blocking(self._ours, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self._theirs)

    def modes(self) -> list[Any]:
        """The settings of the terminal, such as whether it echoes."""
        return termios.tcgetattr(self._theirs)

    def resize(self, wide: int, high: int) -> None:
        """Give the terminal another size."""
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", high, wide, 0, 0))

    def press(self, keys: str) -> None:
        """Type some keys."""
        os.write(self._ours, keys.encode())

    def read(self) -> None:
        """Take what the command has written meanwhile."""
        try:
            while part := os.read(self._ours, 65536):
                self.said += part.decode()
        except (BlockingIOError, OSError):
            pass

    def frames(self) -> list[str]:
        """The texts that were drawn, each with its lines as they stand on the screen. The last one
        may not be whole yet."""
        drawn = self.said.partition(ENTER)[2].partition(LEAVE)[0].split(HOME)[1:]
        plain = [ESCAPE.sub("", frame).replace("\r", "") for frame in drawn]
        return [frame for frame in plain if frame.strip()]

    def wait_for(self, what: Callable[[list[str]], Any]) -> str:
        """Wait until the frames are so; returns the last one that is whole.

        Raises:
            AssertionError: they are not in time.
        """
        until = time.monotonic() + SECONDS
        while True:
            self.read()
            whole = self.frames()[:-1]
            if whole and what(whole):
                return whole[-1]
            if time.monotonic() > until or self.process.poll() is not None:
                raise AssertionError(f"not drawn: {self.said[-2000:]!r}")
            time.sleep(0.01)

    def end(self) -> int:
        """Wait for the end of the command; returns its exit code."""
        code = self.process.wait(SECONDS)
        self.read()
        return code
