"""What a call about a whole queue means for a queue that is split, and what the answers of parts
mean together. Nothing here sends or waits; part_plans.py has the verbs about single jobs, and
part_schedules.py how a schedule is made.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Generator, Iterable
from dataclasses import replace
from typing import Any

from pyjobs.engine import (
    Call,
    Counter,
    Counters,
    Event,
    EventPage,
    JobPage,
    PartKey,
    Parts,
    Purged,
    QueueStats,
    Reaped,
)
from pyjobs.errors import PyjobsError

# Yields what it asks for, one after the other, and returns the answer to the call of the queue.
PartsPlan = Generator[Any, Any, Any]
# Seconds. While a queue grows, its parts learn the number one after the other.
GROWTH_PAUSES = (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0, 1.0)
# In the cursor of a list: between the number of the part and the part's own cursor.
CURSOR = "~"
# In the name of an event of a queue with parts: between the names, and a part that has no event.
BETWEEN, NONE = ",", "0-0"
# One more event of each part is read than is asked for, and 1,000 are the most.
MOST_NEWEST = 999


def clone(
    call: Call[Any],
    key: str,
    items: Iterable[Any] | None = None,
    parse: Callable[[Any], Any] | None = None,
    **args: Any,
) -> Call[Any]:
    """Return a call for one part.

    Args:
        call: the call for the queue.
        key: the key of the part.
        items: the items of the part; None is all.
        parse: makes a value of the reply; None is as the call.
        args: arguments to replace, by name.
    """
    names = call.script.names
    given = [args.get(name, value) for name, value in zip(names, call.args, strict=False)]
    rest = call.args[len(names) :] if items is None else items
    return Call(call.script, (key,), (*given, *rest), parse or call.parse)


def first_error(answers: Iterable[Any]) -> PyjobsError | None:
    """Return the first answer that is an error."""
    return next((one for one in answers if isinstance(one, PyjobsError)), None)


def first(answers: list[Any]) -> Any:
    """Return the answer of the first part, where all parts answer the same."""
    return answers[0]


def where_split(
    plan: Callable[[Call[Any], list[PartKey]], PartsPlan],
) -> Callable[[Call[Any], Parts | None], PartsPlan]:
    """Return the plans of calls about a whole queue. A queue that is not split gets the call as it
    is.

    Args:
        plan: makes the plan of a call for a queue that is split, from the keys of the parts.
    """

    @functools.wraps(plan)
    def whole(call: Call[Any], parts: Parts | None) -> PartsPlan:
        queue = call.keys[0]
        parts = parts or (yield queue)
        if parts.number == 1:
            return (yield [call])[0]
        return (yield from plan(call, parts.keys(queue)))

    return whole


def of_all(merge: Callable[[list[Any]], Any]) -> Callable[[Call[Any], Parts | None], PartsPlan]:
    """Return the plans of calls that every part gets.

    Args:
        merge: makes one answer of those of the parts.
    """

    @where_split
    def plan(call: Call[Any], keys: list[PartKey]) -> PartsPlan:
        answers = yield [clone(call, key) for key in keys]
        return first_error(answers) or merge(answers)

    return plan


def summed_stats(found: list[QueueStats]) -> QueueStats:
    """Return the numbers of a queue from those of its parts."""
    first = found[0]
    sums = ("pending", "delayed", "quarantined", "inflight", "dead", "broken")
    return first._replace(
        mode=next((one.mode for one in found if one.mode), ""),
        layout=max(one.layout for one in found),
        overdue=max(one.overdue for one in found),
        oldest=max(one.oldest for one in found),
        due=min((one.due for one in found if one.due >= 0), default=-1),
        awake=any(one.awake for one in found),
        **{name: sum(getattr(one, name) for one in found) for name in sums},
    )


def summed_counters(found: list[Counters]) -> Counters:
    """Return the counters of a queue from those of its parts; the minutes are those of all."""
    rows: dict[tuple[int, str, str], int] = {}
    for one in found:
        for row in one.rows:
            key = row.minute, row.task, row.name
            rows[key] = rows.get(key, 0) + row.value
    merged = [Counter(*key, value) for key, value in sorted(rows.items())]
    return replace(found[0], counting=any(one.counting for one in found), rows=merged)


@where_split
def counters(call: Call[Any], keys: list[PartKey]) -> PartsPlan:
    """Read the same minutes of every part."""
    minutes = None
    while True:
        args: dict[str, Any] = {} if minutes is None else {"minutes": minutes}
        answers = yield [clone(call, key, **args) for key in keys]
        if (error := first_error(answers)) is not None:
            return error
        fewest = min(one.minutes for one in answers)
        if all(one.minutes == fewest for one in answers):
            return summed_counters(answers)
        minutes = fewest


@where_split
def purge(call: Call[Any], keys: list[PartKey]) -> PartsPlan:
    """Purge one part after the other, up to the limit."""
    left, gone, more = int(call.args[call.script.names.index("limit")]), 0, False
    for key in keys:
        if left <= 0:
            return Purged(gone, more=True)
        [answer] = yield [clone(call, key, limit=left)]
        if isinstance(answer, PyjobsError):
            return answer
        gone, left, more = gone + answer.gone, left - answer.gone, more or answer.more
    return Purged(gone, more=more)


@where_split
def listed(call: Call[Any], keys: list[PartKey]) -> PartsPlan:
    """Read a page of one part. The cursor names the part, and the next page may be of the next."""
    names = call.script.names
    raw = call.args[names.index("cursor")]
    cursor = raw.decode(errors="surrogateescape") if isinstance(raw, bytes) else str(raw)
    number, mark, rest = cursor.partition(CURSOR)
    at = int(number) if mark and number.isdecimal() else len(keys)
    if at >= len(keys):
        at, rest = 0, cursor  # from before the split, or of no call, which the script refuses
    one = clone(call, keys[at], cursor=rest.encode(errors="surrogateescape"))
    others = [clone(call, key, cursor=b"", limit=1) for key in keys if key != keys[at]]
    answers = yield [one, *others]
    if (error := first_error(answers)) is not None:
        return error
    page: JobPage = answers[0]
    after = f"{at}{CURSOR}{page.cursor}" if page.cursor else f"{at + 1}{CURSOR}"
    ended = not page.cursor and at + 1 == len(keys)
    total = sum(each.total for each in answers)
    return page._replace(cursor="" if ended else after, total=total)


@where_split
def paged(call: Call[Any], keys: list[PartKey]) -> PartsPlan:
    """Read a page of what has a number of all and rows, one part after the other."""
    names = call.script.names
    skip, left = (int(call.args[names.index(name)]) for name in ("skip", "limit"))
    counts = yield [clone(call, key, skip=0, limit=1) for key in keys]
    if (error := first_error(counts)) is not None:
        return error
    rows: list[Any] = []
    for key, (total, _) in zip(keys, counts, strict=True):
        if left and skip < total:
            [page] = yield [clone(call, key, skip=skip, limit=left)]
            if isinstance(page, PyjobsError):
                return page
            rows, left = rows + page[1], left - len(page[1])
        skip = max(0, skip - total)
    return type(counts[0])(sum(total for total, _ in counts), rows)


@where_split
def events(call: Call[Any], keys: list[PartKey]) -> PartsPlan:
    """Read the events of all parts, in the order of their moments. The name of an event says how
    far each part is read: the names of its own events, in the order of the parts."""
    names = call.script.names
    given = str(call.args[names.index("after")])
    limit = int(call.args[names.index("limit")])
    newest = "newest=1" in str(call.args[names.index("options")]).split()
    # Parts that are not named are newer than the name.
    read = [name if name != NONE else "" for name in given.split(BETWEEN) if name]
    read += [""] * (len(keys) - len(read))
    limit = min(limit, MOST_NEWEST) if newest else limit
    pages = yield [
        clone(call, key, after=after, limit=limit + newest)
        for key, after in zip(keys, read, strict=True)
    ]
    if (error := first_error(pages)) is not None:
        return error
    merged = sorted(
        ((event, at) for at, page in enumerate(pages) for event in page.events), key=_moment
    )
    # Of the newest, those in front of the page say where each part stands.
    skipped = max(0, len(merged) - limit) if newest else 0
    found: list[Event] = []
    for number, (event, at) in enumerate(merged[: skipped + limit]):
        read[at] = event.entry
        if number >= skipped:
            found.append(event._replace(entry=BETWEEN.join(name or NONE for name in read)))
    kept, lost = sum(page.kept for page in pages), any(page.lost for page in pages)
    return EventPage(kept, lost, found)


def _moment(placed: tuple[Event, int]) -> tuple[int, int, int]:
    event, at = placed
    return event.at, at, int(event.entry.partition("-")[2])


def reaped(found: list[Reaped]) -> Reaped:
    """Return what the reaps of all parts did."""
    return found[0]._replace(
        more=any(one.more for one in found),
        promoted=sum(one.promoted for one in found),
        put_back=[id for one in found for id in one.put_back],
        dead=[id for one in found for id in one.dead],
    )
