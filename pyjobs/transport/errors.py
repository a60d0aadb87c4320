"""redis-py's errors as ours, and which server they are about.

What is done about an error is decided in retry.py.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from types import TracebackType
from typing import NoReturn

from redis import exceptions
from redis.sentinel import MasterNotFoundError

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
    MasterNotFoundError,
)
NO_WRITES = (
    exceptions.BusyLoadingError,
    exceptions.ClusterDownError,
    exceptions.OutOfMemoryError,
    exceptions.ReadOnlyError,
)
# A slot on its way to another node: a call that followed ASK would find half a queue there.
MOVING = (exceptions.AskError, exceptions.TryAgainError)
# redis-py has no class for a connection that was never made, nor for a sentinel's primary that
# refuses as a replica does: only the messages show it.
NOT_SENT = ("connecting to", "previous master is now a slave")
# Replies for which redis-py has no class, or which Redis before 7 wraps in words of its own.
WAITED_FOR = re.compile(
    r"(?:^|-|: )(BUSY|MISCONF|NOREPLICAS|READONLY|LOADING|MASTERDOWN|CLUSTERDOWN) "
)

UNKNOWN = re.compile(r"^(?:ERR )?unknown command", re.IGNORECASE)
# A script that runs an unknown command, or one without a right, is answered so; Redis has no code
# for that, and newer words since 7.2.
IN_A_SCRIPT = re.compile(
    r"ACL failure in script|user executing the script can't|"
    r"unknown (?:redis )?command called from script",
    re.IGNORECASE,
)
# A server without TLS never answers a greeting in TLS, or answers in plain text.
NO_TLS = ("Timeout connecting", "SSL", "Connection closed by server")
HINT_OF_CLUSTER = "redis+cluster:// follows it"
HINT_OF_SLOTS = "a worker with redis+cluster:// claims each by itself"
HINT_OF_TLS = "rediss:// is TLS, which the server may not have on this port"


def refuses(error: exceptions.RedisError) -> bool:
    """Return whether Redis refuses to work now but may soon. Nothing was carried out."""
    if isinstance(error, exceptions.MovedError):
        return False
    return isinstance(error, (*REFUSALS, *MOVING)) or WAITED_FOR.search(str(error)) is not None


def forbids(error: exceptions.RedisError) -> bool:
    """Return whether the user may not run a command, or the server does not have it: where a
    command is renamed, its own name is unknown."""
    text = str(error)
    lacking = UNKNOWN.search(text) or IN_A_SCRIPT.search(text)
    return isinstance(error, exceptions.NoPermissionError) or lacking is not None


def writes_refused(error: BaseException) -> bool:
    """Return whether Redis itself answered that it writes nothing now, or that the queue moves to
    another node. Calls of other callers are not carried out either.

    Args:
        error: an error of this package.
    """
    cause = error.__cause__
    return isinstance(cause, (*NO_WRITES, *MOVING)) or WAITED_FOR.search(str(cause)) is not None


def not_sent(error: exceptions.RedisError) -> bool:
    """Return whether the connection was never made. Nothing was carried out."""
    return any(words in str(error) for words in NOT_SENT)


def is_of_server(error: PyjobsError) -> bool:
    """Return whether an error comes from the server and not from the script of a call: Redis could
    not be reached, or refused the call before its script decided anything. Such an error says
    nothing about an earlier attempt, which may have run the script."""
    return type(error) in (Unavailable, Forbidden, PyjobsError)


def translated(error: exceptions.RedisError) -> PyjobsError:
    """Return the error of this package that stands for an error of redis-py, which is its cause."""
    text = str(error)
    if isinstance(error, exceptions.OutOfMemoryError):
        found: PyjobsError = QueueFull(text)
    elif forbids(error):
        # Redis repeats the arguments of an unknown command, which may be a whole script.
        found = Forbidden(text.partition(", with args")[0])
    elif isinstance(error, exceptions.MovedError):
        found = PyjobsError(f"the queue is on another node of a cluster: {text}; {HINT_OF_CLUSTER}")
    elif isinstance(error, exceptions.ClusterCrossSlotError):
        found = PyjobsError(f"these queues are in several slots of a cluster; {HINT_OF_SLOTS}")
    elif isinstance(error, exceptions.AskError):
        found = Unavailable(f"the queue is moving to another node of its cluster: {text}")
    elif isinstance(error, (*DISCONNECTED, *UNKNOWN_USER)) or refuses(error):
        found = Unavailable(text)
    else:
        found = from_reply(text) or PyjobsError(text)
    found.__cause__ = error
    return found


def raise_translated(error: BaseException) -> NoReturn:
    """Raise an error that was caught; one of redis-py as the error of this package."""
    if isinstance(error, exceptions.RedisError):
        raise translated(error) from error
    raise error


@contextlib.contextmanager
def translating() -> Iterator[None]:
    """Raise what goes wrong with Redis in the block as errors of this package."""
    try:
        yield
    except exceptions.RedisError as error:
        raise translated(error) from error


class ErrorTranslation:
    """Raises what goes wrong with Redis in a block as errors of this package that name the server:
    `with ErrorTranslation(url): ...`. One may be used many times, also by several threads.

    Args:
        url: the server's URL; its password is not shown.

    Attributes:
        url: the server's URL.
        where: the server's URL without its password.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.where = shown(url)

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None
    ) -> None:
        if isinstance(error, exceptions.RedisError):
            found = translated(error)
            self.name(found)
            raise found from error
        if error is not None:
            self.name(error)

    def name(self, error: BaseException) -> None:
        """Put the URL before the message of an error that is about the server, once."""
        about_redis = isinstance(error, (Unavailable, Forbidden)) or type(error) is PyjobsError
        if about_redis and self.where not in str(error):
            error.args = (f"{self.where}: {error}",)
        if self._may_lack_tls(error):
            error.args = (f"{error}; {HINT_OF_TLS}",)

    def _may_lack_tls(self, error: BaseException) -> bool:
        text = str(error)
        return (
            self.url.startswith(("rediss:", "rediss+"))
            and isinstance(error, Unavailable)
            and any(words in text for words in NO_TLS)
            and HINT_OF_TLS not in text
        )
