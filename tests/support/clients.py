"""A client under test: where it runs, what it is asked, and a worker by hand.

Here the worker is the test itself, which claims and ends jobs by calls. No assertion about pyjobs
may live here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyjobs import codec
from pyjobs.engine.replies import Claimed
from support.servers import places
from support.store import STORED, Jobs, having

FEW = places("memory", "redis-8.2")
ONE = places("redis-8.2")
EVERY = having("submit")
KEPT = having("submit", STORED)
RELIABLE = having("submit", ["reliable"])
SIMPLE = having("submit", ["simple"])
BOTH = pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
SOON = 10.0

Opener = Callable[..., Any]


def work(jobs: Jobs, count: int = 1) -> list[Claimed]:
    """Claim so many, reverse the text that each holds."""
    claimed = jobs.claim(count).jobs
    assert len(claimed) == count
    for job in claimed:
        jobs.complete(job, result=codec.encode(codec.decode(job.data)[::-1]))
    return claimed
