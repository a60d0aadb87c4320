"""The parts of a queue that is split over nodes: which part has a job, and how parts are called.

Nothing is sent here. The first part is the queue itself. What is split, and when, is decided by the
scripts (lua/lib/verb/split.lua).
"""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Sequence
from typing import Any, NamedTuple
from urllib.parse import unquote_to_bytes

from pyjobs.engine.call import Call
from pyjobs.engine.scripts import script

UNIQUE = "unique="
MOST_PARTS = 32
MOST_PLACE = 999
ANY = "any"


class Parts(NamedTuple):
    """Holds in how many parts a queue is split.

    Attributes:
        number: how many parts there are; 1 for a queue that is not split.
        older: how many there were before the queue grew, while a job may be in a part of before
            that is not its own any more; 0 for none.
        mode: the queue's mode; '' where nothing was ever submitted.
        places: the numbers in the names of all parts but the first.
    """

    number: int = 1
    older: int = 0
    mode: str = ""
    places: tuple[int, ...] = ()

    def keys(self, queue: str) -> list[PartKey]:
        """Return the keys of all parts, the queue's own key first.

        Args:
            queue: the queue's key.
        """
        return [PartKey(queue), *(part_key(queue, place) for place in self.places)]


class PartKey(str):
    """Names one part of a queue: a call about it goes nowhere else.

    The first part has the key of the queue, and a call about the queue goes to all parts.
    """

    __slots__ = ()


class InParts(list[bytes]):
    """Holds the raw reply to a submit whose jobs are in parts of a queue.

    Attributes:
        parts: the part that has each job.
    """

    __slots__ = ("parts",)

    def __init__(self, reply: Sequence[bytes], parts: Sequence[PartKey]) -> None:
        super().__init__(reply)
        self.parts = parts


def part_key(queue: str, place: int) -> PartKey:
    """Return the key of a part. No name of a queue has a slash.

    Args:
        queue: the queue's key.
        place: the number in the part's name.
    """
    return PartKey(f"{queue[:-1]}/{place}}}")


def hash_of(text: str | bytes) -> int:
    """Return the CRC16 (XMODEM, that of Redis Cluster) of a unique key or an id."""
    return crc_hqx(text.encode() if isinstance(text, str) else text, 0)


def hashed_by(options: str) -> bytes | None:
    """Return the unique key among the options of a submit; None without one.

    Args:
        options: the options argument of the script.
    """
    for word in options.split(" "):
        if word.startswith(UNIQUE):
            return unquote_to_bytes(word[len(UNIQUE) :])
    return None


def read_parts(queue: str) -> Call[Parts]:
    """Return the call that reads in how many parts a queue is split (queue/parts).

    Args:
        queue: the queue's key.
    """
    used = script("queue/parts")
    return Call(used, (queue,), used.bind(mode=ANY, options=""), parse_parts)


def set_parts(
    part: str,
    number: int,
    places: Sequence[int],
    mode: str,
    *,
    unsettled: bool = False,
    check: bool = False,
) -> Call[Parts]:
    """Return the call that lets a part of a queue know how many parts there are (queue/parts).

    Args:
        part: the key of the part.
        number: how many parts there are.
        places: the numbers in the names of all parts but the first.
        mode: the queue's mode; '' leaves it to the first submit.
        unsettled: whether the part is new, and others may hold jobs of its own.
        check: whether to ask for a refusal alone: the call writes nothing.
    """
    used = script("queue/parts")
    named = ".".join(map(str, places))
    options = used.choose(
        parts=number,
        places=named,
        unsettled=1 if unsettled else None,
        check=1 if check else None,
    )
    return Call(used, (part,), used.bind(mode=mode or ANY, options=options), parse_parts)


def settle_parts(part: str) -> Call[Parts]:
    """Return the call that lets a part know that no part of before has a job of another part
    (queue/parts).

    Args:
        part: the key of the part.
    """
    used = script("queue/parts")
    return Call(used, (part,), used.bind(mode=ANY, options=used.choose(settled=1)), parse_parts)


def parse_parts(reply: Any) -> Parts:
    """Return what `queue/parts` replies."""
    number, older, mode, places = reply
    return Parts(number, older, mode.decode(), places_of(places))


def places_of(places: bytes) -> tuple[int, ...]:
    """Return the numbers in the names of parts, as scripts write them: a point between two."""
    return tuple(int(place) for place in places.split(b".") if place)
