"""The rules that a Redis user of a role needs in the access control list (ACL) of Redis.

The rules follow from the commands in the scripts, because Redis checks the commands that a script
runs, and their keys, as if the script's caller ran them. Nothing is sent here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyjobs.engine.durable import Durable
from pyjobs.engine.keys import Keys
from pyjobs.engine.modes import mode_named
from pyjobs.engine.scripts import Script, everything, script
from pyjobs.errors import BadArgument

# For each role: the verbs that it calls, where the mode has them, and its commands besides scripts.
ROLES = {
    "producer": (("submit", "cancel", "schedule"), ("SUBSCRIBE", "PUBLISH", "HSET")),
    "worker": (
        ("claim", "complete", "fail", "extend", "release", "update", "append", "schedule"),
        ("PING", "INFO", "BLPOP", "HSET", "SUBSCRIBE"),
    ),
    "operator": (
        ("cancel", "reap", "dead", "requeue"),
        ("HSET", "HGET", "HGETALL", "HKEYS", "INFO", "SCAN", "MEMORY|USAGE"),
    ),
}
# The scripts of every mode that a role calls besides.
SHARED = {
    "producer": ("queue/wake", "queue/result", "queue/show", "queue/output"),
    "worker": ("queue/wake", "queue/result", "queue/announce"),
    "operator": (
        *("queue/wake", "queue/result", "queue/stats", "queue/show", "queue/list", "queue/find"),
        *("queue/explain", "queue/walk", "queue/check", "queue/pause", "queue/resume"),
        *("queue/mode", "queue/limit", "queue/output", "queue/workers"),
        *("queue/counters", "queue/counting", "queue/parts", "queue/events", "queue/keep"),
        *("queue/purge", "queue/delete", "queue/run", "queue/repair"),
        *("queue/send", "queue/receive", "queue/sent", "queue/outbox"),
    ),
}
# The scripts that a role calls besides in the modes that store their jobs.
SCHEDULE_SCRIPTS = (
    "schedule/list",
    "schedule/pause",
    "schedule/resume",
    "schedule/run",
    "schedule/remove",
)
STORED = {
    "producer": ("queue/watch", *SCHEDULE_SCRIPTS),
    "worker": ("queue/show", "schedule/list", "schedule/refill"),
    "operator": (*SCHEDULE_SCRIPTS, "schedule/refill"),
}

# No job depends on these scripts: a worker starts without the rights that only they need.
UNNEEDED = {"queue/announce", "queue/show"}
# What scripts run in a cluster only, and what a role needs there besides: queue/listen is for
# clusters, and so are sharded channels.
SHARDED = {"SPUBLISH"}
IN_CLUSTER = {
    "producer": {"CLUSTER|SLOTS", "SPUBLISH", "SSUBSCRIBE"},
    "worker": {
        *("CLUSTER|SLOTS", "LPOP", "PUBSUB|SHARDNUMSUB"),
        *("SPUBLISH", "SSUBSCRIBE", "SUNSUBSCRIBE"),
    },
    "operator": {"CLUSTER|SLOTS", "SPUBLISH"},
}
# What only counters and events run. A user who may not run these writes none, and that stops no
# call.
COUNTING = {"HINCRBY", "XADD"}
COUNTING_OF = {"simple": COUNTING | {"ZADD", "ZCARD", "ZREM", "ZREMRANGEBYSCORE"}}

# ACL DRYRUN checks the number of arguments too: how many values follow the key of each command.
VALUES = {
    **dict.fromkeys(("DEL", "DUMP", "EXISTS", "GET", "LLEN", "PERSIST"), 0),
    **dict.fromkeys(("PTTL", "RPOP", "ZCARD"), 0),
    **dict.fromkeys(("HDEL", "HEXISTS", "HMGET", "LPOS", "LPUSH", "PEXPIRE", "RPUSH"), 1),
    **dict.fromkeys(("SET", "ZRANK", "ZREM", "ZREVRANK", "ZSCORE"), 1),
    **dict.fromkeys(("HINCRBY", "HSET", "LRANGE", "LREM", "LTRIM", "RESTORE"), 2),
    **dict.fromkeys(("ZADD", "ZCOUNT", "ZINCRBY"), 2),
    **dict.fromkeys(("ZRANGE", "ZRANGEBYSCORE", "ZREMRANGEBYSCORE", "ZREVRANGE"), 2),
    **dict.fromkeys(("XRANGE", "XREVRANGE"), 2),
}


def scripts_of(role: str, mode: str) -> list[Script]:
    """Return the scripts that a role calls.

    Args:
        role: 'producer', 'worker' or 'operator'.
        mode: the name of the queues' mode.

    Raises:
        BadArgument: there is no such role.
    """
    # By a list: what is no text may have no hash.
    if role not in [*ROLES]:
        raise BadArgument(f"role: {role!r} is not one of {', '.join(ROLES)}")
    wanted = {f"{mode}/{verb}" for verb in ROLES[role][0]}
    wanted |= {*SHARED[role]}
    if mode_named(mode).stores:
        wanted |= {*STORED[role]}
    return [script(name) for name in sorted({one.name for one in everything()} & wanted)]


def commands_of(role: str, mode: str) -> set[str]:
    """Return the Redis commands that the scripts of a role run, in capitals.

    Args:
        role: 'producer', 'worker' or 'operator'.
        mode: the name of the queues' mode.

    Raises:
        BadArgument: there is no such role.
    """
    return {word for one in scripts_of(role, mode) for word in one.about["commands"]}


def dry_runs_of(role: str, mode: str, queue: str) -> list[tuple[str, ...]]:
    """Return what ACL DRYRUN may be asked: each command of a role's scripts that takes a key of the
    queue and is needed, with as many words as the command needs.

    Args:
        role: 'producer', 'worker' or 'operator'.
        mode: the name of the queue's mode.
        queue: the queue's key.

    Raises:
        BadArgument: there is no such role.
    """
    needed = [one for one in scripts_of(role, mode) if one.name not in UNNEEDED]
    words = {word for one in needed for word in one.about["commands"]}
    commands = sorted((words - COUNTING_OF.get(mode, COUNTING)) & VALUES.keys())
    return [(command, Keys.meta(queue), *[""] * VALUES[command]) for command in commands]


def rules_of(
    role: str,
    mode: str,
    keys: Keys,
    queues: Sequence[str],
    *,
    db: int = 0,
    scripts: bool = False,
    cluster: bool = False,
    durable: Durable | None = None,
    parts: bool = False,
) -> Iterator[str]:
    """Yield the rules of ACL SETUSER that give a user the rights of a role and no more.

    The rules add rights, so the user must have none before: `ACL SETUSER <name> reset`.

    Args:
        role: 'producer', 'worker' or 'operator'.
        mode: the name of the queues' mode.
        keys: the names under the prefix of the queues.
        queues: the names of the queues; none is every queue of the prefix.
        db: the number of the database. A connection begins in database 0 and needs no right to
            select that one.
        scripts: add the right to read the shas and bodies of the scripts in Redis, as programs of
            other languages do. Needs Redis 7. An operator has the right to write them too.
        cluster: add the rights that only a cluster needs: to ask which node owns which slot, and
            those to sharded channels, which Redis has since version 7.
        durable: what the user's submits wait for; None is nothing.
        parts: add the keys of the parts of named queues, where the queues are split or may be.

    Raises:
        BadArgument: there is no such role, or a queue's name is malformed.
    """
    plain = commands_of(role, mode).union(ROLES[role][1])
    # The asterisk covers the keys that the scripts derive.
    yield from (f"~{keys.queue(name)}*" for name in queues)
    if parts:
        yield from (f"~{keys.queue(name)[:-1]}/*" for name in queues)
    if not queues:
        yield f"~{keys.prefix}:{{*"
    yield f"~{keys.queues}"
    if role == "operator":
        yield from (f"~{keys.scripts}", f"~{keys.bodies}")
    elif scripts:
        # A user who may write them decides which scripts others load.
        yield from (f"%R~{keys.scripts}", f"%R~{keys.bodies}")
        plain.add("HGET")
    # Before Redis 7, a new user may use every channel.
    yield "resetchannels"
    # A queue's channels only: who may publish there decides what clients believe of its jobs.
    yield from (f"&{keys.queue(name)}:*" for name in queues)
    if parts:
        yield from (f"&{keys.queue(name)[:-1]}/*" for name in queues)
    if not queues:
        yield f"&{keys.prefix}:{{*}}:*"
    yield from ("+evalsha", "+script|load")
    if role == "operator":
        yield "+script|exists"
    if db:
        yield "+select"
    plain -= SHARDED
    if cluster:
        plain |= IN_CLUSTER[role]
    if durable is not None:
        plain.add(durable.command)
    yield from sorted(f"+{command.lower()}" for command in plain)
