"""Repairs: a model of how a queue whose keys have parted is mended, beside workers that go on.

What is stored of one job, the verbs that look and mend, the workers around them, the rules and the
mutants may live here. A run begins with a state in which keys were lost, or written by hand: the
hash of the job, entries of the list, members of the sets, a time to live, the unique key. The list
has entries of other jobs, and a look compares LOOKS of them at each end only.

The rules: what a repair calls mended is accepted by a check that sees everything; nothing takes a
job from a living holder of its lease; no job that has ended lives again; no hash of a live job
goes; no unique key of another live job is taken. A repairer without workers is done after a few
rounds.

Left out: deadlines (a lease whose holder lives is never over, since the holder extends), crashes,
quarantine, and that Redis may be full.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, combinations, product
from typing import ClassVar, NamedTuple

from .world import Step

LOOKS = 1
LONGEST = 5  # entries of the list
ROUNDS = 4  # of a repairer that is alone
JOB, OTHER = "a", "x"
LIVE = ("pending", "delayed", "inflight")
ENDED = ("done", "dead", "cancelled")
HOME = {"pending": "pending", "delayed": "delayed", "inflight": "inflight", "dead": "dead"}
SETS = ("delayed", "inflight", "dead")
SOME = ("", "a", "xax", "xxx")  # the lists that workers meet
LISTS = ("", "a", "x", "ax", "xa", "aa", "xax", "xxa", "axx", "axa", "xxx")


class Record(NamedTuple):
    """The hash of the job. `unique` is who has its key: 'own', 'free' or 'other'."""

    state: str
    token: int = 0
    ttl: bool = False
    unique: str = "own"


class Look(NamedTuple):
    """What a repairer knows: the token of a job that it has not seen in the list, and whether
    anything is wrong. `passed` are the entries of the list that it has walked."""

    phase: str
    unseen: int | None = None
    found: bool = False
    passed: int = 0


class Needs(NamedTuple):
    """What a repair does with the job."""

    drop: tuple[str, ...] = ()
    unlist: str = ""
    place: bool = False
    persist: bool = False
    keep: bool = False
    unique: bool = False
    left: bool = False


class Scene(NamedTuple):
    """A state. `entries` is the list, its head first; `over` says that the lease in the set is
    over; `runs` are the tokens of the runs that go on."""

    record: Record | None = None
    entries: str = ""
    sets: tuple[str, ...] = ()
    over: bool = False
    runs: tuple[int, ...] = ()
    token: int = 1
    deaths: int = 1  # workers that may still die
    releases: int = 1
    submits: int = 1  # other jobs that may still come
    look: Look | None = None
    damaged: bool = True


class Repairs:
    """The design, and the model around it. A mutant overrides a method.

    Args:
        alone: whether no worker goes on; then every damage is looked at, and else some.
    """

    name: ClassVar[str] = "repairs"
    why: ClassVar[str] = ""

    def __init__(self, *, alone: bool = True) -> None:
        self.alone = alone

    # The scripts.

    def list_finding(self, world: Scene) -> str:
        if JOB in world.entries[:LOOKS]:
            return ""
        return "unseen" if len(world.entries) > LOOKS else "unlisted"

    def check(self, world: Scene) -> str:
        """queue/check."""
        record = world.record
        if record is None:
            return "missing" if world.sets else ""
        home = HOME.get(record.state, "")
        if any(one != home for one in world.sets):
            return "stray"
        finding = self.ttl_finding(record)
        if home == "pending" or (record.state == "cancelled" and not record.ttl):
            seen = self.list_finding(world)
            finding = finding or ("kept" if seen == "unlisted" and not home else seen)
        elif home and home not in world.sets:
            finding = "unlisted"
        parted = record.state in LIVE and record.unique != "own"
        return "unique" if parted and finding in ("", "unseen") else finding

    def ttl_finding(self, record: Record) -> str:
        if record.state in LIVE:
            return "going" if record.ttl else ""
        return "" if record.ttl or record.state == "cancelled" else "kept"

    def needs_of(self, world: Scene, walked: int | None) -> Needs:
        """queue/repair, before its first write."""
        record, sets, entries = world.record, world.sets, world.entries
        state = record.state if record else ""
        home = HOME.get(state, "")
        unlist = ""
        if home != "pending" and state != "cancelled":
            near_tail = "tail" if JOB in entries[-LOOKS:] else ""
            unlist = "head" if JOB in entries[:LOOKS] else near_tail
        drop = tuple(one for one in sets if one != home)
        if record is None:
            return Needs(drop=drop, unlist=unlist, left=self.check(world) == "unseen")
        seen = self.list_finding(world)
        unlisted = seen == "unlisted" or (seen == "unseen" and walked == record.token)
        place = unlisted if home == "pending" else bool(home) and home not in sets
        ttl = self.ttl_finding(record)
        parted = record.state in LIVE and record.unique != "own"
        needs = Needs(
            drop=drop,
            unlist=unlist,
            place=place,
            persist=ttl == "going",
            keep=ttl == "kept" or (state == "cancelled" and not record.ttl and unlisted),
            unique=parted and record.unique == "free",
            left=parted and record.unique == "other",
        )
        wrong = self.check(world) != ""
        return needs._replace(left=needs.left or (wrong and not any(needs)))

    def mend(self, world: Scene, needs: Needs) -> Scene:
        """queue/repair, from its first write on."""
        world = world._replace(sets=tuple(one for one in world.sets if one not in needs.drop))
        if "inflight" in needs.drop:
            world = world._replace(over=False)
        if needs.unlist:
            world = world._replace(entries=self.unlisted(world.entries, needs.unlist))
        record = world.record
        if record is None:
            return world
        if needs.place:
            world = self.placed(world, record)
        if needs.persist or needs.keep:
            record = record._replace(ttl=needs.keep)
        if needs.unique:
            record = record._replace(unique="own")
        return world._replace(record=record)

    def unlisted(self, entries: str, end: str) -> str:
        """LREM of all that stands near an end."""
        if end == "head":
            return entries[:LOOKS].replace(JOB, "") + entries[LOOKS:]
        return entries[:-LOOKS] + entries[-LOOKS:].replace(JOB, "")

    def placed(self, world: Scene, record: Record) -> Scene:
        """`mend_place`, and the set of the dead."""
        if record.state == "pending":
            return world._replace(entries=JOB + world.entries)
        home = HOME.get(record.state)
        if home is None or home in world.sets:
            return world
        sets = tuple(sorted({*world.sets, home}))
        return world._replace(sets=sets, over=world.over and home != "inflight")

    def repaired(self, world: Scene, walked: int | None) -> tuple[Scene, str]:
        needs = self.needs_of(world, walked)
        after = self.mend(world, needs)
        return after, "left" if needs.left else "mended" if after != world else "right"

    # What can happen.

    def start(self) -> Scene:
        return Scene()

    def damages(self) -> Iterator[Scene]:
        states = [*LIVE, *ENDED]
        subsets = [*chain.from_iterable(combinations(SETS, size) for size in range(4))]
        records: list[Record | None] = [None]
        for state, ttl in product(states, (False, True)):
            token = 1 if state == "inflight" else 0
            records += [Record(state, token, ttl, unique) for unique in ("own", "free", "other")]
        for record, entries, sets in product(records, LISTS, subsets):
            flies = record is not None and record.state == "inflight"
            scene = Scene(record, entries, sets, runs=(1,) if flies else (), damaged=False)
            if self.alone or self.is_some(scene):
                yield scene

    def is_some(self, scene: Scene) -> bool:
        """Whether workers meet this damage: what the list and the sets say, and nothing else."""
        record = scene.record
        if record is None:
            return len(scene.sets) < 2
        right = record.unique == "own" and record.ttl == (record.state in ("done", "dead"))
        return right and len(scene.sets) < 2 and scene.entries in SOME

    def finished(self, world: Scene) -> bool:
        wrong, record = self.wrong(world), world.record
        if self.alone:
            # The rest is for a claim: an entry in the middle of the list.
            deep = wrong in ("missing", "stray in the list") and JOB in world.entries[LOOKS:-LOOKS]
            return not world.damaged and (not wrong or deep)
        over = record is None or record.state in ENDED
        return over and not world.damaged and not wrong

    def steps(self, world: Scene) -> Iterator[Step]:
        if world.damaged:
            for scene in self.damages():
                yield Step("fault", "keys are lost, or written by hand", None, "", scene)
            return
        for step in chain(self._repairer(world), () if self.alone else self._workers(world)):
            if step.after != world and len(step.after.entries) <= LONGEST:
                yield step

    def _repairer(self, world: Scene) -> Iterator[Step]:
        look = world.look
        what = look.phase if look else "scan"
        after, word = self.next_look(world)
        yield Step("repairer", what, word, "", after)

    def next_look(self, world: Scene) -> tuple[Scene, str]:
        """pyjobs/admin/repair.py: SCAN with a check, a walk from the newest entry on, a second
        check of what was not seen, and the repair."""
        look = world.look
        if look is None:
            found = self.check(world) if world.record else ""
            listed = world.record is not None and world.record.state in ("pending", "cancelled")
            token = world.record.token if world.record and found and listed else None
            wrong = found not in ("", "unseen")
            return world._replace(look=Look("walk", token, wrong)), found
        if look.phase == "walk":
            return self._walked(world, look)
        if look.phase == "look":
            now = world.record.token if world.record else None
            same = self.check(world) != "" and now == look.unseen
            found_now = look.found or (same and look.unseen is not None)
            walked = look.unseen if same else None
            return world._replace(look=Look("repair", walked, found_now)), ""
        done = world._replace(look=None)
        if not look.found:
            return done, "nothing"
        return self.repaired(done, look.unseen)

    def _walked(self, world: Scene, look: Look) -> tuple[Scene, str]:
        newest_first = world.entries[::-1]
        page = newest_first[look.passed : look.passed + 2]
        state = world.record.state if world.record else ""
        belongs = HOME.get(state) == "pending" or state == "cancelled"
        if JOB in page:
            look = look._replace(unseen=None, found=look.found or not belongs)
        if len(page) < 2:
            home = HOME.get(state)
            stray = any(one != home for one in world.sets)
            look = look._replace(phase="look", found=look.found or stray, passed=0)
        else:
            look = look._replace(passed=look.passed + 2)
        return world._replace(look=look), page

    def _workers(self, world: Scene) -> Iterator[Step]:
        record = world.record
        if world.entries:
            yield Step("worker", "claims", None, "", self.claimed(world))
        for token in world.runs:
            rest = tuple(one for one in world.runs if one != token)
            gone = world._replace(runs=rest)
            if record and record.state == "inflight" and record.token == token:
                sets = tuple(one for one in world.sets if one != "inflight")
                done = record._replace(state="done", ttl=True)
                yield Step("holder", "completes", token, "",
                           gone._replace(record=done, sets=sets, over=False))  # fmt: skip
                if world.releases:
                    back = record._replace(state="pending")
                    yield Step("holder", "releases", token, "", gone._replace(
                        record=back, sets=sets, over=False, entries=JOB + world.entries,
                        releases=world.releases - 1))  # fmt: skip
                kept = tuple(sorted({*world.sets, "inflight"}))
                yield Step("holder", "extends", token, "", world._replace(sets=kept, over=False))
            else:
                yield Step("holder", "is told LOST", token, "", gone)
            if world.deaths:
                yield Step("worker", "dies", token, "", gone._replace(deaths=world.deaths - 1))
        if "inflight" in world.sets and not world.over and not self.holder(world):
            yield Step("time", "the lease is over", None, "", world._replace(over=True))
        if world.over:
            yield Step("worker", "reaps", None, "", self.reaped(world))
        if "delayed" in world.sets:
            yield Step("worker", "promotes", None, "", self.promoted(world))
        if world.submits:
            more = world._replace(entries=world.entries + OTHER, submits=world.submits - 1)
            yield Step("producer", "submits another job", None, "", more)

    def holder(self, world: Scene) -> int:
        """The token of the run that has the job; 0: none has."""
        record = world.record
        held = record is not None and record.state == "inflight" and record.token in world.runs
        return record.token if record and held else 0

    def claimed(self, world: Scene) -> Scene:
        head, record = world.entries[0], world.record
        world = world._replace(entries=world.entries[1:])
        if head == OTHER or record is None:
            return world
        if record.state == "pending":
            token = world.token + 1
            sets = tuple(sorted({*world.sets, "inflight"}))
            taken = record._replace(state="inflight", token=token)
            runs = (*world.runs, token)
            return world._replace(record=taken, sets=sets, over=False, runs=runs, token=token)
        if record.state == "cancelled":
            return world._replace(record=record._replace(ttl=True))
        return world if record.state in ENDED else self.placed(world, record)

    def reaped(self, world: Scene) -> Scene:
        record = world.record
        sets = tuple(one for one in world.sets if one != "inflight")
        world = world._replace(sets=sets, over=False)
        if record is None or record.state in ENDED:
            return world
        if record.state != "inflight":
            return self.placed(world, record)
        back = record._replace(state="pending", token=0)
        return world._replace(record=back, entries=JOB + world.entries)

    def promoted(self, world: Scene) -> Scene:
        record = world.record
        world = world._replace(sets=tuple(one for one in world.sets if one != "delayed"))
        if record is None or record.state in ENDED:
            return world
        if record.state != "delayed":
            return self.placed(world, record)
        due = record._replace(state="pending")
        return world._replace(record=due, entries=world.entries + JOB)

    # The rules.

    def wrong(self, world: Scene) -> str:
        """What is wrong with the job, for who sees everything."""
        record, listed = world.record, JOB in world.entries
        if record is None:
            return "missing" if world.sets or listed else ""
        home = HOME.get(record.state, "")
        if any(one != home for one in world.sets):
            return "stray"
        if home not in ("", "pending") and home not in world.sets:
            return "unlisted"
        if home == "pending" and not listed:
            return "unlisted"
        if listed and home != "pending" and record.state != "cancelled":
            return "stray in the list"
        if record.state in LIVE and record.unique == "free":
            return "unique"
        if record.state == "cancelled" and not (record.ttl or listed):
            return "kept"
        return self.ttl_finding(record)

    def broken_state(self, world: Scene) -> str:
        if world.look is not None or world.damaged:
            return ""
        for _ in range(ROUNDS):
            world, word = self.next_look(world)
            while world.look is not None:
                world, word = self.next_look(world)
            if word == "nothing":
                return "a repair finds nothing, and something is wrong" * bool(self.wrong(world))
        deep = JOB in world.entries[LOOKS:-LOOKS]  # its entry is dropped by a claim
        return "" if deep or word == "left" else "a repair never ends"

    def broken_step(self, before: Scene, step: Step) -> str:
        was, now = before.record, step.after.record
        if before.damaged:
            return ""
        if was and was.state in LIVE and now is None:
            return "the hash of a live job is gone"
        if was and now and was.state in ENDED and now.state in LIVE:
            return "a job that had ended lives again"
        if was and now and was.unique == "other" and now.unique == "own":
            return "the unique key of another job is taken"
        held = self.holder(before) if step.who != "holder" and step.what != "dies" else 0
        if held and self.holder(step.after) != held:
            return "a job is taken from its holder"
        if step.who == "repairer" and step.reply == "mended":
            wrong = self.wrong(step.after)
            # Entries of both ends, or in the middle: a claim drops those, or the next repair.
            many = before.entries.count(JOB) > 1 or JOB in step.after.entries[LOOKS:-LOOKS]
            if wrong and not (many and wrong in ("missing", "stray in the list")):
                return f"a repair has mended the job, and it is {wrong}"
        return ""


# --- mutants: each is a mistake that the rules must catch ---


class PutsBackWhatIsHeld(Repairs):
    """A job in flight that the set has lost goes back into the list."""

    name = "repair that puts back what is in flight"
    why = "taken from its holder"

    def placed(self, world: Scene, record: Record) -> Scene:
        if record.state == "inflight" and world.look is None and "inflight" not in world.sets:
            back = record._replace(state="pending")
            return world._replace(record=back, entries=JOB + world.entries)
        return super().placed(world, record)

    def mend(self, world: Scene, needs: Needs) -> Scene:
        after = super().mend(world, needs)
        put_back = needs.place and world.record and world.record.state == "inflight"
        if put_back and after.record:
            return after._replace(record=after.record._replace(state="pending"))
        return after


class EndsTheLease(Repairs):
    """A job in flight that the set has lost gets a lease that is over."""

    name = "repair that gives no time to the holder"
    why = "taken from its holder"

    def __init__(self) -> None:
        super().__init__(alone=False)

    def placed(self, world: Scene, record: Record) -> Scene:
        after = super().placed(world, record)
        added = "inflight" in after.sets and "inflight" not in world.sets
        return after._replace(over=True) if added else after


class BelievesThePlace(Repairs):
    """The state follows the set that has the job. It may have ended."""

    name = "repair that believes the place"
    why = "never ends"

    def mend(self, world: Scene, needs: Needs) -> Scene:
        if needs.drop and world.record and needs.drop[0] != "dead":
            live = world.record._replace(state=needs.drop[0], ttl=False)
            return world._replace(record=live)
        return super().mend(world, needs)


class ForgetsTheUnplaced(Repairs):
    """A job that no place has is taken for a rest, and deleted."""

    name = "repair that forgets what no place has"
    why = "is gone"

    def mend(self, world: Scene, needs: Needs) -> Scene:
        after = super().mend(world, needs)
        return after._replace(record=None, entries="", sets=()) if needs.place else after


class TakesTheKey(Repairs):
    """The unique key goes to the job, whoever has it."""

    name = "repair that takes a unique key"
    why = "key of another job is taken"

    def mend(self, world: Scene, needs: Needs) -> Scene:
        after = super().mend(world, needs)
        taken = after.record and after.record.state in LIVE
        if taken and after.record:
            return after._replace(record=after.record._replace(unique="own"))
        return after


class DropsOnly(Repairs):
    """What stands in a wrong set leaves it, and goes into no other."""

    name = "repair that places nothing"
    why = "a repair never ends"

    def needs_of(self, world: Scene, walked: int | None) -> Needs:
        return super().needs_of(world, walked)._replace(place=False)


class LetsItGo(Repairs):
    """A live job keeps the time after which it is forgotten."""

    name = "repair that lets a live job go"
    why = "a repair never ends"

    def mend(self, world: Scene, needs: Needs) -> Scene:
        return super().mend(world, needs._replace(persist=False))


class TrustsTheHead(Repairs):
    """A job that is not at the head of a long list is taken to stand further behind."""

    name = "repair that looks at the head only"
    why = "finds nothing, and something is wrong"

    def next_look(self, world: Scene) -> tuple[Scene, str]:
        after, word = super().next_look(world)
        if after.look and after.look.phase == "repair":
            after = after._replace(look=after.look._replace(unseen=None, found=world.look.found))  # type: ignore[union-attr]
        return after, word


class NeverPlacesTheUnseen(Repairs):
    """What a whole walk has not met is left as if no walk had been."""

    name = "repair that does not believe the walk"
    why = "mended the job, and it is unlisted"

    def needs_of(self, world: Scene, walked: int | None) -> Needs:
        return super().needs_of(world, None)


class KeepsTheCancelled(Repairs):
    """A job that was cancelled in a list that is lost stays for ever."""

    name = "check that passes over cancelled jobs"
    why = "finds nothing, and something is wrong"

    def check(self, world: Scene) -> str:
        finding = super().check(world)
        cancelled = world.record is not None and world.record.state == "cancelled"
        return "" if cancelled and finding in ("kept", "unseen") else finding


class LeavesTheEntry(Repairs):
    """What does not belong into the list stays there."""

    name = "repair that takes nothing out of the list"
    why = "a repair never ends"

    def unlisted(self, entries: str, end: str) -> str:
        return entries


MUTANTS: list[type[Repairs]] = [
    *(PutsBackWhatIsHeld, EndsTheLease, BelievesThePlace, ForgetsTheUnplaced, TakesTheKey),
    *(DropsOnly, LetsItGo, TrustsTheHead, NeverPlacesTheUnseen, KeepsTheCancelled),
    LeavesTheEntry,
]
