"""Schedules: a model of one schedule, the workers that store its moments, and a clock that steps.

The hash of the schedule, the verbs that write it, the rules and the mutants may live here. The jobs
are no more than the moments that made them.

The calendar has a moment at each hour from 1 on. A worker reads which moments are stored, computes
the next ones, and stores them by a call of its own, which may come late. The definition may be
changed to one whose calendar is that of the even hours. `missed` is `all`, since only then no
moment may be forgotten.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar, NamedTuple

from .world import Step

HOURS = 4
STORED_MOST = 3  # 64
CALENDARS = {"each": range(1, HOURS + 1), "even": range(2, HOURS + 1, 2)}


class Hash(NamedTuple):
    """What is stored."""

    calendar: str = "each"
    version: int = 1
    moments: tuple[int, ...] = (1, 2)
    last: int = 0
    paused: bool = False


class Refill(NamedTuple):
    """What a worker has read and computed, and will store."""

    version: int
    moments: tuple[int, ...]


class Scene(NamedTuple):
    """A state. `since` is the hour from which on the definition must forget no moment."""

    stored: Hash = Hash()
    clock: int = 0
    refills: tuple[Refill | None, ...] = (None, None)
    made: tuple[int, ...] = ()  # the moments that made jobs, in this order
    kept: frozenset[int] = frozenset()  # of these, the jobs that are still stored
    since: int = 0
    edits: int = 1
    pauses: int = 1
    steps_back: int = 1


class Schedules:
    """The design, and the model around it. A mutant overrides a method."""

    name: ClassVar[str] = "schedules"
    why: ClassVar[str] = ""

    # The scripts.

    def claim(self, world: Scene) -> tuple[Hash, tuple[int, ...]]:
        """lib/schedule/fire.lua: the hash after a claim, and the moments that make jobs."""
        stored = world.stored
        if stored.paused:
            return stored, ()
        due = tuple(moment for moment in stored.moments if moment <= world.clock)
        if not due:
            return stored, ()
        new = tuple(moment for moment in due if self.may_make(world, moment))
        left = tuple(moment for moment in stored.moments if moment > world.clock)
        return stored._replace(moments=left, last=due[-1]), new

    def may_make(self, world: Scene, moment: int) -> bool:
        return moment > world.stored.last and moment not in world.kept

    def refill(self, stored: Hash, refill: Refill) -> Hash:
        """schedule/refill."""
        if refill.version != stored.version:
            return stored
        return stored._replace(moments=later(stored.moments, refill.moments, stored.last))

    def edit(self, stored: Hash, clock: int) -> Hash:
        """reliable/schedule with another definition: moments that are past are not its own."""
        after = max(clock, stored.last)
        moments = tuple(moment for moment in CALENDARS["even"] if moment > after)
        return stored._replace(calendar="even", version=stored.version + 1, moments=moments[:2])

    def resume(self, stored: Hash, clock: int) -> Hash:
        """schedule/resume: moments of the pause make no jobs, also when they are stored later."""
        moments = tuple(moment for moment in stored.moments if moment > clock)
        return stored._replace(paused=False, moments=moments, last=max(stored.last, clock))

    # What can happen.

    def start(self) -> Scene:
        return Scene()

    def finished(self, world: Scene) -> bool:
        return world.clock == HOURS and not world.stored.paused and not world.stored.moments

    def steps(self, world: Scene) -> Iterator[Step]:
        stored = world.stored
        if world.clock < HOURS:
            yield Step("time", "an hour passes", None, "", world._replace(clock=world.clock + 1))
        if world.steps_back and world.clock:
            back = world._replace(clock=world.clock - 1, steps_back=world.steps_back - 1)
            yield Step("time", "the clock steps back", None, "the clock", back)
        after, made = self.claim(world)
        claimed = world._replace(
            stored=after, made=(*world.made, *made), kept=world.kept | frozenset(made)
        )
        if claimed != world:
            yield Step("worker", "claims", made, "", claimed)
        for moment in world.kept:
            gone = world._replace(kept=world.kept - {moment})
            yield Step("time", "a job is not kept any more", moment, "", gone)
        for at, refill in enumerate(world.refills):
            yield from self._refiller(world, at, refill)
        if world.edits:
            edited = self.edit(stored, world.clock)
            since = max(world.clock, stored.last)
            after = world._replace(stored=edited, edits=world.edits - 1, since=since)
            yield Step("operator", "changes the definition", None, "", after)
        if world.pauses and not stored.paused:
            paused = stored._replace(paused=True)
            yield Step(
                "operator",
                "pauses",
                None,
                "",
                world._replace(stored=paused, pauses=world.pauses - 1),
            )
        if stored.paused:
            resumed = self.resume(stored, world.clock)
            after = world._replace(stored=resumed, since=max(world.since, world.clock))
            yield Step("operator", "resumes", None, "", after)

    def _refiller(self, world: Scene, at: int, refill: Refill | None) -> Iterator[Step]:
        def becomes(refill: Refill | None, stored: Hash = world.stored) -> Scene:
            refills = (*world.refills[:at], refill, *world.refills[at + 1 :])
            return world._replace(refills=refills, stored=stored)

        who = f"worker {at}"
        if refill is None:
            stored = world.stored
            known = max((*stored.moments, stored.last))
            after = known if stored.moments else max(known, world.since)
            more = tuple(moment for moment in CALENDARS[stored.calendar] if moment > after)
            if more:
                yield Step(
                    who,
                    "reads and computes",
                    more[:2],
                    "",
                    becomes(Refill(stored.version, more[:2])),
                )
            return
        yield Step(
            who, "stores moments", refill, "", becomes(None, self.refill(world.stored, refill))
        )
        yield Step(who, "dies", None, "a crash", becomes(None))

    # The rules.

    def broken_state(self, world: Scene) -> str:
        if len(set(world.made)) != len(world.made):
            return f"a moment made two jobs: {world.made}"
        stored = world.stored
        if [*stored.moments] != sorted(set(stored.moments)):
            return f"moments out of order: {stored.moments}"
        strange = set(stored.moments) - set(CALENDARS[stored.calendar])
        if strange:
            return f"moments of another calendar: {strange}"
        if stored.paused or not stored.moments:
            return ""
        known = {*world.made, *stored.moments}
        first = max(world.since, 0)
        for moment in CALENDARS[stored.calendar]:
            if first < moment <= stored.moments[-1] and moment not in known:
                return f"the moment {moment} is forgotten"
        return ""

    def broken_step(self, before: Scene, step: Step) -> str:
        after: Scene = step.after
        for moment in after.made[len(before.made) :]:
            if moment > before.clock:
                return f"a job was made before its moment {moment}"
            if before.stored.paused or moment <= before.since:
                return f"a moment of a pause or of another definition made a job: {moment}"
        return ""


def later(old: tuple[int, ...], more: tuple[int, ...], last: int) -> tuple[int, ...]:
    """lib/schedule/moments.lua: the stored moments, and those that come after them."""
    after = max((*old, last))
    return (*old, *[moment for moment in more if moment > after])[:STORED_MOST]


# --- mutants: each is a mistake that the rules must catch ---


class StaleRefill(Schedules):
    """A refill does not look at the version."""

    name = "refill of an older version"
    why = "moments of another calendar"

    def refill(self, stored: Hash, refill: Refill) -> Hash:
        return super().refill(stored, refill._replace(version=stored.version))


class BlindRefill(Schedules):
    """A refill adds all that it brings."""

    name = "refill that adds what is there"
    why = "out of order"

    def refill(self, stored: Hash, refill: Refill) -> Hash:
        if refill.version != stored.version:
            return stored
        return stored._replace(moments=(*stored.moments, *refill.moments)[:STORED_MOST])


class ForgetfulRefill(Schedules):
    """A refill compares with what is stored, and not with what has been due."""

    name = "refill that forgets what has been due"
    why = "made a job"

    def refill(self, stored: Hash, refill: Refill) -> Hash:
        if refill.version != stored.version:
            return stored
        return stored._replace(moments=later(stored.moments, refill.moments, 0))

    def may_make(self, world: Scene, moment: int) -> bool:
        return moment not in world.kept


class KeepsOldMoments(Schedules):
    """A change leaves the moments of the former definition."""

    name = "change that keeps the old moments"
    why = "moments of another calendar"

    def edit(self, stored: Hash, clock: int) -> Hash:
        changed = super().edit(stored, clock)
        return changed._replace(moments=stored.moments or changed.moments)


class LatestOnly(Schedules):
    """A claim makes the job of the latest due moment and drops the others."""

    name = "claim that makes the latest only"
    why = "is forgotten"

    def claim(self, world: Scene) -> tuple[Hash, tuple[int, ...]]:
        stored, made = super().claim(world)
        return stored, made[-1:]


class FiresWhilePaused(Schedules):
    """A claim does not look whether the schedule is paused."""

    name = "claim of a paused schedule"
    why = "of a pause"

    def claim(self, world: Scene) -> tuple[Hash, tuple[int, ...]]:
        running = world.stored._replace(paused=False)
        stored, made = super().claim(world._replace(stored=running))
        return stored._replace(paused=world.stored.paused), made


class ResumesThePast(Schedules):
    """After a pause, its moments make jobs."""

    name = "resume that catches up"
    why = "of a pause"

    def resume(self, stored: Hash, clock: int) -> Hash:
        return stored._replace(paused=False)


class ResumeForgetsItself(Schedules):
    """A resume leaves nothing behind for a refill that comes late."""

    name = "resume that a late refill does not see"
    why = "of a pause"

    def resume(self, stored: Hash, clock: int) -> Hash:
        return super().resume(stored, clock)._replace(last=stored.last)


MUTANTS: list[type[Schedules]] = [
    *(StaleRefill, BlindRefill, ForgetfulRefill, KeepsOldMoments),
    *(LatestOnly, FiresWhilePaused, ResumesThePast, ResumeForgetsItself),
]
