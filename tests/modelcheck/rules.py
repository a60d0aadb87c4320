"""What must be true, of every state and of every step. Each rule gives words when it is broken.

The rules look at a state or a step only; how it came about, and what to do then, is not known here.
"""

from __future__ import annotations

from collections import Counter

from .engine import ENDED, FIRST, LIVE, QUARANTINE_CRASHES, RENEWED, Call, Job, Server
from .world import ACKNOWLEDGED, Held, Step, World

FENCED = ("complete", "fail", "extend", "release")


def broken_state(world: World) -> str:
    """The first rule that this state breaks, or ''."""
    server = world.server
    return _places(server, world.lost) or _jobs(server) or _turns(server) or _callers(world)


def broken_step(before: World, step: Step) -> str:
    """The first rule that this step breaks, or ''."""
    if step.fault == "power cut" or not isinstance(step.what, Call):
        return ""
    old, new = dict(before.server.jobs), dict(step.after.server.jobs)
    for id, job in old.items():
        if job.state in ENDED and new.get(id) != job:
            return f"{id} had ended as {job.state}, and was changed"
    return (
        _fenced(before, step, old)
        or _leases(before, step, old, new)
        or _lived(before, old, new)
        or _replayed(before, step)
    )


def _places(server: Server, lost: tuple[str, ...]) -> str:
    """A job is in exactly one place, the one that fits its state, but for those that a loss of the
    in-flight set took out of it, until their workers extend."""
    there = dict(server.jobs)
    entries = {
        "pending": Counter(server.pending),
        "inflight": Counter(id for id, _ in server.inflight),
        "delayed": Counter(id for id, _ in server.delayed),
        "dead": Counter(server.dead),
    }
    for place, ids in entries.items():
        for id in ids:
            if id not in there:
                return f"{id} is in {place}, and has no hash"
    for id, job in there.items():
        found = {place: ids[id] for place, ids in entries.items() if ids[id]}
        fitting = {job.state: 1} if job.state in (*LIVE, "dead") else {}
        marked = job.state == "cancelled" and found == {"pending": 1}  # until a claim meets it
        missing = id in lost and job.state == "inflight" and not found
        if found != fitting and not marked and not missing:
            return f"{id} is {job.state}, and is in {found or 'no place'}"
    return ""


def _jobs(server: Server) -> str:
    for id, job in server.jobs:
        if len(job.accepted) > 1:
            return f"{id} has {len(job.accepted)} recorded outcomes"
        if (job.state == "done") != (len(job.accepted) == 1):
            return f"{id} is {job.state} with {len(job.accepted)} recorded outcomes"
        counted = job.past + job.crashes + job.releases
        running = job.claims - counted
        expected = (0, 1) if job.state == "cancelled" else (job.state in ("inflight", "done"),)
        if running not in expected:
            return f"{id} is {job.state}, was claimed {job.claims} times and counts {counted} ends"
    origins = Counter(id[0] for id, _ in server.jobs)
    for id, number in origins.items():
        if number > 1:
            return f"{number} jobs for the one submit of {id}"
    return ""


def _turns(server: Server) -> str:
    """One suspect at a time."""
    found = [
        id
        for id, job in server.jobs
        if job.crashes >= QUARANTINE_CRASHES and job.state in ("pending", "inflight")
    ]
    return f"{' and '.join(found)} are suspects, and at large together" if len(found) > 1 else ""


def _callers(world: World) -> str:
    jobs = dict(world.server.jobs)
    origins = {id[0] for id in jobs}
    for at, status in enumerate(world.submits):
        id = "abcdefgh"[at]
        if status == ACKNOWLEDGED and id not in origins:
            return f"{id} was acknowledged, and is not there"
    holders = Counter(
        worker.id
        for worker in world.workers
        if isinstance(worker, Held)
        and worker.id in jobs
        and jobs[worker.id].state == "inflight"
        and jobs[worker.id].token == worker.token
    )
    for id, number in holders.items():
        if number > 1:
            return f"{number} workers hold the current token of {id}"
    return ""


def wrote(before: World, step: Step) -> bool:
    """Whether the step changed a key, but for records of claims, which the model drops early."""
    old, new = before.server, step.after.server
    return old._replace(claims=()) != new._replace(claims=())


def _fenced(before: World, step: Step, old: dict[str, Job]) -> str:
    """Only the current token of a job in flight writes, and every answer is true."""
    assert isinstance(step.what, Call)
    if step.what.verb not in FENCED:
        return ""
    id, token = step.what.args[:2]
    job = old.get(id)
    current = job is not None and job.state == "inflight" and job.token == token
    refused = step.reply in ("LOST", "NOJOB", "cancelled", "repeat")
    if not current and wrote(before, step):
        return f"{step.what.verb} by a token that does not hold {id} wrote something"
    if not current and not refused:
        return f"{step.what.verb} by a token that does not hold {id} was answered {step.reply}"
    if current and refused:
        return f"the holder of {id} was answered {step.reply}"
    if step.reply == "repeat" and job is not None and job.ended != token:
        return f"answered 'repeat', but this token never ended an attempt of {id}"
    if job is not None and token == job.ended == job.token and step.reply in ("LOST", "NOJOB"):
        return f"who ended the attempt of {id} was answered {step.reply} when it asked again"
    return ""


def _leases(before: World, step: Step, old: dict[str, Job], new: dict[str, Job]) -> str:
    """Nobody else takes away a job whose lease runs."""
    assert isinstance(step.what, Call)
    if step.what.verb in (*FENCED, "cancel"):
        return ""
    for id, lease in before.server.inflight:
        taken = id not in new or (new[id].state, new[id].token) != ("inflight", old[id].token)
        if lease in (FIRST, RENEWED) and taken:
            return f"{id} was taken away while its lease ran"
    return ""


def _lived(before: World, old: dict[str, Job], new: dict[str, Job]) -> str:
    """An absence is nobody's crash."""
    for id, token in before.owed:
        if old[id].token == token and new[id].crashes > old[id].crashes:
            return f"a crash was counted for {id}, whose worker lived through the absence"
    return ""


def _replayed(before: World, step: Step) -> str:
    """A nonce has one job: a claim that is sent again is answered with what the first one took."""
    assert isinstance(step.what, Call)
    if step.what.verb != "claim":
        return ""
    (nonce,) = step.what.args
    leases = dict(before.server.inflight)
    for id, job in before.server.jobs:
        if job.token is not None and job.token[1] == nonce and leases.get(id) == FIRST:
            if step.reply != (id, job.token):
                return (
                    f"claim n{nonce} had taken {id}, and was answered {step.reply or 'nothing'} now"
                )
            if wrote(before, step):
                return f"claim n{nonce} was sent again, and wrote something"
    return ""
