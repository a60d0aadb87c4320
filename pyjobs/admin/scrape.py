"""What all queues of a server hold, asked for in a bounded time: each node by a thread of its own.

A node that does not answer keeps no other from being asked. exporter.py makes metrics of this.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from pyjobs.admin.totals import Key, Totals
from pyjobs.engine import OPERATOR, Call, Counters, Keys, QueueStats, read_counters
from pyjobs.errors import PyjobsError, Unavailable
from pyjobs.transport import (
    MOST_NODES,
    GivenServer,
    Server,
    address_of,
    chosen_url,
    command,
    connect,
    owned_by,
    primaries,
    registered,
    run_many,
)
from pyjobs.validate import needed, positive

# So many queues are asked for in one stream; the time is looked at between two streams.
STREAM = 200
# A primary whose address only a sentinel knows.
PRIMARY = "primary"


class Scraped(NamedTuple):
    """Holds what one scrape has found.

    Attributes:
        nodes: address -> whether the primary has answered in time.
        stats: queue name -> its numbers, or the error in their place.
        totals: queue name -> its counters since the first scrape that has read them, by task and
            name; a queue whose counters could not be read is missing.
        registry: why the registry could not be read, so that the queues are those of an earlier
            scrape; None when it could.
        seconds: how long the scrape took.
    """

    nodes: dict[str, bool]
    stats: dict[str, QueueStats | PyjobsError]
    totals: dict[str, Mapping[Key, int]]
    registry: PyjobsError | None
    seconds: float


class Looked(NamedTuple):
    """Holds what a look at one queue has found, each or its error."""

    stats: QueueStats | PyjobsError
    counters: Counters | PyjobsError


class Scraper:
    """Responsible for asking for the numbers and counters of all queues (queue/stats,
    queue/counters), one scrape at a time.

    Args:
        url: where Redis is; None as in `Admin`.
        prefix: what every key begins with.
        seconds: how long a scrape may take.

    Raises:
        BadArgument: the URL or the prefix is malformed, or `seconds` is not a duration of 0.001 or
            more.
    """

    def __init__(
        self, url: str | GivenServer | None = None, *, prefix: str = "jobs", seconds: float = 5.0
    ) -> None:
        self._keys = Keys(prefix)
        self._seconds = needed("seconds", positive("seconds", seconds)) / 1000
        self._server = connect(chosen_url(url), reply_seconds=max(0.1, self._seconds / 3))
        self._names: list[str] = []
        self._nodes: list[str] = []
        self._totals: dict[str, Totals] = {}
        self._turn = threading.Lock()

    def close(self) -> None:
        """Close the connections."""
        self._server.close()

    def scrape(self) -> Scraped:
        """Ask every node, and return what has come in time. Nothing is raised for a node that does
        not answer. Any thread may call this."""
        with self._turn, _Threads() as threads:
            began = time.monotonic()
            until = began + self._seconds
            registry = self._read_registry(threads, until)
            queues = {self._keys.queue(name): name for name in self._names}
            stats: dict[str, QueueStats | PyjobsError] = {}
            nodes = dict.fromkeys(self._nodes, False)
            try:
                owned, servers = threads.get(threads.run(self._split, list(queues)), until)
            except PyjobsError as error:
                lost: list[Any] = [error] * len(queues)
                stats = dict(zip(queues.values(), lost, strict=True))
                return Scraped(nodes, stats, {}, registry, time.monotonic() - began)
            self._totals = {key: self._totals.get(key) or Totals() for key in queues}
            asked = {
                node: threads.run(self._ask, servers.get(node), keys, until)
                for node, keys in owned.items()
            }
            totals: dict[str, Mapping[Key, int]] = {}
            for node, keys in owned.items():
                try:
                    answers = threads.get(asked[node], until)
                except PyjobsError as error:
                    answers = [Looked(error, error)] * len(keys)
                    nodes[node or PRIMARY] = False
                else:
                    nodes[node or PRIMARY] = True
                for key, found in zip(keys, answers, strict=True):
                    stats[queues[key]] = found.stats
                    if isinstance(found.counters, Counters):
                        totals[queues[key]] = self._totals[key].take(found.counters, began)
            self._nodes = list(nodes)
            ordered = {name: stats[name] for name in self._names}
            return Scraped(nodes, ordered, totals, registry, time.monotonic() - began)

    def _read_registry(self, threads: _Threads, until: float) -> PyjobsError | None:
        """Take the names of the registry; where it is not read, those of the scrape before stay."""
        try:
            found = threads.get(threads.run(registered, self._server, self._keys), until)
        except PyjobsError as error:
            return error
        self._names = list(found)
        return None

    def _split(self, keys: list[str]) -> tuple[dict[str, list[str]], dict[str, Server]]:
        """Return the keys by node, and a client of each node."""
        owned = owned_by(self._server, keys)
        return owned, {address_of(one): one for one in primaries(self._server)}

    def _ask(self, node: Server | None, keys: Sequence[str], until: float) -> list[Looked]:
        """Return what the queues of one node hold and have counted.

        Raises:
            Unavailable: the node does not answer.
        """
        if node is not None:
            try:
                command(node, "PING")
            except Unavailable:
                raise
            except PyjobsError:
                pass  # The node has answered, and this user may not use PING.
        answers: list[Looked] = []
        for at in range(0, len(keys), STREAM):
            part = keys[at : at + STREAM]
            now = time.monotonic()
            if now > until:
                answers += [Looked(unanswered(), unanswered())] * len(part)
                continue
            calls: list[Call[Any]] = [OPERATOR.stats(key) for key in part]
            for key in part:
                minutes = self._totals.get(key, Totals()).minutes(now)
                calls.append(read_counters(key, minutes=minutes, each=True))
            found = run_many(self._server, calls, tries=0, errors_in_place=True)
            answers += map(Looked, found[: len(part)], found[len(part) :])
        return answers


class _Threads:
    """Runs questions in threads, and does not wait for those that are late."""

    def __enter__(self) -> _Threads:
        self._pool = ThreadPoolExecutor(MOST_NODES, "pyjobs-scrape")
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def run(self, what: Any, *given: Any) -> Future[Any]:
        """Begin a question. Where no thread can be started, as when Python exits, ask it here."""
        try:
            return self._pool.submit(what, *given)
        except RuntimeError:
            asked: Future[Any] = Future()
            try:
                asked.set_result(what(*given))
            except Exception as error:
                asked.set_exception(error)
            return asked

    @staticmethod
    def get(asked: Future[Any], until: float) -> Any:
        """Return the answer to a question.

        Raises:
            Unavailable: there is none in time.
            PyjobsError: the question has raised it.
        """
        wait([asked], max(0.0, until - time.monotonic()))
        if not asked.done():
            raise unanswered()
        return asked.result()


def unanswered() -> Unavailable:
    """Return the error of what was not answered in the time of a scrape."""
    return Unavailable("no answer in the time of a scrape")
