"""What an error of redis-py means for a call, and which of our own errors it becomes.

Nothing else may live here; what is done about it is decided in run.py.
"""

from __future__ import annotations

import re

import redis.sentinel
from redis import exceptions

from pyjobs.errors import Forbidden, PyjobsError, QueueFull, Unavailable, from_reply

DISCONNECTED = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.InvalidResponse,
)
UNKNOWN_USER = (exceptions.AuthenticationError, exceptions.AuthorizationError)
REFUSALS = (
    exceptions.BusyLoadingError,
    exceptions.ClusterDownError,
    exceptions.MaxConnectionsError,
    exceptions.ReadOnlyError,
    redis.sentinel.MasterNotFoundError,
)
# A slot on its way to another node: whoever followed ASK would meet half a queue there.
MOVING = (exceptions.AskError, exceptions.TryAgainError)
# redis-py tells only by its words that a connection was never made, or that a sentinel's primary
# has refused, as a replica does.
NOT_SENT = ("connecting to", "previous master is now a slave")
# What redis-py has no class for, or what Redis before 7 wraps in words of its own.
WAITED_FOR = re.compile(
    r"(?:^|-|: )(BUSY|MISCONF|NOREPLICAS|READONLY|LOADING|MASTERDOWN|CLUSTERDOWN) "
)


def refuses(error: exceptions.RedisError) -> bool:
    """Whether Redis says that it does not work now, but may soon: nothing was carried out."""
    if isinstance(error, exceptions.MovedError):
        return False
    return isinstance(error, (*REFUSALS, *MOVING)) or WAITED_FOR.search(str(error)) is not None


def not_sent(error: exceptions.RedisError) -> bool:
    """Whether the connection was never made, so that nothing was carried out either."""
    return any(words in str(error) for words in NOT_SENT)


def translated(error: exceptions.RedisError) -> PyjobsError:
    """The error of this package that an error of redis-py stands for."""
    text = str(error)
    if isinstance(error, exceptions.OutOfMemoryError):
        found: PyjobsError = QueueFull(text)
    elif isinstance(error, exceptions.NoPermissionError):
        found = Forbidden(text)
    elif isinstance(error, exceptions.MovedError):
        found = PyjobsError(f"the queue is on another node of a cluster: {text}")
    elif isinstance(error, exceptions.AskError):
        found = Unavailable(f"the queue is moving to another node of its cluster: {text}")
    elif isinstance(error, (*DISCONNECTED, *UNKNOWN_USER)) or refuses(error):
        found = Unavailable(text)
    else:
        found = from_reply(text) or PyjobsError(text)
    found.__cause__ = error
    return found
