"""What a worker does before its first claim: connect, load its scripts, and check that Redis keeps
jobs and grants the rights.

Only these steps may live here. Where Redis does not answer a check, nothing is logged: managed
servers hide their settings, and few users may ask for rights. A missing right then shows at the
first claim.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from collections.abc import Sequence
from typing import Any

from pyjobs.engine import Keys, dry_runs_of
from pyjobs.errors import Forbidden, PyjobsError, Unavailable
from pyjobs.log import logger
from pyjobs.transport import (
    AsyncServer,
    Outage,
    acommand,
    aload,
    answering,
    aprimaries,
    shown,
    translating,
)
from pyjobs.worker.settings import WorkerSettings

log = logger(__name__)

# How long a node may take to get its scripts, and to answer what only a warning follows from. Later
# calls load what is missing.
NODE_SECONDS = 2.0
OF_A_KEY = re.compile(r"\bkeys?\b")
NO_COMMAND = re.compile(r"command '?\w+'? not found", re.IGNORECASE)


async def prepare(server: AsyncServer, settings: WorkerSettings) -> None:
    """Connect, load the scripts of the mode, and check the server. Logs a warning when Redis may
    evict jobs, and when results can't be published.

    A node of a cluster that says nothing holds up a worker by a second while the table of slots is
    asked for, and by `NODE_SECONDS` after that. A command that any node can answer goes to a node
    that has answered.

    Args:
        server: the worker's connections.
        settings: the worker's settings; their `wait` bounds the time for which a Redis that is away
            is waited for, with an entry in the log.

    Raises:
        Unavailable: Redis can't be reached, and `wait` is over.
        Forbidden: the user lacks a right without which a job could be claimed and not be ended.
    """
    until = time.monotonic() + settings.wait
    outage = Outage(shown(settings.url))
    while True:
        try:
            await check_connection(server, settings.url)
            break
        except Unavailable as error:
            left = until - time.monotonic()
            if left <= 0:
                raise
            await asyncio.sleep(min(outage.pause(error), left))
    outage.over()
    if warning := await load_and_look(server, settings.mode_name):
        log.warning(warning)
    await check_rights(server, settings.mode_name, settings.keys, settings.queues)


async def check_connection(server: AsyncServer, url: str) -> None:
    """Connect (PING).

    Args:
        server: the worker's connections.
        url: where Redis is, for messages.

    Raises:
        Unavailable: Redis can't be reached.
    """
    try:
        await acommand(server, "PING")
    except Forbidden as error:
        # Redis has answered, and nothing else needs this command.
        log.warning("%s: %s; going on without it", shown(url), error)
    except PyjobsError as error:
        raise Unavailable(f"{shown(url)}: {error}") from error


async def check_rights(server: AsyncServer, mode: str, keys: Keys, queues: Sequence[str]) -> None:
    """Log a warning when results can't be published.

    Args:
        server: the worker's connections.
        mode: the mode's name.
        keys: the Redis keys under the prefix.
        queues: the queues' names.

    Raises:
        Forbidden: the user lacks a right without which a job could be claimed and not be ended.
    """
    try:
        user = await acommand(server, "ACL", "WHOAMI")
        pipe = answering(server).pipeline(transaction=False)
        for words in dry_runs(mode, keys, queues):
            pipe.execute_command("ACL", "DRYRUN", user, *words)
        with translating():
            replies: list[Any] = await pipe.execute(raise_on_error=False)
    except PyjobsError:
        return
    silent, lacking = judge(replies, len(queues))
    if lacking:
        raise Forbidden(f"a {mode} worker needs more rights: {'; '.join(lacking)}")
    if silent:
        log.warning("results can't be published: %s", silent)


async def load_and_look(server: AsyncServer, mode: str) -> str | None:
    """Load the scripts of the mode, and return the warning about an eviction policy of a server, or
    of one of a cluster's nodes, None when there is none. The nodes are asked side by side; one that
    does not answer within `NODE_SECONDS` is left out.

    Args:
        server: the worker's connections.
        mode: the mode's name.
    """

    async def of(node: AsyncServer) -> str | None:
        with contextlib.suppress(PyjobsError, TimeoutError), translating():
            async with asyncio.timeout(NODE_SECONDS):
                await aload(node, mode)
                return eviction(await node.info("memory"))
        return None

    with contextlib.suppress(PyjobsError):
        warnings = await asyncio.gather(*map(of, await aprimaries(server)))
        return next(filter(None, warnings), None)
    return None


def eviction(memory: dict[str, Any]) -> str | None:
    """Return the warning about an eviction policy that may remove jobs, None when none may.

    Args:
        memory: the section 'memory' of INFO.
    """
    policy = str(memory.get("maxmemory_policy", "noeviction"))
    if policy == "noeviction" or not int(memory.get("maxmemory", 0)):
        return None
    # volatile-* evicts keys with a TTL only. Jobs that wait or run have none; results, dead jobs
    # and the replies that make a claim repeatable have one.
    what = "results" if policy.startswith("volatile-") else "jobs"
    return (
        f"Redis may throw {what} away when its memory is full: its maxmemory-policy is {policy}; "
        "set it to noeviction"
    )


def dry_runs(mode: str, keys: Keys, queues: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the commands to try: each command of the worker's scripts on the first queue, and one
    command on each other queue, since rights may differ by key."""
    first, *others = map(keys.queue, queues)
    runs: list[tuple[str, ...]] = [("PUBLISH", Keys.results(first, "x"), "")]
    runs += dry_runs_of("worker", mode, first)
    return runs + [("HMGET", Keys.meta(queue), "") for queue in others]


def judge(replies: Sequence[Any], queues: int = 1) -> tuple[str, list[str]]:
    """Return, in Redis's words, why nothing may be published ('' when it may), and which other
    rights are lacking. A right to the keys of a queue is lacking only where no queue has it: the
    first claim sets the queues aside that it may not read.

    Args:
        replies: the replies to `dry_runs`, in their order. A text without the word 'permission' and
            an exception say nothing about a right. The first command publishes: an error which says
            that the server does not have this command counts.
        queues: how many queues there are.
    """
    texts = [reply.decode() if isinstance(reply, bytes) else "" for reply in replies]
    publish, *others = [text if "permission" in text else "" for text in texts]
    publish = publish or (str(replies[0]) if NO_COMMAND.search(str(replies[0])) else "")
    # A command that is refused for its key may be allowed on another queue.
    first, rest = others[: len(others) - queues + 1], others[len(others) - queues + 1 :]
    served = not any(map(OF_A_KEY.search, first)) or not all(rest)
    lacking = [text for text in others if text and not (served and OF_A_KEY.search(text))]
    return publish, list(dict.fromkeys(lacking))
