"""The numbers of all queues as lines of StatsD, sent by UDP.

Only what a scrape is turned into, and the sending, may live here; how a scrape is made in time
stands in scrape.py.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Mapping

from pyjobs.admin.exporter import EVENT_COUNTERS
from pyjobs.admin.scrape import Scraped, Scraper
from pyjobs.admin.totals import Key
from pyjobs.engine import QueueStats
from pyjobs.validate import host_and_port

# Bytes of a datagram that no network of common links splits.
DATAGRAM = 1432
# Where StatsD listens, where nobody says.
PORT = "8125"
HOST = re.compile(r"(?=.*[A-Za-z.-])[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\]")
# What is measured of runs and waits: the histogram of the counters, and the name of the timing.
TIMINGS = {"wait": "delay", "run": "work", "fail": "work_failed"}
FORM = "HOST[:PORT], such as localhost:8125"
BARE = "none"
BUCKET = re.compile(r"(wait|run|fail)<([0-9]+)")


class Statsd:
    """Responsible for sending what has happened in all queues since the last sending, as StatsD
    takes it. Nothing is sent of what happened before the first.

    Attributes:
        address: host and port to which it sends.

    Args:
        scraper: asks for the numbers.
        address: `HOST:PORT` where StatsD listens, a host by itself, whose port is then 8125, or a
            port of 127.0.0.1.
        prefix: what the name of each metric begins with.

    Raises:
        BadArgument: the address is malformed.
    """

    def __init__(self, scraper: Scraper, address: str, prefix: str = "pyjobs") -> None:
        self._scraper, self._prefix = scraper, prefix
        if HOST.fullmatch(address):
            address = f"{address}:{PORT}"
        self.address = host_and_port("statsd", address, FORM)
        family = socket.AF_INET6 if ":" in self.address[0] else socket.AF_INET
        self._socket = socket.socket(family, socket.SOCK_DGRAM)
        self._before: dict[str, Mapping[Key, int]] = {}

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()

    def send(self) -> int:
        """Make a scrape and send what is new; return how many lines were sent.

        Raises:
            OSError: the system refuses to send, such as for a name without an address. A datagram
                that nobody takes is no error.
        """
        scraped = self._scraper.scrape()
        sent = [*lines(self._prefix, scraped, self._before)]
        self._before |= scraped.totals
        for datagram in datagrams(sent):
            self._socket.sendto(datagram, self.address)
        return len(sent)


def lines(prefix: str, scraped: Scraped, before: Mapping[str, Mapping[Key, int]]) -> Iterator[str]:
    """Yield the lines of a scrape.

    Args:
        prefix: what each name begins with.
        scraped: what was found.
        before: queue name -> its totals at the scrape before; a queue without them has no news.
    """
    for queue, stats in scraped.stats.items():
        name = f"{prefix}.{plain(queue)}"
        if isinstance(stats, QueueStats):
            yield f"{name}.age:{max(0, stats.oldest)}|g"
            for place in ("pending", "delayed", "inflight", "dead"):
                yield f"{name}.{place}:{getattr(stats, place)}|g"
    for queue, totals in scraped.totals.items():
        if queue not in before:
            continue
        known = before[queue]
        news = {key: value - known.get(key, 0) for key, value in totals.items()}
        by_task: dict[str, dict[str, int]] = {}
        for (task, counter), value in news.items():
            by_task.setdefault(task, {})[counter] = value
        for task, values in sorted(by_task.items()):
            yield from task_lines(f"{prefix}.{plain(queue)}.{plain(task) or BARE}", values)


def task_lines(name: str, values: Mapping[str, int]) -> Iterator[str]:
    """Yield the lines of one task.

    Times are known as the number of those between two powers of two, and as a sum of all. So each
    bucket is one timing, with a sample rate that stands for its number. It lies in the middle of
    its bucket, and all are moved alike so that their sum is right. How long jobs took in total is
    the mean of their waits and that of their runs together: one timing, for as many as were done.
    """
    counted: dict[str, int] = {}
    for what, timing in TIMINGS.items():
        buckets = {
            int(found[2]): value
            for counter, value in values.items()
            if (found := BUCKET.fullmatch(counter)) and found[1] == what and value > 0
        }
        counted[what] = sum(buckets.values())
        middles = {bound: 0.75 * bound if bound > 1 else 0.0 for bound in buckets}
        guess = sum(middles[bound] * count for bound, count in buckets.items())
        right = values.get(what, 0) / guess if guess else 1.0
        for bound, count in sorted(buckets.items()):
            yield timing_line(f"{name}.{timing}", middles[bound] * right, count)
    if counted["wait"] and counted["run"]:
        total = sum(values.get(what, 0) / counted[what] for what in ("wait", "run"))
        yield timing_line(f"{name}.total", total, counted["run"])
    if counted["run"]:
        yield f"{name}.count:{counted['run']}|c"
    if counted["fail"]:
        yield f"{name}.failed:{counted['fail']}|c"
    for counter, event in EVENT_COUNTERS.items():
        if values.get(counter, 0) > 0:
            yield f"{name}.{event}:{values[counter]}|c"


def timing_line(name: str, ms: float, count: int) -> str:
    """Return one timing that stands for `count` of them."""
    return f"{name}:{ms:.1f}|ms" + ("" if count == 1 else f"|@{1 / count:.9f}")


def datagrams(found: list[str]) -> Iterator[bytes]:
    """Yield lines in as few datagrams as take them; a line is never split."""
    part, size = list[str](), 0
    for line in found:
        if part and size + len(line) + 1 > DATAGRAM:
            yield "\n".join(part).encode()
            part, size = [], 0
        part.append(line)
        size += len(line) + 1
    if part:
        yield "\n".join(part).encode()


def plain(name: str) -> str:
    """Return the name of a queue or task as a part of a metric's name: only letters, digits, `_`
    and `-` stand."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", name)
