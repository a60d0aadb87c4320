"""URLs of servers: checked, taken apart, and shown without their passwords. Nothing is opened."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import unquote, urlsplit

import redis

from pyjobs.errors import BadArgument

DEFAULT_URL = "redis://localhost:6379"
SCHEMES = ("redis", "rediss", "redis+sentinel", "unix", "memory")
SENTINEL_PORT = 26379
SECRETS = re.compile(r"(?<=[?&]password=)[^@&]*")
AFTER_LOGIN = re.compile(r"://[^/?#]*[/?#].*@")
ESCAPES = "in a user or a password, write / ? # as %2F %3F %23"


def checked_url(url: str) -> str:
    """Return `url`. Nothing is opened.

    Raises:
        BadArgument: it is not the URL of a server; the message does not show its password.
    """
    scheme = scheme_of(url)
    # An @ behind a / ? or # shows that the password holds such a character: URLs are cut there, and
    # the rest of the password would be taken for a path and shown.
    if AFTER_LOGIN.search(SECRETS.sub("", url)):
        raise BadArgument(f"url: {shown(url)!r}: {ESCAPES}")
    if scheme == "redis+sentinel":
        watched(url)
    elif scheme != "memory":
        why = _wrong(url)
        if why:
            raise BadArgument(f"url: {shown(url)!r}: {why}")
    return url


def _wrong(url: str) -> str:
    """Return what is wrong with a URL that redis-py reads, '' when nothing is."""
    try:
        db = urlsplit(url).path[1:]
        if not url.startswith("unix:") and db and not (db.isascii() and db.isdecimal()):
            return f"{db!r} is not the number of a database"
        pool = redis.ConnectionPool.from_url(url)
        pool.connection_class(**pool.connection_kwargs)
    except TypeError as error:
        option = re.search(r"argument '(\w+)'", str(error))
        return f"there is no option {option[1]}" if option else str(error)
    except ValueError as error:
        return str(error)
    return ""


def shown(url: str) -> str:
    """Return a URL without its password. The URL may be a wrong one."""
    scheme, colon, rest = SECRETS.sub("***", url).partition("://")
    login, at, where = rest.rpartition("@")
    user, secret, _ = login.partition(":")
    return f"{scheme}{colon}{user}{secret and ':***'}{at}{where}"


def scheme_of(url: str) -> str:
    """Return what stands before `://`.

    Raises:
        BadArgument: it is none of SCHEMES.
    """
    if not isinstance(url, str):
        raise BadArgument(f"url: {url!r} is not a text")
    scheme, colon, _ = url.partition("://")
    if not colon or scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        raise BadArgument(f"url: {shown(url)!r} does not begin with one of {known}")
    return scheme


class Watched(NamedTuple):
    """Holds what a `redis+sentinel://` URL names.

    Attributes:
        sentinels: host and port of each sentinel.
        name: the service's name.
        settings: redis-py's settings for connections to the primary.
    """

    sentinels: list[tuple[str, int]]
    name: str
    settings: dict[str, Any]


def watched(url: str) -> Watched:
    """Parse a `redis+sentinel://` URL.

    Raises:
        BadArgument: something in it is wrong or missing.
    """

    def bad(why: str) -> BadArgument:
        return BadArgument(f"url: {shown(url)!r}: {why}")

    address, slash, path = url.partition("://")[2].partition("/")
    service, _, db = path.partition("/")
    if not (slash and service):
        raise bad("no service is named: redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB")
    if "?" in path or "#" in path:
        raise bad("options (?, #) are not taken here")
    if db and not (db.isascii() and db.isdecimal()):
        raise bad(f"{db!r} is not the number of a database")
    login, _, hosts = address.rpartition("@")
    user, _, password = login.partition(":")
    settings: dict[str, Any] = {"db": int(db or 0)}
    settings |= {"username": unquote(user)} if user else {}
    settings |= {"password": unquote(password)} if password else {}
    sentinels = []
    for host in hosts.split(","):
        try:
            parts = urlsplit(f"//{host}")
            name, port = parts.hostname, parts.port
        except ValueError as error:
            raise bad(f"sentinel {host!r}: {error}") from None
        if not name or port == 0:
            raise bad(f"{host!r} is not the HOST:PORT of a sentinel")
        sentinels.append((name, port or SENTINEL_PORT))
    return Watched(sentinels, unquote(service), settings)
