"""The clock of a server under test, stepped while the server runs. Nothing about jobs.

Debian's package `faketime` brings the library that a server is started under.
"""

from __future__ import annotations

from pathlib import Path

LIBRARY = "faketime/libfaketime.so.1"
FOLDERS = (Path("/usr/lib"), Path("/usr/local/lib"))


class NoFaketime(RuntimeError):
    """The library faketime is not installed."""


class Clock:
    """Responsible for how far a server's clock is off.

    Args:
        file: where the server's library reads that.
    """

    def __init__(self, file: Path) -> None:
        self._file = file

    def environ(self) -> dict[str, str]:
        """Return the environment of a server whose clock can be stepped.

        Raises:
            NoFaketime: the library is not installed.
        """
        self.step(0)
        return {
            "LD_PRELOAD": str(library()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def step(self, seconds: int) -> None:
        """Put the server's clock so many seconds off."""
        new = self._file.with_suffix(".new")
        new.write_text(f"{seconds:+d}")
        new.replace(self._file)


def library() -> Path:
    """Return the path of the library.

    Raises:
        NoFaketime: the library is not installed.
    """
    for folder in FOLDERS:
        for found in (folder / LIBRARY, *folder.glob(f"*/{LIBRARY}")):
            if found.exists():
                return found
    raise NoFaketime("no libfaketime: install Debian's package faketime")
