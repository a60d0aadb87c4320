"""Errors about Redis that say which Redis. Nothing else may live here."""

from __future__ import annotations

from types import TracebackType

import redis

from pyjobs.connect import shown
from pyjobs.errors import Forbidden, PyjobsError, Unavailable
from pyjobs.redis_errors import translated


class Naming:
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
