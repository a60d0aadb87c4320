"""redis-py's errors as ours, and which server they are about.

What is done about an error is decided in retry.py.
"""

from __future__ import annotations

import re
from types import TracebackType

import redis
import redis.sentinel
from redis import exceptions

from pyjobs.errors import Forbidden, PyjobsError, QueueFull, Unavailable, from_reply
from pyjobs.transport.url import shown

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


class ErrorTranslation:
    """`with naming:` what goes wrong with Redis in there is one of our errors, and names the URL.

    Attributes:
        url: where Redis is; its password is not shown.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.where = shown(url)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if isinstance(error, redis.RedisError):
            told = translated(error)
            self.name(told)
            raise told from error
        if error is not None:
            self.name(error)

    def name(self, error: BaseException) -> None:
        """Put the URL before an error's words, once."""
        about_redis = isinstance(error, (Unavailable, Forbidden)) or type(error) is PyjobsError
        if about_redis and self.where not in str(error):
            error.args = (f"{self.where}: {error}",)
