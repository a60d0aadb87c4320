"""Pages of the jobs of a queue in any state, as plans. Nothing is sent here.

Jobs that are pending, delayed, in flight or dead stand in a place of the queue. Jobs in another
state stand in none: SCAN finds their ids from outside, and queue/find reads them.
"""

from __future__ import annotations

from typing import Any

from pyjobs.admin.plan import Plan, Words, text
from pyjobs.admin.split import each_part
from pyjobs.engine import ENDED, MAX_ITEMS, OPERATOR, PLACES, STATES, JobPage, Keys, State
from pyjobs.errors import BadArgument
from pyjobs.validate import NAME, flag, integer

PART = "~"


def page(
    keys: Keys,
    queue: str,
    state: State,
    *,
    cursor: str = "",
    limit: int = 100,
    newest: bool = False,
    **wanted: Any,
) -> Plan[JobPage]:
    """Read a page of the jobs of a queue in one state.

    Raises:
        BadArgument: there is no such state, no call returned the cursor, or an argument is of
            another type.
    """
    integer("limit", limit)
    integer("max_bytes", wanted.get("max_bytes", 0))
    flag("newest", newest)
    if state in PLACES:
        listed: JobPage = yield OPERATOR.list_jobs(
            keys.queue(queue), state, cursor=cursor, limit=limit, newest=newest, **wanted
        )
        return listed
    if state not in ENDED:
        raise BadArgument(f"state: {state!r} is not one of {', '.join(STATES)}")
    if newest:
        raise BadArgument(f"newest: jobs that are {state} have no order")
    return (yield from _scanned_page(keys, queue, state, cursor, limit, wanted))


def _scanned_page(
    keys: Keys, queue: str, state: State, cursor: str, limit: int, wanted: dict[str, Any]
) -> Plan[JobPage]:
    # Of a queue that is split, a cursor has the number of the part before it.
    parts = yield from each_part(keys, queue)
    number, mark, rest = cursor.rpartition(PART)
    at = int(number) if mark and number.isdigit() else 0
    found = yield from _page_of_part(parts[at % len(parts)], queue, state, rest, limit, wanted)
    if len(parts) == 1:
        return found
    if found.cursor:
        return found._replace(cursor=f"{at}{PART}{found.cursor}")
    return found._replace(cursor=f"{at + 1}{PART}" if at + 1 < len(parts) else "")


def _page_of_part(
    keys: Keys, queue: str, state: State, cursor: str, limit: int, wanted: dict[str, Any]
) -> Plan[JobPage]:
    # A cursor is that of SCAN, and the last id of the page, where the keys of one step fill
    # several pages: the step is made again, and goes on behind that id.
    begin, _, last = cursor.partition(":")
    if not (begin or "0").isdigit():
        raise BadArgument(f"cursor: {cursor!r} is not one that a call returned")
    after, ids = yield from scanned(keys, queue, begin)
    todo = sorted(id for id in ids if is_id(id) and id > last)
    jobs: list[Any] = []
    looked = 0
    while looked < len(todo):
        part = todo[looked : looked + MAX_ITEMS]
        found = yield OPERATOR.find_jobs(keys.queue(queue), part, state=state, **wanted)
        jobs, looked = jobs + found.jobs, looked + found.looked
        if len(jobs) > limit:
            jobs = jobs[:limit]
            return JobPage(f"{begin or '0'}:{jobs[-1].id}", -1, looked, jobs)
    return JobPage("" if after == "0" else after, -1, looked, jobs)


def scanned(keys: Keys, queue: str, cursor: str) -> Plan[tuple[str, list[str]]]:
    """Scan a part of the keys of a node; return the next cursor ('0' after the last) and ids."""
    key = keys.queue(queue)
    begin = Keys.job(key, "")
    words = ("SCAN", cursor or "0", "MATCH", f"{begin}*", "COUNT", str(MAX_ITEMS))
    after, names = yield Words(words, near=key)
    ids = [text(name)[len(begin) :] for name in names]
    return text(after), ids


def is_id(id: str) -> bool:
    """Whether a script takes it as an id: what stands in a queue may have been written by hand."""
    return NAME.fullmatch(id) is not None
