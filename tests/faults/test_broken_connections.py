"""Every script, and clients and workers as they are used, on a connection that breaks.

The proxy breaks a call before the server has it, after the server ran it, or never lets its answer
through; transport/test_send.py has what follows when it does so for ever.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

import pytest
from support.good_calls import SCRIPTS, Good, furnish, mode_of
from support.proxy import Proxy
from support.running import is_async, opened, wait_until, working
from support.servers import CLIENT_SOCKET_PLACES, PREFERRED, SOCKET_PLACES, at
from support.store import HOUR, Jobs, Q, Store

import pyjobs.aio
import pyjobs.client
from pyjobs.engine.call import Call
from pyjobs.engine.messages import parse_results
from pyjobs.engine.modes import MODES
from pyjobs.engine.scripts import script
from pyjobs.errors import OutcomeUnknown
from pyjobs.testing import Running
from pyjobs.transport import retry
from pyjobs.transport.server import aconnect, connect
from pyjobs.worker.running.job import ClaimedJob

REPLY_SECONDS = 0.15
JOBS = 200
MOMENT = re.compile(rb"\d{13}")
AGE = re.compile(rb"\d+ ms ago")
OLDEST = 9  # in the reply of queue/stats: an age, ms
TIMES = (b"wait", b"run", b"fail")  # sums of ms among the counters
ONE_TIME = 10**12  # of a counter that holds a number of times and their sum
WRITES = {"DEL", "HSET", "HDEL", "LPUSH", "LTRIM", "ZADD", "ZREM"}

hows = pytest.mark.parametrize("how", ["cut_before", "cut_after", "stall"])
scripts = pytest.mark.parametrize("name", [used.name for used in SCRIPTS])


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retry, "PAUSES", (0.0,) * len(retry.PAUSES))


@pytest.fixture
def proxy(store: Store) -> Iterator[Proxy]:
    with Proxy(store.url) as proxy:
        yield proxy


def prepared(store: Store, name: str) -> Call[Any]:
    """Empty the server, furnish it, and make a call for which there is something to do."""
    used = script(name)
    verb = used.name.partition("/")[2]
    store.redis.flushall()
    good = Good(used, furnish(store, mode_of(used)))
    if verb == "reap":
        store.age(2 * HOUR)
    if verb == "wake":
        store.redis.delete(f"{Q}:wake")
    store.redis.script_load(used.body)
    # A busy submit lets the script make an id, another one each time.
    return good.call() if verb == "submit" else good.busy_call()


def timeless(value: Any) -> Any:
    """The same without what depends on when it was made."""
    if isinstance(value, dict):
        return {key: timeless(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [timeless(one) for one in value]
    if isinstance(value, bytes):
        return MOMENT.sub(b"<ms>", AGE.sub(b"<ms>", value))
    moment = isinstance(value, (int, float)) and value >= 1000
    return "<ms>" if moment else value


def counted(values: Iterable[tuple[bytes, bytes, int]]) -> dict[tuple[bytes, bytes], int]:
    """Counters by task and name, whatever the minute, and the times whatever their length."""
    found: Counter[tuple[bytes, bytes]] = Counter()
    for task, name, value in values:
        found[task, name.partition(b"<")[0]] += value
    return dict(found)


def stored_counters(store: Store) -> Iterator[tuple[bytes, bytes, int]]:
    for key in store.redis.keys("*:counters:*"):
        for name, value in store.redis.hgetall(key).items():
            yield key.rpartition(b":")[2], name, int(value) // (ONE_TIME if b"<" in name else 1)


def keys(store: Store) -> Any:
    """Sets are sorted by name: what is in them is due after a time with jitter."""
    found = store.snapshot(counters=False).items()
    return {"counters": counted(stored_counters(store))} | {
        key: [*timeless(sorted(value) if kind == "zset" else value), kind, ttl]
        if isinstance(value, list)
        else [timeless(value), kind, ttl]
        for key, (kind, value, ttl) in found
    }


def runs(store: Store) -> int:
    """How often the server ran a script since its counters were reset."""
    told = store.redis.info("commandstats").get("cmdstat_evalsha", {"calls": 0})
    return int(told["calls"])


@at(CLIENT_SOCKET_PLACES, long=[(PREFERRED, "async")])
@hows
@scripts
def test_a_script_whose_connection_breaks_is_repeated_only_where_that_is_safe(
    store: Store, proxy: Proxy, name: str, how: str
) -> None:
    """Safe to repeat: it is sent again, the answer is that of the first or of a second call, and
    the keys are as after exactly one. Unsafe: it is not, and nobody is told that it failed."""

    def shown(reply: Any) -> Any:
        if name == "queue/stats":
            reply[OLDEST] = "<ms>"
        if name == "queue/counters":
            rows = [row[1:] for row in reply[3:] if row[2] not in TIMES]
            reply = [*reply[:3], sorted(counted(rows).items())]
        if name == "queue/send":
            # A dump has the times of its job.
            reply = [row[:-1] if isinstance(row, list) else row for row in reply]
        if name == "reliable/fail":
            # The delay of a backoff is drawn.
            reply = [re.sub(rb"=\d+$", b"=<ms>", word) for word in reply]
        return timeless(reply)

    call = prepared(store, name)
    before = keys(store)
    first = shown(store.call(call))
    once = keys(store)
    safe = call.script.replay_safe
    if safe:
        second = shown(store.call(call))
        assert keys(store) == once
    call = prepared(store, name)
    store.redis.config_resetstat()
    proxy.breaks(how, times=1)
    with store.through(proxy.url, reply_seconds=REPLY_SECONDS) as far:
        far.knows_that_it_is_whole()
        if safe:
            assert shown(far.call(call)) == (first if how == "cut_before" else second)
        else:
            with pytest.raises(OutcomeUnknown):
                far.call(call)
    reached = 0 if how == "cut_before" else 1
    assert (proxy.seen, runs(store)) == ((2, reached + 1) if safe else (1, reached))
    assert keys(store) == (once if safe or reached else before)
    if name == "queue/send":
        store.redis.flushall()  # what is parked stays so until queue/sent


def test_every_writing_script_had_something_to_write(server_url: Callable[[str], str]) -> None:
    """Otherwise the matrix above would prove nothing."""
    store = Store(server_url(PREFERRED), None)
    idle = set()
    for name in (used.name for used in SCRIPTS):
        call = prepared(store, name)
        before = store.snapshot()
        store.call(call)
        if store.snapshot() == before:
            idle.add(name)
    store.redis.flushall()
    store.close()
    reading = {used.name for used in SCRIPTS if not WRITES & {*used.about["commands"]}}
    # The mode stays, and no limit is named.
    # Nothing of theirs is over; the job that is named is not dead; the schedule is not paused;
    # no job is parked.
    quiet = {
        "queue/sent",
        "queue/repair",
        "reliable/dead",
        "schedule/resume",
        "queue/resume",
        "queue/mode",
        "queue/limit",
    }
    assert idle - reading == quiet


# --- clients ---


@at(CLIENT_SOCKET_PLACES)
@hows
@pytest.mark.parametrize("mode", ["recoverable", "reliable"])
def test_a_submit_through_a_fault_is_one_job(
    store: Store, proxy: Proxy, how: str, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ids are the client's, so it may repeat by itself; the job is as good as any other."""
    quick(monkeypatch)
    proxy.breaks(how, times=1)
    with opened(proxy.url, aio=is_async(store), mode=mode, queue="q") as client:
        job = client.submit({"n": 1})
        # Loaded, sent again, and asked for when it was there before.
        assert proxy.seen >= 2
        assert Jobs(store, MODES[mode]).pending() == [job.id]
        with working(store.url, lambda job: job.data["n"] + 1, mode=mode):
            assert job.result(timeout=30) == 2


