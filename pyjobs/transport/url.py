"""URLs of servers: checked, taken apart, and shown without their passwords. Nothing is opened."""

from __future__ import annotations

import inspect
import os
import re
from difflib import get_close_matches
from typing import Any, NamedTuple, cast
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import redis
from redis.connection import parse_url

from pyjobs.errors import BadArgument
from pyjobs.transport.given import GivenServer, GivenUrl, url_of
from pyjobs.transport.slots import Address

DEFAULT_URL = "redis://localhost:6379"
# The environment variable with the URL of programs and commands that name none.
VARIABLE = "PYJOBS_URL"
# The scheme of each node's own URL, by that of the cluster.
CLUSTERS = {"redis+cluster": "redis", "rediss+cluster": "rediss"}
# The scheme of the primary's own URL, by that of its sentinels.
SENTINELS = {"redis+sentinel": "redis", "rediss+sentinel": "rediss"}
SCHEMES = ("redis", "rediss", *CLUSTERS, *SENTINELS, "unix", "memory")
# What a URL may say of its sentinels besides `sentinel_ssl_...`.
OF_SENTINELS = ("sentinel_username", "sentinel_password", "sentinel_tls")
PORT = 6379
SENTINEL_PORT = 26379
SECRETS = re.compile(r"([?&][^=&@]*pass[^=&@]*=)[^@&]*", re.IGNORECASE)
AFTER_LOGIN = re.compile(r"://[^/?#]*[/?#].*@")
OPTION_NAMED = re.compile(r"'(\w+)'")
NO_PORT = "its port is not a number from 0 to 65535"
NO_DATABASE = "what follows the / is not the number of a database"
ESCAPES = "in a user or a password, write / ? # as %2F %3F %23"


def checked_url(url: str) -> str:
    """Return `url`. Nothing is opened.

    Raises:
        BadArgument: it is not the URL of a server. The message shows no part of the URL but its
            scheme: where a URL can't be read, any part of it may be of a password.
    """
    scheme = scheme_of(url)
    if isinstance(url, GivenUrl):
        return url
    # An @ behind a / ? or # shows that the password holds such a character: URLs are cut there, and
    # the rest of the password would be taken for a path.
    if AFTER_LOGIN.search(SECRETS.sub("", url)):
        raise _bad(scheme, ESCAPES)
    if scheme in SENTINELS:
        sentinel_url(url)
    elif scheme in CLUSTERS:
        nodes = clustered(url)
        if why := _wrong(nodes.url(nodes.seeds[0])):
            raise _bad(scheme, why)
    elif scheme != "memory" and (why := _wrong(url)):
        raise _bad(scheme, why)
    return url


def chosen_url(url: str | GivenServer | None) -> str:
    """Return `url`, checked; for None the URL in the environment variable PYJOBS_URL, or
    DEFAULT_URL where that is unset or empty; for a redis-py client or pool that of its server.

    Raises:
        BadArgument: the URL is not that of a server; the message names PYJOBS_URL where the URL
            comes from this variable.
    """
    if isinstance(url, str):
        return checked_url(url)
    if url is not None:
        return url_of(url) or checked_url(cast(str, url))
    try:
        return checked_url(os.environ.get(VARIABLE) or DEFAULT_URL)
    except BadArgument as error:
        raise BadArgument(f"{VARIABLE}: {error}") from None


def _bad(scheme: str, why: str) -> BadArgument:
    return BadArgument(f"url: {scheme}://...: {why}")


def _wrong(url: str) -> str:
    """Return what is wrong with a URL that redis-py reads, '' when nothing is."""
    try:
        parts = urlsplit(url)
        db = "" if parts.scheme == "unix" else parts.path[1:]
        _ = parts.port
    except ValueError:
        return NO_PORT
    if not is_database(db):
        return NO_DATABASE
    try:
        pool = redis.ConnectionPool.from_url(url)
        pool.connection_class(**pool.connection_kwargs)
    except (TypeError, ValueError, redis.RedisError) as error:
        return _wrong_option(error)
    return ""


def _wrong_option(error: Exception) -> str:
    """Return what redis-py refuses, with the names of options that it has and no other words."""
    known = inspect.signature(redis.Redis).parameters
    named = OPTION_NAMED.search(str(error))
    if named is None:
        return "redis-py can't read it"
    if named[1] in known and named[1].startswith("ssl_") and isinstance(error, TypeError):
        return f"the option {named[1]} is of TLS, for which a URL begins with rediss"
    if named[1] in known:
        return f"the option {named[1]} is not what it must be"
    near = get_close_matches(named[1], known, n=1)
    return f"it has an option that redis-py has not{f'; did you mean {near[0]}?' if near else ''}"


def is_database(text: str) -> bool:
    """Return whether a text is the number of a database, or '', which is number 0."""
    return not text or (text.isascii() and text.isdecimal())


def shown(url: str) -> str:
    """Return a URL that was checked, without its password."""
    scheme, colon, rest = SECRETS.sub(r"\1***", url).partition("://")
    login, at, where = rest.rpartition("@")
    user, secret, _ = login.partition(":")
    return f"{scheme}{colon}{user}{secret and ':***'}{at}{where}"


def scheme_of(url: str) -> str:
    """Return what stands before `://`.

    Raises:
        BadArgument: the scheme is none of SCHEMES.
    """
    if not isinstance(url, str):
        kind = type(url).__name__
        raise BadArgument(f"url: must be a text, or a client of redis-py, not of type {kind}")
    scheme, colon, _ = url.partition("://")
    if not colon or scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in SCHEMES)
        hint = "" if colon else "; redis:// is missing before the host"
        raise BadArgument(f"url: does not begin with one of {known}{hint}")
    return scheme


