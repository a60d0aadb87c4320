"""The script time of a job's three verbs, by the server's own count, for pyjobs and for two floors.

A floor is the least that three scripts with such a hash for each job can do: no checks, rights,
wake-ups or records of claims, and nothing that makes a call safe to repeat. The scripts of the
floors, and the loop that sends the calls, live here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import median
from typing import Any, NamedTuple

from benchmark.case import Case
from pyjobs.engine.call import Call
from pyjobs.engine.counters import set_counting
from pyjobs.engine.reliable import RELIABLE

QUEUE = "jobs:{bench}"
CLIENT = "bench"
LEASE = 30_000
VERBS = ("submit", "claim", "complete")
DATA = b'{"first":3,"second":4,"text":"some words of a usual payload"}'
RESULT = b'{"sum":7}'
# So many that what is new in a minute, the first count of each field, does not matter.
TURN_CALLS = 200

# A job of a batch: its id and token.
Held = tuple[str, str]


class Life(NamedTuple):
    """How the jobs of a batch are submitted, claimed and completed.

    Attributes:
        bodies: the scripts by verb.
        submit: returns the arguments after EVALSHA and the sha, for ids.
        claim: the same for a nonce and a number of jobs.
        held: reads the reply of a claim.
        complete: the same for claimed jobs.
        first: what is called once, before the first job.
    """

    bodies: dict[str, str]
    submit: Callable[[Sequence[str]], Sequence[Any]]
    claim: Callable[[str, int], Sequence[Any]]
    held: Callable[[Any], list[Held]]
    complete: Callable[[Sequence[Held]], Sequence[Any]]
    first: Call[Any] | None = None


# --- pyjobs ---


def _own_held(reply: Any) -> list[Held]:
    return [(id.decode(), token.decode()) for _, id, token, *_ in reply[1:]]


OWN = Life(
    {verb: RELIABLE.script(verb).body for verb in VERBS},
    lambda ids: RELIABLE.submit(QUEUE, [(id, DATA) for id in ids], client=CLIENT).command()[2:],
    lambda nonce, limit: RELIABLE.claim([QUEUE], nonce=nonce, limit=limit, lease=LEASE).command()[
        2:
    ],
    _own_held,
    lambda held: RELIABLE.complete(QUEUE, [(*one, RESULT) for one in held]).command()[2:],
)

# --- the floors ---

CLOCK = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local stamp = string.format('%.0f', now)
local job = KEYS[1] .. ':job:'
"""
A = {
    "submit": CLOCK
    + """
local ids = {}
for i = 2, #ARGV, 2 do
  local key = job .. ARGV[i]
  local data, client = ARGV[i + 1], ARGV[1]
  redis.call('HSET', key, 'data', data, 'state', 'pending', 'queued', stamp, 'client', client)
  ids[#ids + 1] = ARGV[i]
end
redis.call('LPUSH', KEYS[1] .. ':pending', unpack(ids))
return #ids
""",
    "claim": CLOCK
    + """
local pending = KEYS[1] .. ':pending'
local ids = redis.call('LRANGE', pending, -ARGV[2], -1)
redis.call('LTRIM', pending, 0, -#ids - 1)
local token = redis.call('HINCRBY', KEYS[1] .. ':meta', 'token', 1) .. '-' .. ARGV[1]
local jobs, due = {}, {}
for i, id in ipairs(ids) do
  local key = job .. id
  local found = redis.call('HMGET', key, 'state', 'data', 'queued', 'timeout', 'expires')
  redis.call('HSET', key, 'state', 'inflight', 'token', token, 'started', stamp)
  due[2 * i - 1], due[2 * i] = now + 30000, id
  jobs[i] = { id, token, found[2], found[3] }
end
redis.call('ZADD', KEYS[1] .. ':inflight', unpack(due))
return jobs
""",
    "complete": CLOCK
    + """
local ids, message = {}, {}
for i = 1, #ARGV, 3 do
  local id, key, result = ARGV[i], job .. ARGV[i], ARGV[i + 2]
  local found = redis.call('HMGET', key, 'state', 'token', 'client', 'queued', 'started')
  if found[1] == 'inflight' and found[2] == ARGV[i + 1] then
    redis.call('HSET', key, 'state', 'done', 'result', result, 'processed', stamp)
    redis.call('PEXPIRE', key, 86400000)
    ids[#ids + 1] = id
    local line = id .. ' done ' .. found[4] .. ' ' .. found[5] .. ' ' .. #result
    message[#ids] = line .. '\\n' .. result
  end
end
redis.call('ZREM', KEYS[1] .. ':inflight', unpack(ids))
redis.call('PUBLISH', KEYS[1] .. ':client:bench', table.concat(message))
return #ids
""",
}
# As A, with state, token and start in one field, and lists of what is to be deleted in an hour in
# place of an expiry for each job.
C = {
    "submit": A["submit"].replace(
        "'state', 'pending', 'queued', stamp, 'client', client", "'s', 'p', 'q', stamp .. client"
    ),
    "claim": A["claim"]
    .replace("'state', 'data', 'queued', 'timeout', 'expires'", "'s', 'data', 'q', 'o'")
    .replace("'state', 'inflight', 'token', token, 'started', stamp", "'s', token .. ' ' .. stamp"),
    "complete": A["complete"]
    .replace("'state', 'token', 'client', 'queued', 'started'", "'s', 'q', 'o'")
    .replace(
        "  if found[1] == 'inflight' and found[2] == ARGV[i + 1] then\n",
        "  local token, started = found[1]:match('^(%S+) (%S+)$')\n"
        "  if token == ARGV[i + 1] then\n",
    )
    .replace(
        "'state', 'done', 'result', result, 'processed', stamp)\n"
        "    redis.call('PEXPIRE', key, 86400000)\n",
        "'s', 'd ' .. started .. ' ' .. stamp, 'r', result)\n",
    )
    .replace("found[4] .. ' ' .. found[5]", "found[2] .. ' ' .. started")
    .replace(
        "redis.call('ZREM'",
        "redis.call('RPUSH', KEYS[1] .. ':gone:' .. math.floor(now / 3600000), unpack(ids))\n"
        "redis.call('ZREM'",
    ),
}
# A counter's floor: the write of a field whose key, name and value nobody has to make.
COUNT = "redis.call('HINCRBY', 'jobs:{bench}:counters:29000000:', 'wait<128', '1000000000500')\n"
A_COUNTED = {verb: body.replace(CLOCK, CLOCK + COUNT) for verb, body in A.items()}


