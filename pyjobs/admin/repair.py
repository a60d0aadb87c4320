"""What is wrong with the records of a queue, and what mends it, as plans. Nothing is sent here."""

from __future__ import annotations

from typing import Any, NamedTuple

from pyjobs.admin import moves
from pyjobs.admin.pages import is_id, scanned
from pyjobs.admin.plan import Plan, ReportLooked, Words, text
from pyjobs.admin.plans import stats
from pyjobs.admin.split import each_part
from pyjobs.engine import MAX_ITEMS, OPERATOR, PLACES, Keys, mode_named

OUTBOX = "outbox"
# A job that was cancelled while it waited stays in the list until a claim meets it.
IN_LIST = ("pending", "cancelled")


class Finding(NamedTuple):
    """Holds what is wrong with one job, or with one entry of a queue.

    Attributes:
        place: 'pending', 'delayed', 'inflight' or 'dead'; 'outbox' of a job that is on its way to
            another queue; '' for an ended job, which has none.
        id: the job's id.
        finding: 'missing', 'stray', 'unlisted', 'kept', 'going', 'unique' or 'mode', as queue/walk
            and queue/check say; in the outbox 'parked', 'taken', 'stale' or 'missing', as
            queue/outbox says.
        state: the job's state; '' when there is no such job.
    """

    place: str
    id: str
    finding: str
    state: str


class Repaired(NamedTuple):
    """Holds what became of a finding.

    Attributes:
        finding: what was wrong.
        word: 'mended'; 'right' when it was so already; 'left' when it stays wrong.
    """

    finding: Finding
    word: str


def check(keys: Keys, queue: str, progress: ReportLooked | None) -> Plan[list[Finding]]:
    """Hold every entry and every stored job of a queue against the other."""
    findings: list[Finding] = []
    for part in (yield from each_part(keys, queue)):
        found = yield from findings_with_tokens(part, queue, progress)
        findings += [finding for finding, _ in found]
    return findings


def findings_with_tokens(
    keys: Keys, queue: str, progress: ReportLooked | None
) -> Plan[list[tuple[Finding, str]]]:
    """Return what a check finds, each finding with the token that queue/repair needs."""
    mode = (yield from stats(keys, queue)).mode
    unseen: dict[str, str] = {}
    findings: dict[str, tuple[Finding, str]] = {}
    looked = 0
    if mode != "simple":
        cursor = ""
        while cursor != "0":
            cursor, ids = yield from scanned(keys, queue, cursor)
            found = yield from checked_ids(keys, queue, ids)
            for id, job in found:
                if job.finding and job.state in IN_LIST:
                    unseen[id] = job.token
                if job.finding not in ("", "unseen"):
                    place = job.state if job.state in PLACES else ""
                    findings[id] = (Finding(place, id, job.finding, job.state), "-")
            looked += len(ids)
            if progress:
                progress(looked)
    for finding in (yield from walked(keys, queue, unseen, looked, progress)):
        findings[finding.id] = (finding, "-")
    # Those that belonged into the list before the walk and still do, unclaimed, are not there.
    for id, job in (yield from checked_ids(keys, queue, list(unseen))):
        if job.finding and job.token == unseen[id]:
            place = job.state if job.state in PLACES else ""
            word = job.finding
            if word == "unseen":
                word = "unlisted" if place else "kept"
            findings[id] = (Finding(place, id, word, job.state), job.token)
    order = {place: at for at, place in enumerate((*PLACES, ""))}
    right = sorted(findings.values(), key=lambda one: (order[one[0].place], one[0].id))
    return right + [(finding, "-") for finding in (yield from parked(keys, queue))]


def parked(keys: Keys, queue: str) -> Plan[list[Finding]]:
    """Return what is held up in the outbox of a queue."""
    jobs = yield from moves.outbox_of(keys, queue)
    return [Finding(OUTBOX, job.id, job.finding, job.state) for job in jobs if job.finding]


def walked(
    keys: Keys, queue: str, unseen: dict[str, str], looked: int, progress: ReportLooked | None
) -> Plan[list[Finding]]:
    """Walk every place of a queue; take the ids that are met out of `unseen`."""
    found = []
    for place in PLACES:
        cursor = "begin"
        while cursor:
            begin = "" if cursor == "begin" else cursor
            page = yield OPERATOR.walk(keys.queue(queue), place, cursor=begin)
            for entry in page.entries:
                unseen.pop(entry.id, None)
                if entry.finding:
                    found.append(Finding(place, entry.id, entry.finding, entry.state))
            looked, cursor = looked + len(page.entries), page.cursor
            if progress:
                progress(looked)
    return found


def checked_ids(keys: Keys, queue: str, ids: list[str]) -> Plan[list[tuple[str, Any]]]:
    """Hold jobs against the places of their queue; what is no id is left out."""
    named = [id for id in ids if is_id(id)]
    found: list[tuple[str, Any]] = []
    for at in range(0, len(named), MAX_ITEMS):
        part = named[at : at + MAX_ITEMS]
        found += zip(part, (yield OPERATOR.check(keys.queue(queue), part)), strict=True)
    return found


def repair(keys: Keys, queue: str, progress: ReportLooked | None) -> Plan[list[Repaired]]:
    """Mend what a check finds."""
    mended: list[Repaired] = []
    for part in (yield from each_part(keys, queue)):
        mended += yield from _repair_part(part, queue, progress)
    return mended


def _repair_part(keys: Keys, queue: str, progress: ReportLooked | None) -> Plan[list[Repaired]]:
    mode = (yield from stats(keys, queue)).mode
    if not mode:
        registered = yield Words(("HGET", keys.queues, queue))
        mode = text(registered or b"reliable")
    all_found = yield from findings_with_tokens(keys, queue, progress)
    found = [one for one in all_found if one[0].place != OUTBOX]
    named = [(finding, token) for finding, token in found if is_id(finding.id)]
    words: list[str] = []
    for at in range(0, len(named), MAX_ITEMS):
        part = [(finding.id, token) for finding, token in named[at : at + MAX_ITEMS]]
        words += yield OPERATOR.repair(keys.queue(queue), mode, part)
    mended = [Repaired(one[0], word) for one, word in zip(named, words, strict=True)]
    mended += [Repaired(one, "left") for one, _ in found if not is_id(one.id)]
    held = [one for one, _ in all_found if one.place == OUTBOX]
    return mended + ((yield from _carried_on(keys, queue, mode, held)) if held else [])


def _carried_on(keys: Keys, queue: str, mode: str, held: list[Finding]) -> Plan[list[Repaired]]:
    lost = [one.id for one in held if one.finding == "missing" and is_id(one.id)]
    if lost:
        yield from moves.settle_in(keys, queue, lost, "gone")
    yield from moves.carry_on(keys, queue, mode_named(mode).name)
    left = {job.id for job in (yield from moves.outbox_of(keys, queue))}
    return [Repaired(one, "left" if one.id in left else "mended") for one in held]
