"""Who hears of the end of a job: a model of one job, its clients and what is published to them.

The field `client` of a job, the verbs that write it, the clients, the rules and the mutants may
live here. Leases and tokens are those of the other model: here something ends a live job.

Each client submits the job or watches it, by a call whose reply may be late or lost, or come after
the message. A message may be lost. A client whose answer says that the job is live waits, and
reads the stored outcome only when it may have missed one: that is the sweep of real clients, which
would hide what this model is for if it were there always.

A job has room for two listeners, where scripts have 16. The oldest is dropped for the newest, since
of those that died nobody knows. Who was dropped sweeps.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar, NamedTuple

from .world import Step

ABSENT, LIVE, GONE = "absent", "live", "gone"
ENDS = ("done", "dead", "cancelled", "expired")
IDLE, WAITS, MISSED, KNOWS = "idle", "waits", "missed a message", "knows the outcome"
SLOTS = 2  # 16


class Job(NamedTuple):
    """The hash of the job; of one that is gone it is not there."""

    state: str = ABSENT
    listeners: tuple[str, ...] = ()  # field `client`


class Asks(NamedTuple):
    """A call of a client. `reply` is on its way; None: it was lost, or has not been made."""

    verb: str
    reply: str | None = None


class Scene(NamedTuple):
    """A state."""

    job: Job = Job()
    clients: tuple[str | Asks, ...] = (IDLE,) * 3
    heard_by: tuple[str, ...] = ()  # who was registered, by what the checker saw, the newest last
    requeues: int = 1  # that may still come


class Listeners:
    """The design, and the model around it. A mutant overrides a method."""

    name: ClassVar[str] = "listeners"
    why: ClassVar[str] = ""
    calls: ClassVar[tuple[str, ...]] = ("submit", "watch")
    keeps: bool = True  # the outcome is stored for a while: retention is not 0

    def __init__(self, *, keeps: bool | None = None) -> None:
        self.keeps = self.keeps if keeps is None else keeps

    # The scripts: the job after a call, and the reply.

    def submit(self, job: Job, client: str) -> tuple[Job, str]:
        """reliable/submit, by the same id or the same unique key."""
        if job.state == ABSENT:
            return Job(LIVE, (client,)), "new"
        return (self.add(job, client) if job.state == LIVE else job), job.state

    def watch(self, job: Job, client: str) -> tuple[Job, str]:
        """queue/watch: what queue/result returns, and of a live job the client will hear."""
        return (self.add(job, client) if job.state == LIVE else job), job.state

    def add(self, job: Job, client: str) -> Job:
        if client in job.listeners:
            return job
        return job._replace(listeners=(*job.listeners, client)[-SLOTS:])

    def end(self, job: Job, state: str) -> tuple[Job, tuple[str, ...]]:
        """lib/finish.lua: the job after its end, and to whom it is published."""
        told = self.told(job, state)
        return Job(state, job.listeners) if self.keeps else Job(GONE), told

    def told(self, job: Job, state: str) -> tuple[str, ...]:
        return job.listeners

    def end_again(self, job: Job) -> tuple[str, ...]:
        """A complete that is sent again is answered `repeat`: to whom it is published."""
        return ()

    def then(self, verb: str, reply: str) -> str | None:
        """What a client calls after this reply before it waits."""
        return None

    # What can happen.

    def start(self) -> Scene:
        return Scene()

    def finished(self, world: Scene) -> bool:
        return world.job.state != LIVE and set(world.clients) == {KNOWS}

    def steps(self, world: Scene) -> Iterator[Step]:
        for at, status in enumerate(world.clients):
            yield from self._client(world, at, status)
        job = world.job
        if job.state == LIVE:
            for state in ENDS:
                after, told = self.end(job, state)
                yield self._published(world._replace(job=after), state, told)
                for at, who in enumerate(told):
                    missing = (*told[:at], *told[at + 1 :])
                    lost = self._published(world._replace(job=after), state, missing, told)
                    clients = put(lost.after.clients, name_at(who), missed(world, who))
                    yield lost._replace(
                        fault="a message is lost", after=lost.after._replace(clients=clients)
                    )
        elif job.state in ENDS:
            again = self.end_again(job)
            if again:
                yield Step("worker", "completes again", again, "a repeated call", world)
            yield Step("time", "its retention is over", None, "", world._replace(job=Job(GONE)))
            if job.state == "dead" and world.requeues:
                requeued = job._replace(state=LIVE)
                yield Step(
                    "operator",
                    "requeues",
                    None,
                    "",
                    world._replace(job=requeued, requeues=world.requeues - 1),
                )

    def _client(self, world: Scene, at: int, status: str | Asks) -> Iterator[Step]:
        who = name_of(at)

        def becomes(status: str | Asks, world: Scene = world) -> Scene:
            return world._replace(clients=put(world.clients, at, status))

        if isinstance(status, Asks) and status.reply is not None:
            verb, reply = status.verb, status.reply
            following = self.then(verb, reply)
            if following:
                yield Step(who, f"is answered {reply}", None, "", becomes(Asks(following)))
            else:
                told = WAITS if reply in (LIVE, "new") else KNOWS
                yield Step(who, f"is answered {reply}", None, "", becomes(told))
            yield Step(who, "gets no reply", None, "the reply is lost", becomes(Asks(verb)))
            return
        if isinstance(status, Asks):
            verbs: tuple[str, ...] = (status.verb,)
        elif status == IDLE or (status == KNOWS and world.job.state == LIVE):
            verbs = self.calls  # also once more, of a job that was requeued
        else:
            verbs = ()
        # What an ended job's id means for a submit when it is not kept any more is not asked here.
        if world.job.state == GONE:
            verbs = tuple("watch" if verb == "submit" else verb for verb in verbs)
        for verb in verbs:
            job, reply = getattr(self, verb)(world.job, who)
            there = who in world.heard_by
            seen = world.heard_by if there else (*world.heard_by, who)[-SLOTS:]
            registered = verb != "look" and reply in (LIVE, "new")
            heard_by = seen if registered else world.heard_by
            after = becomes(Asks(verb, reply), world._replace(job=job, heard_by=heard_by))
            yield Step(who, f"calls {verb}", reply, "", after)
        sweeps = status == MISSED or (status == WAITS and who not in world.heard_by)
        if sweeps and world.job.state not in (ABSENT, LIVE):
            yield Step(who, "sweeps", world.job.state, "", becomes(KNOWS))

    def _published(
        self, world: Scene, state: str, told: tuple[str, ...], all_told: tuple[str, ...] = ()
    ) -> Step:
        """The end of the job, heard by those whose message arrives: those that ask too."""
        clients = tuple(
            KNOWS if name_of(at) in told else status for at, status in enumerate(world.clients)
        )
        return Step(
            "worker", f"ends it: {state}", all_told or told, "", world._replace(clients=clients)
        )

    # What must be true.

    def broken_state(self, world: Scene) -> str:
        if len(world.job.listeners) > SLOTS:
            return f"the job has {len(world.job.listeners)} listeners"
        for at, status in enumerate(world.clients):
            who = name_of(at)
            if status == WAITS and world.job.state != LIVE and who in world.heard_by:
                return f"{who} waits for a job that is {world.job.state}"
        return ""

    def broken_step(self, before: Scene, step: Step) -> str:
        if step.who == "worker":
            ends = before.job.state == LIVE
            for who in set(step.reply):
                if step.reply.count(who) > 1 or not ends:
                    return f"{who} heard twice of one end"
            for who in before.heard_by if ends else ():
                if who not in step.reply:
                    return f"{who} had watched, and did not hear of the end"
        if not step.what.startswith("calls "):  # type: ignore[union-attr]
            return ""
        told = LIVE if step.reply == "new" else step.reply
        if told != step.after.job.state and not (told == ABSENT == before.job.state):
            return f"{step.who} was answered {step.reply} of a job that is {step.after.job.state}"
        if before.job.state != LIVE and step.reply != "new" and step.after.job != before.job:
            return f"{step.who} asked for a job that is {before.job.state}, and wrote something"
        return ""


def name_of(at: int) -> str:
    return f"c{at + 1}"


def name_at(name: str) -> int:
    return int(name[1:]) - 1


def missed(world: Scene, who: str) -> str | Asks:
    """What a client is whose message was lost: the reply says it to a client that asks."""
    status = world.clients[name_at(who)]
    return MISSED if status == WAITS or (isinstance(status, Asks) and status.reply) else status


def put(clients: tuple[Any, ...], at: int, status: Any) -> tuple[Any, ...]:
    return (*clients[:at], status, *clients[at + 1 :])


class OnlyTheSubmitter(Listeners):
    """A job has one client: the one that made it."""

    name = "only the submitter hears"
    why = "did not hear of the end"

    def add(self, job: Job, client: str) -> Job:
        return job


class LatestSubmitter(Listeners):
    """A second submit takes the place of the first."""

    name = "listener lost by a second submit"
    why = "did not hear of the end"

    def add(self, job: Job, client: str) -> Job:
        return job._replace(listeners=(client,))


class FullRefuses(Listeners):
    """The first listeners stay, though they may be dead, and nobody says so to a later one."""

    name = "full list that refuses in silence"
    why = "did not hear of the end"

    def add(self, job: Job, client: str) -> Job:
        return super().add(job, client) if len(job.listeners) < SLOTS else job


class WithoutEnd(Listeners):
    """Every client that ever watched is kept."""

    name = "list of listeners without a bound"
    why = "the job has 3 listeners"

    def add(self, job: Job, client: str) -> Job:
        return job if client in job.listeners else job._replace(listeners=(*job.listeners, client))


class AddsTwice(Listeners):
    """A watch that is repeated adds a name that is there."""

    name = "watch that adds twice"
    why = "heard twice of one end"

    def add(self, job: Job, client: str) -> Job:
        return job._replace(listeners=(*job.listeners, client)[-SLOTS:])


class WatchAfterTheEnd(Listeners):
    """A watch registers without a look at the state, and the client waits for ever."""

    name = "watch after the end that waits for ever"
    why = "was answered live of a job that is"

    def watch(self, job: Job, client: str) -> tuple[Job, str]:
        return super().watch(job, client) if job.state == ABSENT else (self.add(job, client), LIVE)


class LookThenRegister(Listeners):
    """A watch in two calls: the job ends between them."""

    name = "watch that looks first and registers then"
    why = "was answered live of a job that is"
    calls = ("submit", "look")

    def look(self, job: Job, client: str) -> tuple[Job, str]:
        return job, job.state

    def register(self, job: Job, client: str) -> tuple[Job, str]:
        return self.add(job, client), LIVE

    def then(self, verb: str, reply: str) -> str | None:
        return "register" if (verb, reply) == ("look", LIVE) else None


class RepeatTells(Listeners):
    """A complete that is sent again publishes again."""

    name = "repeated end that is published again"
    why = "heard twice of one end"

    def end_again(self, job: Job) -> tuple[str, ...]:
        return job.listeners


class CancelTellsNobody(Listeners):
    """Ends that no worker causes are not published."""

    name = "cancel and expiry that are not published"
    why = "did not hear of the end"

    def told(self, job: Job, state: str) -> tuple[str, ...]:
        return () if state in ("cancelled", "expired") else job.listeners


class NothingKeptNobodyTold(Listeners):
    """Where no outcome is kept, the hash goes first and its listeners with it."""

    name = "retention of 0 that publishes to nobody"
    why = "did not hear of the end"
    keeps = False

    def told(self, job: Job, state: str) -> tuple[str, ...]:
        return job.listeners if self.keeps else ()


class MessageForgotten(Listeners):
    """A client looks for messages after the reply to its call: one that came before is gone."""

    name = "client that listens after the reply"
    why = "waits for a job that is"

    def _published(
        self, world: Scene, state: str, told: tuple[str, ...], all_told: tuple[str, ...] = ()
    ) -> Step:
        step = super()._published(world, state, told, all_told)
        clients = tuple(
            old if isinstance(old, Asks) else new
            for old, new in zip(world.clients, step.after.clients, strict=True)
        )
        return step._replace(after=step.after._replace(clients=clients))


MUTANTS: list[type[Listeners]] = Listeners.__subclasses__()
