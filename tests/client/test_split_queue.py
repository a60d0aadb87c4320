"""A queue that is split is one queue for clients, workers and operators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import count
from statistics import median
from typing import Any

import pytest
from support.cluster import cluster_of
from support.running import opened, working
from support.servers import MEMORY_PLACES, REAL_SERVER_PLACES, SOCKET_PLACES, at
from support.store import Jobs, Store

import pyjobs
from pyjobs.admin import Admin
from pyjobs.admin.filters import Filter
from pyjobs.admin.plan import Owners, drive
from pyjobs.admin.split import settle
from pyjobs.engine import (
    RELIABLE,
    Keys,
    Parts,
    by_part,
    fetch,
    hash_of,
    part_key,
    receive_jobs,
    rules_of,
    send_jobs,
    set_parts,
)
from pyjobs.errors import BadArgument, NoSchedule, ResultGone, Unavailable, WrongParts
from pyjobs.transport import KnownParts, connect, learn_parts, run
from pyjobs.transport.part_plans import PAUSES, VERBS
from pyjobs.worker.claiming.claims import Claims

MAIL = "jobs:{mail}"
everywhere = at(MEMORY_PLACES + SOCKET_PLACES)
in_memory = at(MEMORY_PLACES)


@pytest.fixture
def admin(store: Store) -> Iterator[Admin]:
    with Admin(store.url) as admin:
        yield admin


@pytest.fixture(params=[False, True], ids=["threads", "asyncio"])
def client(request: pytest.FixtureRequest, store: Store) -> Iterator[Any]:
    with opened(store.url, aio=request.param, queue="mail") as client:
        yield client


def test_a_change_of_parts_is_counted_when_it_is_there() -> None:
    counted: list[int] = []

    class Split(dict[str, Parts]):
        def __setitem__(self, queue: str, found: Parts) -> None:
            counted.append(known.changes)
            super().__setitem__(queue, found)

    known = KnownParts()
    known.split = Split()
    for _ in range(2):
        known.note(MAIL, Parts(2, places=(1,)))
    assert counted == [0] and known.changes == 1


def lengths(store: Store, admin: Admin) -> list[int]:
    return [store.redis.llen(f"{key}:pending") for key in admin.parts("mail").keys(MAIL)]


@everywhere
def test_jobs_go_to_the_parts_that_their_ids_say(store: Store, admin: Admin, client: Any) -> None:
    admin.split("mail", 3)
    jobs = client.submit_many([*range(60)], ids=[f"j{n}" for n in range(60)])
    assert all(job.created for job in jobs)
    of_part = Counter(hash_of(f"j{n}") % 3 for n in range(60))
    assert lengths(store, admin) == [of_part[part] for part in range(3)]
    again = client.submit_many([*range(60)], ids=[f"j{n}" for n in range(60)])
    assert not any(job.created for job in again)
    assert admin.stats("mail").pending == 60


@in_memory
def test_all_jobs_are_looked_up_where_each_part_leaves_out_results_beyond_its_bound(
    store: Store, admin: Admin
) -> None:
    admin.split("mail", 2)
    ids = [f"j{number}" for number in range(12)]
    for place, key in enumerate(admin.parts("mail").keys(MAIL)):
        for id in ids:
            if hash_of(id) % 2 == place:
                job = {"state": "done", "result": bytes(1 << 20)}
                store.redis.hset(f"{key}:job:{id}", mapping=job)
                store.redis.expire(f"{key}:job:{id}", 60)
    # A client that does not know of the parts asks the queue itself first.
    for known in (False, True):
        if known:
            learn_parts(store.redis, MAIL)
        found = run(store.redis, fetch(MAIL, [*ids, "none"]))
        assert [one.state for one in found] == ["done"] * 12 + [""]


@everywhere
def test_a_queue_that_grows_keeps_ids_and_unique_keys_exact(admin: Admin, client: Any) -> None:
    client.submit_many([*range(20)], ids=[f"j{n}" for n in range(20)])
    keyed = [client.submit(n, unique=f"key {n}") for n in range(20)]
    assert admin.split("mail", 2).older == 1
    for _ in range(2):
        again = client.submit_many([*range(20)], ids=[f"j{n}" for n in range(20)])
        assert not any(job.created for job in again)
        assert [client.submit(n, unique=f"key {n}").id for n in range(20)] == [
            job.id for job in keyed
        ]
    with pytest.raises(pyjobs.Conflict):
        client.submit("other", id="j7")
    assert client.submit("new", id="new").created
    assert admin.stats("mail").pending == 41
    with pytest.raises(BadArgument, match="not settled"):
        admin.split("mail", 4)


@everywhere
def test_growth_is_settled_when_no_job_is_left_in_the_part_of_before(
    store: Store, admin: Admin, client: Any
) -> None:
    ids = [f"j{n}" for n in range(10)]
    client.submit_many([*range(10)], ids=ids)
    admin.split("mail", 2)
    left = admin.settle_parts("mail")
    assert left in ids and hash_of(left) % 2 == 1
    assert admin.parts("mail").older == 1
    admin.purge("mail", "pending")
    assert admin.settle_parts("mail") == ""
    assert admin.parts("mail").older == 0
    assert admin.split("mail", 4).number == 4


@everywhere
def test_jobs_that_schedules_have_made_keep_no_split_from_being_settled(
    store: Store, admin: Admin
) -> None:
    ids = [f"report:{moment}" for moment in range(10**12, 10**12 + 4)]
    assert {hash_of(id) % 2 for id in ids} == {0, 1}
    with pyjobs.Client(store.url, queue="mail", results=False) as client:
        client.schedules.set("report", every=3600)
        for id in ids:
            admin.run_schedule("mail", "report", id=id)
        admin.split("mail", 2)
        assert admin.settle_parts("mail") == ""
        other = next(id for n in range(99) if hash_of(id := f"other:{n}") % 4 == 2)
        client.submit(1, id=other)
        admin.split("mail", 4)
        assert admin.settle_parts("mail") == other


@everywhere
def test_a_job_whose_id_looks_like_one_of_a_schedule_keeps_a_split_from_being_settled(
    store: Store, admin: Admin
) -> None:
    own = next(id for n in range(99) if hash_of(id := f"report:{n}") % 2 == 1)
    with pyjobs.Client(store.url, queue="mail", results=False) as client:
        client.schedules.set("report", every=3600)
        client.submit(1, id=own)
        admin.split("mail", 2)
        assert admin.settle_parts("mail") == own


@everywhere
def test_a_key_that_no_script_has_made_keeps_no_split_from_being_settled(
    store: Store, admin: Admin
) -> None:
    with pyjobs.Client(store.url, queue="mail", results=False) as client:
        client.submit(1, id=next(id for n in range(99) if hash_of(id := f"a{n}") % 2 == 0))
    foreign = b"jobs:{mail}:job:\xff"
    store.redis.hset(foreign, "state", "pending")
    admin.split("mail", 2)
    assert admin.settle_parts("mail") == ""
    store.redis.delete(foreign)


def seen_moving(plan: Any) -> Any:
    """A plan in whose sight each part is at another node each time."""
    nodes, answer = count(), None
    while True:
        try:
            step = plan.send(answer)
        except StopIteration as end:
            return end.value
        answer = (lambda key: next(nodes)) if isinstance(step, Owners) else (yield step)


@in_memory
def test_a_split_is_not_settled_whose_parts_have_moved_while_they_were_looked_at(
    store: Store, admin: Admin, client: Any
) -> None:
    client.cancel(client.submit(0))
    admin.split("mail", 2)
    admin.purge("mail", "pending")
    with connect(store.url) as server, pytest.raises(Unavailable, match="moved to another node"):
        drive(server, seen_moving(settle(Keys(), "mail", None)))
    assert admin.parts("mail").older == 1
    assert admin.settle_parts("mail") == ""


@at(SOCKET_PLACES)
def test_the_jobs_of_all_parts_run_and_their_results_are_heard(
    store: Store, admin: Admin, client: Any
) -> None:
    admin.split("mail", 4)
    jobs = client.submit_many([*range(40)])
    keyed = client.submit("keyed", unique="key")
    with working(store.url, lambda job: [job.queue, job.data], queues=["mail"]):
        assert [job.result(30) for job in jobs] == [["mail", n] for n in range(40)]
        assert keyed.result(30) == ["mail", "keyed"]
    with opened(store.url, aio=False, queue="mail") as late:
        assert late.job(jobs[3].id).result(30) == ["mail", 3]
        assert late.job(keyed.id).result(30) == ["mail", "keyed"]
        with pytest.raises(ResultGone):
            late.job("none").result(30)


@everywhere
def test_a_client_that_only_looks_finds_the_jobs_of_every_part(
    store: Store, admin: Admin, client: Any
) -> None:
    with opened(store.url, aio=False, queue="mail") as other:
        client.submit(0)
        admin.split("mail", 4)
        ids = [client.submit(n, unique=f"key {n}").id for n in range(12)]
        assert all(other.cancel(id) for id in ids)
        assert not other.cancel("none")


@at(REAL_SERVER_PLACES)
def test_the_rights_of_a_producer_are_enough_to_find_a_job_in_any_part(
    store: Store, admin: Admin
) -> None:
    admin.split("mail", 4)
    rules = rules_of("producer", "reliable", Keys(), ["mail"], parts=True)
    with opened(store.url, aio=False, queue="mail") as client:
        ids = [client.submit(n, unique=f"key {n}").id for n in range(12)]
        store.redis.execute_command("ACL", "SETUSER", "app", "reset", "on", ">x", *rules)
        narrow = store.url.replace("://", "://app:x@")
        with opened(narrow, aio=False, queue="mail", results=False) as other:
            assert all(other.cancel(id) for id in ids)
            assert other.schedules.set("report", every=60, unique="key").outcome == "new"
            assert [one.name for one in other.schedules.list()] == ["report"]
        store.redis.execute_command("ACL", "DELUSER", "app")


@in_memory
def test_a_job_of_a_submit_with_a_unique_key_asks_the_part_that_took_it(
    store: Store, admin: Admin, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    send, send_one = pyjobs.transport.send.run_stream, pyjobs.transport.send.run_one

    def spied(server: Any, calls: Any, *args: Any, **named: Any) -> Any:
        sent = [*calls]
        asked.extend(call.keys[0] for call in sent)
        return send(server, sent, *args, **named)

    def spied_one(server: Any, call: Any, *args: Any, **named: Any) -> Any:
        asked.append(call.keys[0])
        return send_one(server, call, *args, **named)

    admin.split("mail", 4)
    with opened(store.url, aio=False, queue="mail", sweep=600.0) as client:
        keyed = {n: client.submit(n, unique=f"key {n}") for n in range(8)}
        again = {n: client.submit(n, unique=f"key {n}") for n in range(8)}
        assert admin.settle_parts("mail") == ""
        admin.split("mail", 6)
        grown = {n: client.submit(n, unique=f"key {n}") for n in range(8)}
        monkeypatch.setattr("pyjobs.transport.send.run_stream", spied)
        monkeypatch.setattr("pyjobs.transport.send.run_one", spied_one)
        keys = admin.parts("mail").keys(MAIL)
        for n in range(8):
            for job in (keyed[n], again[n], grown[n]):
                asked.clear()
                assert job.info().state == "pending"
                assert job.id == keyed[n].id
                assert asked == [keys[hash_of(f"key {n}") % 4]]
        swept = [lookup.call.keys[0] for lookup in client._core.sweep.calls()]
        assert sorted(swept) == sorted({keys[hash_of(f"key {n}") % 4] for n in range(8)})
        asked.clear()
        assert client.cancel(keyed[3])
        assert asked == [keys[hash_of("key 3") % 4]]


@in_memory
@pytest.mark.parametrize("number", [3, 6])
def test_the_limits_of_a_split_queue_are_those_that_were_set(
    store: Store, admin: Admin, client: Any, number: int
) -> None:
    client.submit(0)
    admin.limit("mail", pending=1000, bytes=500)
    admin.split("mail", number)
    assert admin.limit("mail") == (1000, 500, 10_000)
    assert admin.limit("mail", dead=1000, bytes=0) == (1000, 1_048_576, 1000)
    admin.purge("mail", "pending")
    client.cancel(client.submit(1).id)
    for id in [job.id for job in admin.jobs("mail", "cancelled").jobs]:
        admin.delete("mail", [id])
    while left := admin.settle_parts("mail"):
        admin.delete("mail", [left])
    admin.split("mail", number + 1)
    assert admin.limit("mail") == (1000, 1_048_576, 1000)
    for key in admin.parts("mail").keys(MAIL):
        share = [-(-1000 // (number + 1))]
        assert [int(store.redis.hget(f"{key}:meta", "most_pending") or 0)] == share
        assert [int(store.redis.hget(f"{key}:meta", "most_dead") or 0)] == share
    assert admin.limit("mail", pending=0, dead=0) == (0, 1_048_576, 10_000)
    assert store.redis.hget(f"{MAIL}:meta", "set_dead") is None


@in_memory
@pytest.mark.parametrize("known", [0, 2])
def test_the_words_for_jobs_that_are_gone_by_a_call_stand_when_the_queue_proves_split(
    store: Store, admin: Admin, client: Any, known: int
) -> None:
    ids = [f"job-{n}" for n in range(12)]
    with Admin(store.url) as other:
        if known:
            admin.split("mail", known)
            other.parts("mail")
        admin.split("mail", 4)
        jobs = client.submit_many([*range(12)], ids=ids)
        with working(store.url, lambda job: job.data, queues=["mail"]):
            assert [job.result(30) for job in jobs] == [*range(12)]
        words = [answer.word for answer in other.delete("mail", [*ids, "none"])]
        assert words == ["deleted"] * 12 + ["NOJOB"]


@in_memory
def test_a_client_that_only_looks_learns_that_a_queue_has_grown(
    store: Store, admin: Admin, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyjobs.transport.parts.FRESH_SECONDS", 0.0)
    with Admin(store.url) as other, opened(store.url, aio=False, queue="mail") as looker:
        for number in (2, 6):
            admin.split("mail", number)
            ids = [f"{number}.{n}" for n in range(12)]
            client.submit_many([*range(12)], ids=ids)
            assert other.stats("mail").pending == 12
            assert all(looker.cancel(id) for id in ids)
            assert other.purge("mail", "pending") == 12
            assert other.settle_parts("mail") != "none"
            for id in ids:
                other.delete("mail", [id])
            assert other.settle_parts("mail") == ""


@everywhere
def test_an_operator_sees_one_queue(store: Store, admin: Admin, client: Any) -> None:
    client.submit(0, id="first")
    assert admin.pause("mail") == -1
    admin.limit("mail", pending=1000)
    admin.split("mail", 3)
    ids = {"first", *(f"j{n}" for n in range(30))}
    client.submit_many([*range(30)], ids=[f"j{n}" for n in range(30)])
    assert [status.stats.pending for status in admin.status() if status.stats] == [31]
    assert admin.stats("mail").paused == -1
    assert admin.limit("mail").pending == 1000
    assert store.redis.hget(f"{part_key(MAIL, 1)}:meta", "most_pending") == b"334"
    seen: list[str] = []
    cursor = ""
    while True:
        page = admin.jobs("mail", "pending", cursor=cursor, limit=7)
        assert page.total == 31
        seen += [job.id for job in page.jobs]
        if not (cursor := page.cursor):
            break
    assert sorted(seen) == sorted(ids)
    assert admin.show("mail", "j17").state == "pending"
    assert admin.explain("mail", "j17").code == "paused"
    assert admin.resume("mail") is True
    assert [answer.word for answer in admin.cancel("mail", ["j1", "none"])] == [
        "cancelled",
        "NOJOB",
    ]
    assert admin.edit_jobs("mail", "cancel", Filter(state="pending")).done == 30
    assert admin.check("mail") == []
    ended = admin.jobs("mail", "cancelled", limit=1000)
    found = [job.id for job in ended.jobs]
    while ended.cursor:
        ended = admin.jobs("mail", "cancelled", limit=1000, cursor=ended.cursor)
        found += [job.id for job in ended.jobs]
    assert sorted(found) == sorted(ids)
    assert admin.purge("mail", "pending") == 31
    assert admin.counters("mail").total().submitted == 31


@in_memory
def test_a_cursor_from_before_a_split_goes_on_and_one_that_no_call_returned_is_refused(
    store: Store, admin: Admin, client: Any
) -> None:
    client.submit_many([*range(9)])
    first = admin.jobs("mail", "pending", limit=4)
    admin.split("mail", 3)
    second = admin.jobs("mail", "pending", limit=9, cursor=first.cursor)
    assert len({job.id for page in (first, second) for job in page.jobs}) == 9
    for cursor in ("zz", "zz~", "7~", "1~zz"):
        with pytest.raises(BadArgument, match="cursor: not one that a call returned"):
            admin.jobs("mail", "pending", cursor=cursor)


@everywhere
def test_dead_jobs_of_all_parts_are_listed_and_requeued(
    store: Store, admin: Admin, client: Any
) -> None:
    admin.split("mail", 3)
    ids = [f"j{n}" for n in range(12)]
    client.submit_many([*range(12)], ids=ids)
    jobs = Jobs(store, RELIABLE)
    for key in admin.parts("mail").keys(MAIL):
        for job in store.call(jobs.claim_call(queues=(key,))).jobs:
            store.call(RELIABLE.fail(key, [(job.id, job.token, "reject", b"{}")]))
    assert admin.stats("mail").dead == 12
    dead = [admin.dead("mail", skip=skip, limit=5) for skip in (0, 5, 10)]
    assert {page.total for page in dead} == {12}
    assert sorted(job.id for page in dead for job in page.jobs) == sorted(ids)
    assert all(answer.done for answer in admin.requeue("mail", ids))
    assert admin.stats("mail").pending == 12


@in_memory
def test_what_a_split_queue_does_not_do_has_a_clear_error(store: Store, admin: Admin) -> None:
    admin.split("mail", 2)
    with pytest.raises(WrongParts, match="queue mail has 2 parts"):
        admin.set_mode("mail", "simple")
    admin.split("mail", 3)
    with pytest.raises(BadArgument, match="fewer than 3"):
        admin.split("mail", 2)


@everywhere
def test_a_schedule_is_in_the_part_of_its_unique_key(store: Store, admin: Admin) -> None:
    with opened(store.url, aio=False, queue="mail") as client:
        admin.split("mail", 3)
        keys = admin.parts("mail").keys(MAIL)
        key_of_part = {hash_of(f"key {n}") % 3: f"key {n}" for n in range(30)}

        def where() -> list[int]:
            return [n for n, key in enumerate(keys) if store.redis.zcard(f"{key}:schedules")]

        client.schedules.set("plain", every=60)
        assert where() == [0]
        assert client.schedules.set("keyed", every=60, unique=key_of_part[2]).outcome == "new"
        assert client.schedules.set("keyed", every=60, unique=key_of_part[2]).outcome == "same"
        assert where() == [0, 2]
        assert {one.name for one in client.schedules.list()} == {"plain", "keyed"}
        client.schedules.pause("keyed")
        moved = client.schedules.set("keyed", every=60, unique=key_of_part[1])
        assert (moved.outcome, moved.next) == ("changed", None)
        assert where() == [0, 1]
        client.schedules.resume("keyed")
        # Submits and the schedule share the key.
        first = client.schedules.run("keyed")
        assert client.submit(1, unique=key_of_part[1]).id == first
        assert client.schedules.run("keyed") == first
        assert admin.stats("mail").pending == 1
        with pytest.raises(BadArgument, match="the schedule keyed has a unique key"):
            admin.split("mail", 4)
        assert admin.parts("mail").number == 3
        client.schedules.remove("keyed")
        assert client.schedules.remove("keyed") is False
        with pytest.raises(NoSchedule):
            client.schedules.pause("keyed")
        assert admin.split("mail", 4).number == 4


@in_memory
def test_a_schedule_with_a_unique_key_waits_until_a_split_is_settled(
    store: Store, admin: Admin
) -> None:
    with opened(store.url, aio=False, queue="mail") as client:
        id = next(f"j{n}" for n in range(9) if hash_of(f"j{n}") % 2)
        client.submit(0, id=id)
        admin.split("mail", 2)
        for key in ("key", "key 1"):
            with pytest.raises(BadArgument, match="the split of queue mail is not settled"):
                client.schedules.set("report", every=60, unique=key)
        assert client.schedules.set("report", every=60).outcome == "new"
        admin.purge("mail", "pending")
        assert admin.settle_parts("mail") == ""
        assert client.schedules.set("report", every=60, unique="key").outcome == "changed"


@everywhere
def test_the_events_of_all_parts_are_read_in_their_order_and_each_once(
    store: Store, admin: Admin, client: Any
) -> None:
    client.submit(0, id="before")
    admin.keep_events("mail", 3000)
    client.submit(0, id="kept")
    before = admin.events("mail").events[-1].entry
    admin.split("mail", 3)
    assert admin.events("mail").kept == 3000
    admin.split("mail", 3)  # as where it broke off
    assert admin.events("mail").kept == 3000
    ids = [f"j{n}" for n in range(20)]
    for id in ids:
        client.submit(0, id=id)
    page = admin.events("mail")
    assert sorted(event.id for event in page.events) == sorted(["kept", *ids])
    assert [event.at for event in page.events] == sorted(event.at for event in page.events)
    assert [event.id for event in admin.events("mail", after=before).events] == [
        event.id for event in page.events if event.id != "kept"
    ]
    seen: list[Any] = []
    while found := admin.events("mail", after=seen[-1].entry if seen else "", limit=3).events:
        seen += found
    assert [event.id for event in seen] == [event.id for event in page.events]
    latest = admin.events("mail", limit=5, newest=True).events
    assert [event.id for event in latest] == [event.id for event in seen[-5:]]
    for n, event in enumerate(latest):
        rest = admin.events("mail", after=event.entry).events
        assert [one.id for one in rest] == [one.id for one in latest[n + 1 :]]
    with pytest.raises(BadArgument, match="after"):
        admin.events("mail", after="1-1,x")
    admin.keep_events("mail", 0)
    assert admin.events("mail").events == []


@in_memory
def test_a_reader_of_events_goes_on_when_the_queue_is_split(
    store: Store, admin: Admin, client: Any
) -> None:
    client.submit(0)
    admin.keep_events("mail", 100)
    found = admin.follow_events("mail", after="", every=0.01)
    ids = [client.submit(n).id for n in range(3)]
    assert [next(found).id for _ in range(3)] == ids
    admin.split("mail", 4)
    new = [client.submit(n).id for n in range(8)]
    assert sorted(next(found).id for _ in range(8)) == sorted(new)


@everywhere
def test_jobs_of_all_parts_are_moved_to_another_queue(
    store: Store, admin: Admin, client: Any
) -> None:
    admin.split("mail", 3)
    ids = [f"j{n}" for n in range(20)]
    client.submit_many([*range(20)], ids=ids)
    keyed = client.submit("keyed", unique="key")
    answers = admin.move("mail", "other", [*ids[:5], keyed.id, "none"])
    assert [answer.word for answer in answers] == ["moved"] * 6 + ["NOJOB"]
    assert admin.move_jobs("mail", "other", Filter(state="pending"), expected=15).done == 15
    assert admin.stats("other").pending == 21
    assert admin.count_jobs("mail", "cancel", Filter(state="pending")) == 0
    assert admin.check("mail") == admin.check("other") == []
    # A repeated submit finds where its job was.
    assert not any(job.created for job in client.submit_many([*range(20)], ids=ids))


@everywhere
def test_jobs_that_are_moved_to_a_queue_in_parts_go_where_a_submit_goes(
    store: Store, admin: Admin, client: Any
) -> None:
    admin.split("mail", 3)
    admin.split("mails", 2)
    ids = [f"j{n}" for n in range(20)]
    keyed = [client.submit(n, id=f"k{n}", queue="mails", unique=f"u{n}") for n in range(6)]
    client.submit_many([*range(20)], ids=ids, queue="mails")
    taken = client.submit("taken", unique="u5")
    answers = admin.move("mails", "mail", [*ids[:5], *(job.id for job in keyed), "none"])
    assert [answer.word for answer in answers] == ["moved"] * 10 + ["CONFLICT", "NOJOB"]
    assert admin.move_jobs("mails", "mail", Filter(state="pending"), expected=16).done == 15
    hashes = [*(hash_of(id) for id in ids), *(hash_of(f"u{n}") for n in range(5))]
    of_part = Counter(one % 3 for one in [*hashes, hash_of("u5")])
    assert lengths(store, admin) == [of_part[part] for part in range(3)]
    # What was moved is found where it is now, by its id and by its unique key.
    assert not any(job.created for job in client.submit_many([*range(20)], ids=ids))
    assert client.submit("again", unique="u0").id == "k0"
    assert admin.outbox("mails") == []
    assert admin.count_jobs("mails", "cancel", Filter(state="pending")) == 1
    assert admin.check("mail") == admin.check("mails") == []
    with working(store.url, lambda job: job.data, queues=["mail"]):
        assert client.job("j7").result(30) == 7
        assert taken.result(30) == "taken"


@in_memory
def test_a_move_that_broke_off_ends_in_the_part_where_it_began_however_the_queue_has_grown(
    store: Store, admin: Admin, client: Any
) -> None:
    """The part that has answered has the answer, and no other part would find it."""
    admin.split("mail", 2)
    ids = [f"j{n}" for n in range(30)]
    client.submit_many([*range(30)], ids=ids, queue="other")
    sent = store.call(send_jobs("jobs:{other}", ids, to="mail", nonce="n", places=(1,))).jobs
    arrived = by_part(MAIL, sent[:20])
    assert {number for _, number in arrived} == {2}
    for (part, number), some in arrived.items():
        call = receive_jobs(part, "reliable", some, parts=number)
        assert store.call(call) == ["received"] * len(some)
    before = lengths(store, admin)
    admin.split("mail", 5)
    with pytest.raises(WrongParts):
        admin.move("other", "mail", ["none"])
    # What had arrived is forgotten, and what had not is refused by the parts, and is back.
    assert admin.outbox("other") == []
    assert lengths(store, admin)[:2] == before and sum(lengths(store, admin)) == 20
    assert admin.count_jobs("other", "cancel", Filter(state="pending")) == 10


@in_memory
def test_a_move_to_a_queue_whose_split_is_not_settled_is_refused(
    store: Store, admin: Admin, client: Any
) -> None:
    client.submit_many([*range(9)], ids=[f"j{n}" for n in range(9)])
    waits = client.submit(0, queue="other")
    assert admin.split("mail", 3).older == 1
    with pytest.raises(WrongParts, match="queue mail was split, and the split is not settled"):
        admin.move("other", "mail", [waits.id])
    assert admin.stats("other").pending == 1 and admin.outbox("other") == []


@in_memory
def test_the_next_move_carries_on_what_a_killed_mover_left_in_a_part(
    store: Store, admin: Admin, client: Any
) -> None:
    admin.split("mail", 2)
    id = next(f"j{n}" for n in range(9) if hash_of(f"j{n}") % 2)
    client.submit(0, id=id)
    store.call(send_jobs(part_key(MAIL, 1), [id], to="other", nonce="n"))
    assert [job.id for job in admin.outbox("mail")] == [id]
    with store.unchanged(), pytest.raises(BadArgument, match="on their way to another queue"):
        admin.split("mail", 3)
    admin.move("mail", "other", ["none"])
    assert admin.outbox("mail") == [] and admin.stats("other").pending == 1
    # Growth brings jobs whose part is another now.
    other = client.submit(0, id=f"{id}.1")
    assert admin.split("mail", 3).older == 2
    with pytest.raises(WrongParts, match="queue mail was split, and the split is not settled"):
        admin.move("mail", "other", [other.id])


@in_memory
def test_a_split_that_broke_off_is_refused_until_it_is_carried_on(
    store: Store, admin: Admin, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyjobs.transport.part_plans.PAUSES", (0.0, 0.0, 0.0))
    admin.split("mail", 2)
    lost = part_key(MAIL, 1)
    store.redis.hdel(f"{lost}:meta", "parts")
    ids = [f"j{n}" for n in range(10)]
    theirs = [id for id in ids if hash_of(id) % 2 == 1]
    with pytest.raises(WrongParts, match="mail/1 has 1 parts, not 2"):
        client.submit(1, id=theirs[0])
    admin.split("mail", 2)
    assert client.submit(1, id=theirs[0]).created
    assert PAUSES[0] == 0.0


@in_memory
def test_a_split_that_broke_off_is_not_settled(store: Store, admin: Admin, client: Any) -> None:
    client.submit(0)
    admin.split("mail", 2)
    admin.purge("mail", "pending")
    store.redis.hdel(f"{part_key(MAIL, 1)}:meta", "parts", "older")
    with pytest.raises(BadArgument, match="broke off"):
        admin.settle_parts("mail")
    admin.split("mail", 2)
    while left := admin.settle_parts("mail"):
        admin.delete("mail", [left])
    assert admin.split("mail", 3).older == 2


@in_memory
def test_what_any_part_refuses_is_refused_before_a_part_learns_of_it(
    store: Store, admin: Admin
) -> None:
    admin.split("mail", 3)
    store.redis.hset(f"{part_key(MAIL, 2)}:meta", "older", 2)
    with store.unchanged(), pytest.raises(BadArgument, match="not settled"):
        admin.split("mail", 6)


@in_memory
def test_a_split_is_carried_on_when_the_queue_itself_has_lost_the_number(
    store: Store, admin: Admin, client: Any
) -> None:
    places = (1, 7, 9)
    admin.split("mail", 2)
    for key in (MAIL, *(part_key(MAIL, place) for place in places)):
        store.call(set_parts(key, 4, places, "reliable"))
    # A failover to a replica that had not heard of it.
    store.redis.hset(f"{MAIL}:meta", mapping={"parts": 2, "places": "1"})
    store.redis.hdel(f"{MAIL}:meta", "older")
    with pytest.raises(BadArgument, match="fewer than 4"):
        admin.split("mail", 3)
    assert admin.split("mail", 4).places == places
    client.submit_many([*range(40)])
    assert all(lengths(store, admin))


@in_memory
def test_simple_jobs_are_split_too(store: Store, admin: Admin) -> None:
    admin.split("mail", 2, mode="simple")
    with opened(store.url, aio=False, queue="mail", mode="simple") as client:
        client.submit_many([*range(50)])
    assert sum(lengths(store, admin)) == 50
    assert all(lengths(store, admin))


@at(SOCKET_PLACES)
def test_jobs_of_a_split_queue_are_displaced_by_no_more_than_the_docs_say(
    store: Store, admin: Admin
) -> None:
    """docs/scale.md: 6 parts, claims of 100 jobs: 6,000 jobs begin within 1,000 places of FIFO."""
    admin.split("mail", 6)
    with opened(store.url, aio=False, queue="mail", results=False) as client:
        client.submit_many([*range(6000)], ids=[f"order{n}" for n in range(6000)])
    jobs, keys = Jobs(store, RELIABLE), admin.parts("mail").keys(MAIL)
    claims = Claims(RELIABLE, keys[:1], pyjobs.engine.Policy(lease=3_600_000), lambda: "n")
    claims._keys = keys
    for index in range(1, 6):
        claims.add(index, 0)
    began: list[int] = []
    while len(began) < 6000:
        order = [keys[index] for index in claims._in_order(set(range(6)))]
        reply = store.call(jobs.claim_call(100, queues=order))
        began += [int(job.id.removeprefix("order")) for job in reply.jobs]
    off = [abs(place - number) for place, number in enumerate(began)]
    assert median(off) <= 250
    assert max(off) <= 1000


@pytest.mark.long
@pytest.mark.slow
def test_a_queue_of_six_parts_lies_on_three_nodes_by_turns_and_grows_under_load() -> None:
    with (
        cluster_of(3) as cluster,
        Admin(cluster.url) as admin,
        opened(cluster.url, aio=False, queue="mail") as client,
    ):
        ids = [f"j{n}" for n in range(200)]
        client.submit_many([*range(200)], ids=ids)
        parts = admin.split("mail", 6)
        owners = Counter(cluster.owner(key).port for key in parts.keys(MAIL))
        assert sorted(owners.values()) == [2, 2, 2]
        assert not any(job.created for job in client.submit_many([*range(200)], ids=ids))
        jobs = client.submit_many([*range(500)])
        with working(cluster.url, lambda job: job.data, queues=["mail"]):
            assert [job.result(60) for job in jobs] == [*range(500)]


def test_every_verb_of_a_job_by_its_id_knows_parts() -> None:
    assert {"queue/result", "queue/watch", "queue/show", "queue/output"} <= VERBS.keys()
