"""A queue that is split is one queue for operators, who split it and settle the split."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from support.split_queue import MAIL, everywhere, in_memory, lengths
from support.store import Jobs, Store

import pyjobs
from pyjobs.admin import Admin
from pyjobs.admin.filters import Filter
from pyjobs.admin.plan import Owners, drive
from pyjobs.admin.split import settle_split
from pyjobs.engine import (
    RELIABLE,
    Keys,
    hash_of,
    part_key,
    set_parts,
)
from pyjobs.errors import BadArgument, Unavailable, WrongParts
from pyjobs.transport import connect
from pyjobs.transport.part_plans import GROWTH_PAUSES

pytest_plugins = ("support.split_queue",)


@everywhere
def test_growth_is_settled_when_no_job_is_left_in_the_part_of_before(
    store: Store, admin: Admin, mail_client: Any
) -> None:
    ids = [f"j{n}" for n in range(10)]
    mail_client.submit_many([*range(10)], ids=ids)
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
    store: Store, admin: Admin, mail_client: Any
) -> None:
    mail_client.cancel(mail_client.submit(0))
    admin.split("mail", 2)
    admin.purge("mail", "pending")
    with connect(store.url) as server, pytest.raises(Unavailable, match="moved to another node"):
        drive(server, seen_moving(settle_split(Keys(), "mail", None)))
    assert admin.parts("mail").older == 1
    assert admin.settle_parts("mail") == ""


@in_memory
@pytest.mark.parametrize("number", [3, 6])
def test_the_limits_of_a_split_queue_are_those_that_were_set(
    store: Store, admin: Admin, mail_client: Any, number: int
) -> None:
    mail_client.submit(0)
    admin.limit("mail", pending=1000, bytes=500)
    admin.split("mail", number)
    assert admin.limit("mail") == (1000, 500, 10_000)
    assert admin.limit("mail", dead=1000, bytes=0) == (1000, 1_048_576, 1000)
    admin.purge("mail", "pending")
    mail_client.cancel(mail_client.submit(1).id)
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


@everywhere
def test_an_operator_sees_one_queue(store: Store, admin: Admin, mail_client: Any) -> None:
    mail_client.submit(0, id="first")
    assert admin.pause("mail") == -1
    admin.limit("mail", pending=1000)
    admin.split("mail", 3)
    ids = {"first", *(f"j{n}" for n in range(30))}
    mail_client.submit_many([*range(30)], ids=[f"j{n}" for n in range(30)])
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
    store: Store, admin: Admin, mail_client: Any
) -> None:
    mail_client.submit_many([*range(9)])
    first = admin.jobs("mail", "pending", limit=4)
    admin.split("mail", 3)
    second = admin.jobs("mail", "pending", limit=9, cursor=first.cursor)
    assert len({job.id for page in (first, second) for job in page.jobs}) == 9
    for cursor in ("zz", "zz~", "7~", "1~zz"):
        with pytest.raises(BadArgument, match="cursor: not one that a call returned"):
            admin.jobs("mail", "pending", cursor=cursor)


@everywhere
def test_dead_jobs_of_all_parts_are_listed_and_requeued(
    store: Store, admin: Admin, mail_client: Any
) -> None:
    admin.split("mail", 3)
    ids = [f"j{n}" for n in range(12)]
    mail_client.submit_many([*range(12)], ids=ids)
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
def test_the_events_of_all_parts_are_read_in_their_order_and_each_once(
    store: Store, admin: Admin, mail_client: Any
) -> None:
    mail_client.submit(0, id="before")
    admin.keep_events("mail", 3000)
    mail_client.submit(0, id="kept")
    before = admin.events("mail").events[-1].entry
    admin.split("mail", 3)
    assert admin.events("mail").kept == 3000
    admin.split("mail", 3)  # as where it broke off
    assert admin.events("mail").kept == 3000
    ids = [f"j{n}" for n in range(20)]
    for id in ids:
        mail_client.submit(0, id=id)
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
    store: Store, admin: Admin, mail_client: Any
) -> None:
    mail_client.submit(0)
    admin.keep_events("mail", 100)
    found = admin.follow_events("mail", after="", every=0.01)
    ids = [mail_client.submit(n).id for n in range(3)]
    assert [next(found).id for _ in range(3)] == ids
    admin.split("mail", 4)
    new = [mail_client.submit(n).id for n in range(8)]
    assert sorted(next(found).id for _ in range(8)) == sorted(new)


@in_memory
def test_a_split_that_broke_off_is_refused_until_it_is_carried_on(
    store: Store, admin: Admin, mail_client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyjobs.transport.part_plans.GROWTH_PAUSES", (0.0, 0.0, 0.0))
    admin.split("mail", 2)
    lost = part_key(MAIL, 1)
    store.redis.hdel(f"{lost}:meta", "parts")
    ids = [f"j{n}" for n in range(10)]
    theirs = [id for id in ids if hash_of(id) % 2 == 1]
    with pytest.raises(WrongParts, match="mail/1 has 1 parts, not 2"):
        mail_client.submit(1, id=theirs[0])
    admin.split("mail", 2)
    assert mail_client.submit(1, id=theirs[0]).created
    assert GROWTH_PAUSES[0] == 0.0


@in_memory
def test_a_split_that_broke_off_is_not_settled(
    store: Store, admin: Admin, mail_client: Any
) -> None:
    mail_client.submit(0)
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
    store: Store, admin: Admin, mail_client: Any
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
    mail_client.submit_many([*range(40)])
    assert all(lengths(store, admin))
