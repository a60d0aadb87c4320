"""The numbers of all queues as lines of StatsD, as a socket of UDP gets them."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Iterator

import pytest
from support.commands import Cli
from support.servers import SERVER_PLACES, at
from support.store import HOUR, Jobs, Store

from pyjobs.admin import Scraper, Statsd
from pyjobs.admin.statsd import DATAGRAM, datagrams, task_lines
from pyjobs.engine import RELIABLE
from pyjobs.errors import BadArgument

pytest_plugins = ("support.command_fixtures",)

LINE = re.compile(
    r"(?P<name>[\w.-]+):(?P<value>[0-9.]+)\|(?P<kind>ms|c|g)(?:\|@(?P<rate>[0-9.]+))?"
)


class Listener:
    """A socket that StatsD would listen on."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.socket.settimeout(20)
        self.address = f"127.0.0.1:{self.socket.getsockname()[1]}"

    def next(self) -> dict[str, tuple[str, float, float]]:
        """The lines of one datagram: name -> kind, value and sample rate."""
        text = self.socket.recv(65536).decode()
        found = [LINE.fullmatch(line) for line in text.split("\n")]
        assert all(found), text
        return {
            one["name"]: (one["kind"], float(one["value"]), float(one["rate"] or 1))
            for one in found
            if one is not None
        }


@pytest.fixture
def listener() -> Iterator[Listener]:
    one = Listener()
    yield one
    one.socket.close()


@pytest.fixture
def statsd(store: Store, listener: Listener) -> Iterator[Statsd]:
    scraper = Scraper(store.url)
    one = Statsd(scraper, listener.address)
    yield one
    one.close()
    scraper.close()


@at(SERVER_PLACES)
def test_what_happened_since_the_last_sending_is_sent_once(
    store: Store, statsd: Statsd, listener: Listener
) -> None:
    jobs = Jobs(store, RELIABLE)
    store.redis.hset("jobs:queues", "q", "reliable")
    jobs.complete(*jobs.take("before"))
    statsd.send()
    assert listener.next().keys() == {
        f"pyjobs.q.{what}" for what in ("age", "pending", "delayed", "inflight", "dead")
    }
    jobs.complete(*jobs.take("a", "b", task="mail.send"))
    jobs.fail(*jobs.take("c", task="mail.send"), verdict="reject")
    jobs.submit("d")
    jobs.submit("later", delay=HOUR)
    statsd.send()
    found = listener.next()
    gauges = {name: one[1] for name, one in found.items() if one[0] == "g"}
    assert gauges.pop("pyjobs.q.age") < 60_000
    assert gauges == {"pyjobs.q.pending": 1, "pyjobs.q.delayed": 1, "pyjobs.q.inflight": 0,
                      "pyjobs.q.dead": 1}  # fmt: skip
    counts = {name: one[1] for name, one in found.items() if one[0] == "c"}
    assert counts == {
        "pyjobs.q.mail_send.count": 2,
        "pyjobs.q.mail_send.failed": 1,
        "pyjobs.q.mail_send.submitted": 3,
        "pyjobs.q.mail_send.dead": 1,
        "pyjobs.q.none.submitted": 2,
    }
    timings = {name.rpartition(".")[2] for name, one in found.items() if one[0] == "ms"}
    assert timings == {"delay", "work", "work_failed", "total"}
    statsd.send()
    assert {kind for kind, *_ in listener.next().values()} == {"g"}


def test_the_timings_of_a_task_have_the_number_and_the_sum_of_its_times() -> None:
    values = {"run<128": 90, "run<1024": 10, "run": 90 * 100 + 10 * 900, "wait<1": 3, "wait": 0}
    sent = [found for line in task_lines("q.t", values) if (found := LINE.fullmatch(line))]
    work = [one for one in sent if one["name"] == "q.t.work"]
    assert [round(1 / float(one["rate"])) for one in work] == [90, 10]
    total = sum(float(one["value"]) / float(one["rate"]) for one in work)
    assert total == pytest.approx(values["run"], rel=0.001)
    (whole,) = [one for one in sent if one["name"] == "q.t.total"]
    assert (float(whole["value"]), round(1 / float(whole["rate"]))) == (180, 100)
    (delay,) = [one for one in sent if one["name"] == "q.t.delay"]
    assert (float(delay["value"]), round(1 / float(delay["rate"]))) == (0, 3)


def test_lines_are_sent_in_datagrams_that_no_network_splits() -> None:
    lines = [f"pyjobs.queue-{n}.waiting:1|g" for n in range(1000)]
    parts = [*datagrams(lines)]
    assert "\n".join(part.decode() for part in parts).split("\n") == lines
    assert all(len(part) <= DATAGRAM for part in parts)
    assert len(parts) <= 1.1 * sum(map(len, parts)) / DATAGRAM + 1


def test_a_monitor_sends_until_it_is_ended(cli: Cli, listener: Listener) -> None:
    jobs = Jobs(Store(cli.url, None), RELIABLE)
    cli.redis.hset("jobs:queues", "q", "reliable")
    jobs.submit("before")
    process = cli.start("monitor", "--statsd", listener.address, "--every", "0.05")
    assert listener.next()["pyjobs.q.pending"] == ("g", 1, 1)
    jobs.submit("a")
    while "pyjobs.q.none.submitted" not in (found := listener.next()):
        assert threading.main_thread().is_alive()
    assert found["pyjobs.q.none.submitted"] == ("c", 1, 1)
    process.terminate()
    assert process.wait(30) == 0
    assert "Traceback" not in process.communicate()[1]
    jobs.store.close()


def test_an_address_that_is_none_is_refused(cli: Cli) -> None:
    scraper = Scraper(cli.url)
    for address in ("x:y", "x y", "", "localhost:"):
        with pytest.raises(BadArgument, match=f"statsd: {address!r} is not"):
            Statsd(scraper, address)
    scraper.close()
    said = cli("monitor", "--statsd", "x:y")
    assert said.code == 1
    assert "statsd: 'x:y' is not" in said.err


@pytest.mark.parametrize(
    ("address", "goes_to"),
    [
        ("localhost", ("localhost", 8125)),
        ("stats-1.example.org", ("stats-1.example.org", 8125)),
        ("10.0.0.7", ("10.0.0.7", 8125)),
        ("[::1]", ("::1", 8125)),
        ("10.0.0.7:9125", ("10.0.0.7", 9125)),
        ("9125", ("127.0.0.1", 9125)),
    ],
)
def test_a_host_without_a_port_is_where_statsd_listens_as_a_rule(
    address: str, goes_to: tuple[str, int]
) -> None:
    scraper = Scraper("memory://")
    statsd = Statsd(scraper, address)
    assert statsd.address == goes_to
    statsd.close()
    scraper.close()


def test_a_task_whose_jobs_were_all_claimed_before_has_no_total() -> None:
    assert not [line for line in task_lines("q.t", {"run<8": 2, "run": 10}) if "total" in line]
