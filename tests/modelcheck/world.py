"""Who calls the scripts, and what may go wrong: all next steps of a state.

The producers, workers and reapers, time, and the faults may live here; no rule of the queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from .engine import (
    A_DAY,
    AHEAD,
    DUE,
    ENDED,
    FAR,
    FIRST,
    FRESH,
    GRACE_FAR,
    GRACE_OVER,
    GRACE_RUNS,
    HALF,
    OLD,
    OVER,
    PAST,
    RENEWED,
    UNKNOWN,
    WAITS,
    Call,
    Engine,
    Server,
    Token,
)

NEW, UNSURE, ACKNOWLEDGED, FORGOTTEN = "new", "unsure", "acknowledged", "forgotten"


class Held(NamedTuple):
    """A job that a worker runs."""

    id: str
    token: Token


class World(NamedTuple):
    """A state. A worker is None (idle), Held, or the Call whose reply it did not get."""

    server: Server
    saved: Server | None  # what a power cut goes back to; None when there are no more
    submits: tuple[str, ...]
    workers: tuple[Held | Call | None, ...] = (None, None)
    reapers: tuple[tuple[str, ...], ...] = ((), ())  # what each keeps between its calls
    late: Call | None = None  # a copy of a call that is still on its way
    nonces: int = 0  # how many were used
    cuts: int = 0  # power cuts that may still come
    cancels: int = 0
    absences: int = 0  # that may still come
    owed: tuple[Held, ...] = ()  # whose worker lived through an absence, and has not extended since
    losses: int = 0  # of the in-flight set
    lost: tuple[str, ...] = ()  # jobs in flight that the set has lost


class Limits(NamedTuple):
    """How large a model to explore. Lost replies, kills and late copies have no number."""

    jobs: int = 1
    attempts: int = 2
    crashes: int = 3
    crashed: int = 0  # of them, how many each job has behind it already
    releases: int = 1
    cuts: int = 0
    cancels: int = 0
    late: bool = True  # copies of calls that arrive later
    unsure: bool = True  # replies get lost
    absences: int = 0
    batch: int = 100  # most jobs that a call puts back after a grace
    cron: bool = False  # a reap comes after a long silence only, and workers come for what waits
    losses: int = 0
    unknown: bool = False  # workers may not know the task of the job


class Step(NamedTuple):
    """One step. `fault` is what went wrong in it, '' for nothing."""

    who: str
    what: Call | str
    reply: Any
    fault: str
    after: Any  # a World, or the state of another model

    def __str__(self) -> str:
        reply = ""
        if isinstance(self.what, Call) and self.reply not in ((), None):
            parts = self.reply if isinstance(self.reply, tuple) else (self.reply,)
            reply = " -> " + " ".join(
                str(Call("", (part,))).split(" ", 1)[1] if isinstance(part, tuple) else str(part)
                for part in parts
            )
        return f"{self.who}: {self.what}{reply}" + (f"  ({self.fault})" if self.fault else "")


class System:
    """An engine, and all that can happen around it."""

    def __init__(self, engine: type[Engine], limits: Limits) -> None:
        self.engine = engine(limits.attempts, limits.crashes, limits.crashed, limits.batch)
        self.limits = limits
        self.ids = "abcdefgh"[: limits.jobs]

    def start(self) -> World:
        limits, empty = self.limits, Server()
        saved = empty if limits.cuts else None
        submits = (NEW,) * limits.jobs
        return World(
            empty,
            saved,
            submits,
            cuts=limits.cuts,
            cancels=limits.cancels,
            absences=limits.absences,
            losses=limits.losses,
        )

    def finished(self, world: World) -> bool:
        return (
            all(status in (ACKNOWLEDGED, FORGOTTEN) for status in world.submits)
            and world.workers == (None, None)
            and world.reapers == ((), ())
            and all(job.state in ENDED for _, job in world.server.jobs)
        )

    def steps(self, world: World) -> Iterator[Step]:
        """Every step that changes the world."""
        for step in self._all(world):
            after = tidy(settle(step))
            if after != world:
                yield step._replace(after=after)

    def _all(self, world: World) -> Iterator[Step]:
        for at in range(len(world.submits)):
            yield from self._producer(world, at)
        for at in range(len(world.workers)):
            yield from self._worker(world, at)
        for at in range(len(world.reapers)):
            yield from self._reaper(world, at)
        yield from self._time(world)
        if self.limits.absences:
            yield from self._silence(world)
        if world.absences and world.server.inflight:
            yield from self._absence(world)
        if world.losses:
            yield from self._loss(world)
        if world.late is not None:
            server, reply = self.engine.run(world.server, world.late)
            after = world._replace(server=server, late=None)
            yield Step("network", world.late, reply, "a late copy arrives", after)
        if world.saved is not None:
            yield from self._power(world, world.saved)

    def _call(
        self, world: World, who: str, call: Call, part: str, at: int, answered: Any, unsure: Any
    ) -> Iterator[Step]:
        """A call, and what becomes of its caller: place `at` in `part` of the world.

        `answered` makes it of the reply; `unsure` is it when there was none.
        """
        server, reply = self.engine.run(world.server, call)
        known = world._replace(server=server, **{part: put(world, part, at, answered(reply))})
        yield Step(who, call, reply, "", known)
        if self.limits.unsure:
            lost = world._replace(server=server, **{part: put(world, part, at, unsure)})
            yield Step(who, call, reply, "the reply is lost", lost)
        if self.limits.late and world.late is None:
            yield Step(who, call, reply, "a copy is still on its way", known._replace(late=call))

    def _producer(self, world: World, at: int) -> Iterator[Step]:
        id, status = self.ids[at], world.submits[at]
        if status in (NEW, UNSURE):
            call = Call("submit", (id,))
            yield from self._call(
                world, "producer", call, "submits", at, lambda _: ACKNOWLEDGED, UNSURE
            )
        elif status == ACKNOWLEDGED and world.cancels:
            fewer, call = world._replace(cancels=world.cancels - 1), Call("cancel", (id,))
            yield from self._call(
                fewer, "producer", call, "submits", at, lambda _: ACKNOWLEDGED, ACKNOWLEDGED
            )

    def _worker(self, world: World, at: int) -> Iterator[Step]:
        who, doing = f"worker {at + 1}", world.workers[at]

        def ask(call: Call, answered: Any, unsure: Any, world: World = world) -> Iterator[Step]:
            return self._call(world, who, call, "workers", at, answered, unsure)

        if doing is None:
            if self.limits.cron and not world.server.pending:
                return
            call = Call("claim", (world.nonces + 1,))
            used = world._replace(nonces=world.nonces + 1)
            for step in ask(call, took, call, used):
                # A nonce under which nothing was remembered may as well be the next one's.
                yield step if step.reply else step._replace(after=back(step.after, world, at))
            return
        held = holding(doing)
        if held is None or held.id not in world.lost:
            yield Step(who, "is killed", None, "crash", killed(world, at))
        if isinstance(doing, Call):
            yield from ask(doing, took if doing.verb == "claim" else forget, doing)
            return
        if doing in world.owed:
            given_up = replace(world, at, self.engine.gives_up(*doing))
            yield Step(who, f"gives {doing.id} up", None, "", given_up)
        yield from ask(Call("complete", doing), forget, Call("complete", doing))
        yield from ask(Call("fail", doing), forget, Call("fail", doing))
        job = dict(world.server.jobs).get(doing.id)
        if job and job.releases < self.limits.releases:
            yield from ask(Call("release", doing), forget, Call("release", doing))
            for why in (UNKNOWN, A_DAY) if self.limits.unknown else ():
                call = Call("release", (*doing, why))
                yield from ask(call, forget, call)
        # The next heartbeat says it again: without a reply it goes on as before.
        yield from ask(
            Call("extend", doing), lambda reply: doing if reply == "inflight" else None, doing
        )

    def _reaper(self, world: World, at: int) -> Iterator[Step]:
        who, memory = f"reaper {at + 1}", world.reapers[at]
        server = world.server
        heard = server.seen == FRESH or server.grace == GRACE_RUNS
        if self.limits.cron and server.inflight and heard:
            return
        call = self.engine.reap_call(memory)
        yield from self._call(world, who, call, "reapers", at, lambda reply: reply, ())
        if memory:
            died = world._replace(reapers=put(world, "reapers", at, ()))
            yield Step(who, "is killed", None, "crash", died)

    def _time(self, world: World) -> Iterator[Step]:
        server = world.server
        for id, lease in server.inflight:
            # What was given since the absence lasts longer than living workers need to extend.
            if lease in (FIRST, RENEWED) and not world.owed:
                entries = tuple((i, OVER if i == id else old) for i, old in server.inflight)
                after = world._replace(server=server._replace(inflight=entries))
                yield Step("time", f"the lease of {id} is over", None, "", after)
        for id, wait in server.delayed:
            if wait == WAITS:
                entries = tuple((i, DUE if i == id else old) for i, old in server.delayed)
                after = world._replace(server=server._replace(delayed=entries))
                yield Step("time", f"the delay of {id} is over", None, "", after)
        for nonce, (number, id) in server.claims:
            # It is kept for as long as the first lease.
            first = dict(server.inflight).get(id) == FIRST
            if not (first and dict(server.jobs)[id].token == (number, nonce)):
                left = tuple(entry for entry in server.claims if entry[0] != nonce)
                after = world._replace(server=server._replace(claims=left))
                yield Step("time", f"the record of claim n{nonce} is gone", None, "", after)

    def _silence(self, world: World) -> Iterator[Step]:
        """Time without a call. Each worker that lives extends before a third of a lease is over."""
        server = world.server
        if not server.inflight or any(holding(worker) in world.owed for worker in world.workers):
            return
        if server.grace == GRACE_RUNS:
            after = world._replace(server=end_of_grace(server))
            yield Step("time", "the grace is over", None, "", after)
        elif server.seen == FRESH:
            after = world._replace(server=server._replace(seen=OLD))
            yield Step("time", "nobody calls for longer than a lease", None, "", after)

    def _absence(self, world: World) -> Iterator[Step]:
        """Redis is away or refuses writes, or its clock steps."""
        server = world.server
        # A worker whose lease was over before has itself to blame. One that has not extended since
        # an absence, and a grace has begun, was away for longer than Redis was.
        running = [id for id, lease in server.inflight if lease in (FIRST, RENEWED)]
        held = {holding(worker) for worker in world.workers}
        owed = () if server.grace else world.owed
        owed = tuple(sorted({*owed, *(one for one in current(server, held) if one.id in running)}))
        fewer = world._replace(absences=world.absences - 1, owed=owed)
        there = end_of_grace(server) if server.grace == GRACE_RUNS else server
        ended = tuple(
            (id, OVER if lease in (FIRST, RENEWED) else lease) for id, lease in there.inflight
        )
        for what, seen in (
            ("is away for two thirds of a lease", HALF),
            ("is away for longer than a lease, or its clock steps forward", OLD),
        ):
            after = fewer._replace(server=there._replace(inflight=ended, seen=seen))
            yield Step("redis", what, None, "absence", after)
        further = server._replace(
            inflight=tuple((id, FAR) for id, _ in server.inflight),
            seen=AHEAD,
            grace=server.grace and GRACE_FAR,
            delayed=tuple((id, WAITS if at == DUE else at) for id, at in server.delayed),
        )
        yield Step(
            "redis", "has its clock step back", None, "absence", fewer._replace(server=further)
        )

    def _loss(self, world: World) -> Iterator[Step]:
        """The in-flight set is deleted or evicted while each job in it is held by a worker: what a
        worker held that dies before its next heartbeat is found by no script."""
        workers = {worker for worker in world.workers if isinstance(worker, Held)}
        held = {one.id for one in current(world.server, workers)}
        ids = tuple(sorted(id for id, _ in world.server.inflight))
        if ids and held.issuperset(ids):
            server = world.server._replace(inflight=())
            after = world._replace(server=server, losses=world.losses - 1, lost=ids)
            yield Step("redis", "loses the in-flight set", None, "loss", after)

    def _power(self, world: World, saved: Server) -> Iterator[Step]:
        yield Step("disk", "all so far is written", None, "", world._replace(saved=world.server))
        there = dict(saved.jobs)
        # An answer that was not yet written is worth nothing then, and that is documented.
        submits = tuple(
            FORGOTTEN if status == ACKNOWLEDGED and id not in there else status
            for id, status in zip(self.ids, world.submits, strict=True)
        )
        # So is an extend, and what was lost may be there again.
        after = world._replace(server=saved, submits=submits, cuts=world.cuts - 1, owed=(), lost=())
        yield Step("power", "fails", None, "power cut", after)


def holding(worker: Held | Call | None) -> Held | None:
    """What a worker would extend, or release since it gave it up."""
    if isinstance(worker, Call):
        return Held(*worker.args[:2]) if worker.verb == "release" else None
    return worker


def current(server: Server, held: Iterable[Held | None]) -> list[Held]:
    """Those of them that hold their job in flight by its token of now."""
    jobs = dict(server.jobs)
    return [
        one
        for one in held
        if one is not None
        and one.id in jobs
        and (jobs[one.id].state, jobs[one.id].token) == ("inflight", one.token)
    ]


def killed(world: World, at: int) -> World:
    held = holding(world.workers[at])
    return replace(world, at, None)._replace(owed=tuple(o for o in world.owed if o != held))


def end_of_grace(server: Server) -> Server:
    """Where the grace ends, what is over by then can be distinguished from what is over later."""
    entries = tuple((id, PAST if lease == OVER else lease) for id, lease in server.inflight)
    return server._replace(grace=GRACE_OVER, inflight=entries)


def settle(step: Step) -> World:
    """Without what this step has settled: an extend that was owed, an entry that was lost."""
    world = step.after
    if not (world.owed or world.lost):
        return world
    told = isinstance(step.what, Call) and step.what.verb == "extend" and step.reply == "inflight"
    done = Held(*step.what.args[:2]) if isinstance(step.what, Call) and told else None
    owed = tuple(held for held in current(world.server, world.owed) if held != done)
    jobs, there = dict(world.server.jobs), dict(world.server.inflight)
    lost = tuple(
        id
        for id in world.lost
        if not (done and done.id == id) and jobs[id].state == "inflight" and id not in there
    )
    return world._replace(owed=owed, lost=lost)


def took(reply: tuple[Any, ...]) -> Held | None:
    return Held(*reply) if reply else None


def forget(reply: str) -> None:
    """Whatever the word is, this worker has nothing more to do with the job."""


def put(world: World, part: str, at: int, value: Any) -> tuple[Any, ...]:
    whole: tuple[Any, ...] = getattr(world, part)
    return (*whole[:at], value, *whole[at + 1 :])


def replace(world: World, at: int, worker: Held | Call | None) -> World:
    return world._replace(workers=put(world, "workers", at, worker))


def back(after: World, before: World, at: int) -> World:
    """A claim that took nothing: as if it had not been numbered."""
    return replace(after, at, None)._replace(nonces=before.nonces, late=before.late)


def tidy(world: World) -> World:
    """Without what nobody can see any more.

    The workers are alike: which of them holds what is no difference, and half the states go. So a
    worker's number is its place in this state, and may be another's in the next.
    """
    first, second = world.workers
    if second is not None and (first is None or repr(second) < repr(first)):
        world = world._replace(workers=(second, first))
    if world.cuts == 0 and world.saved is not None:
        world = world._replace(saved=None)
    if not (world.server.claims or (world.saved and world.saved.claims)):
        return world
    sent = {call.args[0] for call in (*world.workers, world.late) if is_claim(call)}
    world = world._replace(server=without_records(world.server, sent))
    if world.saved is not None:
        world = world._replace(saved=without_records(world.saved, sent))
    return world


def is_claim(call: Any) -> bool:
    return isinstance(call, Call) and call.verb == "claim"


def without_records(server: Server, sent: set[int]) -> Server:
    left = tuple(entry for entry in server.claims if entry[0] in sent)
    return server if left == server.claims else server._replace(claims=left)
