"""What the tests of both clients share: places, modes, and `work`, which does what a worker does.

No assertion about pyjobs may live here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pyjobs import codec
from pyjobs.engine.replies import Claimed
from support.servers import CLIENT_CODE_PLACES, CLIENT_SOCKET_PLACES, at
from support.store import STORED, Jobs, having

FEW = at(CLIENT_CODE_PLACES)
ONE = at(CLIENT_SOCKET_PLACES)
EVERY = having("submit")
KEPT = having("submit", STORED)
RELIABLE = having("submit", ["reliable"])
SIMPLE = having("submit", ["simple"])
BOTH = pytest.mark.parametrize("aio", [False, True], ids=["sync", "async"])
SOON = 30.0

Opener = Callable[..., Any]


def work(jobs: Jobs, count: int = 1) -> list[Claimed]:
    """Claim `count` jobs, and complete each with its text reversed."""
    claimed = jobs.claim(count).jobs
    assert len(claimed) == count
    for job in claimed:
        jobs.complete(job, result=codec.encode(codec.decode(job.data)[::-1]))
    return claimed
