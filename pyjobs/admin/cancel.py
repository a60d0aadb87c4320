"""Ending jobs that have not ended yet. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Sequence

from pyjobs.admin.answers import Answer, ask
from pyjobs.admin.queues import queue_mode
from pyjobs.engine import Keys, StoredVerbs, mode_named
from pyjobs.errors import BadArgument
from pyjobs.transport import Server
from pyjobs.validate import checked


def cancel_jobs(server: Server, keys: Keys, queue: str, ids: Sequence[str]) -> list[Answer]:
    """End jobs that are pending, delayed or in flight (<mode>/cancel).

    A worker that runs such a job has lost it, and its outcome is discarded.

    Args:
        server: a connection from `pyjobs.transport.server`.
        keys: the names under the prefix.
        queue: the queue's name.
        ids: the jobs' ids.

    Returns:
        An answer for each id, in order. `done` is False for a job that is not there or had ended.

    Raises:
        BadArgument: a name is not a name, the mode has no cancel, or there is no such queue;
            nothing was written.
        Unavailable: Redis can't be reached.
    """
    names = [checked("id", id) for id in ids]
    mode = queue_mode(server, keys, queue)
    verbs = mode_named(mode)
    if not isinstance(verbs, StoredVerbs):
        raise BadArgument(f"cancel: {mode} mode has no such verb")
    key = keys.queue(queue)
    return ask(server, names, lambda part: verbs.cancel(key, part), "cancelled")
