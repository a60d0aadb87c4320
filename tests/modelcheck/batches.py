"""A claim of many jobs from two queues: how far it goes, and what it leaves.

The lists of the queues, the claim that walks them, its rules and its mutants may live here. Leases,
tokens and lost replies are those of the other model: here one worker claims, and every job that it
gets has ended.

A job is small or large: a large one alone is more than the bound in bytes. It may be cancelled (or
be over its `expires`, or have no hash any more) while it stands in the list: then a claim passes
over it. A worker sleeps when a claim says that nothing more is there, until the next submit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from .world import Step

SMALL, LARGE = 1, 4  # units of bytes


class Entry(NamedTuple):
    """An id in a list. `place` distinguishes entries while a claim runs, and is 0 in a state."""

    size: int
    runs: bool = True
    place: int = 0

    def __str__(self) -> str:
        return ("large" if self.size == LARGE else "small") + ("" if self.runs else ", not to run")


Lists = tuple[tuple[Entry, ...], ...]  # of each queue by priority, the next to be claimed first


class Queues(NamedTuple):
    """A state."""

    lists: Lists = ((), ())
    submits: int = 0  # that may still come
    asleep: bool = False


class Reply(NamedTuple):
    """What a claim gave out, what it left, and whether it said that more is there."""

    given: tuple[Entry, ...]
    left: Lists
    more: bool


class Batches:
    """The design, and the model around it. A mutant overrides a method or a bound."""

    name: ClassVar[str] = "batches"
    why: ClassVar[str] = ""
    limit: ClassVar[int] = 2  # jobs
    bound: ClassVar[int] = 2  # bytes, but for the first job
    passes: ClassVar[int] = 2  # most entries that a call passes over: 1,000

    def __init__(self, submits: int = 5) -> None:
        self.submits = submits

    # lib/take.lua

    def claim(self, lists: Lists) -> Reply:
        left = [list(entries) for entries in lists]
        given: list[Entry] = []
        passed = 0
        for entries in left:
            while entries and len(given) < self.limit:
                if not entries[0].runs:
                    if passed == self.passes:
                        return self.reply(given, left)
                    passed += 1
                    entries.pop(0)
                elif self.fits(given, entries[0]):
                    given.append(entries.pop(0))
                else:
                    return self.reply(given, left)
        return self.reply(given, left)

    def fits(self, given: list[Entry], entry: Entry) -> bool:
        """The first always does."""
        return not given or sum(job.size for job in given) + entry.size <= self.bound

    def reply(self, given: list[Entry], left: list[list[Entry]]) -> Reply:
        return Reply(tuple(given), tuple(tuple(entries) for entries in left), any(left))

    # What can happen.

    def start(self) -> Queues:
        return Queues(submits=self.submits)

    def finished(self, world: Queues) -> bool:
        return not world.submits and not any(world.lists)

    def steps(self, world: Queues) -> Iterator[Step]:
        if world.submits:
            fewer = world._replace(submits=world.submits - 1, asleep=False)
            for at in range(len(world.lists)):
                for size in (SMALL, LARGE):
                    entry = Entry(size)
                    after = fewer._replace(lists=put(world.lists, at, (*world.lists[at], entry)))
                    yield Step("producer", f"submits to queue {at + 1}: {entry}", None, "", after)
        for at, entries in enumerate(world.lists):
            for place, entry in enumerate(entries):
                if entry.runs:
                    marked = (*entries[:place], Entry(entry.size, False), *entries[place + 1 :])
                    after = world._replace(lists=put(world.lists, at, marked))
                    what = f"takes back number {place + 1} of queue {at + 1}"
                    yield Step("producer", what, None, "cancelled", after)
        if not world.asleep:
            reply = self.claim(numbered(world.lists))
            after = world._replace(lists=plain(reply.left), asleep=not reply.more)
            told = "; ".join(str(entry) for entry in reply.given) or "nothing"
            what = f"claims: {told}; {'more' if reply.more else 'no more'}"
            yield Step("worker", what, reply, "", after)

    # What must be true.

    def broken_state(self, world: Queues) -> str:
        return ""

    def broken_step(self, before: Queues, step: Step) -> str:
        if not isinstance(step.reply, Reply):
            return ""
        old, (given, left, more) = numbered(before.lists), step.reply
        gone = [
            entries[: len(entries) - len(rest)] for entries, rest in zip(old, left, strict=True)
        ]
        if any(
            kept != entries[len(cut) :] for entries, kept, cut in zip(old, left, gone, strict=True)
        ):
            return "a claim left something other than what stood behind the jobs that it took"
        if given != tuple(entry for cut in gone for entry in cut if entry.runs):
            return "what a claim gave out is not what it took off the lists, in their order"
        if left[0] and gone[1]:
            return "a queue of lower priority was served while the first had more"
        return self._bounds(given, left, more, sum(not entry.runs for cut in gone for entry in cut))

    def _bounds(self, given: tuple[Entry, ...], left: Lists, more: bool, passed: int) -> str:
        size = sum(entry.size for entry in given)
        if len(given) > Batches.limit:
            return f"a claim gave out {len(given)} jobs"
        if size > Batches.bound and len(given) > 1:
            return f"a claim of {len(given)} jobs gave out {size} bytes"
        if passed > Batches.passes:
            return f"a claim passed over {passed} entries"
        if more != any(left):
            return (
                f"a claim said that {'more' if more else 'nothing more'} is there, and it is not so"
            )
        following = next((entries[0] for entries in left if entries), None)
        if following is None or len(given) == Batches.limit:
            return ""
        if not following.runs:
            return (
                "" if passed == Batches.passes else "a claim stopped before what it may pass over"
            )
        if not given or size + following.size <= Batches.bound:
            return f"a claim of {len(given)} jobs stopped before one that it could take"
        return ""


def put(lists: Lists, at: int, entries: tuple[Entry, ...]) -> Lists:
    return (*lists[:at], entries, *lists[at + 1 :])


def numbered(lists: Lists) -> Lists:
    return tuple(
        tuple(entry._replace(place=10 * at + place) for place, entry in enumerate(entries, 1))
        for at, entries in enumerate(lists)
    )


def plain(lists: Lists) -> Lists:
    return tuple(tuple(entry._replace(place=0) for entry in entries) for entries in lists)


class CountsPassedOver(Batches):
    """The limit is for what is looked at: 20,000 expired jobs cost as many calls as jobs."""

    name = "limit that counts what is passed over"
    why = "stopped before"

    def claim(self, lists: Lists) -> Reply:
        left = [list(entries) for entries in lists]
        given: list[Entry] = []
        looks = self.limit
        for entries in left:
            while entries and looks:
                if entries[0].runs and not self.fits(given, entries[0]):
                    return self.reply(given, left)
                looks -= 1
                entry = entries.pop(0)
                given += [entry] if entry.runs else []
        return self.reply(given, left)


class PassesWithoutEnd(Batches):
    """One call walks the whole list of a queue whose jobs were all cancelled."""

    name = "claim that passes over any number"
    why = "passed over 3 entries"
    passes = 1_000_000


class NoBytes(Batches):
    """The limit is in jobs only: a thousand of 1 MiB are a GiB."""

    name = "claim without a bound in bytes"
    why = "bytes"
    bound = 1_000_000


class NothingTooLarge(Batches):
    """A job that is larger than the bound never fits: neither it nor what is behind it is run."""

    name = "claim that takes nothing when the first is too large"
    why = "stopped before one that it could take"

    def fits(self, given: list[Entry], entry: Entry) -> bool:
        return sum(job.size for job in given) + entry.size <= self.bound


class SmallerFirst(Batches):
    """A job that does not fit waits, and smaller ones behind it go first, for ever."""

    name = "claim that overtakes what does not fit"
    why = "a claim left something other than"

    def claim(self, lists: Lists) -> Reply:
        left = [list(entries) for entries in lists]
        given: list[Entry] = []
        for entries in left:
            for entry in list(entries):
                if len(given) < self.limit and (not entry.runs or self.fits(given, entry)):
                    given += [entry] if entry.runs else []
                    entries.remove(entry)
        return self.reply(given, left)


class TrimsTheNext(Batches):
    """The list is trimmed by what was looked at: the job that did not fit is in no place."""

    name = "claim that drops what did not fit"
    why = "is not what it took off the lists"

    def claim(self, lists: Lists) -> Reply:
        reply = super().claim(lists)
        left = [list(entries) for entries in reply.left]
        following = next((entries for entries in left if entries), None)
        if following and following[0].runs and len(reply.given) < self.limit:
            following.pop(0)
        return self.reply(list(reply.given), left)


class BoundForEachQueue(Batches):
    """Each queue has a bound of its own, and its first job always fits."""

    name = "bound in bytes for each queue"
    why = "bytes"

    def claim(self, lists: Lists) -> Reply:
        first = super().claim((lists[0], ()))
        if first.left[0]:
            return self.reply(list(first.given), [list(first.left[0]), list(lists[1])])
        second = super().claim(((), lists[1]))
        room = self.limit - len(first.given)
        if len(second.given) > room:
            return self.reply(list(first.given), [[], list(lists[1])])
        return self.reply([*first.given, *second.given], [[], list(second.left[1])])


class NextQueueGoesOn(Batches):
    """What does not fit ends the walk of its own queue only: a lower queue is served before it."""

    name = "next queue is served when a job does not fit"
    why = "lower priority"

    def claim(self, lists: Lists) -> Reply:
        left = [list(entries) for entries in lists]
        given: list[Entry] = []
        for entries in left:
            while entries and len(given) < self.limit:
                if entries[0].runs and not self.fits(given, entries[0]):
                    break
                entry = entries.pop(0)
                given += [entry] if entry.runs else []
        return self.reply(given, left)


class SleepsAfterPassing(Batches):
    """A claim that only passed over entries says what one does that found nothing."""

    name = "claim that says nothing is there after it passed over all that it may"
    why = "said that nothing more is there"

    def reply(self, given: list[Entry], left: list[list[Entry]]) -> Reply:
        return super().reply(given, left)._replace(more=bool(given) and any(left))


MUTANTS: list[type[Batches]] = Batches.__subclasses__()
STUCK = {NothingTooLarge, SleepsAfterPassing}  # their jobs never all end
