"""The small HTTP server of a worker for probes: /healthz and /readyz.

Only the server may live here; what it answers is judged in vitals.py.
"""

from __future__ import annotations

import http.server
import selectors
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any

from pyjobs.errors import BadArgument
from pyjobs.log import patient_logger
from pyjobs.validate import host_and_port
from pyjobs.worker.vitals import Probed, Vitals

log = patient_logger(__name__)


class HTTPServer(http.server.ThreadingHTTPServer):
    """A server that prints nothing when a client breaks off."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.debug("a probe from %s was broken off", client_address, exc_info=True)


# How long a client may take to send its request.
REQUEST_SECONDS = 5.0


class ProbeServer:
    """Responsible for a thread that answers probes, also while the event loop is blocked.

    Args:
        address: `HOST:PORT`, or a port of 127.0.0.1; port 0 takes a free one.
        vitals: judges the worker.

    Attributes:
        port: the port that is listened on.

    Raises:
        BadArgument: the address is none, or can't be listened on.
    """

    def __init__(self, address: str, vitals: Vitals) -> None:
        where = host_and_port("health", address)
        paths = {"/healthz": vitals.health, "/readyz": vitals.readiness}
        try:
            self._server = HTTPServer(where, handler_of(paths))
        except OSError as error:
            raise BadArgument(f"health: can't listen on {address}: {error}") from error
        self._server.timeout = 0.0
        self.port: int = self._server.server_address[1]
        self._end, self._ended = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, name="pyjobs-probes", daemon=True)
        try:
            self._thread.start()
        except RuntimeError:
            self._close()
            raise
        log.info("answers probes at http://%s:%d/healthz and /readyz", where[0], self.port)

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


def handler_of(
    paths: Mapping[str, Callable[[], Probed]],
) -> type[http.server.BaseHTTPRequestHandler]:
    """Return a class that answers GET and HEAD of some paths: 200 for what is good, else 503.

    Args:
        paths: what judges, by path.
    """

    class Answer(http.server.BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS
        server_version, sys_version = "pyjobs", ""

        def do_GET(self) -> None:
            judge = paths.get(self.path.partition("?")[0])
            found = judge() if judge is not None else None
            status = 404 if found is None else 200 if found.good else 503
            body = f"no such path; there are {', '.join(paths)}" if found is None else found.why
            data = f"{body}\n".encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        do_HEAD = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            log.debug("probe: " + format, *args)

    return Answer
