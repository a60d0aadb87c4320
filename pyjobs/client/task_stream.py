"""The submit of many jobs of one task, and the jobs of a `map` that are waited for.

Nothing here sends or waits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic

from pyjobs.client.batch import Batch
from pyjobs.client.job import J, decode_by
from pyjobs.client.stream import PART_ITEMS, BaseStream
from pyjobs.definition import BaseTask, Submission
from pyjobs.engine import CALL_BYTES
from pyjobs.errors import BadArgument, TooLarge
from pyjobs.validate import count, kind_of

MOST_WINDOW = 100_000


class TaskStream(BaseStream[J]):
    """Holds the arguments of jobs of one task that are not sent yet, and the jobs that are.

    Args:
        task: the task.
        entry: makes a checked item of a submit.
        together: makes one submit of items.
        queue: name of the queue of all jobs; None is the task's.
        ids: an id for each job; None makes them.
        options: options of all jobs, before those of the task.
        is_whole: whether all jobs are one part.
    """

    def __init__(
        self,
        task: BaseTask[..., Any],
        entry: Callable[[Submission], Any],
        together: Callable[[Sequence[Any]], Batch[J]],
        *,
        queue: str | None,
        ids: Iterable[str] | None,
        options: Mapping[str, Any],
        is_whole: bool,
    ) -> None:
        super().__init__(ids, unique=options.get("unique") is not None)
        self._task, self._entry, self._together = task, entry, together
        self._queue, self._options, self._is_whole = queue, options, is_whole
        self._items: list[Any] = []
        self._latest: Submission | None = None

    def add(self, value: Any) -> bool:
        """Add the arguments of a job. Returns whether it is time to send.

        Args:
            value: a tuple of arguments, or a dict of arguments by name.

        Raises:
            BadArgument: the arguments do not fit the task, or there are fewer ids than jobs.
            TooLarge: the arguments have more JSON than a job may have.
        """
        place = len(self.jobs) + len(self._items)
        if self._unique and place:
            raise BadArgument("unique: a key is for one job, and this submit has more")
        try:
            submission = self._submission(value, place)
            item = self._entry(submission)
        except (BadArgument, TooLarge) as error:
            raise type(error)(f"arguments[{place}]: {error}") from error.__cause__
        self._latest = submission
        self._items.append(item)
        self._size += len(submission.data)
        is_due = len(self._items) == PART_ITEMS or self._size > CALL_BYTES
        return is_due and not self._is_whole

    def part(self) -> Batch[J] | None:
        items = self._items
        self._items, self._size = [], 0
        return self._together(items) if items else None

    def accepted(self, jobs: Iterable[J]) -> None:
        latest = self._latest
        assert latest is not None
        super().accepted([decode_by(job, latest) for job in jobs])

    def _submission(self, value: Any, place: int) -> Submission:
        if isinstance(value, tuple):
            found = self._task.submission(value, {})
        elif isinstance(value, Mapping):
            found = self._task.submission((), value)
        else:
            raise BadArgument(f"{kind_of(value)}, neither a tuple of arguments nor a dict by name")
        if found.id is not None and place:
            raise BadArgument("id: is for one job, and this submit has more")
        id = found.id
        if self._ids is not None and (id := next(self._ids, None)) is None:
            raise BadArgument(f"ids: {place}, and there are more jobs than that")
        options = {**found.options, **self._options} if self._options else found.options
        return found._replace(queue=self._queue or found.queue, id=id, options=options)


class Window(Generic[J]):
    """Holds the jobs of a `map` that are submitted and not yielded.

    Attributes:
        jobs: the jobs, the next to be yielded first.
        is_last: whether every job was submitted.
        keeps_errors: whether the error of a job is yielded in the place of its result.

    Args:
        size: most jobs at a time.
        errors: 'raise' or 'keep'.

    Raises:
        BadArgument: the size is no whole number from 1 to 100,000, or `errors` is another word.
    """

    def __init__(self, size: int, errors: str = "raise") -> None:
        if errors not in ("raise", "keep"):
            raise BadArgument(f"errors: {errors!r} is not one of raise, keep")
        count("window", size, 1, MOST_WINDOW)
        self.jobs: deque[J] = deque()
        self.is_last = False
        self.keeps_errors = errors == "keep"
        self._size = size

    @property
    def room(self) -> int:
        """How many jobs to submit now; 0 while half of the window is full, so that one call
        submits many jobs."""
        free = self._size - len(self.jobs)
        return free if 2 * free >= self._size and not self.is_last else 0

    def add(self, jobs: Sequence[J], wanted: int) -> None:
        """Add the jobs that were submitted; fewer than were wanted are the last."""
        self.jobs += jobs
        self.is_last = len(jobs) < wanted