class SentinelUrl(NamedTuple):
    """Holds what a `redis+sentinel://` or `rediss+sentinel://` URL names.

    Attributes:
        sentinels: host and port of each sentinel.
        name: the service's name.
        settings: redis-py's settings for connections to the primary.
        asking: redis-py's settings for connections to the sentinels.
    """

    sentinels: list[tuple[str, int]]
    name: str
    settings: dict[str, Any]
    asking: dict[str, Any]


def sentinel_url(url: str) -> SentinelUrl:
    """Parse a `redis+sentinel://` or `rediss+sentinel://` URL.

    Raises:
        BadArgument: something in it is wrong or missing.
    """

    def bad(why: str) -> BadArgument:
        return _bad(scheme, why)

    scheme, _, rest = url.partition("://")
    where, _, options = rest.partition("?")
    address, slash, path = where.partition("/")
    service, _, db = path.partition("/")
    if not (slash and service):
        raise bad("no service is named: redis+sentinel://HOST:PORT,HOST:PORT/SERVICE/DB")
    if "#" in path:
        raise bad("a # is not taken here")
    if not is_database(db):
        raise bad(NO_DATABASE)
    login, _, hosts = address.rpartition("@")
    user, _, password = login.partition(":")
    settings: dict[str, Any] = {"db": int(db or 0)}
    settings |= {"username": unquote(user)} if user else {}
    settings |= {"password": unquote(password)} if password else {}
    try:
        sentinels = _addresses(hosts, SENTINEL_PORT)
    except ValueError as error:
        raise bad(str(error) or "a sentinel is not HOST:PORT") from None
    own, asking = _options_of_sentinels(scheme, options)
    hosts_and_ports = [(one.host, one.port) for one in sentinels]
    return SentinelUrl(hosts_and_ports, unquote(service), settings | own, asking)


def _options_of_sentinels(scheme: str, text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return redis-py's settings for connections to the primary and to the sentinels, from what
    follows the `?`.

    Raises:
        BadArgument: there is another option than these, or a value is not what it must be.
    """
    own: dict[str, str] = {}
    asking: dict[str, str] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        if name.startswith("ssl_"):
            own[name] = value
        elif name in OF_SENTINELS or name.startswith("sentinel_ssl_"):
            asking[name.removeprefix("sentinel_")] = value
        else:
            raise _bad(
                scheme, f"its options are ssl_..., sentinel_ssl_..., {', '.join(OF_SENTINELS)}"
            )
    # Not by redis-py's reading of a URL, which unquotes values twice.
    login = {name: asking.pop(name) for name in ("username", "password") if name in asking}
    tls = asking.pop("tls", "yes" if scheme == "rediss+sentinel" else "no")
    if tls not in {"yes", "no"}:
        raise _bad(scheme, "sentinel_tls is neither yes nor no")
    if tls == "yes":
        asking = own | asking
    found = _settings_of(scheme, SENTINELS[scheme], own)
    return found, _settings_of(scheme, "rediss" if tls == "yes" else "redis", asking) | login


def _settings_of(scheme: str, own: str, options: dict[str, str]) -> dict[str, Any]:
    url = f"{own}://host?{urlencode(options)}"
    if why := _wrong(url):
        raise _bad(scheme, why)
    found = parse_url(url)
    named: dict[str, Any] = {name: found[name] for name in options}
    return named | ({"ssl": True} if own == "rediss" else {})


class Clustered(NamedTuple):
    """Holds what a `redis+cluster://` or `rediss+cluster://` URL names.

    Attributes:
        seeds: the nodes that it names.
        scheme: the scheme of each node's own URL.
        login: user and password as they stand in the URL, with the `@`; '' for none.
        options: what follows the hosts: '' or `?...`.
    """

    seeds: list[Address]
    scheme: str
    login: str
    options: str

    def url(self, node: Address) -> str:
        """Return the URL of one node."""
        host = f"[{node.host}]" if ":" in node.host else node.host
        return f"{self.scheme}://{self.login}{host}:{node.port}{self.options}"


def clustered(url: str) -> Clustered:
    """Parse a `redis+cluster://` or `rediss+cluster://` URL.

    Raises:
        BadArgument: something in it is wrong or missing.
    """
    scheme, _, rest = url.partition("://")
    where, mark, options = rest.partition("?")
    address, _, database = where.partition("/")
    if database not in {"", "0"}:
        raise _bad(scheme, "a cluster has one database, which is number 0")
    login, at, hosts = address.rpartition("@")
    try:
        seeds = _addresses(hosts, PORT)
    except ValueError as error:
        raise _bad(scheme, str(error) or "a node is not HOST:PORT") from None
    return Clustered(seeds, CLUSTERS[scheme], login + at, mark + options)


def _addresses(hosts: str, port: int) -> list[Address]:
    """Parse `HOST:PORT,HOST:PORT`.

    Args:
        hosts: the text.
        port: the port of a host without one.

    Raises:
        ValueError: a port is no port, which the message says, or there is no host.
    """
    found = []
    for host in hosts.split(","):
        try:
            parts = urlsplit(f"//{host}")
            own = Address(parts.hostname or "", port if parts.port is None else parts.port)
        except ValueError:
            raise ValueError(NO_PORT) from None
        if not (own.host and own.port):
            raise ValueError
        found.append(own)
    return found
