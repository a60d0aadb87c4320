"""A ClientCore under test, its submits, and made-up replies and messages. No assertion about pyjobs
may live here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyjobs.client.batch import Batch, JobsCall
from pyjobs.client.core import ClientCore
from pyjobs.client.job import BaseJob
from pyjobs.engine.replies import Stored
from pyjobs.errors import PyjobsError

NOW = 5.0


class Job(BaseJob):
    """A job that nobody waits for."""

    __slots__ = ()

    def _wake(self) -> None:
        pass

    value = BaseJob._value
    error = BaseJob._error


Answers = list[list[bytes] | PyjobsError]


def make(mode: str = "reliable", route: Any = None) -> ClientCore[Job]:
    return ClientCore(Job, mode=mode, prefix="jobs", queue="q", route=route)


def prepare(
    core: ClientCore[Job], data: Any, ids: Any = None, queue: Any = None, **options: Any
) -> Batch[Job]:
    """A submit whose calls were all sent."""
    core.check_open()
    return sent(core.builder.many(data, queue, ids, options))


def sent(batch: Batch[Job]) -> Batch[Job]:
    """The same submit, after its calls were all sent."""
    assert [*batch.calls()] == [made.call for made in batch.made]
    return batch


def reply(*told: str) -> list[bytes]:
    """What the script answers: id and outcome of each."""
    return [word.encode() for word in told]


def answers(batch: Batch[Job], outcome: str = "new") -> Answers:
    return [
        reply(*(word for job in made.jobs for word in (job.id, outcome))) for made in batch.made
    ]


def submit(core: ClientCore[Job], *ids: str, queue: str | None = None) -> list[Job]:
    batch = prepare(core, [1] * len(ids), ids, queue)
    assert core.accept(batch, answers(batch)) == []
    return batch.jobs


def asked(calls: Sequence[JobsCall[Job]]) -> list[str]:
    return [job.id for made in calls for job in made.jobs]


def posted(id: str, body: bytes, state: str = "done", reason: str = "-") -> bytes:
    """As lua/lib/job/ended.lua writes it."""
    return f"{id} {state} {reason} 10 20 30 {len(body)}\n".encode() + body + b"\n"


def hear(core: ClientCore[Job], content: bytes, queue: str = "q") -> None:
    """A message on the core's channel of a queue."""
    [channel] = core.channels([queue])
    core.hear(channel.encode(), content)


DONE = Stored("done", "-", 10, 20, 30, b"1")
MISSING = Stored("", "-", 0, 0, 0, b"")
