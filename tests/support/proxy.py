"""A TCP proxy between a client and a server, which breaks connections where a test wants it."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit


class Proxy:
    """A way to the server at `url`. A context manager.

    mode    pass        everything goes through
            cut_before  the connection is cut when a request with `needle` comes; the server never
                        sees it
            cut_after   the server runs it, its reply is dropped, and the connection is cut
            stall       the server runs it, and its reply is never sent on; nothing is cut
    left    how many times more; then everything goes through. None is for ever
    seen    how many requests with `needle` came
    """

    def __init__(self, url: str, needle: bytes = b"EVALSHA") -> None:
        address = urlsplit(url)
        self._target = (address.hostname, address.port)
        self._needle = needle
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self.mode = "pass"
        self.left: int | None = None
        self.seen = 0
        self.url = f"redis://127.0.0.1:{self._listener.getsockname()[1]}"

    def breaks(self, mode: str, times: int | None = None) -> None:
        self.mode, self.left = mode, times

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._cut(self._listener, *self._open)

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                self._open += [client, server]
                hit: list[str] = []
                for work in (self._requests, self._replies):
                    threading.Thread(target=work, args=(client, server, hit), daemon=True).start()

    def _requests(self, client: socket.socket, server: socket.socket, hit: list[str]) -> None:
        with suppress(OSError):
            while data := client.recv(1 << 20):
                if self._needle in data:
                    self.seen += 1
                    if self._take():
                        if self.mode == "cut_before":
                            break
                        hit.append(self.mode)
                server.sendall(data)
        self._cut(client, server)

    def _replies(self, client: socket.socket, server: socket.socket, hit: list[str]) -> None:
        with suppress(OSError):
            while data := server.recv(1 << 20):
                if not hit:
                    self._answer(client, data)
                elif hit[0] == "cut_after":
                    break
        self._cut(client, server)

    def _answer(self, client: socket.socket, data: bytes) -> None:
        client.sendall(data)

    def _take(self) -> bool:
        """Whether this request is one to break."""
        if self.mode == "pass" or self.left == 0:
            return False
        if self.left is not None:
            self.left -= 1
        return True

    @staticmethod
    def _cut(*sockets: socket.socket) -> None:
        for one in sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
