"""What an iteration over the output of a job yields. Nothing here waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

from pyjobs.client.arrivals import Arrival
from pyjobs.client.following import Watching, reports_of
from pyjobs.client.job import J, chunk_decoder
from pyjobs.engine import Call, OutputPage, Written, read_output
from pyjobs.output import Chunk


class Reading(Watching[J]):
    """Responsible for what one iteration over the output of a job yields: each chunk once and in
    order, until the job has ended and its last chunk was read.

    Messages bring the chunks. Redis is asked for what was written before, for what a lost message
    has left out, when nothing was heard for a while, and at the end.

    Args:
        job: the job.
        timeout: how long the iteration may take, in seconds or as a timedelta; None is no limit.
        every: seconds without a message after which Redis is asked.

    Raises:
        BadArgument: the timeout is not a duration.
    """

    def __init__(self, job: J, timeout: float | timedelta | None, every: float) -> None:
        super().__init__(job, timeout, every)
        self._decode = chunk_decoder(job)
        self._taken = 0
        self._asks = True

    @property
    def _calls(self) -> list[Callable[[Any], None]]:
        return reports_of(self._job).readers

    @property
    def asks(self) -> bool:
        """Whether Redis is to be asked now; the iteration is over when `waits` is False too."""
        return self._asks

    @property
    def waits(self) -> bool:
        """Whether to wait for a message now."""
        return self.goes_on and not self._asks

    def call(self, queue: str) -> Call[OutputPage]:
        """Return the call that reads the next chunks.

        Args:
            queue: the queue's key.
        """
        return read_output(queue, self._job.id, skip=self._taken)

    def take_page(self, page: OutputPage | None) -> Iterator[Chunk]:
        """Take what Redis has said, and yield the chunks; None where it can't be asked now."""
        self._asks = False
        if page is not None:
            for chunk in page.chunks:
                self._taken += 1
                yield self._decoded(chunk)
            self._asks = page.total > self._taken and bool(page.chunks)

    def take(self, heard: tuple[int, Written] | Arrival[J]) -> Iterator[Chunk]:
        """Take what `put` was called with. Yields the chunk when it is the next."""
        if isinstance(heard, Arrival):
            for _ in self._arrivals.take(heard):
                pass
            self._asks = True
            return
        place, chunk = heard
        if place == self._taken + 1:
            self._taken = place
            yield self._decoded(chunk)
        elif place > self._taken:
            self._asks = True

    def heard_nothing(self) -> None:
        """Note that nothing was heard for a while.

        Raises:
            TimeoutError: the time is over.
        """
        self.check_time()
        self._asks = True

    def _decoded(self, chunk: Written) -> Chunk:
        """Return a chunk as its reader gets it.

        Raises:
            Undecodable: another program has written what is not JSON.
            BadArgument: the value does not fit what the task yields.
        """
        return Chunk(self._decode(chunk.body), chunk.attempt, chunk.number)
