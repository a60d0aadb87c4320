"""The submit of values that come one after the other, from a generator as a rule: they are encoded
as they come, and sent in parts, so that no more than one part is held.

Nothing here sends or waits.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Generic

from pyjobs import codec
from pyjobs.client.batch import Batch, in_redis
from pyjobs.client.job import J
from pyjobs.engine import CALL_BYTES, MAX_BYTES, SUBMIT_ITEMS
from pyjobs.errors import BadArgument, PyjobsError, TooLarge
from pyjobs.validate import checked, in_order, kind_of

# A part is a few calls, which go out in one stream.
PART_ITEMS = 8 * SUBMIT_ITEMS
Make = Callable[[list[Any], list[bytes], "list[str] | None"], Batch[J]]


class BaseStream(Generic[J]):
    """Holds what is not sent yet of a submit of many jobs, and the jobs of what is.

    Attributes:
        jobs: the jobs of the parts that were accepted, in their order.

    Args:
        ids: an id for each job; None makes them.
        unique: whether a unique key was given, which is for one job.
    """

    def __init__(self, ids: Iterable[str] | None, *, unique: bool) -> None:
        self.jobs: list[J] = []
        self._ids = None if ids is None else iter(in_order("ids", ids, "names, one for each job"))
        self._unique = unique
        self._size = 0

    def add(self, value: Any) -> bool:
        """Add what one more job is made of. Returns whether it is time to send."""
        raise NotImplementedError

    def part(self) -> Batch[J] | None:
        """Return the submit of what was added since the last part, or None."""
        raise NotImplementedError

    def accepted(self, jobs: Iterable[J]) -> None:
        """Add the jobs of a part that was sent."""
        self.jobs += jobs

    def end(self) -> None:
        """Check that no id is left.

        Raises:
            BadArgument: there are more ids than jobs.
        """
        if self._ids is not None and next(self._ids, None) is not None:
            raise BadArgument(f"ids: more than there are jobs, {len(self.jobs)}")

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Surround the submit: an error says which jobs were accepted before it."""
        try:
            yield
        except PyjobsError as error:
            error.accepted = (*in_redis(self.jobs), *error.accepted)
            raise
        except Exception as error:
            if self.jobs:
                error.add_note(f"submit_many has submitted {len(self.jobs)} jobs before this error")
            raise


class Stream(BaseStream[J]):
    """Holds the values of one submit that are not sent yet, and the jobs of those that are.

    Args:
        make: makes a submit of values, the values as JSON, and their ids.
        ids: an id for each value; None makes them.
        unique: whether a unique key was given, which is for one job.
    """

    def __init__(self, make: Make[J], ids: Iterable[str] | None, *, unique: bool) -> None:
        super().__init__(ids, unique=unique)
        self._make = make
        self._values: list[Any] = []
        self._data: list[bytes] = []

    def add(self, value: Any) -> bool:
        """Add a value. Returns whether it is time to send the values.

        Raises:
            Unencodable: the value has no JSON.
            TooLarge: the value has more JSON than a job may have.
            BadArgument: there is a unique key for several values.
        """
        place = len(self.jobs) + len(self._data)
        if self._unique and place:
            raise BadArgument("unique: a key is for one job, and this submit has more")
        data = codec.encode(value, f"data[{place}]")
        if len(data) > MAX_BYTES:
            raise too_large(len(data), f"data[{place}]")
        self._values.append(value)
        self._data.append(data)
        self._size += len(data)
        return len(self._data) == PART_ITEMS or self._size > CALL_BYTES

    def part(self) -> Batch[J] | None:
        """Return the submit of the values that were added since the last part, or None.

        Raises:
            BadArgument: there are fewer ids than values, or an id is malformed.
        """
        values, data = self._values, self._data
        self._values, self._data, self._size = [], [], 0
        if not data:
            return None
        chosen = None
        if self._ids is not None:
            chosen = [checked("id", id) for id in islice(self._ids, len(data))]
            if len(chosen) < len(data):
                many = len(self.jobs) + len(chosen)
                raise BadArgument(f"ids: {many}, and there are more jobs than that")
        return self._make(values, data, chosen)


def is_stream(data: Any, kinds: tuple[type, ...] = (Iterable,), what: str = "data") -> bool:
    """Return whether values are sent as they come: the values of a generator, and of any other
    iterable without a length.

    Args:
        data: the values.
        kinds: what several values may be.
        what: the argument's name.

    Raises:
        BadArgument: `data` is not several values.
    """
    if not isinstance(data, kinds) or isinstance(data, (str, bytes, Mapping)):
        raise BadArgument(f"{what}: {kind_of(data)}, not a list of jobs' {what}")
    return not isinstance(data, Collection)


def too_large(size: int, what: str = "data") -> TooLarge:
    """Return the error of data of this size in bytes."""
    return TooLarge(f"{what}: {size} bytes, more than {MAX_BYTES}")