@at(CLIENT_SOCKET_PLACES)
@hows
def test_a_simple_submit_through_a_fault_is_one_job_at_most(
    store: Store, proxy: Proxy, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    store.redis.script_load(script("simple/submit").body)
    proxy.breaks(how, times=1)
    with opened(proxy.url, aio=is_async(store), mode="simple", queue="q") as client:
        with pytest.raises(OutcomeUnknown) as caught:
            client.submit({"n": 1})
        assert len(caught.value.ids) == 1
    assert store.redis.llen(f"{Q}:pending") == (0 if how == "cut_before" else 1)


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients that give a reply up soon."""
    for module, used in ((pyjobs.client.sync, connect), (pyjobs.client.aio, aconnect)):
        name = used.__name__
        monkeypatch.setattr(module, name, partial(used, reply_seconds=REPLY_SECONDS))


# --- workers ---


class EachNth(Proxy):
    """Cuts each n-th answer to a request with the needle."""

    def __init__(self, url: str, n: int, needle: bytes) -> None:
        super().__init__(url, needle)
        self._n = n
        self.breaks("cut_after")

    def _take(self) -> bool:
        return self.seen % self._n == 0

    @property
    def cuts(self) -> int:
        return self.seen // self._n


class Started:
    """A handler that counts the starts of each job."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.times: Counter[str] = Counter()

    def __call__(self, job: ClaimedJob) -> Any:
        with self._lock:
            self.times[job.id] += 1
        return job.data


# Each new connection sends two requests of its own: with 3, "everything" would cut the same
# request of each new one for ever.
breaking = pytest.mark.parametrize(
    ("n", "needle"), [(3, b"EVALSHA"), (7, b"\r\n")], ids=["scripts", "everything"]
)


@breaking
@at(SOCKET_PLACES)
@pytest.mark.parametrize("mode", ["recoverable", "reliable"])
def test_a_worker_whose_replies_are_cut_starts_and_reports_each_job_once(
    store: Store, mode: str, n: int, needle: bytes
) -> None:
    """Each job is started once, told once, and done."""
    jobs = Jobs(store, MODES[mode])
    ids = [f"job{n}" for n in range(JOBS)]
    jobs.submit(*[(id, b"1") for id in ids], client="me")
    heard = store.listen("me")
    told: list[str] = []

    def all_done() -> bool:
        told.extend(id for body in heard.messages() for id, _ in parse_results(body))
        return len(told) >= JOBS

    handler = Started()
    with EachNth(store.url, n, needle) as proxy:
        with working(proxy.url, handler, mode=mode, concurrency=3, prefetch=0):
            wait_until(all_done, 30)
        assert proxy.cuts > 5
    all_done()
    heard.close()
    assert sorted(told) == sorted(ids)
    assert handler.times == Counter(ids)
    assert {one.state for one in jobs.result(*ids)} == {"done"}


@at(SOCKET_PLACES)
def test_a_simple_worker_whose_replies_are_cut_runs_no_job_twice(store: Store) -> None:
    """What a lost answer had claimed is lost with it, and no more."""
    jobs = Jobs(store, MODES["simple"])
    jobs.submit(*[(f"job{n}", b"1") for n in range(JOBS)])
    handler = Started()
    with EachNth(store.url, 3, b"EVALSHA") as proxy:
        with working(proxy.url, handler, mode="simple", concurrency=5):
            wait_until(lambda: not store.redis.llen(f"{Q}:pending"), 60)
        cuts = proxy.cuts
    assert set(handler.times.values()) == {1}
    assert JOBS - 5 * (cuts + 1) <= len(handler.times) < JOBS


@at(SOCKET_PLACES)
def test_jobs_of_a_claim_whose_reply_was_cut_are_released_at_a_stop(store: Store) -> None:
    """No crash is counted, and nobody waits for a lease to end."""
    jobs = Jobs(store, MODES["reliable"])
    jobs.submit(("a", b"1"))
    store.redis.script_load(script("reliable/claim").body)
    with Proxy(store.url) as proxy:
        proxy.breaks("cut_after")
        worker = pyjobs.Worker(proxy.url, queues=["q"], grace=600)
        worker.handler(Started())
        running = Running(worker)
        wait_until(lambda: proxy.seen > 10)
        assert jobs.part("inflight").keys() == {"a"}
        worker.stop()
        proxy.breaks("pass")
        assert running.ended() is None
    assert jobs.pending() == ["a"]
    assert jobs.claim().jobs[0].attempt == 1
