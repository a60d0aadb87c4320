"""A primary and its replicas, which may be behind. No assertion about pyjobs may live here."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from pyjobs.testing import Server
from pyjobs.transport.server import connect
from support.running import wait_until
from support.servers import PREFERRED, own_server

SOON = 60.0
WHOLE = 1 << 16


class Lag:
    """A way from a replica to its primary, on which what the primary sends is `seconds` late.

    A cut drops what is under way, as the end of the primary's machine does.
    """

    def __init__(self, port: int) -> None:
        self._target = ("127.0.0.1", port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.port: int = self._listener.getsockname()[1]
        self.seconds = 0.0

    def __enter__(self) -> Lag:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.cut()

    def cut(self) -> None:
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                replica, _ = self._listener.accept()
                primary = socket.create_connection(self._target)
                self._open += [replica, primary]
                late: deque[tuple[float, bytes]] = deque()
                threading.Thread(target=self._pass, args=(replica, primary), daemon=True).start()
                threading.Thread(target=self._hold, args=(primary, late), daemon=True).start()
                threading.Thread(target=self._late, args=(replica, late), daemon=True).start()

    def _pass(self, replica: socket.socket, primary: socket.socket) -> None:
        with suppress(OSError):
            while data := replica.recv(WHOLE):
                primary.sendall(data)

    def _hold(self, primary: socket.socket, late: deque[tuple[float, bytes]]) -> None:
        with suppress(OSError):
            while data := primary.recv(WHOLE):
                late.append((time.monotonic() + self.seconds, data))

    def _late(self, replica: socket.socket, late: deque[tuple[float, bytes]]) -> None:
        with suppress(OSError):
            while True:
                if not late:
                    time.sleep(0.001)
                    continue
                due, data = late.popleft()
                time.sleep(max(0.0, due - time.monotonic()))
                replica.sendall(data)


class Replicated:
    """A primary, its replicas, and the way of each to the primary."""

    def __init__(self, primary: Server, replicas: list[Server], ways: list[Lag]) -> None:
        self.primary, self.replicas, self.ways = primary, replicas, ways

    @property
    def url(self) -> str:
        return self.primary.url

    def behind(self, seconds: float) -> None:
        for way in self.ways:
            way.seconds = seconds

    def catch_up(self) -> None:
        self.behind(0.0)
        with connect(self.url, reply_seconds=SOON + 1) as server:
            server.set("caught", "up")
            assert server.wait(len(self.replicas), int(SOON * 1000)) == len(self.replicas)

    def die(self) -> None:
        """The end of the primary's machine: what was under way to the replicas is gone too."""
        self.primary.kill()
        for way in self.ways:
            way.cut()

    def promote(self) -> Server:
        """Make the replica that has most the primary, as a sentinel does."""
        found = max(self.replicas, key=offset)
        with connect(found.url) as server:
            server.execute_command("REPLICAOF", "NO", "ONE")
        return found


def offset(replica: Server) -> int:
    with connect(replica.url) as server:
        return int(server.info("replication")["slave_repl_offset"])


def is_linked(replica: Server) -> bool:
    with connect(replica.url) as server:
        return bool(server.info("replication")["master_link_status"] == "up")


def online(primary: Server) -> int:
    with connect(primary.url) as server:
        found = server.info("replication")
    return sum(
        isinstance(one, dict) and one.get("state") == "online"
        for name, one in found.items()
        if name.startswith("slave")
    )


@contextmanager
def replicated(number: int, name: str = PREFERRED, *args: str) -> Iterator[Replicated]:
    """A primary and so many replicas, which are in step."""
    # Without a disk, a first synchronisation waits for more replicas: 5 seconds by default.
    settings = ("--repl-diskless-sync-delay", "0", *args)
    with ExitStack() as stack:
        primary = stack.enter_context(own_server(*settings, name=name))
        ways = [stack.enter_context(Lag(primary.port)) for _ in range(number)]
        replicas = [
            stack.enter_context(
                own_server("--replicaof", "127.0.0.1", str(way.port), *args, name=name)
            )
            for way in ways
        ]
        wait_until(lambda: online(primary) == number and all(map(is_linked, replicas)), SOON)
        yield Replicated(primary, replicas, ways)
