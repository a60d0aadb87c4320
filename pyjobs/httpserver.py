"""A small HTTP server in a thread: each path has a function that makes its page.

Only the server may live here; what the pages say is made where it is known.
"""

from __future__ import annotations

import http.server
import logging
import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pyjobs.errors import BadArgument
from pyjobs.log import patient_logger
from pyjobs.validate import host_and_port

log = patient_logger(__name__)
# How long a client may take to send its request.
REQUEST_SECONDS = 5.0
PLAIN = "text/plain; charset=utf-8"


class Page(NamedTuple):
    """Holds the answer to one request.

    Attributes:
        status: the HTTP status.
        body: its bytes.
        content_type: what the body is.
    """

    status: int
    body: bytes
    content_type: str = PLAIN


# Makes a page for what a client accepts, the value of its header `Accept`.
MakePage = Callable[[str], Page]


class PathServer:
    """Responsible for a thread that answers GET and HEAD of some paths, whatever the event loop
    does. Each request has a thread of its own.

    Args:
        name: the argument that has the address; errors begin with it.
        address: `HOST:PORT`, or a port of 127.0.0.1; port 0 takes a free one.
        pages: what makes the page of each path.

    Attributes:
        port: the port that is listened on.
        urls: the URL of each path.

    Raises:
        BadArgument: the address is malformed, or can't be listened on.
    """

    def __init__(self, name: str, address: str, pages: Mapping[str, MakePage]) -> None:
        host, port = host_and_port(name, address)
        kind = _Server6 if ":" in host else _Server
        try:
            self._server = kind((host, port), _handler_of(pages))
        except OSError as error:
            raise BadArgument(f"{name}: can't listen on {address}: {error}") from error
        self._server.timeout = 0.0
        self.port: int = self._server.server_address[1]
        shown = f"[{host}]" if ":" in host else host
        self.urls = [f"http://{shown}:{self.port}{path}" for path in pages]
        self._end, self._ended = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="pyjobs-http", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._close()
            raise
        log.info("answers at %s", ", ".join(self.urls))

    def close(self) -> None:
        """End the thread and wait for its end."""
        self._end.send(b".")
        self._thread.join()
        self._close()

    def _close(self) -> None:
        self._server.server_close()
        self._end.close()
        self._ended.close()

    def _serve(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._server, selectors.EVENT_READ)
            selector.register(self._ended, selectors.EVENT_READ)
            while all(key.fileobj is not self._ended for key, _ in selector.select()):
                self._server.handle_request()


class _Server(http.server.ThreadingHTTPServer):
    """A server that prints nothing when a client breaks off."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a request from %s was broken off", client_address, exc_info=True)


class _Server6(_Server):
    """Listens on an address of IPv6."""

    address_family = socket.AF_INET6


def _handler_of(pages: Mapping[str, MakePage]) -> type[http.server.BaseHTTPRequestHandler]:
    """Return a class that answers GET and HEAD of some paths.

    Args:
        pages: what makes the page of each path.
    """

    failing: set[str] = set()

    class Answer(http.server.BaseHTTPRequestHandler):
        """Responsible for the answers on one connection."""

        timeout = REQUEST_SECONDS
        server_version, sys_version = "pyjobs", ""

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            page = self.made(path) if path in pages else not_found
            self.send_response(page.status)
            self.send_header("Content-Type", page.content_type)
            self.send_header("Content-Length", str(len(page.body)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(page.body)

        def made(self, path: str) -> Page:
            """Return the page of a path. What its maker raises, as a collector of the program may,
            is logged once until the page can be made again."""
            try:
                page = pages[path](self.headers.get("Accept", ""))
            except Exception:
                level = logging.DEBUG if path in failing else logging.ERROR
                failing.add(path)
                log.log(level, "the page %s can't be made", path, exc_info=True)
                return Page(500, b"this page can't be made; the log says why\n")
            failing.discard(path)
            return page

        do_HEAD = do_GET

        def refuse(self) -> None:
            """Answer any other method."""
            self.send_response(405)
            self.send_header("Allow", "GET, HEAD")
            self.send_header("Content-Length", "0")
            self.send_header("Connection", "close")
            self.end_headers()

        do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = refuse

        def log_message(self, format: str, *args: Any) -> None:
            log.debug("request: " + format, *args)

    not_found = Page(
        404, f"no such path at this port, which answers {' and '.join(pages)}\n".encode()
    )
    return Answer
