"""The settings of one worker, checked. Nothing else may live here. Pure."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

from pyjobs.definition import BaseTask
from pyjobs.engine import Keys, Mode, ModeName, Policy, mode_named
from pyjobs.errors import BadArgument
from pyjobs.validate import count, host_and_port, kind_of, needed, positive, to_ms, whole

ExecutorName = Literal["thread", "process"]
MOST_JOBS = 10_000
# A claim reads each queue, and nothing else runs in Redis meanwhile.
MOST_QUEUES = 1000
EXECUTORS = get_args(ExecutorName)
MOST_BYTES = 2**53


class Children(NamedTuple):
    """Holds how the child processes of a worker are made and replaced.

    Attributes:
        max_jobs: most jobs of one child; None for no limit.
        max_memory: bytes of memory after a job, from which on a child is replaced; None for no
            limit.
        set_up: called in each child before its first job; None for nothing.
    """

    max_jobs: int | None = None
    max_memory: int | None = None
    set_up: Callable[[], None] | None = None


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """Holds the settings of one worker. A new instance checks every field but the URL, which only
    the transport can check.

    Attributes:
        url: where Redis is, a URL that was checked.
        mode_name: 'simple', 'recoverable' or 'reliable'.
        queues: the queues' names, most urgent first.
        concurrency: how many jobs run at once.
        prefetch: how many jobs are claimed beyond those that run; None fits the number to them.
        prefix: what every key begins with.
        lease: seconds that a claim holds without a renewal.
        timeout: seconds that a handler may take, where the job has no limit; None for no limit.
        grace: seconds that running jobs get to finish after a stop.
        retention: seconds that results are kept; None leaves it to the script.
        max_attempts: handled failures until a job is dead; None leaves it to the script.
        backoff: seconds before the second attempt; None leaves it to the script.
        max_crashes: leases of one job that may run out until it is dead; None leaves it to the
            script.
        wait: seconds that a start waits for a Redis that is away.
        executor: 'thread' or 'process', for a plain handler.
        max_jobs_per_child: most jobs of one child process; None for no limit.
        max_memory_per_child: bytes of memory from which on a child process is replaced; None for
            no limit.
        child_processes: how many child processes; None for the number that fits.
        has_process_tasks: whether tasks run in child processes, whatever `executor` says.
        set_up_child: called in each child process before its first job; None for nothing.
        scheduled: the tasks whose schedules the worker makes.
        lifespan: called with the worker at the start of a run, returns the context manager around
            the run; None for none.
        on_dead: called with the job and its error when the worker has made it dead; None for
            nothing.
        has_dead_hooks: whether tasks have an `on_dead` of their own.
        health: [HOST:]PORT where probes are answered; None for nowhere.
        metrics: [HOST:]PORT where Prometheus gets its metrics; None for nowhere.
        middleware: each returns the context manager around a run of a job, the outermost first.

    Raises:
        BadArgument: a field is not what it must be; the message names the field.
    """

    url: str
    mode_name: ModeName
    queues: tuple[str, ...]
    concurrency: int
    prefetch: int | None
    prefix: str
    lease: float
    timeout: float | None
    grace: float
    retention: float | None
    max_attempts: int | None
    backoff: float | None
    max_crashes: int | None
    wait: float = 0.0
    executor: ExecutorName = "thread"
    max_jobs_per_child: int | None = None
    max_memory_per_child: int | None = None
    child_processes: int | None = None
    has_process_tasks: bool = False
    set_up_child: Callable[[], None] | None = None
    scheduled: tuple[BaseTask[..., Any], ...] = ()
    lifespan: Callable[[Any], Any] | None = None
    middleware: tuple[Callable[[Any], Any], ...] = ()
    on_dead: Callable[..., Any] | None = None
    has_dead_hooks: bool = False
    health: str | None = None
    metrics: str | None = None

    def __post_init__(self) -> None:
        count("concurrency", self.concurrency, 1, MOST_JOBS)
        whole("prefetch", self.prefetch, 0, MOST_JOBS)
        mode_named(self.mode_name)
        if not self.queues:
            raise BadArgument("queues: none was given")
        if len(self.queues) > MOST_QUEUES:
            raise BadArgument(f"queues: {len(self.queues)}, more than {MOST_QUEUES}")
        twice = next((name for name in self.queues if self.queues.count(name) > 1), None)
        if twice is not None:
            raise BadArgument(f"queues: {twice!r} is there twice")
        positive("timeout", self.timeout)
        needed("grace", to_ms("grace", self.grace))
        needed("wait", to_ms("wait", self.wait))
        if self.executor not in EXECUTORS:
            raise BadArgument(f"executor: {self.executor!r} is not one of {', '.join(EXECUTORS)}")
        for name in ("health", "metrics"):
            if (address := getattr(self, name)) is not None:
                host_and_port(name, address)
        for name in ("lifespan", "on_dead"):
            hook = getattr(self, name)
            if hook is not None and not callable(hook):
                raise BadArgument(f"{name}: {kind_of(hook)} can't be called")
        for name in ("max_jobs_per_child", "max_memory_per_child", "child_processes"):
            most = MOST_JOBS if name == "child_processes" else MOST_BYTES
            if whole(name, getattr(self, name), 1, most) and self.children is None:
                raise BadArgument(f"{name}: only executor='process' has child processes")
        # The keys check the names of queues and the prefix, the policy what is passed to scripts.
        _ = self.queue_keys, self.policy

    @property
    def mode(self) -> Mode:
        """The mode of this name."""
        return mode_named(self.mode_name)

    @property
    def keys(self) -> Keys:
        """The Redis keys under the prefix."""
        return Keys(self.prefix)

    @property
    def queue_keys(self) -> tuple[str, ...]:
        """The queues' keys, in the order of `queues`."""
        return tuple(map(self.keys.queue, self.queues))

    @property
    def children(self) -> Children | None:
        """How child processes are made and replaced; None where handlers run in threads."""
        if self.executor != "process" and not self.has_process_tasks:
            return None
        return Children(self.max_jobs_per_child, self.max_memory_per_child, self.set_up_child)

    @property
    def child_count(self) -> int:
        """How many child processes: of a handler `concurrency`, as its settings say; of tasks no
        more than there are cores, since other tasks need none."""
        if self.child_processes is not None:
            return self.child_processes
        if self.executor == "process":
            return self.concurrency
        return min(self.concurrency, os.cpu_count() or 1)

    @property
    def policy(self) -> Policy:
        """What the worker adds to its calls, in the units of the scripts."""
        return Policy(
            lease=needed("lease", positive("lease", self.lease)),
            retention=to_ms("retention", self.retention),
            max_attempts=whole("max_attempts", self.max_attempts, 1, 1000),
            backoff=to_ms("backoff", self.backoff),
            max_crashes=whole("max_crashes", self.max_crashes, 1, 1000),
            names_deaths=self.on_dead is not None or self.has_dead_hooks,
            traces=bool(self.middleware),
        )