def floor(bodies: dict[str, str]) -> Life:
    """The life of jobs by the scripts of a floor."""
    return Life(
        bodies,
        lambda ids: (1, QUEUE, CLIENT, *(word for id in ids for word in (id, DATA))),
        lambda nonce, limit: (1, QUEUE, nonce, limit),
        lambda reply: [(id.decode(), token.decode()) for id, token, *_ in reply],
        lambda held: (1, QUEUE, *(word for one in held for word in (*one, RESULT))),
    )


WITH_TASK = OWN._replace(
    submit=lambda ids: RELIABLE.submit(
        QUEUE, [(id, DATA) for id in ids], client=CLIENT, task="mail.send"
    ).command()[2:]
)
UNCOUNTED = OWN._replace(first=set_counting(QUEUE, False))
LIVES = {
    "own": OWN,
    "task": WITH_TASK,
    "uncounted": UNCOUNTED,
    "A": floor(A),
    "A counted": floor(A_COUNTED),
    "C": floor(C),
}
# What lives in turns with each, to see what the one has more.
LESS = {"task": "own", "own": "uncounted", "A counted": "A"}

# --- what is counted ---


def figures(server: Any, name: str, case: Case, held: Callable[[], float]) -> dict[str, float]:
    """Let jobs live in batches, a verb after the other: seconds of script time and inner calls a
    job by verb, and the bytes that a job holds, queued and kept.

    Args:
        server: a client of redis-py.
        name: whose scripts.
        case: how many jobs, and how many of them in a call.
        held: returns how many bytes the server holds.
    """
    life = LIVES[name]
    shas = {verb: server.script_load(body) for verb, body in life.bodies.items()}
    if life.first:
        server.script_load(life.first.script.body)
        server.execute_command(*life.first.command())
    batches = case.jobs // case.batch
    found: dict[str, float] = {}

    def timed(verb: str, calls: Iterator[Sequence[Any]]) -> list[Any]:
        before = counted(server)
        replies = [server.evalsha(shas[verb], *call) for call in calls]
        after = counted(server)
        found[verb] = (after.seconds - before.seconds) / case.jobs
        found[f"{verb} calls"] = (after.inner - before.inner) / case.jobs
        return replies

    ids = [[f"{at:010}x{n}" for n in range(case.batch)] for at in range(batches)]
    empty = held()
    timed("submit", (life.submit(batch) for batch in ids))
    found["queued"] = (held() - empty) / case.jobs
    replies = timed("claim", (life.claim(f"nonce{at}", case.batch) for at in range(batches)))
    taken = [life.held(reply) for reply in replies]
    assert sum(map(len, taken)) == case.jobs
    timed("complete", (life.complete(batch) for batch in taken))
    found["kept"] = (held() - empty) / case.jobs
    found["life"] = sum(found[verb] for verb in VERBS)
    found["life calls"] = sum(found[f"{verb} calls"] for verb in VERBS)
    return found


def interleaved(server: Any, name: str, case: Case) -> dict[str, float]:
    """Seconds of script time a job, for two lives that take turns on an empty server: the `life` of
    the one, the `less` of the other, and how much `more` the one takes, in all and by verb. Each is
    a median over the turns, in which a machine that is slow for a while is slow for both.

    Args:
        server: a client of redis-py.
        name: whose life; LESS says which is the other.
        case: how many jobs in all.
    """
    turn = replace(case, jobs=TURN_CALLS * case.batch)
    names = (LESS[name], name)
    found: dict[str, list[dict[str, float]]] = {one: [] for one in names}
    for number in range(max(1, case.jobs // turn.jobs // 2)):
        # Which comes first changes from turn to turn.
        for one in names if number % 2 else names[::-1]:
            server.flushall()
            found[one].append(figures(server, one, turn, lambda: 0.0))
    less, more = found[names[0]], found[name]

    def added(part: str) -> float:
        return median(theirs[part] - ours[part] for ours, theirs in zip(less, more, strict=True))

    return {
        "life": median(one["life"] for one in more),
        "less": median(one["life"] for one in less),
        "more": added("life"),
        **{f"{verb} more": added(verb) for verb in VERBS},
    }


class Counted(NamedTuple):
    """What a server has counted: seconds in EVALSHA, and commands that scripts have called."""

    seconds: float
    inner: float


def counted(server: Any) -> Counted:
    """What the server has counted so far."""
    stats = server.info("commandstats")
    inner = {name: one["calls"] for name, one in stats.items()}
    for name in ("cmdstat_evalsha", "cmdstat_info", "cmdstat_script|load", "cmdstat_script"):
        inner.pop(name, None)
    return Counted(stats.get("cmdstat_evalsha", {"usec": 0})["usec"] / 1e6, sum(inner.values()))
