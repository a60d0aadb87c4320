"""What a worker looks at before its first claim: may Redis evict jobs, and do its rights reach?

Where Redis will not tell, nothing is said: managed servers hide their settings, and few users may
ask for rights. What is missing then shows at the first claim. Only these checks may live here.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from pyjobs.engine import Keys, commands_of
from pyjobs.errors import Forbidden, PyjobsError
from pyjobs.transport import AsyncServer, acommand, translating

log = logging.getLogger(__name__)

# How many values follow the key, for a dry run counts them too.
VALUES = {
    **dict.fromkeys(("DEL", "GET", "LLEN", "RPOP", "ZCARD"), 0),
    **dict.fromkeys(("HDEL", "HMGET", "LPUSH", "PEXPIRE", "RPUSH"), 1),
    **dict.fromkeys(("PUBLISH", "SET", "ZREM", "ZSCORE"), 1),
    **dict.fromkeys(("HINCRBY", "HSET", "LRANGE", "LTRIM", "ZADD", "ZINCRBY", "ZRANGE"), 2),
    **dict.fromkeys(("ZRANGEBYSCORE", "ZREMRANGEBYSCORE"), 2),
}


async def check(server: AsyncServer, mode: str, keys: Keys, queues: Sequence[str]) -> None:
    """Log a warning when Redis may evict jobs, and when results can't be published.

    Args:
        mode: its name.
        keys: the names under the prefix.
        queues: the queues' names.

    Raises:
        Forbidden: the user lacks a right without which a job could be claimed and not be ended.
    """
    try:
        with translating():
            warning = eviction(await server.info("memory"))
    except PyjobsError:
        warning = None
    if warning is not None:
        log.warning(warning)
    try:
        user = await acommand(server, "ACL", "WHOAMI")
        pipe = server.pipeline(transaction=False)
        for words in dry_runs(mode, keys, queues):
            pipe.execute_command("ACL", "DRYRUN", user, *words)
        with translating():
            replies: list[Any] = await pipe.execute(raise_on_error=False)
    except PyjobsError:
        return
    silent, lacking = judge(replies)
    if lacking:
        raise Forbidden(f"a {mode} worker needs more rights: {'; '.join(lacking)}")
    if silent:
        log.warning("results can't be published: %s", silent)


def eviction(memory: dict[str, Any]) -> str | None:
    """What to say of the memory's settings, as INFO tells them; None when all is well."""
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction" or not int(memory.get("maxmemory", 0)):
        return None
    # What lives has no TTL: results, the dead, and what makes a claim repeatable have one.
    what = "results" if policy.startswith("volatile-") else "jobs"
    return (
        f"Redis may throw {what} away when its memory is full: its maxmemory-policy is {policy}; "
        "set it to noeviction"
    )


def dry_runs(mode: str, keys: Keys, queues: Sequence[str]) -> list[tuple[str, ...]]:
    """What the scripts of a worker run, on the first queue; and on the others for their keys."""
    first, *others = map(keys.queue, queues)
    runs: list[tuple[str, ...]] = [("PUBLISH", keys.channel("x"), "")]
    for command in sorted(commands_of("worker", mode) & VALUES.keys() - {"PUBLISH"}):
        runs.append((command, f"{first}:meta", *[""] * VALUES[command]))
    return runs + [("HMGET", f"{queue}:meta", "") for queue in others]


def judge(replies: Sequence[Any]) -> tuple[str, list[str]]:
    """Why nothing may be published ('' when it may), and what else is lacking, in Redis's words."""
    # An error is an answer to the asking itself, and so is every text of another kind.
    texts = [reply.decode() if isinstance(reply, bytes) else "" for reply in replies]
    publish, *others = [text if "permission" in text else "" for text in texts]
    return publish, list(dict.fromkeys(text for text in others if text))
