"""A queue that is split is one queue for its clients."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from support.running import opened, working
from support.servers import REAL_SERVER_PLACES, at
from support.split_queue import MAIL, everywhere, in_memory, lengths
from support.store import Store

import pyjobs
from pyjobs.admin import Admin
from pyjobs.engine import (
    Keys,
    Parts,
    fetch,
    hash_of,
    rules_of,
)
from pyjobs.errors import BadArgument, NoSchedule
from pyjobs.transport import KnownParts, learn_parts, run
from pyjobs.transport.part_plans import VERBS

pytest_plugins = ("support.split_queue",)


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


@everywhere
def test_jobs_go_to_the_parts_that_their_ids_say(
    store: Store, admin: Admin, mail_client: Any
) -> None:
    admin.split("mail", 3)
    jobs = mail_client.submit_many([*range(60)], ids=[f"j{n}" for n in range(60)])
    assert all(job.created for job in jobs)
    of_part = Counter(hash_of(f"j{n}") % 3 for n in range(60))
    assert lengths(store, admin) == [of_part[part] for part in range(3)]
    again = mail_client.submit_many([*range(60)], ids=[f"j{n}" for n in range(60)])
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
def test_a_queue_that_grows_keeps_ids_and_unique_keys_exact(admin: Admin, mail_client: Any) -> None:
    mail_client.submit_many([*range(20)], ids=[f"j{n}" for n in range(20)])
    keyed = [mail_client.submit(n, unique=f"key {n}") for n in range(20)]
    assert admin.split("mail", 2).older == 1
    for _ in range(2):
        again = mail_client.submit_many([*range(20)], ids=[f"j{n}" for n in range(20)])
        assert not any(job.created for job in again)
        assert [mail_client.submit(n, unique=f"key {n}").id for n in range(20)] == [
            job.id for job in keyed
        ]
    with pytest.raises(pyjobs.Conflict):
        mail_client.submit("other", id="j7")
    assert mail_client.submit("new", id="new").created
    assert admin.stats("mail").pending == 41
    with pytest.raises(BadArgument, match="not settled"):
        admin.split("mail", 4)


@everywhere
def test_a_client_that_only_looks_finds_the_jobs_of_every_part(
    store: Store, admin: Admin, mail_client: Any
) -> None:
    with opened(store.url, aio=False, queue="mail") as other:
        mail_client.submit(0)
        admin.split("mail", 4)
        ids = [mail_client.submit(n, unique=f"key {n}").id for n in range(12)]
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
@pytest.mark.parametrize("known", [0, 2])
def test_the_words_for_jobs_that_are_gone_by_a_call_stand_when_the_queue_proves_split(
    store: Store, admin: Admin, mail_client: Any, known: int
) -> None:
    ids = [f"job-{n}" for n in range(12)]
    with Admin(store.url) as other:
        if known:
            admin.split("mail", known)
            other.parts("mail")
        admin.split("mail", 4)
        jobs = mail_client.submit_many([*range(12)], ids=ids)
        with working(store.url, lambda job: job.data, queues=["mail"]):
            assert [job.result(30) for job in jobs] == [*range(12)]
        words = [answer.word for answer in other.delete("mail", [*ids, "none"])]
        assert words == ["deleted"] * 12 + ["NOJOB"]


@in_memory
def test_a_client_that_only_looks_learns_that_a_queue_has_grown(
    store: Store, admin: Admin, mail_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyjobs.transport.parts.FRESH_SECONDS", 0.0)
    with Admin(store.url) as other, opened(store.url, aio=False, queue="mail") as looker:
        for number in (2, 6):
            admin.split("mail", number)
            ids = [f"{number}.{n}" for n in range(12)]
            mail_client.submit_many([*range(12)], ids=ids)
            assert other.stats("mail").pending == 12
            assert all(looker.cancel(id) for id in ids)
            assert other.purge("mail", "pending") == 12
            assert other.settle_parts("mail") != "none"
            for id in ids:
                other.delete("mail", [id])
            assert other.settle_parts("mail") == ""


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


@in_memory
def test_simple_jobs_are_split_too(store: Store, admin: Admin) -> None:
    admin.split("mail", 2, mode="simple")
    with opened(store.url, aio=False, queue="mail", mode="simple") as client:
        client.submit_many([*range(50)])
    assert sum(lengths(store, admin)) == 50
    assert all(lengths(store, admin))


def test_every_verb_of_a_job_by_its_id_knows_parts() -> None:
    assert {"queue/result", "queue/watch", "queue/show", "queue/output"} <= VERBS.keys()
