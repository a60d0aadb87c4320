"""What Redis's access rules must grant, told from the scripts themselves. Nothing is sent here.

Redis checks the commands that a script runs, and their keys, as if its caller ran them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyjobs.engine.keys import Keys
from pyjobs.engine.scripts import everything, script
from pyjobs.errors import BadArgument

# Who calls which verbs, of those that a mode has, and which plain commands.
ROLES = {
    "producer": (("submit", "cancel"), ("SUBSCRIBE", "PUBLISH", "HSET")),
    "worker": (
        ("claim", "complete", "fail", "extend", "release"),
        ("PING", "INFO", "BLPOP", "HSET", "SUBSCRIBE"),
    ),
    "operator": (("cancel", "reap", "dead", "requeue"), ("HSET", "HGET", "HGETALL")),
}


def commands(role: str, mode: str) -> set[str]:
    """The commands that the scripts of a role run.

    Raises:
        BadArgument: there is no such role.
    """
    if role not in ROLES:
        raise BadArgument(f"role: {role!r} is not one of {', '.join(ROLES)}")
    wanted = {f"{mode}/{verb}" for verb in ROLES[role][0]} | {"queue/wake", "queue/result"}
    names = {one.name for one in everything()} & wanted
    return {word for name in names for word in script(name).about["commands"]}


def rules(role: str, mode: str, keys: Keys, queues: Sequence[str]) -> Iterator[str]:
    """The rules of ACL SETUSER that make a user this and no more; reset it before.

    Args:
        queues: the names of its queues; none: every queue of the prefix.

    Raises:
        BadArgument: there is no such role.
    """
    plain = commands(role, mode).union(ROLES[role][1])
    # The asterisk takes in the keys that the scripts derive.
    yield from (f"~{keys.queue(name)}*" for name in queues or ())
    if not queues:
        yield f"~{keys.prefix}:{{*"
    yield f"~{keys.queues}"
    if role == "operator":
        yield f"~{keys.scripts}"
    # Redis before 7 lets a new user into every channel.
    yield from ("resetchannels", f"&{keys.channel('*')}")
    all_queues = [f"{keys.prefix}:{{*}}"]
    yield from (
        f"&{Keys.cancel(key)}" for key in [keys.queue(name) for name in queues] or all_queues
    )
    yield from ("+evalsha", "+script|load")
    yield from sorted(f"+{command.lower()}" for command in plain)
