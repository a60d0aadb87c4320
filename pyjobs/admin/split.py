"""A queue is split in parts, as plans, and what is asked of each part by itself.

Nothing is sent here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

from pyjobs.admin.plan import Lasting, Learned, Owners, Plan, Words, text
from pyjobs.engine import (
    MAX_ITEMS,
    MOST_PARTS,
    MOST_PLACE,
    OPERATOR,
    Keys,
    PartKey,
    Parts,
    durable_of,
    hash_of,
    keep_events,
    mode_named,
    part_key,
    read_parts,
    set_counting,
    set_parts,
    settle_parts,
)
from pyjobs.engine import read_counters as counters_of
from pyjobs.engine import read_events as events_of
from pyjobs.errors import BadArgument, PyjobsError, Unavailable
from pyjobs.validate import NAME, whole

OwnerOf = Callable[[str], Hashable]


class PartKeys(Keys):
    """Spells the names of one part of a queue, in the place of those of the queue.

    Args:
        keys: the names under the prefix.
        place: the number in the name of the part; 0 is the queue itself.
    """

    def __init__(self, keys: Keys, place: int) -> None:
        super().__init__(keys.prefix)
        self._place = place

    def queue(self, name: str) -> str:
        """Return the key of the part."""
        key = super().queue(name)
        return part_key(key, self._place) if self._place else PartKey(key)


def each_part(keys: Keys, queue: str) -> Plan[list[PartKeys]]:
    """Return the names of each part of a queue; of a queue that is not split, its own."""
    found: Parts = yield read_parts(keys.queue(queue))
    return [PartKeys(keys, place) for place in (0, *found.places)]


def parts_of(keys: Keys, queue: str) -> Plan[Parts]:
    """Read in how many parts a queue is split."""
    found: Parts = yield read_parts(keys.queue(queue))
    return found


def own_limits(keys: Keys, queue: str) -> Plan[dict[str, int]]:
    """Return the limits that a queue has of its own: those of all parts together."""
    names = ("pending", "bytes", "dead")
    fields = [f"{word}_{name}" for word in ("most", "set") for name in names]
    values = yield Words(("HMGET", Keys.meta(keys.queue(queue)), *fields))
    # What was set for all parts comes last.
    named = zip(2 * names, values, strict=True)
    return {name: int(value) for name, value in named if value}


def split(keys: Keys, queue: str, number: int, mode: str, durable: str) -> Plan[Parts]:
    """Split a queue in more parts, or carry on where that broke off.

    Every part is asked first whether the split can be. Then the queue itself learns the number,
    and the other parts together: a node that dies meanwhile keeps no part of another node from it.

    Args:
        keys: the names under the prefix.
        queue: the queue's name.
        number: how many parts.
        mode: its mode, where nothing was ever submitted.
        durable: where the number must be before the next part learns it: 'replicas:N', 'aof' or
            'no'.

    Raises:
        BadArgument: the number is out of its bounds or less than there are, or the queue can't be
            split now; the message says why.
    """
    whole("parts", number, 2, MOST_PARTS)
    needed = durable_of(durable)
    key = keys.queue(queue)
    limits = yield from own_limits(keys, queue)
    had, places = yield from _known(key, number, (yield Owners()))
    mode = had.mode or mode_named(mode).name
    everything = Parts(number, 0, mode, places).keys(key)
    raised((yield [set_parts(part, number, places, mode, check=True) for part in everything]))
    stats = yield OPERATOR.stats(key)
    counting = (yield counters_of(key, minutes=1)).counting
    pages = raised((yield [events_of(part, limit=1) for part in everything]))
    kept = sum(page.kept for page in pages)
    new = everything[had.number :]
    for part in new:
        if stats.paused:
            yield OPERATOR.pause(part, span=max(0, stats.paused))
        if not counting:
            yield set_counting(part, False)
    # Until the queue itself knows the number, nobody submits to the new parts.
    older = 0
    for group in (everything[:1], everything[1:]):
        learning = [
            set_parts(part, number, places, mode, unsettled=older > 0 and part in new)
            for part in group
        ]
        answers = raised((yield Lasting(learning, needed) if needed else learning))
        [older, *_] = [answer.answer.older if needed else answer.older for answer in answers]
    if kept:
        # Each part keeps its share.
        raised((yield [keep_events(part, kept) for part in everything]))
    found: Parts = yield Learned(key)
    # Each part takes its share.
    yield OPERATOR.limit(key, **limits)
    return found


def _known(key: str, number: int, owner: OwnerOf) -> Plan[tuple[Parts, tuple[int, ...]]]:
    """Return the parts of a queue as the part says that knows most, and the places to have.

    As a rule all parts know the same. A split may have broken off, and a failover may have taken
    from a part, also from the first one, what it knew.

    Raises:
        BadArgument: there are more parts than `number`.
    """
    had: Parts = yield read_parts(key)
    while True:
        if number < had.number:
            raise BadArgument(f"parts: {number}, fewer than {had.number}, which there are")
        places = had.places if number == had.number else chosen(key, had.places, number, owner)
        others = yield [read_parts(part_key(key, place)) for place in places]
        most: Parts = max(raised(others), key=lambda part: part.number)
        if most.number <= had.number:
            return had, places
        had = most


def raised(answers: list[Any]) -> list[Any]:
    """Return the answers.

    Raises:
        PyjobsError: one of them is this error.
    """
    for answer in answers:
        if isinstance(answer, PyjobsError):
            raise answer
    return answers


def chosen(key: str, had: tuple[int, ...], number: int, owner: OwnerOf) -> tuple[int, ...]:
    """Return the places of the parts: those that are there, and new ones on the nodes that have the
    fewest parts."""
    places = list(had)
    count: dict[Hashable, int] = {}
    for one in [key, *(part_key(key, place) for place in had)]:
        count[owner(one)] = count.get(owner(one), 0) + 1
    free = [place for place in range(1, MOST_PLACE + 1) if place not in had]
    by_node: dict[Hashable, list[int]] = {}
    for place in free:
        by_node.setdefault(owner(part_key(key, place)), []).append(place)
    nodes = {node: iter(found) for node, found in by_node.items()}
    while len(places) < number - 1:
        node = min(nodes, key=lambda one: count.get(one, 0))
        found = next(nodes[node], None)
        if found is None:
            del nodes[node]
            continue
        places.append(found)
        count[node] = count.get(node, 0) + 1
    return tuple(places)


def settle_split(keys: Keys, queue: str, progress: Callable[[int], object] | None) -> Plan[str]:
    """Settle a split, when each job is in its part.

    Returns:
        '' when the split is settled, or the id of a job whose part is another now.

    Raises:
        BadArgument: the split broke off, so that a part knows another number.
        Unavailable: a part has moved to another node meanwhile.
    """
    key = keys.queue(queue)
    first: Parts = yield read_parts(key)
    everything = first.keys(key)
    owner: OwnerOf = yield Owners()
    nodes = [owner(part) for part in everything]
    known = raised((yield [read_parts(part) for part in everything]))
    if any(part.number != first.number for part in known):
        raise BadArgument(f"settle: the split of queue {queue} broke off: split it again")
    found = first._replace(older=max(part.older for part in known))
    looked = 0
    for at, part in enumerate(everything[: found.older]):
        begin, cursor = Keys.job(part, ""), "0"
        while True:
            words = ("SCAN", cursor, "MATCH", f"{begin}*", "COUNT", str(MAX_ITEMS))
            after, names = yield Words(words, near=part)
            for name in names:
                id = text(name)[len(begin) :]
                if not NAME.fullmatch(id):
                    continue  # no script has made it
                fields = ("HMGET", begin + id, "unique", "schedule")
                unique, schedule = yield Words(fields, near=part)
                # A job of a schedule without a unique key stays in the part of the schedule.
                if hash_of(unique or id) % found.number != at and (unique or not schedule):
                    return id
            looked += len(names)
            if progress:
                progress(looked)
            cursor = text(after)
            if cursor == "0":
                break
    # What has moved meanwhile, or is on its way, was not all seen: a node knows nothing of the SCAN
    # of another. A call for a part names its node of now, or is refused.
    raised((yield [read_parts(part) for part in everything]))
    if nodes != [owner(part) for part in everything]:
        raise Unavailable(f"settle: a part of queue {queue} has moved to another node: call again")
    for part in everything:
        yield settle_parts(part)
    yield Learned(key)
    return ""
