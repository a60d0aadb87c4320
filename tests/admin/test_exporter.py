"""The metrics of all queues: what a scrape finds, within its time, and what it says of the rest."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from prometheus_client.parser import text_string_to_metric_families as parsed
from support.cluster import cluster_of
from support.servers import SERVER_PLACES, at, own_server
from support.store import HOUR, Jobs, Store

from pyjobs import Client
from pyjobs.admin import Admin, Exporter, Scraper
from pyjobs.admin.exporter import histogram_of
from pyjobs.admin.scrape import STREAM
from pyjobs.admin.totals import MINUTE, Totals
from pyjobs.engine import MODES, RELIABLE, Counter, Counters, ModeName
from pyjobs.errors import PyjobsError, Unavailable

LABELS = ("node", "queue", "mode", "place", "task", "event", "outcome")


def samples(scraper: Scraper) -> dict[tuple[str, ...], float]:
    """Every sample of a scrape: (name without `pyjobs_`, values of its labels...) -> number."""
    text = Exporter(scraper).page("").body.decode()
    return {
        (
            one.name.removeprefix("pyjobs_"),
            *(one.labels[name] for name in LABELS if name in one.labels),
        ): one.value
        for family in parsed(text)
        for one in family.samples
    }


@contextmanager
def scraping(url: str, seconds: float = 5.0) -> Iterator[Scraper]:
    scraper = Scraper(url, seconds=seconds)
    try:
        yield scraper
    finally:
        scraper.close()


@at(SERVER_PLACES)
class TestScrape:
    def test_the_numbers_of_every_queue_of_the_registry_are_there(self, store: Store) -> None:
        store.redis.hset("jobs:queues", mapping={"q": "reliable", "unused": "reliable"})
        jobs = Jobs(store, RELIABLE)
        for id in ("a", "b", "c"):
            jobs.submit(id)
        jobs.submit("later", delay=HOUR)
        jobs.claim(limit=1)
        with scraping(store.url) as scraper:
            found = samples(scraper)
        assert [found["queue_jobs", "q", place] for place in ("pending", "delayed")] == [2, 1]
        assert [found["queue_jobs", "q", place] for place in ("inflight", "dead")] == [1, 0]
        assert found["queue_wanted_slots", "q"] == 3
        assert found["queue_info", "q", "reliable"] == 1
        assert found["queue_up", "q"] == found["queue_up", "unused"] == 1
        assert found["queue_jobs", "unused", "pending"] == 0
        assert found["registry_up",] == 1
        assert found["queue_paused", "q"] == found["queue_overdue_seconds", "q"] == 0
        assert 0 <= found["queue_oldest_seconds", "q"] < 60
        assert [number for key, number in found.items() if key[0] == "node_up"] == [1]

    @pytest.mark.parametrize("mode", ["simple", "recoverable"])
    def test_a_mode_has_only_the_numbers_that_it_records(
        self, store: Store, mode: ModeName
    ) -> None:
        store.redis.hset("jobs:queues", "q", mode)
        Jobs(store, MODES[mode]).submit("a")
        with scraping(store.url) as scraper:
            found = samples(scraper)
        assert ("queue_overdue_seconds", "q") not in found
        assert (("queue_jobs", "q", "inflight") in found) is (mode == "recoverable")
        assert found["queue_jobs", "q", "pending"] == 1

    def test_a_paused_queue_wants_slots_for_what_runs_only(self, store: Store) -> None:
        store.redis.hset("jobs:queues", "q", "reliable")
        jobs = Jobs(store, RELIABLE)
        for id in ("a", "b", "c"):
            jobs.submit(id)
        jobs.claim(limit=1)
        with Admin(store.url) as admin, scraping(store.url) as scraper:
            admin.pause("q")
            found = samples(scraper)
        assert (found["queue_wanted_slots", "q"], found["queue_paused", "q"]) == (1, 1)

    def test_a_queue_that_can_t_be_read_is_said_and_keeps_back_no_other(self, store: Store) -> None:
        store.redis.hset("jobs:queues", mapping={"bad": "reliable", "q": "reliable"})
        store.redis.hset("jobs:{bad}:meta", mapping={"mode": "reliable", "layout": "99"})
        Jobs(store, RELIABLE).submit("a")
        with scraping(store.url) as scraper:
            found = samples(scraper)
        assert (found["queue_up", "bad"], found["queue_up", "q"]) == (0, 1)
        assert ("queue_jobs", "bad", "pending") not in found
        assert [number for key, number in found.items() if key[0] == "node_up"] == [1]

    def test_a_server_without_queues_is_up(self, store: Store) -> None:
        with scraping(store.url) as scraper:
            scraped = scraper.scrape()
        assert (scraped.stats, scraped.registry) == ({}, None)
        assert [*scraped.nodes.values()] == [True]

    def test_what_the_queue_has_counted_is_there_by_task(self, store: Store) -> None:
        store.redis.hset("jobs:queues", "q", "reliable")
        jobs = Jobs(store, RELIABLE)
        with scraping(store.url) as scraper:
            samples(scraper)
            for id in ("a", "b", "c"):
                jobs.submit(id, task="sum")
            taken = jobs.claim(limit=3).jobs
            jobs.complete(taken[0])
            jobs.fail(taken[1])
            jobs.fail(taken[2], verdict="reject")
            found = samples(scraper)
            again = samples(scraper)
        assert found["queue_events_total", "q", "sum", "submitted"] == 3
        assert found["queue_events_total", "q", "sum", "retried"] == 1
        assert found["queue_events_total", "q", "sum", "dead"] == 1
        assert found["queue_wait_seconds_count", "q", "sum"] == 3
        assert found["queue_run_seconds_count", "q", "sum", "done"] == 1
        assert found["queue_run_seconds_count", "q", "sum", "failed"] == 2
        counted = {key: value for key, value in found.items() if "queue_events_total" in key}
        assert counted == {key: again[key] for key in counted}

    def test_a_queue_that_counts_no_more_keeps_its_totals(self, store: Store) -> None:
        store.redis.hset("jobs:queues", "q", "reliable")
        jobs = Jobs(store, RELIABLE)
        with Admin(store.url) as admin, scraping(store.url) as scraper:
            samples(scraper)
            jobs.submit("a")
            admin.set_counting("q", False)
            jobs.submit("b")
            found = samples(scraper)
        assert found["queue_events_total", "q", "", "submitted"] == 1
        assert found["queue_jobs", "q", "pending"] == 2


def counters(now: int, *rows: tuple[int, int]) -> Counters:
    """The counters of a look: minutes since 1000 minutes after the epoch, and jobs submitted."""
    named = [Counter((1000 + at) * MINUTE, "t", "submitted", value) for at, value in rows]
    return Counters(1000 * MINUTE + now, True, len(rows), 1, named)


class TestTotals:
    def test_minutes_add_up_to_a_total_that_counts_none_of_them_twice(self) -> None:
        totals = Totals()
        assert totals.minutes(50.0) == 1
        assert totals.take(counters(10_000, (0, 3)), 50.0) == {("t", "submitted"): 3}
        assert totals.minutes(60.0) == 2
        assert totals.take(counters(20_000, (0, 5)), 60.0) == {("t", "submitted"): 5}
        assert totals.take(counters(70_000, (0, 6), (1, 1)), 110.0) == {("t", "submitted"): 7}
        assert totals.take(counters(80_000, (0, 6), (1, 2)), 120.0) == {("t", "submitted"): 8}
        assert totals.take(counters(190_000, (1, 4), (2, 9)), 230.0) == {("t", "submitted"): 19}
        assert totals.take(counters(200_000), 240.0) == {("t", "submitted"): 19}

    def test_a_look_after_an_absence_reads_all_minutes_since(self) -> None:
        totals = Totals()
        totals.take(counters(0), 100.0)
        assert totals.minutes(100.0 + 59) == 2
        assert totals.minutes(100.0 + 61) == 3
        assert totals.minutes(100.0 + 9_999_999) == 60

    def test_what_was_counted_before_the_first_look_is_left_out_but_for_its_minute(self) -> None:
        totals = Totals()
        assert totals.take(counters(70_000, (0, 100), (1, 2)), 0.0) == {("t", "submitted"): 2}


def test_powers_of_two_become_the_buckets_of_a_histogram() -> None:
    values = {
        "wait": 5000,
        "wait<1": 2,
        "wait<8": 1,
        "wait<4096": 1,
        "wait<33554432": 1,
        "run<1": 9,
    }
    buckets, total = histogram_of("wait", values)
    assert total == 5.0
    found = dict(buckets)
    assert (found["0.001"], found["0.004"], found["0.016"], found["4.096"]) == (2, 2, 3, 4)
    assert (found["4194.304"], found["+Inf"]) == (4, 5)


class TestTime:
    def test_a_server_that_answers_nothing_is_down_within_the_time_of_a_scrape(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as deaf:
            url = f"redis://127.0.0.1:{deaf.getsockname()[1]}"
            began = time.monotonic()
            with scraping(url, seconds=0.5) as scraper:
                found = samples(scraper)
            assert time.monotonic() - began < 5
        assert found["node_up", url.removeprefix("redis://")] == 0
        assert found["registry_up",] == 0

    def test_queues_of_an_earlier_scrape_stay_while_the_server_is_away(self) -> None:
        with own_server() as server, Client(server.url, queue="q") as client:
            client.submit(1)
            with scraping(server.url, seconds=1.0) as scraper:
                assert samples(scraper)["queue_up", "q"] == 1
                server.kill()
                found = samples(scraper)
                assert found["queue_up", "q"] == found["registry_up",] == 0
                assert [number for key, number in found.items() if key[0] == "node_up"] == [0]
                server.start()
                assert samples(scraper)["registry_up",] == 1

    def test_queues_that_were_not_asked_for_in_time_have_an_error(self) -> None:
        with own_server() as server, scraping(server.url) as scraper:
            keys = [f"jobs:{{q{at}}}" for at in range(STREAM + 1)]
            answers = scraper._ask(scraper._server, keys, time.monotonic() - 1)
        assert len(answers) == STREAM + 1
        assert all(isinstance(one.stats, Unavailable) for one in answers)
        assert all(isinstance(one.counters, Unavailable) for one in answers)

    def test_two_scrapes_at_once_each_have_an_answer(self) -> None:
        with own_server() as server, scraping(server.url) as scraper:
            found: list[bool] = []
            threads = [
                threading.Thread(target=lambda: found.extend(scraper.scrape().nodes.values()))
                for _ in range(4)
            ]
            for one in threads:
                one.start()
            for one in threads:
                one.join()
        assert found == [True] * 4


@pytest.mark.slow
def test_a_node_of_a_cluster_that_hangs_keeps_back_the_queues_of_no_other_node() -> None:
    with cluster_of(3) as cluster:
        names = cluster.names(3)
        with Client(cluster.url) as client:
            for name in names:
                client.submit(1, queue=name)
        registry = cluster.owner("jobs:queues")
        hung = next(name for name in names if cluster.owner(f"jobs:{{{name}}}") is not registry)
        node = cluster.owner(f"jobs:{{{hung}}}")
        with scraping(cluster.url, seconds=3.0) as scraper:
            found = samples(scraper)
            assert [found["node_up", f"127.0.0.1:{one.port}"] for one in cluster.nodes] == [1] * 3
            assert [found["queue_up", name] for name in names] == [1] * 3
            os.kill(node.pid, signal.SIGSTOP)
            try:
                began = time.monotonic()
                found = samples(scraper)
                took = time.monotonic() - began
            finally:
                os.kill(node.pid, signal.SIGCONT)
        assert took < 6
        assert found["node_up", f"127.0.0.1:{node.port}"] == 0
        assert {name: found["queue_up", name] for name in names} == {
            name: int(name != hung) for name in names
        }


def test_an_error_of_a_node_is_that_of_its_queues() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"redis://127.0.0.1:{taken.getsockname()[1]}"
    with scraping(url, seconds=1.0) as scraper:
        scraper._names = ["q"]
        assert isinstance(scraper.scrape().stats["q"], PyjobsError)
