"""The jobs that a client expects results for, where threads meet."""

from __future__ import annotations

from typing import Any, cast
from weakref import ref

from pyjobs.client.pending import Pending


class Job:
    """What is held weakly."""

    id = "a"


def test_a_job_that_another_thread_entered_in_place_of_a_dropped_job_stays() -> None:
    pending: Pending[Any] = Pending()
    dropped = Job()
    dead = ref(dropped)
    newer = Job()
    pending.add("q", [cast(Any, newer)])
    # This thread met the dropped job before the other one entered the newer job.
    pending._remove("q a", cast(Any, dead))
    assert pending.get("q", "a") is newer


def test_a_job_that_the_program_has_dropped_is_removed() -> None:
    pending: Pending[Any] = Pending()
    dropped = Job()
    pending.add("q", [cast(Any, dropped)])
    del dropped
    assert pending.get("q", "a") is None
    assert pending.longest(10) == []
    job, entered = pending.track("q", "a", lambda id, queue: Job())
    assert entered and pending.get("q", "a") is job
