"""The servers of `memory://`, which are inside this process, and their clock.

`memory://` is for trying things out and for tests. The same name (`memory://NAME`) is the same
server in every client and worker of the process.
"""

from __future__ import annotations

import importlib
import sys
import threading
import time
from typing import Any

from pyjobs import clock
from pyjobs.errors import MissingExtra

_servers: dict[str, Any] = {}


class MovedTime:
    """Stands for the module `time` in fakeredis: its wall clock is that of pyjobs."""

    time = staticmethod(clock.now)

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)


def fake() -> Any:
    """Return the module fakeredis.

    Raises:
        MissingExtra: the extra is not installed.
    """
    try:
        fakeredis = importlib.import_module("fakeredis")
        importlib.import_module("lupa")
    except ImportError:
        raise MissingExtra(
            "memory:// needs the extra 'memory': pip install 'pyjobs[memory]'"
        ) from None
    return fakeredis


def memory(url: str) -> Any:
    """Return the server of a URL, made at the first call.

    Raises:
        MissingExtra: the extra is not installed.
    """
    server = _servers.get(url)
    if server is None:
        made = fake().FakeServer()
        # Its own lock is not reentrant: a signal handler amid a command would wait for ever.
        made.lock = threading.RLock()
        # Two threads could each make the first database of a server that both of them have.
        _ = made.dbs[0]
        # Of servers that several threads make at once, the first is taken.
        server = _servers.setdefault(url, made)
    return server


def forget_memory(url: str) -> None:
    """Drop the server of a URL: the next client of the URL gets an empty one."""
    _servers.pop(url, None)


def move_memory_clock(seconds: float) -> None:
    """Move the clock of every server of `memory://` in this process.

    Args:
        seconds: how far forward; 0 or more.

    Raises:
        MissingExtra: the extra is not installed.
    """
    fake()
    for name, module in list(sys.modules.items()):
        if name.startswith("fakeredis") and vars(module).get("time") is time:
            module.time = MovedTime()  # type: ignore[attr-defined]
    clock.move(seconds)
