"""The table with the peers: which measurements make a line of it, and its columns.

All do the same: a job adds two numbers, its result is stored, one worker process runs the jobs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from benchmark.case import Case
from benchmark.measure import Point
from benchmark.peers.install import NotInstalled, installed
from benchmark.peers.known import PEERS, Peer
from benchmark.process import System
from benchmark.workloads import ASYNC, BARE, LIMIT, SERVER, SYNC, Size

OWN_CONCURRENCY = 100
SHARE_OF_TRIPS = 4
NAMES = ("pyjobs", *(peer.key for peer in PEERS))


class Column(NamedTuple):
    """A column: its heading, unit, and where its figure comes from."""

    heading: str
    unit: str
    source: str
    figure: str


COLUMNS = (
    Column("enqueue one at a time /s", "/s", "one", "enqueue"),
    Column("bulk /s", "/s", "bulk", "enqueue"),
    Column("drain /s", "/s", "bulk", "drain"),
    Column("round trip p50 ms", "ms", "trips", "p50"),
    Column("50 outstanding /s", "/s", "trips", "outstanding"),
    Column("Redis CPU us/job", "us", "bulk", "cpu"),
    Column("socket reads/job", "", "bulk", "reads"),
    Column("worker CPU us/job", "us", "bulk", "worker cpu"),
    Column("bytes held queued", "bytes", "bulk", "queued"),
    Column("bytes held kept", "bytes", "bulk", "kept"),
)


class Line(NamedTuple):
    """One system: its measurements by the names that columns use, or why there are none."""

    name: str
    about: str
    points: dict[str, Point]
    missing: str = ""


def lines(size: Size, only: tuple[str, ...], said: Callable[[str], None]) -> Iterator[Line]:
    """The lines of the table; peers are installed as they come.

    Args:
        size: how much is measured.
        only: keys of the systems that are wanted; none is all.
        said: a function that gets what is being installed.
    """
    if not only or "pyjobs" in only:
        for system, handler in ((ASYNC, "async"), (SYNC, "def")):
            name = f"pyjobs, {'asyncio' if handler == 'async' else 'threads'}"
            about = f"reliable mode, `{handler}` handler; bulk is `submit_many`"
            yield Line(name, about, points(system, size.jobs, OWN_CONCURRENCY, handler))
    for peer in PEERS:
        if not only or peer.key in only:
            yield _line(peer, size, said)
    if not only:
        about = "the floor: the scripts of pyjobs, called by redis-py and nothing else"
        yield Line(BARE.name, about, points(BARE, size.jobs, OWN_CONCURRENCY))
        about = "what the server can do; it stands with the rates in bulk"
        yield Line(LIMIT, about, {"bulk": Point("limit", SERVER, Case(jobs=size.jobs))})


def points(system: System, jobs: int, concurrency: int, handler: str = "async") -> dict[str, Point]:
    """What is measured of one system."""
    case = Case(jobs=jobs, concurrency=concurrency, handler=handler)
    one = Case(jobs=jobs, concurrency=concurrency, enqueue="one", drain=False)
    trips = Case(jobs=max(100, jobs // SHARE_OF_TRIPS), concurrency=concurrency, handler=handler)
    return {
        "one": Point("life", system, one),
        "bulk": Point("life", system, case),
        "trips": Point("roundtrip", system, trips),
    }


def _line(peer: Peer, size: Size, said: Callable[[str], None]) -> Line:
    about = f"{', '.join(peer.packages)}; concurrency {peer.concurrency}; {peer.about}"
    try:
        system = installed(peer, said)
    except NotInstalled as error:
        return Line(peer.name, about, {}, str(error))
    return Line(
        peer.name, about, points(system, max(100, int(size.jobs * peer.share)), peer.concurrency)
    )
