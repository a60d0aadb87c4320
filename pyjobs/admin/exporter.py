"""The metrics of all queues for Prometheus, asked for at each scrape. Only what a scrape is turned
into may live here; how it is made in time stands in scrape.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pyjobs.admin.scrape import Scraper
from pyjobs.engine import QueueStats
from pyjobs.httpserver import Page
from pyjobs.prometheus import metrics_page, prometheus

# For each gauge of a queue: its name, and what it says.
GAUGES = {
    "quarantined_jobs": "Of the delayed jobs: those that crashed twice and wait for their turn.",
    "broken_entries": "Entries of the list of what could not be run.",
    "oldest_seconds": "Since the submit of the next job that may run; 0 when none waits.",
    "overdue_seconds": "Since the first lease ran out that no call has taken back.",
    "paused": "1 when claims take no jobs.",
    "wanted_slots": "Slots that would run all that waits or runs now; 0 waiting while paused.",
}


def wanted_slots(stats: QueueStats) -> int:
    """Return how many slots of workers would run at once all that waits or runs: what an autoscaler
    divides by the slots of a worker."""
    return stats.inflight + (0 if stats.paused else stats.waiting)


def gauges_of(stats: QueueStats) -> dict[str, float]:
    """Return the gauges of a queue by their names, as GAUGES lists them; a mode that records no
    leases has no `overdue_seconds`."""
    found: dict[str, float] = {
        "quarantined_jobs": stats.quarantined,
        "broken_entries": stats.broken,
        "oldest_seconds": max(0, stats.oldest) / 1000,
        "overdue_seconds": max(0, stats.overdue) / 1000,
        "paused": int(stats.paused != 0),
        "wanted_slots": wanted_slots(stats),
    }
    if stats.mode != "reliable":
        del found["overdue_seconds"]
    return found


class Exporter:
    """Responsible for the metrics of the queues of a server: a registry of prometheus-client that
    makes a scrape each time it is read.

    Args:
        scraper: asks for the numbers.

    Raises:
        MissingExtra: prometheus-client is not installed.
    """

    def __init__(self, scraper: Scraper) -> None:
        library = prometheus()
        self._scraper = scraper
        self._gauge = library.metrics_core.GaugeMetricFamily
        self._registry = library.CollectorRegistry(auto_describe=False)
        self._registry.register(self)

    def describe(self) -> list[Any]:
        """Return nothing: what is registered is not asked for before the first scrape."""
        return []

    def page(self, accept: str) -> Page:
        """Make a scrape, and return its metrics.

        Args:
            accept: the value of the header `Accept`.
        """
        return metrics_page([self._registry], accept)

    def collect(self) -> Iterator[Any]:
        """Make a scrape, and yield its metrics, for the registry."""
        scraped = self._scraper.scrape()
        up = self._gauge("pyjobs_node_up", "1 when the primary has answered.", labels=["node"])
        for node, answered in scraped.nodes.items():
            up.add_metric([node], int(answered))
        yield up
        yield self._gauge(
            "pyjobs_registry_up",
            "1 when the registry of queues was read; 0: the queues are those of an earlier scrape.",
            value=int(scraped.registry is None),
        )
        yield self._gauge("pyjobs_scrape_seconds", "How long it took.", value=scraped.seconds)
        read = self._gauge("pyjobs_queue_up", "1 when the queue was read.", labels=["queue"])
        info = self._gauge("pyjobs_queue_info", "What the queue is.", labels=["queue", "mode"])
        jobs = self._gauge(
            "pyjobs_queue_jobs",
            "Jobs by place: waiting, delayed, inflight, dead. Simple mode has no inflight.",
            labels=["queue", "place"],
        )
        gauges = {
            name: self._gauge(f"pyjobs_queue_{name}", what, labels=["queue"])
            for name, what in GAUGES.items()
        }
        for queue, stats in scraped.stats.items():
            read.add_metric([queue], int(isinstance(stats, QueueStats)))
            if not isinstance(stats, QueueStats):
                continue
            info.add_metric([queue, stats.mode], 1)
            for place in ("waiting", "delayed", "inflight", "dead"):
                if stats.mode != "simple" or place == "waiting":
                    jobs.add_metric([queue, place], getattr(stats, place))
            for name, value in gauges_of(stats).items():
                gauges[name].add_metric([queue], value)
        yield from (read, info, jobs, *gauges.values())
