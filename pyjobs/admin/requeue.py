"""Putting dead jobs back into their queue: some of them, or all. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Sequence

from pyjobs.admin.answers import Answer, ask
from pyjobs.engine import MAX_ITEMS, RELIABLE, Keys
from pyjobs.transport import Server, run
from pyjobs.validate import checked


def requeue_jobs(server: Server, keys: Keys, queue: str, ids: Sequence[str]) -> list[Answer]:
    """Put dead jobs back into their queue, with nothing counted against them (reliable/requeue).

    Args:
        server: a connection from `pyjobs.transport.server`.
        keys: the names under the prefix.
        queue: the queue's name.
        ids: the jobs' ids.

    Returns:
        An answer for each id, in order. `done` is False for a job that is not dead, is not there,
        or whose unique key another live job holds.

    Raises:
        BadArgument: a name is not a name; nothing was written.
        WrongMode: the queue is not reliable; nothing was written.
        Unavailable: Redis can't be reached.
    """
    return _requeue(server, keys.queue(queue), [checked("id", id) for id in ids])


def requeue_all(server: Server, keys: Keys, queue: str) -> list[Answer]:
    """Put all jobs that are dead now back into their queue, page by page, the longest dead first.

    The number of jobs is read once, at the start, so that a job which dies again meanwhile does
    not keep the loop alive (reliable/dead, reliable/requeue).

    Args:
        server: a connection from `pyjobs.transport.server`.
        keys: the names under the prefix.
        queue: the queue's name.

    Returns:
        An answer for each job. `done` is False for a job whose unique key another live job holds.

    Raises:
        BadArgument: the queue's name is not a name; nothing was written.
        WrongMode: the queue is not reliable; nothing was written.
        Unavailable: Redis can't be reached.
    """
    key = keys.queue(queue)
    answers: list[Answer] = []
    page = run(server, RELIABLE.dead(key, skip=0, limit=MAX_ITEMS))
    left, stay = page.total, 0
    while ids := [job.id for job in page.jobs[:left]]:
        found = _requeue(server, key, ids)
        answers += found
        left -= len(ids)
        # These jobs stay dead at the head of the list, so the next page begins behind them.
        stay += sum(answer.word == "CONFLICT" for answer in found)
        page = run(server, RELIABLE.dead(key, skip=stay, limit=MAX_ITEMS))
    return answers


def _requeue(server: Server, key: str, ids: Sequence[str]) -> list[Answer]:
    return ask(server, ids, lambda part: RELIABLE.requeue(key, part), "pending")
