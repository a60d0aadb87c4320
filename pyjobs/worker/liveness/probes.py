"""What a worker answers by HTTP: its probes /healthz and /readyz, and its metrics.

Which address has which pages is decided here; whether a worker is healthy is judged in vitals.py.
"""

from __future__ import annotations

from collections.abc import Callable

from pyjobs.httpserver import MakePage, Page, PathServer
from pyjobs.validate import host_and_port
from pyjobs.worker.liveness.metrics import WorkerMetrics
from pyjobs.worker.settings import WorkerSettings
from pyjobs.worker.vitals import Probed, Vitals


def probe_pages(vitals: Vitals) -> dict[str, MakePage]:
    """Return the pages of the probes by their paths: status 200 for what is good, else 503.

    Args:
        vitals: judges the worker.
    """
    return {"/healthz": _page_of(vitals.health), "/readyz": _page_of(vitals.readiness)}


class Probes:
    """Responsible for the HTTP servers of one run of a worker: one at each address of its settings,
    which may be the same.

    Args:
        settings: the worker's settings.
        vitals: judges the worker.
        metrics: the worker's metrics; None where no address asks for them.

    Raises:
        BadArgument: an address can't be listened on.
    """

    def __init__(
        self, settings: WorkerSettings, vitals: Vitals, metrics: WorkerMetrics | None
    ) -> None:
        self._servers: list[PathServer] = []
        asked: list[tuple[str, str | None, dict[str, MakePage]]] = [
            ("health", settings.health, probe_pages(vitals)),
            ("metrics", settings.metrics, {} if metrics is None else {"/metrics": metrics.page}),
        ]
        places: dict[tuple[str, int], tuple[str, str, dict[str, MakePage]]] = {}
        for name, address, pages in asked:
            if address is not None:
                place = host_and_port(name, address)
                places.setdefault(place, (name, address, {}))[2].update(pages)
        try:
            for name, address, pages in places.values():
                self._servers.append(PathServer(name, address, pages))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the servers."""
        for server in self._servers:
            server.close()


def _page_of(judge: Callable[[], Probed]) -> MakePage:
    def page(_: str) -> Page:
        found = judge()
        return Page(200 if found.good else 503, f"{found.why}\n".encode())

    return page
