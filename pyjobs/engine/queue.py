"""The verbs of lua/queue/, which every mode has: verb -> Call. Nothing else may live here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from pyjobs.engine.call import Call
from pyjobs.engine.replies import (
    Announced,
    OutputPage,
    Stored,
    parse_announced,
    parse_output,
    parse_stored,
)
from pyjobs.engine.scripts import script


class Listened(NamedTuple):
    """Holds the reply to queue/listen.

    Attributes:
        taken: whether there was a wake token, which nobody else gets.
        channel: the number of the wake channel to subscribe to; 0 where one was given, and with a
            token.
    """

    taken: bool
    channel: int


def fetch(queue: str, ids: Sequence[str]) -> Call[list[Stored]]:
    """Return the call that reads what is stored of some jobs (queue/result).

    Args:
        queue: the queue's key.
        ids: 1 to 1000 ids; the reply has a `Stored` for each, in this order. Behind 4 MiB of
            results it ends: name the others again.
    """
    result = script("queue/result")
    return Call(result, (queue,), result.bind(ids), parse_stored)


def watch(queue: str, ids: Sequence[str], *, client: str) -> Call[list[Stored]]:
    """Return the call that reads what is stored of some jobs, and lets a client hear how those that
    have not ended will end (queue/watch).

    Args:
        queue: the queue's key.
        ids: 1 to 1000 ids; the reply has a `Stored` for each, in this order. Behind 4 MiB of
            results it ends: name the others again.
        client: the client's name. A job has 16 clients at most; the 17th takes the place of the
            oldest.
    """
    used = script("queue/watch")
    return Call(used, (queue,), used.bind(ids, client=client), parse_stored)


def read_output(queue: str, id: str, *, skip: int, limit: int = 1000) -> Call[OutputPage]:
    """Return the call that reads what a job has written (queue/output).

    Args:
        queue: the queue's key.
        id: the job's id.
        skip: how many chunks to leave out first.
        limit: most chunks, 1 to 1000.
    """
    used = script("queue/output")
    return Call(used, (queue,), used.bind(id=id, skip=skip, limit=limit), parse_output)


def announce(queue: str, worker: str, *, keep: int, about: bytes) -> Call[str]:
    """Return the call that says what a worker of a queue does now (queue/announce). The answer is
    'kept', 'gone' or 'full'.

    Args:
        queue: the queue's key.
        worker: the worker's name.
        keep: ms that the queue keeps this, 0 to 3,600,000; 0 is that the worker has ended.
        about: what the worker says, 4,096 bytes at most.
    """
    used = script("queue/announce")
    words = used.bind(worker=worker, keep=keep, about=about)
    return Call(used, (queue,), words, lambda word: str(word.decode()))


def read_workers(queue: str) -> Call[list[Announced]]:
    """Return the call that reads which workers serve a queue (queue/workers).

    Args:
        queue: the queue's key.
    """
    used = script("queue/workers")
    return Call(used, (queue,), used.bind(), parse_announced)


def wake(queue: str) -> Call[bool]:
    """Return the call that passes a wake token on to the next idle worker (queue/wake).

    Args:
        queue: the queue's key.
    """
    used = script("queue/wake")
    return Call(used, (queue,), used.bind(), bool)


def listen(queue: str, channel: int = 0) -> Call[Listened]:
    """Return the call that takes the wake token of a queue, or says on which wake channel the next
    one is reported (queue/listen).

    Args:
        queue: the queue's key.
        channel: the number of the wake channel that the worker is subscribed to; 0 is none.
    """
    used = script("queue/listen")
    words = used.bind(channel=channel)
    return Call(used, (queue,), words, lambda reply: Listened(bool(reply[0]), int(reply[1])))
