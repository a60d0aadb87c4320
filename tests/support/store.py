"""A server under test: calls in either flavour, its keys and messages, and time that passes.

`Store` is the server, `Jobs` the verbs of a mode on it, `leaks` the check of its keyspace. No other
assertion may live here.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from pyjobs.engine.call import Call
from pyjobs.engine.modes import MODES, Mode
from pyjobs.engine.parts import Parts
from pyjobs.engine.queue import fetch, watch
from pyjobs.engine.recoverable import Recoverable
from pyjobs.engine.reliable import Reliable
from pyjobs.engine.replies import Claimed, ClaimReply, Reaped, Stored, Submitted
from pyjobs.engine.schedule import Scheduled, StoredSchedule, list_schedules, moments_text
from pyjobs.engine.scripts import Option, everything
from pyjobs.engine.simple import Simple
from pyjobs.transport.parts import known_parts_of
from pyjobs.transport.send import arun, arun_many, run, run_many
from pyjobs.transport.server import REPLY_SECONDS, aconnect, connect
from support.schema import held_to_its_schema

Q = "jobs:{q}"
HOUR = 3_600_000
DAY = 24 * HOUR
STORED = ("recoverable", "reliable")
QUARANTINE = 10**15  # in :delayed, a job in quarantine stands so much further on
PARTS = ("inflight", "delayed", "dead")
Image = list[tuple[bytes, int, bytes]]
PERMANENT = ("jobs:queues", "jobs:scripts", "jobs:bodies")
QUEUE_KEY = re.compile(rb"(?P<queue>[^{}]+:\{[^{}]+\}):(?P<part>[a-z]+)(?::(?P<name>.*))?")


def having(verb: str, modes: Sequence[str] = tuple(MODES)) -> pytest.MarkDecorator:
    """Run a test for each of `modes` that has this verb, as `mode`."""
    names = {script.name for script in everything()}
    found = [name for name in modes if f"{name}/{verb}" in names]
    assert found, f"no mode has {verb}"
    ids = [f"{name}/{verb}" for name in found]
    return pytest.mark.parametrize("mode", [MODES[name] for name in found], ids=ids)


class Store:
    """One empty server, in one flavour.

    url      for `pyjobs.connect`
    redis    to look at keys with
    """

    def __init__(
        self, url: str, runner: asyncio.Runner | None, *, reply_seconds: float = REPLY_SECONDS
    ) -> None:
        self.url = url
        self.redis: Any = connect(url, reply_seconds=reply_seconds)
        self._runner = runner
        self._async = aconnect(url, reply_seconds=reply_seconds) if runner else None

    def call(self, call: Call[Any]) -> Any:
        """Run a Call by `run` or `arun`. Its reply must be what the manifest says."""
        call = held_to_its_schema(call)
        if self._runner is None:
            return run(self.redis, call)
        return self._runner.run(arun(self._async, call))  # type: ignore[arg-type]

    def call_many(self, calls: Sequence[Call[Any]]) -> list[Any]:
        """Run Calls by `run_many` or `arun_many`. Replies must be what the manifest says."""
        calls = [held_to_its_schema(call) for call in calls]
        if self._runner is None:
            return run_many(self.redis, calls)
        return self._runner.run(arun_many(self._async, calls))  # type: ignore[arg-type]

    def knows_that_it_is_whole(self, queue: str = Q) -> None:
        """Let the next calls ask no question about the parts of a queue first."""
        known_parts_of(self._async or self.redis).note(queue, Parts())

    def clear(self) -> None:
        """Empty the server, and end all connections but this one: a test before may have left some.

        Scripts stay, because to compile them anew takes longer than most tests do.
        """
        with self.redis.pipeline(transaction=False) as pipe:
            pipe.flushall()
            if not self.url.startswith("memory"):
                for kind in ("normal", "pubsub"):
                    pipe.client_kill_filter(_type=kind, skipme=True)
            pipe.execute()

    def close(self) -> None:
        if self._runner and self._async is not None:
            self._runner.run(self._async.aclose())
        self.redis.close()

    @contextmanager
    def through(self, url: str, *, reply_seconds: float = REPLY_SECONDS) -> Iterator[Store]:
        """The same flavour, by another address."""
        other = Store(url, self._runner, reply_seconds=reply_seconds)
        yield other
        other.close()

    def age(self, ms: int, queue: str = Q) -> None:
        """Move a queue's past further back: leases end and delays are over, without a wait."""
        pipe = self.redis.pipeline(transaction=False)
        for part in PARTS:
            for member in self.redis.zrange(f"{queue}:{part}", 0, -1):
                pipe.zincrby(f"{queue}:{part}", -ms, member)
        pipe.execute()

    def snapshot(self, *, counters: bool = True) -> dict[bytes, tuple[str, Any, bool]]:
        """Every key: its type, its value, and whether it has a TTL."""
        keys = sorted(self.redis.keys("*"))
        if not counters:
            keys = [key for key in keys if b"}:counters" not in key]
        pipe = self.redis.pipeline(transaction=False)
        for key in keys:
            pipe.type(key)
            pipe.pttl(key)
        told = pipe.execute()
        # A key may have expired in between.
        found = [
            (key, kind.decode(), ttl)
            for key, kind, ttl in zip(keys, told[::2], told[1::2], strict=True)
            if kind != b"none"
        ]
        for key, kind, _ in found:
            READ[kind](pipe, key)
        return {
            key: (kind, sorted(value.items()) if kind == "hash" else value, ttl >= 0)
            for (key, kind, ttl), value in zip(found, pipe.execute(), strict=True)
        }

    def image(self) -> Image:
        """Every key as RESTORE takes it: with its TTL, ms, 0 for none."""
        keys = self.redis.keys("*")
        pipe = self.redis.pipeline(transaction=False)
        for key in keys:
            pipe.pttl(key)
            pipe.dump(key)
        told = pipe.execute()
        return [
            (key, max(ttl, 0), value)
            for key, ttl, value in zip(keys, told[::2], told[1::2], strict=True)
        ]

    def put(self, image: Image) -> None:
        """Make the keys be those of an image."""
        pipe = self.redis.pipeline(transaction=False)
        pipe.flushall()
        for key, ttl, value in image:
            pipe.restore(key, ttl, value)
        pipe.execute()

    @contextmanager
    def unchanged(self, *, counters: bool = True) -> Iterator[None]:
        """Fails when the block changed any key; without `counters`, those may change."""
        before = self.snapshot(counters=counters)
        yield
        assert self.snapshot(counters=counters) == before

    def listen(self, client: str, queue: str = Q) -> Listener:
        return Listener(self.redis, f"{queue}:client:{client}")


