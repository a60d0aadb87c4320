"""The servers under test, and the choice of the places that each matter is tested at.

A place is a server and a flavour: ("redis-8.2", "sync") runs calls by `run`, ("redis-8.2", "async")
by `arun`. The id of a test names its place: `redis-8.2-sync`. Servers, and which of them each
matter needs, may live here; what is done with a server may not.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest

from pyjobs.testing import find_servers, servers

Place = tuple[str, str]

# The server of tests that need one real server. Most bugs of scripts show here first.
PREFERRED = "redis-8.2"
FOUND = {binary.name: binary for binary in find_servers()}
# The oldest supported Redis, the newest, and Valkey. Each has its own Lua errors, ACL and AOF. The
# distribution's own server is among FOUND: tests that run on each server by its name use it, and
# the verbs do not, because it lies between two versions that they run on.
WHEELS = ("redis-6.2", PREFERRED, "valkey-9.1")


def _sync(*names: str) -> list[Place]:
    return [(name, "sync") for name in names]


def _both(*names: str) -> list[Place]:
    return [(name, flavour) for name in names for flavour in ("sync", "async")]


# What a script does depends on the server, so each server is here. A script does not know who
# called it, so one server is enough for asyncio.
VERB_PLACES = [*_sync("memory", "redis-6.2"), *_both(PREFERRED), *_sync("valkey-9.1")]
# How a call is sent and a result is heard depends on the flavour. The two flavours differ on a
# socket and on the blocking calls of the memory server, so both have asyncio.
CLIENT_PLACES = [*_both("memory"), *_sync("redis-6.2"), *_both(PREFERRED), *_sync("valkey-9.1")]
# A memory limit, an ACL and a connection that breaks exist only on real servers.
REAL_PLACES = [place for place in CLIENT_PLACES if place[0] != "memory"]
# What a client decides by itself depends on its flavour and hardly on the server.
CLIENT_CODE_PLACES = _both("memory", PREFERRED)
# What a client leaves on a server and on a socket.
CLIENT_SOCKET_PLACES = _both(PREFERRED)
# A worker is asyncio whatever the flavour of the store. A test that makes its own client chooses
# the flavour of that client.
WORKER_PLACES = _sync("memory", PREFERRED)
# What needs a real connection, and brings its own flavours or has none.
SOCKET_PLACES = _sync(PREFERRED)
# What servers themselves do in different ways: types, costs, messages, rights.
SERVER_PLACES = _sync("memory", *WHEELS)
REAL_SERVER_PLACES = _sync(*WHEELS)
# Redis 6.2 has no ACL DRYRUN: it cannot be asked what a user may do.
DRYRUN_PLACES = _sync(PREFERRED, "valkey-9.1")
# A check is 2,535 jobs: a server with a socket shows what each flavour does, and memory is slow.
COMPLIANCE_PLACES = [*_sync("memory"), *_both(PREFERRED)]
# Long searches in the scripts, and what a client does without a server.
MEMORY_PLACES = _sync("memory")

# Of the tests that have a place, `scripts/test --quick` runs those of these places. Every mutant of
# the scripts that a test catches anywhere is caught at PREFERRED; other servers show how servers
# differ.
QUICK_PLACES = [*_sync("memory"), *_both(PREFERRED)]
# Some hundred calls of junk for each script take seconds in memory.
NOT_QUICK_IN_MEMORY = "test_junk"


def is_quick_place(module: str, place: Place) -> bool:
    """Whether `scripts/test --quick` runs the tests of a module at this place."""
    return place in QUICK_PLACES and (module, place[0]) != (NOT_QUICK_IN_MEMORY, "memory")


# Hundreds of calls for each script. What a script makes of an argument hardly depends on servers.
FOR_EACH_SCRIPT = ("test_junk", "test_argument_bounds", "test_replies")
PLACES_FOR_EACH_SCRIPT = _sync(PREFERRED)

# Long searches in the scripts, in memory because nothing else is as quick to begin anew.
SEARCHES = ("test_modelcheck", "test_random_histories")


def is_long_place(folder: str, module: str, place: Place) -> bool:
    """Whether the tests of a module are long at this place: another place shows nearly the same."""
    if module in FOR_EACH_SCRIPT:
        return place not in PLACES_FOR_EACH_SCRIPT
    if folder == "worker":
        # Handlers, leases and ends are the same in memory, and one module shows that workers run.
        return place[0] == "memory" and module != "test_worker"
    if folder == "client":
        # A client of asyncio runs on a server, and the client of threads in memory.
        return place == ("memory", "async")
    # Lua in memory takes several times as long as a server does, and is no judge. Valkey and Redis
    # answer the scripts alike.
    in_memory = place[0] == "memory" and module not in SEARCHES
    return folder == "lua" and (place[1] == "async" or place[0] == "valkey-9.1" or in_memory)


def place_id(place: Place) -> str:
    """How a test's id names a place."""
    return "-".join(place)


def at(places: Sequence[Place], *, long: Sequence[Place] = ()) -> pytest.MarkDecorator:
    """Run a test once at each of these places, as `store`; at those of `long`, in the long lane."""
    params = [
        pytest.param(place, marks=pytest.mark.long if place in long else (), id=place_id(place))
        for place in places
    ]
    return pytest.mark.parametrize("store", params, indirect=True)


@contextmanager
def own_server(*args: str, name: str = PREFERRED) -> Iterator[servers.Server]:
    """A real server that the test may kill, stop and restart."""
    if not FOUND:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)("no real server is here")
    binary = FOUND.get(name) or next(iter(FOUND.values()))
    with servers.Server(binary, args=args) as server:
        yield server
