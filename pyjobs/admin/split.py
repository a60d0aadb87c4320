"""A queue is split in parts, as plans, and what is asked of each part by itself.

Nothing is sent here.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable

from pyjobs.admin.plan import Plan, Words
from pyjobs.engine import (
    MAX_ITEMS,
    MOST_PARTS,
    MOST_PLACE,
    OPERATOR,
    Keys,
    PartKey,
    Parts,
    hash_of,
    mode_named,
    part_key,
    read_parts,
    set_counting,
    set_parts,
    settle_parts,
)
from pyjobs.engine import read_counters as counters_of
from pyjobs.errors import BadArgument
from pyjobs.validate import whole

Owner = Callable[[str], Hashable]


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


def split(keys: Keys, queue: str, number: int, mode: str, owner: Owner) -> Plan[Parts]:
    """Split a queue in more parts, or carry on where that broke off.

    Args:
        keys: the names under the prefix.
        queue: the queue's name.
        number: how many parts.
        mode: its mode, where nothing was ever submitted.
        owner: returns the node of a key.

    Raises:
        BadArgument: the number is out of its bounds or less than there are, or the queue can't be
            split now; the message says why.
    """
    whole("parts", number, 2, MOST_PARTS)
    key = keys.queue(queue)
    had: Parts = yield read_parts(key)
    if number < had.number:
        raise BadArgument(f"parts: {number}, fewer than {had.number}, which there are")
    places = had.places if number == had.number else chosen(key, had.places, number, owner)
    mode = had.mode or mode_named(mode).name
    stats = yield OPERATOR.stats(key)
    counting = (yield counters_of(key, minutes=1)).counting
    new = [part_key(key, place) for place in places if place not in had.places]
    # The queue itself refuses what can't be; until it knows, nobody submits to the new parts.
    yield set_parts(key, number, places, mode)
    for part in new:
        if stats.paused:
            yield OPERATOR.pause(part, span=max(0, stats.paused))
        if not counting:
            yield set_counting(part, False)
    for part in [*new, *(part_key(key, place) for place in had.places)]:
        yield set_parts(part, number, places, mode)
    return (yield from parts_of(keys, queue))


def chosen(key: str, had: tuple[int, ...], number: int, owner: Owner) -> tuple[int, ...]:
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


def settle(keys: Keys, queue: str, progress: Callable[[int], object] | None) -> Plan[str]:
    """Settle a split, when each job is in its part.

    Returns:
        '' when the split is settled, or the id of a job whose part is another now.
    """
    found: Parts = yield read_parts(keys.queue(queue))
    everything = found.keys(keys.queue(queue))
    looked = 0
    for at, part in enumerate(everything[: found.older]):
        begin, cursor = Keys.job(part, ""), "0"
        while True:
            words = ("SCAN", cursor, "MATCH", f"{begin}*", "COUNT", str(MAX_ITEMS))
            after, names = yield Words(words, near=part)
            for name in names:
                unique = yield Words(("HGET", _text(name), "unique"), near=part)
                id = _text(name)[len(begin) :]
                if hash_of(unique or id) % found.number != at:
                    return id
            looked += len(names)
            if progress:
                progress(looked)
            cursor = _text(after)
            if cursor == "0":
                break
    for part in everything:
        yield settle_parts(part)
    return ""


def _text(value: object) -> str:
    return value.decode(errors="surrogateescape") if isinstance(value, bytes) else str(value)
