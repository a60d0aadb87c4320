"""A claimed job without a server, for a unit test. Nothing else may live here."""

from __future__ import annotations

from typing import Any

from pyjobs import clock, codec
from pyjobs.engine import Claimed
from pyjobs.worker import ClaimedJob, Run


def claimed_job(
    data: Any = None,
    *,
    id: str = "job-1",
    queue: str = "default",
    attempt: int = 1,
    task: str = "",
    queued: int | None = None,
    timeout: float | None = None,
    traceparent: str = "",
    tracestate: str = "",
    lost: bool = False,
) -> ClaimedJob:
    """Return a claimed job for a unit test that calls a handler itself. No server is involved.

    Args:
        data: what was submitted. The handler gets it as JSON carries it: a tuple becomes a list.
        id: the job's id.
        queue: the name of the job's queue.
        attempt: the number of the attempt, 1 or more.
        task: the name of the job's task.
        queued: when it was submitted, ms since the epoch. Default: now.
        timeout: seconds that the handler may take; None for no limit.
        traceparent: the W3C trace context of the job's submitter.
        tracestate: the rest of that context.
        lost: what `job.lost` says.

    Raises:
        Unencodable: the data have no JSON.
    """
    body = codec.encode(data)
    at = clock.now_ms() if queued is None else queued
    claimed = Claimed(
        *(0, id, f"{attempt}-test", body, attempt, at, 0, task),
        traceparent=traceparent,
        tracestate=tracestate,
    )
    run = Run(claimed, queue, timeout)
    if lost:
        run.lose()
    return ClaimedJob(run, codec.decode(body))
