"""The metrics of all queues for Prometheus, asked for at each scrape. Only what a scrape is turned
into may live here; how it is made in time stands in scrape.py."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from typing import Any

from pyjobs.admin.scrape import Scraped, Scraper
from pyjobs.engine import QueueStats
from pyjobs.httpserver import Page
from pyjobs.prometheus import metrics_page, prometheus

# For each gauge of a queue: its name, and what it says.
GAUGES = {
    "quarantined_jobs": "Of the delayed jobs: those that crashed twice and wait for their turn.",
    "broken_entries": "Entries of the list of what could not be run.",
    "oldest_seconds": "Since the submit of the next job that may run; 0 when none is pending.",
    "overdue_seconds": "Since the first lease ran out that no call has taken back.",
    "paused": "1 when claims take no jobs.",
    "wanted_slots": "Slots for all jobs pending or in flight; while paused, for those in flight.",
}

# What is counted of a queue besides its histograms: the name of the counter, and the label.
EVENT_COUNTERS = {
    **{name: name for name in ("submitted", "retried", "snoozed", "released", "crashed", "dead")},
    **{name: name for name in ("cancelled", "expired", "requeued")},
    "again": "claimed_again",
}
# The counters are below powers of two, ms; every second one is enough for a histogram.
BOUNDS = tuple(4**power for power in range(12))


def wanted_slots(stats: QueueStats) -> int:
    """Return how many slots of workers would run at once all that waits or runs: what an autoscaler
    divides by the slots of a worker."""
    return stats.inflight + (0 if stats.paused else stats.pending)


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
            "Jobs by place: pending, delayed, inflight, dead. Simple mode has no inflight.",
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
            for place in ("pending", "delayed", "inflight", "dead"):
                if stats.mode != "simple" or place == "pending":
                    jobs.add_metric([queue, place], getattr(stats, place))
            for name, value in gauges_of(stats).items():
                gauges[name].add_metric([queue], value)
        yield from (read, info, jobs, *gauges.values())
        yield from self._counted(scraped)

    def _counted(self, scraped: Scraped) -> Iterator[Any]:
        """Yield what the queues have counted since the first scrape."""
        families = importlib.import_module("prometheus_client.metrics_core")
        events = families.CounterMetricFamily(
            "pyjobs_queue_events",
            "What happened to jobs, by whatever client and worker.",
            labels=["queue", "task", "event"],
        )
        wait = families.HistogramMetricFamily(
            "pyjobs_queue_wait_seconds",
            "From submit to claim, of first claims, not of jobs that were delayed.",
            labels=["queue", "task"],
        )
        run = families.HistogramMetricFamily(
            "pyjobs_queue_run_seconds",
            "From claim to end, by whether the run ended well.",
            labels=["queue", "task", "outcome"],
        )
        for queue, totals in scraped.totals.items():
            by_task: dict[str, dict[str, int]] = {}
            for (task, name), value in totals.items():
                by_task.setdefault(task, {})[name] = value
            for task, values in sorted(by_task.items()):
                labels = [queue, printable(task)]
                for name, event in EVENT_COUNTERS.items():
                    if name in values:
                        events.add_metric([*labels, event], values[name])
                wait.add_metric(labels, *histogram_of("wait", values))
                for name, outcome in (("run", "done"), ("fail", "failed")):
                    run.add_metric([*labels, outcome], *histogram_of(name, values))
        yield from (events, wait, run)


def histogram_of(name: str, values: Mapping[str, int]) -> tuple[list[tuple[str, float]], float]:
    """Return the buckets of a histogram, and its sum in seconds.

    Args:
        name: 'wait', 'run' or 'fail'.
        values: counters by their names: `NAME<BOUND` is how many were below a bound, ms, and not
            below half of it; NAME is their sum, ms.
    """
    found = {
        int(key.partition("<")[2]): value
        for key, value in values.items()
        if key.startswith(f"{name}<")
    }
    buckets: list[tuple[str, float]] = [
        (str(bound / 1000), sum(value for low, value in found.items() if low <= bound))
        for bound in BOUNDS
    ]
    return [*buckets, ("+Inf", sum(found.values()))], values.get(name, 0) / 1000


def printable(task: str) -> str:
    """Return the name of a task, which any program may have written, as text for a page."""
    return task.encode(errors="surrogateescape").decode(errors="replace")