READ = {
    "string": lambda pipe, key: pipe.get(key),
    "list": lambda pipe, key: pipe.lrange(key, 0, -1),
    "hash": lambda pipe, key: pipe.hgetall(key),
    "zset": lambda pipe, key: pipe.zrange(key, 0, -1, withscores=True),
    "set": lambda pipe, key: pipe.smembers(key),
    "stream": lambda pipe, key: pipe.xrange(key),
}


class Listener:
    """What was published to one channel, from now on."""

    def __init__(self, client: Any, channel: str) -> None:
        self._redis, self._channel = client, channel
        self._pubsub = client.pubsub()
        self._pubsub.subscribe(channel)
        assert self._pubsub.get_message(timeout=30)["type"] == "subscribe"

    def messages(self) -> list[bytes]:
        """All since the last look. A marker is published, so that none is still on its way."""
        self._redis.publish(self._channel, b"marker")
        found = []
        while (message := self._pubsub.get_message(timeout=30)) is not None:
            if message["data"] == b"marker":
                return found
            found.append(message["data"])
        raise AssertionError("the marker did not arrive")

    def close(self) -> None:
        self._pubsub.close()


def leaks(store: Store) -> list[str]:  # noqa: PLR0912
    """What breaks the rule of the keyspace, a line each.

    A key has a TTL, or is permanent, or belongs to a live job, which is in exactly one place, the
    one that fits its state. No place names a job that has no hash. A job that was cancelled while
    it was pending stands there until a claim meets it. A unique key is that of a live job.
    """
    keys = store.snapshot()
    found, states, places = [], {}, {}
    holders: dict[tuple[bytes, bytes], bytes] = {}
    modes = {
        key[:-5]: dict(value[1]).get(b"mode")
        for key, value in keys.items()
        if key.endswith(b":meta")
    }
    for key, (kind, value, ttl) in keys.items():
        match = QUEUE_KEY.fullmatch(key)
        queue, part = (match["queue"], match["part"].decode()) if match else (b"", "")
        if match and part == "job" and kind == "hash":
            states[queue, match["name"]] = (dict(value)[b"state"].decode(), ttl)
        elif part in ("pending", "inflight", "delayed") and modes.get(queue) != b"simple":
            for entry in value:
                job = entry[0] if isinstance(entry, tuple) else entry
                places.setdefault((queue, job), []).append(part)
        elif part == "unique":
            holders[queue, value] = match["name"] if match else b""
        elif part == "wake":
            if len(value) > 1:
                found.append(f"{key!r} holds {len(value)} elements")
        elif not (
            ttl
            or part in ("meta", "pending", "schedules", "schedule", "events")
            or key.decode() in PERMANENT
        ):
            found.append(f"{key!r} is there for ever")
    for job in states.keys() | places.keys():
        state, ttl = states.get(job, ("", False))
        where = places.get(job, [])
        live = state in ("pending", "inflight", "delayed")
        if state == "cancelled" and where == ["pending"] and not ttl:
            continue
        if where != ([state] if live else []) or live == ttl:
            name = f"{job[1].decode()} of {job[0].decode()}"
            found.append(f"{name} is {state or 'gone'}, in {where}, {'with' if ttl else 'no'} TTL")
    for job, name in holders.items():
        if states.get(job, ("", False))[0] not in ("pending", "inflight", "delayed"):
            found.append(
                f"unique key {name.decode()} is held by {job[1].decode()}, which is not live"
            )
    return found


