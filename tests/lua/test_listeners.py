"""Who hears how a job ends: its submitter, who submits it again, and who watches it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from support.messages import bodies
from support.servers import REAL_SERVER_PLACES, at
from support.store import HOUR, STORED, Jobs, Listener, Q, Store, having

from pyjobs.engine.messages import parse_results
from pyjobs.engine.modes import MODES
from pyjobs.engine.parts import part_key
from pyjobs.engine.queue import watch
from pyjobs.engine.reliable import RELIABLE
from pyjobs.engine.replies import Stored

UNKNOWN = Stored("", "-", 0, 0, 0, b"")


def cancel(jobs: Jobs) -> None:
    jobs.store.call(jobs.mode.cancel(Q, ["a"]))  # type: ignore[union-attr]


def expire(jobs: Jobs) -> None:
    jobs.redis.hset(f"{Q}:job:a", "expires", 1)
    jobs.claim()


def crash(jobs: Jobs) -> None:
    jobs.claim(lease=1)
    jobs.store.age(HOUR)
    jobs.reap(max_crashes=1)


ENDS: dict[str, Callable[[Jobs], object]] = {
    "done": lambda jobs: jobs.complete(*jobs.claim().jobs, retention=0),
    "failed": lambda jobs: jobs.fail(*jobs.claim().jobs, verdict="reject"),
    "cancelled": cancel,
    "expired": expire,
    "dead": crash,
}


@pytest.mark.parametrize("end", ENDS)
@having("submit", STORED)
def test_each_listener_hears_once_how_a_job_ends(jobs: Jobs, end: str) -> None:
    if end == "dead" and not jobs.mode.leases:
        end = "failed"
    ears = [jobs.store.listen(name) for name in ("first", "second", "third")]
    jobs.submit("a", client="first")
    jobs.submit("a", client="second")
    jobs.watch("a", client="third")
    ENDS[end](jobs)
    heard = [[result for message in ear.messages() for result in parse_results(message)]
             for ear in ears]  # fmt: skip
    state = "dead" if end == "failed" and jobs.mode.leases else end
    assert [(id, stored.state) for [(id, stored)] in heard] == [("a", state)] * 3
    for ear in ears:
        ear.close()


@having("submit", STORED)
def test_watch_returns_what_result_returns_and_adds_the_client_once(jobs: Jobs) -> None:
    done, _ = jobs.take("done", "held", client="me")
    jobs.complete(done)
    jobs.submit("waits")
    ids = ("waits", "held", "unknown", "done", "waits")
    for _ in range(2):
        assert jobs.watch(*ids, client="other") == jobs.result(*ids)
        assert [jobs.job(id)["client"] for id in ("waits", "held", "done")] == [
            b"other", b"me other", b"me",
        ]  # fmt: skip


@having("submit", STORED)
def test_a_watch_that_ends_behind_4_mib_of_results_adds_its_client_to_no_job_beyond(
    jobs: Jobs,
) -> None:
    ids = [f"j{number}" for number in range(4)]
    for job in jobs.take(*ids):
        jobs.complete(job, result=bytes(1 << 20))
    jobs.submit("before", "behind")
    found = jobs.watch("before", *ids, "behind", client="me")
    assert [job.state for job in found] == ["pending", *["done"] * 4]
    assert (jobs.job("before").get("client"), jobs.job("behind").get("client")) == (b"me", None)


@having("submit", STORED)
def test_watch_of_ended_and_unknown_jobs_writes_nothing(jobs: Jobs) -> None:
    jobs.complete(*jobs.take("a", client="me"))
    with jobs.store.unchanged():
        assert [job.state for job in jobs.watch("a", "none", client="other")] == ["done", ""]


@having("submit", ["simple"])
def test_watch_in_simple_mode_finds_nothing_and_writes_nothing(jobs: Jobs) -> None:
    jobs.submit("a", client="me")
    with jobs.store.unchanged():
        assert jobs.watch("a", client="other") == [UNKNOWN]


@having("submit", STORED)
def test_a_name_that_is_part_of_another_is_added(jobs: Jobs) -> None:
    jobs.submit("a", client="client-1")
    for name in ("client", "client-11", "1"):
        jobs.watch("a", client=name)
    assert jobs.job("a")["client"] == b"client-1 client client-11 1"


@having("submit", STORED)
def test_a_seventeenth_listener_takes_the_place_of_the_oldest(jobs: Jobs) -> None:
    names = [f"c{number}" for number in range(16)]
    for name in names:
        jobs.submit("a", client=name)
    assert jobs.job("a")["client"].decode().split() == names
    assert jobs.submit("a", client="late") == [("a", "pending")]
    assert [job.state for job in jobs.watch("a", client="later")] == ["pending"]
    assert jobs.job("a")["client"].decode().split() == [*names[2:], "late", "later"]
    ears = [jobs.store.listen(name) for name in ("c1", "c2", "later")]
    jobs.complete(*jobs.claim().jobs)
    assert [bodies(ear.messages()) for ear in ears] == [{}, {"a": b"result"}, {"a": b"result"}]
    for ear in ears:
        ear.close()


@having("submit", STORED)
def test_a_submit_under_a_live_unique_key_adds_the_client_to_the_job_that_holds_it(
    jobs: Jobs,
) -> None:
    submit = jobs.mode.submit
    jobs.store.call(submit(Q, [("a", b"1")], client="one", unique="key"))
    again = submit(Q, [("b", b"2"), ("c", b"3")], client="two", unique="key")
    for _ in range(2):
        assert [job.id for job in jobs.store.call(again)] == ["a", "a"]
        assert jobs.job("a")["client"] == b"one two"


@having("submit", STORED)
def test_a_submit_that_conflicts_or_has_no_client_adds_none(jobs: Jobs) -> None:
    jobs.submit(("a", b"1"), client="me")
    with jobs.store.unchanged():
        assert jobs.submit(("a", b"2"), client="other") == [("a", "CONFLICT")]
        assert jobs.submit(("a", b"1")) == [("a", "pending")]


@having("submit", STORED)
def test_a_submit_of_new_and_known_jobs_adds_the_client_to_all(jobs: Jobs) -> None:
    jobs.submit("a", client="one")
    jobs.submit("b", "a", "b", client="two")
    assert [jobs.job(id)["client"] for id in "ab"] == [b"one two", b"two"]


@at(REAL_SERVER_PLACES)
@having("submit", STORED)
def test_listeners_are_added_at_the_memory_limit(jobs: Jobs) -> None:
    jobs.submit("a", "b", client="one")
    jobs.redis.config_set("maxmemory", 1)
    try:
        assert jobs.submit("a", client="two") == [("a", "pending")]
        assert [job.state for job in jobs.watch("b", client="two")] == ["pending"]
        assert [jobs.job(id)["client"] for id in "ab"] == [b"one two"] * 2
    finally:
        jobs.redis.config_set("maxmemory", 0)


@at(REAL_SERVER_PLACES)
def test_a_submit_answers_for_a_known_job_whose_listeners_it_may_not_write(store: Store) -> None:
    jobs = Jobs(store, MODES["reliable"])
    jobs.submit("a", client="one")
    words = ("reset", "on", ">x", "~*", "&*", "+@all", "-zrem")
    store.redis.execute_command("ACL", "SETUSER", "app", *words)
    try:
        with store.through(store.url.replace("://", "://app:x@")) as narrow:
            again = jobs.mode.submit(Q, [("a", b"data")], client="two")
            assert narrow.call(again) == [("a", "pending")]
    finally:
        store.redis.execute_command("ACL", "DELUSER", "app")


@having("submit", STORED)
def test_a_job_of_another_queue_is_not_watched(jobs: Jobs) -> None:
    jobs.submit("a", client="one")
    with jobs.store.unchanged():
        found = jobs.store.call(watch("jobs:{other}", ["a"], client="two"))
    assert found == [UNKNOWN]


def heard_by(listener: Listener) -> list[tuple[str, Stored]]:
    return [one for message in listener.messages() for one in parse_results(message)]


@having("submit", STORED)
def test_jobs_that_end_in_one_call_are_heard_by_their_own_clients_with_their_own_times(
    jobs: Jobs,
) -> None:
    one, two = jobs.store.listen("one"), jobs.store.listen("two")
    clients = {"a": "one", "b": "one", "c": "two", "d": "one", "e": "one"}
    for id, client in clients.items():
        jobs.submit(id, client=client)
    jobs.submit("d", client="two")
    claimed = jobs.claim().jobs
    for n, id in enumerate(clients):
        jobs.redis.hset(f"{Q}:job:{id}", "_queued", str(1700000000000 + n // 2))
    jobs.complete(*claimed)
    found = heard_by(one)
    assert [id for id, _ in found] == ["a", "b", "d", "e"]
    assert [stored.queued % 10 for _, stored in found] == [0, 0, 1, 2]
    assert [id for id, _ in heard_by(two)] == ["c", "d"]


@having("submit")
def test_a_client_hears_of_results_that_need_several_messages(jobs: Jobs) -> None:
    listener = jobs.store.listen("one")
    ids = [f"{n}" for n in range(5)]
    jobs.submit(*ids, client="one")
    jobs.complete(*jobs.claim().jobs, result=b"r" * 40000)
    messages = listener.messages()
    assert len(messages) == 3
    assert [id for message in messages for id, _ in parse_results(message)] == ids


def test_jobs_of_two_queues_that_one_claim_makes_dead_are_heard_on_their_own_channels(
    store: Store,
) -> None:
    jobs = Jobs(store, MODES["reliable"])
    queues = [Q, "jobs:{other}"]
    listeners = [store.listen("one", queue) for queue in queues]
    for n, queue in enumerate(queues):
        jobs.submit(f"a{n}", client="one", queue=queue)
    jobs.claim(queues=queues, lease=1)
    for queue in queues:
        store.age(HOUR, queue)
    jobs.claim(queues=queues, max_crashes=1)
    assert [[id for id, _ in heard_by(one)] for one in listeners] == [["a0"], ["a1"]]


@at(REAL_SERVER_PLACES)
@having("submit")
@pytest.mark.parametrize("name", ["shard.me", "me.shard.", "shard"])
def test_messages_of_a_client_whose_name_begins_with_shard_are_sharded_from_redis_7_on(
    jobs: Jobs, name: str
) -> None:
    channel = f"{Q}:client:{name}"
    old = int(jobs.redis.info("server")["redis_version"].partition(".")[0]) < 7
    with jobs.redis.pubsub() as heard:
        sharded = name == "shard.me" and not old
        (heard.ssubscribe if sharded else heard.subscribe)(channel)
        assert heard.get_message(timeout=30)["type"].endswith("subscribe")
        jobs.submit("a", client=name)
        jobs.complete(*jobs.claim().jobs)
        get = (
            heard.get_sharded_message
            if sharded and hasattr(heard, "get_sharded_message")
            else heard.get_message
        )
        message = get(timeout=30)
        assert message["channel"].decode() == channel
        assert [id for id, _ in parse_results(message["data"])] == ["a"]


@at(REAL_SERVER_PLACES)
def test_messages_of_a_part_go_to_its_own_channel_and_else_to_that_of_the_queue(
    store: Store,
) -> None:
    jobs = Jobs(store, MODES["reliable"])
    if int(jobs.redis.info("server")["redis_version"].partition(".")[0]) < 7:
        pytest.skip("has no sharded channels")
    part, call = part_key(Q, 3), store.call

    def end(id: str) -> None:
        call(RELIABLE.submit(part, [(id, b"data")], client="shard.me"))
        [job] = call(RELIABLE.claim([part], nonce=f"n.{id}", limit=1, lease=30000)).jobs
        call(RELIABLE.complete(part, [(job.id, job.token, b"1")]))

    def ids(heard: Any, get: Callable[..., Any]) -> list[str]:
        message = get(timeout=0.5)
        return [id for id, _ in parse_results(message["data"])] if message else []

    with jobs.redis.pubsub() as whole, jobs.redis.pubsub() as of_part:
        whole.subscribe(f"{Q}:client:shard.me")
        assert whole.get_message(timeout=5)["type"] == "subscribe"
        end("early")
        assert ids(whole, whole.get_message) == ["early"]
        of_part.ssubscribe(f"{part}:client:shard.me")
        assert of_part.get_message(timeout=5)["type"] == "ssubscribe"
        end("late")
        get = getattr(of_part, "get_sharded_message", of_part.get_message)
        assert ids(of_part, get) == ["late"]
        assert ids(whole, whole.get_message) == []
