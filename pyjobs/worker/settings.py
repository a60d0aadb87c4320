"""The settings of one worker, checked. Nothing else may live here. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from pyjobs.engine import Keys, Mode, ModeName, Policy, mode_named
from pyjobs.errors import BadArgument
from pyjobs.validate import needed, positive, to_ms, whole

MOST_JOBS = 10_000
# A claim reads each queue, and nothing else runs in Redis meanwhile.
MOST_QUEUES = 1000


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """Holds the settings of one worker. To make one, or to replace a field, checks every field but
    the URL, which only the transport can check.

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

    def __post_init__(self) -> None:
        if whole("concurrency", self.concurrency, 1, MOST_JOBS) is None:
            raise BadArgument("concurrency: must be a whole number, not None")
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
    def policy(self) -> Policy:
        """What the worker adds to its calls, in the units of the scripts."""
        return Policy(
            lease=needed("lease", positive("lease", self.lease)),
            retention=to_ms("retention", self.retention),
            max_attempts=whole("max_attempts", self.max_attempts, 1, 1000),
            backoff=to_ms("backoff", self.backoff),
            max_crashes=whole("max_crashes", self.max_crashes, 1, 1000),
        )