class Jobs:
    """The verbs of one mode on one store, and the values that a test leaves out."""

    def __init__(self, store: Store, mode: Mode) -> None:
        self.store, self.mode = store, mode
        self.redis = store.redis
        self._nonces = (f"nonce{n}" for n in itertools.count(1))

    def submit(
        self, *jobs: str | tuple[str, bytes], client: str = "", queue: str = Q, **options: Option
    ) -> list[Submitted]:
        """Submit jobs by id, their data is b"data"; or (id, data)."""
        items = [(job, b"data") if isinstance(job, str) else job for job in jobs]
        return self.store.call(self.mode.submit(queue, items, client=client, **options))  # type: ignore[no-any-return]

    def schedule(self, name: str, *, data: bytes = b"data", **options: Any) -> Scheduled:
        """Make or change a schedule; `moments` may be a list."""
        if isinstance(moments := options.get("moments"), list):
            options["moments"] = moments_text(moments)
        return self.store.call(self.mode.schedule(Q, name, data, **options))  # type: ignore[no-any-return, union-attr]

    def schedules(self) -> dict[str, StoredSchedule]:
        """All schedules by name."""
        page = self.store.call(list_schedules(Q, skip=0, limit=1000))
        assert page.total == len(page.schedules)
        return {schedule.name: schedule for schedule in page.schedules}

    def claim_call(
        self,
        limit: int = 100,
        *,
        nonce: str = "",
        queues: Sequence[str] = (Q,),
        lease: int = HOUR,
        max_bytes: int | None = None,
        traces: bool = False,
        **options: int,
    ) -> Call[ClaimReply]:
        nonce = nonce or next(self._nonces)
        options |= {} if max_bytes is None else {"max_bytes": max_bytes}
        if isinstance(self.mode, Simple):
            return self.mode.claim(queues, limit=limit, max_bytes=max_bytes, traces=traces)
        if isinstance(self.mode, Recoverable):
            return self.mode.claim(
                queues, nonce=nonce, limit=limit, max_bytes=max_bytes, traces=traces
            )
        return self.mode.claim(
            queues, nonce=nonce, limit=limit, lease=lease, traces=traces, **options
        )

    def claim(self, limit: int = 100, **options: Any) -> ClaimReply:
        return self.store.call(self.claim_call(limit, **options))  # type: ignore[no-any-return]

    def take(self, *ids: str, client: str = "", **options: Option) -> list[Claimed]:
        """Submit and claim."""
        self.submit(*ids, client=client, **options)
        jobs = self.claim(len(ids)).jobs
        assert [job.id for job in jobs] == list(ids)
        return jobs

    def complete(self, *jobs: Claimed, result: bytes = b"result", **options: int) -> list[str]:
        items = [(job.id, job.token, result) for job in jobs]
        return self.store.call(self.mode.complete(Q, items, **options))  # type: ignore[no-any-return]

    def fail(
        self, *jobs: Claimed, verdict: str = "retry", error: bytes = b"error", **options: int
    ) -> list[str]:
        """The words for the jobs, without the delays that they name."""
        words = self.fail_words(*jobs, verdict=verdict, error=error, **options)
        return [word.partition("=")[0] for word in words]

    def fail_words(
        self, *jobs: Claimed, verdict: str = "retry", error: bytes = b"error", **options: int
    ) -> list[str]:
        if isinstance(self.mode, Reliable):
            verdicts = [(job.id, job.token, verdict, error) for job in jobs]
            return self.store.call(self.mode.fail(Q, verdicts, **options))  # type: ignore[no-any-return]
        items = [(job.id, job.token, error) for job in jobs]
        return self.store.call(self.mode.fail(Q, items, **options))  # type: ignore[no-any-return]

    def extend(self, *jobs: Claimed, lease: int = HOUR) -> list[str]:
        assert isinstance(self.mode, Reliable)
        pairs = [(job.id, job.token) for job in jobs]
        return self.store.call(self.mode.extend(Q, pairs, lease=lease))  # type: ignore[no-any-return]

    def release(self, *jobs: Claimed, unknown: bool = False) -> list[str]:
        assert isinstance(self.mode, Reliable)
        pairs = [(job.id, job.token) for job in jobs]
        return self.store.call(self.mode.release(Q, pairs, unknown=unknown))  # type: ignore[no-any-return]

    def append(self, job: Claimed, number: int, chunk: bytes) -> list[str]:
        assert isinstance(self.mode, (Recoverable, Reliable))
        item = (job.id, job.token, number, chunk)
        return self.store.call(self.mode.append(Q, [item]))  # type: ignore[no-any-return]

    def update(self, *jobs: Claimed, progress: bytes = b"", saved: bytes = b"") -> list[str]:
        assert not isinstance(self.mode, Simple)
        kept = (saved,) if isinstance(self.mode, Reliable) else ()
        items = [(job.id, job.token, progress, *kept) for job in jobs]
        return self.store.call(self.mode.update(Q, items))  # type: ignore[no-any-return]

    def reap(self, limit: int = 1000, *, older_than: int = HOUR, **options: int) -> Reaped:
        """`older_than` is for recoverable mode only; reliable mode goes by the leases."""
        if isinstance(self.mode, Recoverable):
            return self.store.call(self.mode.reap(Q, limit=limit, older_than=older_than))  # type: ignore[no-any-return]
        assert isinstance(self.mode, Reliable)
        return self.store.call(self.mode.reap(Q, limit=limit, **options))  # type: ignore[no-any-return]

    def result(self, *ids: str) -> list[Stored]:
        return self.store.call(fetch(Q, ids))  # type: ignore[no-any-return]

    def watch(self, *ids: str, client: str) -> list[Stored]:
        return self.store.call(watch(Q, ids, client=client))  # type: ignore[no-any-return]

    def lose(self, *jobs: Claimed) -> list[Claimed]:
        """Let the claims of these jobs run out, put them back and claim them again."""
        self.store.age(2 * HOUR)
        assert sorted(self.reap().put_back) == sorted(job.id for job in jobs)
        return self.claim(len(jobs)).jobs

    def job(self, id: str) -> dict[str, bytes]:
        """The fields of a job."""
        found = self.redis.hgetall(f"{Q}:job:{id}")
        return {name.decode(): value for name, value in found.items()}

    def ttl(self, id: str) -> int:
        return int(self.redis.pttl(f"{Q}:job:{id}"))

    def pending(self, queue: str = Q) -> list[str]:
        """The ids on the queue, the next to be claimed first."""
        return [id.decode() for id in reversed(self.redis.lrange(f"{queue}:pending", 0, -1))]

    def part(self, part: str) -> dict[str, int]:
        """A sorted set of the queue: id -> ms."""
        found = self.redis.zrange(f"{Q}:{part}", 0, -1, withscores=True)
        return {id.decode(): int(score) for id, score in found}

    def wakes(self, queue: str = Q) -> int:
        return int(self.redis.llen(f"{queue}:wake"))

    def now(self) -> int:
        """Redis's clock, ms."""
        seconds, micros = self.redis.time()
        return int(seconds) * 1000 + int(micros) // 1000
