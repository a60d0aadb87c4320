"""What a worker measures of its jobs and of itself, for Prometheus. Only this may live here.

Nothing is measured where no address asks for metrics.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from typing import Any

from pyjobs.definition import BaseTask
from pyjobs.httpserver import Page
from pyjobs.prometheus import BUCKETS, metrics_page, prometheus
from pyjobs.worker.claiming import REFUSED, EndedRun, Request
from pyjobs.worker.liveness.heartbeat import Heartbeat
from pyjobs.worker.liveness.watched import Watched
from pyjobs.worker.refusals import CANCELLED
from pyjobs.worker.run import Run, RunState
from pyjobs.worker.settings import WorkerSettings

# A producer chooses the names of tasks that a handler gets. What comes after so many is OTHER.
MOST_TASKS = 200
OTHER = "other"
LABELS = ("queue", "task")
# What a failure asks for, where the script tries the job again.
PUT_OFF = {"snooze": "snoozed", "continue": "continued"}


def outcome_label(ended: EndedRun, word: str) -> str:
    """Return what became of a job, as the label `outcome`.

    Args:
        ended: the run and the outcome that was sent.
        word: what the script answered.
    """
    outcome = ended[1]
    if word == CANCELLED:
        return "cancelled"
    if word in REFUSED:
        return "lost"
    if outcome.verb == "complete":
        return "done"
    if outcome.verb != "fail":
        return "dead" if word == "dead" else "released"
    if word.startswith("delayed"):
        return PUT_OFF.get(outcome.verdict.partition("=")[0], "retried")
    return "dead" if word == "dead" else "failed"


class WorkerMetrics:
    """Responsible for the metrics of one run of a worker.

    Args:
        settings: the worker's settings.
        tasks: the names of its tasks.
        watched: its parts.
        heartbeat: knows the leases; None in a mode without leases.
        clock: seconds since the epoch.

    Raises:
        MissingExtra: prometheus-client is not installed.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        tasks: Iterable[str],
        watched: Watched,
        heartbeat: Heartbeat | None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        library = prometheus()
        self._heartbeat = heartbeat
        self._settings, self._watched, self._clock = settings, watched, clock
        self._tasks = {*tasks, ""}
        self._most = len(self._tasks) + MOST_TASKS
        self._own = library.CollectorRegistry()
        self._all = [self._own, library.REGISTRY]
        self._gauge, self._info = (
            library.metrics_core.GaugeMetricFamily,
            library.metrics_core.InfoMetricFamily,
        )
        self._own.register(self)
        self._jobs = library.Counter(
            "pyjobs_jobs",
            "Runs that ended, by what became of the job.",
            (*LABELS, "outcome"),
            registry=self._own,
        )
        self._wait = library.Histogram(
            "pyjobs_job_wait_seconds",
            "From the submit of a job to its first start, a delay included.",
            LABELS,
            buckets=BUCKETS,
            registry=self._own,
        )
        self._run = library.Histogram(
            "pyjobs_job_run_seconds",
            "How long a handler ran, whatever became of the job.",
            LABELS,
            buckets=BUCKETS,
            registry=self._own,
        )

    def started(self, run: Run) -> None:
        """Count the wait of a job whose handler is started, at its first attempt."""
        if run.attempt == 1:
            waited = max(0.0, self._clock() - run.queued / 1000)
            self._wait.labels(run.queue, self._named(run.task)).observe(waited)

    def ended(self, run: Run, now: float) -> None:
        """Count the run time of a handler that has ended.

        Args:
            run: the run.
            now: seconds of the monotonic clock.
        """
        if run.started_at is not None:
            ran = now - run.started_at
            self._run.labels(run.queue, self._named(run.task)).observe(ran)

    def answered(self, requests: Sequence[Request], answers: Sequence[Any]) -> None:
        """Count the outcomes that a round trip has recorded.

        Args:
            requests: what was sent.
            answers: for each request its parsed reply, or a PyjobsError in its place.
        """
        for request, answer in zip(requests, answers, strict=True):
            if not request.ended or isinstance(answer, Exception):
                continue
            for ended, word in zip(request.ended, answer, strict=True):
                outcome = outcome_label(ended, word)
                # A run that its heartbeat has found lost was counted then.
                if not (outcome in ("lost", "cancelled") and ended[0].state is RunState.LOST):
                    self._count(ended[0], outcome)

    def lost(self, run: Run, why: str) -> None:
        """Count a job that was lost before an outcome was sent.

        Args:
            run: the run.
            why: the word of a script, or any other text.
        """
        if run in self._watched.core.held:
            self._count(run, "cancelled" if why == CANCELLED else "lost")

    def page(self, accept: str) -> Page:
        """Return all metrics, and those that the program has registered with prometheus-client.

        Args:
            accept: the value of the header `Accept`.
        """
        return metrics_page(self._all, accept)

    def collect(self) -> Iterator[Any]:
        """Yield the metrics of the worker's state, for the registry."""
        watched, now = self._watched, time.monotonic()
        settings = self._settings
        yield self._info(
            "pyjobs_worker",
            "What the worker is.",
            {
                "version": version("pyjobs"),
                "mode": settings.mode_name,
                "queues": ",".join(settings.queues),
            },
        )
        held = Counter(run.queue for run in list(watched.core.held))
        family = self._gauge(
            "pyjobs_worker_held_jobs",
            "Jobs that are claimed and whose outcome is not recorded yet.",
            labels=["queue"],
        )
        for queue in settings.queues:
            family.add_metric([queue], held[queue])
        yield family
        for name, what, value in (
            ("slots", "How many jobs the worker runs at once.", settings.concurrency),
            ("running_jobs", "Handlers that run.", watched.executor.running),
            (
                "abandoned_handlers",
                "Handlers that still run although their jobs were given up.",
                watched.executor.abandoned,
            ),
            (
                "loop_lag_seconds",
                "How late the event loop turns.",
                watched.loop.lag(now),
            ),
            (
                "last_answer_seconds",
                "Since Redis has answered a claim, a heartbeat or a wait.",
                watched.vitals.still(),
            ),
            ("healthy", "1 when /healthz says so.", watched.vitals.health().good),
            ("ready", "1 when /readyz says so.", watched.vitals.readiness().good),
        ):
            yield self._gauge(f"pyjobs_worker_{name}", what, value=value)
        if self._heartbeat is not None:
            yield self._gauge("pyjobs_worker_lease_seconds", "The lease.", value=settings.lease)
            yield self._gauge(
                "pyjobs_worker_heartbeat_lag_seconds",
                "How late the heartbeat of the held jobs is; two thirds of the lease lose them.",
                value=self._heartbeat.lag(now),
            )

    def _count(self, run: Run, outcome: str) -> None:
        self._jobs.labels(run.queue, self._named(run.task), outcome).inc()

    def _named(self, task: str) -> str:
        if task not in self._tasks:
            if len(self._tasks) >= self._most:
                return OTHER
            self._tasks.add(task)
        return task


def metrics_of(
    settings: WorkerSettings,
    tasks: Mapping[str, BaseTask[..., Any]] | None,
    watched: Watched,
    heartbeat: Heartbeat | None,
) -> WorkerMetrics | None:
    """Return the metrics of a run of a worker, None where no address asks for them.

    Args:
        settings: the worker's settings.
        tasks: its tasks, by name.
        watched: its parts.
        heartbeat: knows the leases; None in a mode without leases.

    Raises:
        MissingExtra: prometheus-client is not installed.
    """
    if settings.metrics is None:
        return None
    return WorkerMetrics(settings, tasks or (), watched, heartbeat)
