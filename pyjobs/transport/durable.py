"""What an error means that a server replies to the command of a durable submit.

What the command is, and what its other replies mean, is decided in `pyjobs.engine`.
"""

from __future__ import annotations

from typing import Any

from redis import exceptions

from pyjobs.engine import STANDS, Durable, Kept
from pyjobs.errors import BadArgument, NotDurable, PyjobsError
from pyjobs.transport.errors import DISCONNECTED, UNKNOWN, UNKNOWN_USER, refuses, translated

SINCE = {"WAIT": "every Redis and Valkey has", "WAITAOF": "Redis has from 7.2 on, and Valkey"}


def durable_error(durable: Durable, error: exceptions.RedisError) -> PyjobsError | None:
    """Return the error of submits to a server that can't wait so, before they are sent; None where
    the server may be able to.

    Args:
        durable: what the submits wait for.
        error: the reply to `durable.probe`.
    """
    if isinstance(error, (*DISCONNECTED, *UNKNOWN_USER)) or refuses(error):
        # Such an error is about the server, and the calls themselves meet it too.
        return None
    found = translated(error)
    if UNKNOWN.search(str(error)):
        found = BadArgument(
            f"durable: this server has no {durable.command}, which {SINCE[durable.command]}"
        )
    elif "appendonly" in str(error):
        found = BadArgument("durable: 'aof' needs a server with `appendonly yes`")
    found.__cause__ = error
    return found


def judged(durable: Durable, answer: Any, reply: Any) -> Kept | NotDurable:
    """Return the answer to a call that was carried out, or NotDurable in its place.

    Args:
        durable: what the call waits for.
        answer: the parsed reply to the call.
        reply: the reply to `durable.words`, or an error of redis-py.
    """
    if not isinstance(reply, exceptions.RedisError):
        return durable.judged(answer, reply)
    found = NotDurable(f"it is not known who has the submit: {reply}; {STANDS}")
    found.__cause__ = reply
    return found
