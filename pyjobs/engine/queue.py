"""The verbs of lua/queue, which every mode shares: verb -> Call. Pure; only these live here."""

from __future__ import annotations

from collections.abc import Sequence

from pyjobs.engine.call import Call
from pyjobs.engine.replies import Stored, parse_stored
from pyjobs.engine.scripts import script


def fetch(queue: str, ids: Sequence[str]) -> Call[list[Stored]]:
    """What is stored of these jobs (queue/result)."""
    result = script("queue/result")
    return Call(result, (queue,), result.bind(ids), parse_stored)


def wake(queue: str) -> Call[bool]:
    """Pass a wake token on to the next idle worker of this queue (queue/wake)."""
    used = script("queue/wake")
    return Call(used, (queue,), used.bind(), bool)
