"""queue/parts: a queue that is split says so, and takes submits of those who know it."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from support.store import Jobs, Q, Store, having

from pyjobs.engine.events import keep_events, read_events
from pyjobs.engine.modes import MODES
from pyjobs.engine.operate import OPERATOR
from pyjobs.engine.outbox import by_part, receive_jobs, send_jobs, settle_jobs
from pyjobs.engine.parts import (
    PartKey,
    Parts,
    hash_of,
    hashed_by,
    part_key,
    read_parts,
    set_parts,
    settle_parts,
)
from pyjobs.errors import BadArgument, WrongParts

every = having("submit")
stored = having("cancel")
FIRST = part_key(Q, 1)


def split(store: Store, count: int = 2, places: tuple[int, ...] = (1,)) -> None:
    for part in (Q, *(part_key(Q, place) for place in places)):
        store.call(set_parts(part, count, places, "reliable"))


def put(jobs: Jobs, part: str, id: str, **options: Any) -> Any:
    [(_, outcome)] = jobs.store.call(jobs.mode.submit(part, [(id, b"1")], **options))
    return outcome


def refuses(jobs: Jobs, call: Any, error: type[Exception], words: str) -> None:
    with jobs.store.unchanged(), pytest.raises(error, match=words):
        jobs.store.call(call)


def test_the_hash_is_that_of_redis_cluster() -> None:
    assert hash_of("123456789") == 0x31C3
    assert hashed_by("delay=5 unique=a%20b+%25 task=x") == b"a b+%"
    assert hashed_by("delay=5") is None
    assert part_key("jobs:{words}", 7) == "jobs:{words/7}"


def test_a_queue_that_nobody_has_split_has_one_part(store: Store) -> None:
    with store.unchanged():
        assert store.call(read_parts(Q)) == Parts(1, 0, "", ())


@every
def test_each_part_takes_submits_that_know_how_many_there_are(jobs: Jobs) -> None:
    for part in (Q, FIRST):
        jobs.store.call(set_parts(part, 2, (1,), jobs.mode.name))
    assert jobs.store.call(read_parts(Q)) == Parts(2, 0, jobs.mode.name, (1,))
    for part in (Q, FIRST):
        assert put(jobs, part, "a", parts=2) == "new"
        assert jobs.redis.llen(f"{part}:pending") == 1
        for options in ({}, {"parts": 3}):
            if part == Q and not options:
                continue  # Python learns the number then, and sends again
            call = jobs.mode.submit(part, [("b", b"1")], **options)
            refuses(jobs, call, WrongParts, r"q(/1)? has 2 parts, not [13]")


@every
def test_a_part_that_does_not_know_of_the_others_takes_no_submit_of_theirs(jobs: Jobs) -> None:
    jobs.submit("a")
    call = jobs.mode.submit(Q, [("b", b"1")], parts=2)
    refuses(jobs, call, WrongParts, "q has 1 parts, not 2")


@stored
def test_a_queue_with_jobs_that_grows_is_not_settled_until_that_is_said(jobs: Jobs) -> None:
    jobs.submit("a")
    assert jobs.store.call(set_parts(Q, 2, (1,), jobs.mode.name)).older == 1
    assert jobs.store.call(set_parts(FIRST, 2, (1,), jobs.mode.name)).older == 0
    assert jobs.store.call(set_parts(Q, 2, (1,), jobs.mode.name)).older == 1
    refuses(jobs, set_parts(Q, 3, (1, 2), jobs.mode.name), BadArgument, "not settled")
    assert jobs.store.call(settle_parts(Q)).older == 0
    assert jobs.store.call(set_parts(Q, 3, (1, 2), jobs.mode.name)) == Parts(
        3, 2, jobs.mode.name, (1, 2)
    )


@stored
def test_a_look_finds_what_is_there_and_stores_nothing(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.store.call(set_parts(Q, 2, (1,), jobs.mode.name))
    items = [("a", b"data"), ("a", b"other"), ("b", b"1")]
    call = jobs.mode.submit(Q, items, client="me", parts=2, look=1)
    found = jobs.store.call(call)
    assert [outcome for _, outcome in found][1:] == ["CONFLICT", "new"]
    assert found[0][1] in ("pending", "CONFLICT")
    assert not jobs.redis.exists(f"{Q}:job:b")
    assert jobs.redis.llen(f"{Q}:pending") == 1


@stored
def test_a_look_finds_the_holder_of_a_unique_key_and_its_client_hears_of_it(jobs: Jobs) -> None:
    jobs.store.call(jobs.mode.submit(Q, [("a", b"1")], unique="u", client="you"))
    jobs.store.call(set_parts(Q, 2, (1,), jobs.mode.name))
    call = jobs.mode.submit(Q, [("b", b"1")], unique="u", client="me", parts=2, look=1)
    assert jobs.store.call(call) == [("a", "pending")]
    assert jobs.redis.hget(f"{Q}:job:a", "client").split() == [b"you", b"me"]


@pytest.mark.parametrize("mode", [MODES["reliable"]], ids=["reliable"])
def test_a_dead_job_with_a_unique_key_stays_dead_until_growth_is_settled(jobs: Jobs) -> None:
    jobs.store.call(jobs.mode.submit(Q, [("a", b"1")], unique="u"))
    jobs.fail(*jobs.claim().jobs, verdict="reject")
    jobs.store.call(set_parts(Q, 2, (1,), "reliable"))
    requeue = jobs.mode.requeue(Q, ["a"])  # type: ignore[attr-defined]
    assert jobs.store.call(requeue) == ["CONFLICT"]
    jobs.store.call(settle_parts(Q))
    assert jobs.store.call(requeue) == ["pending"]


@stored
def test_a_part_publishes_on_the_channels_of_its_queue(jobs: Jobs) -> None:
    split_as(jobs)
    listener = jobs.store.listen("me")
    put(jobs, FIRST, "a", parts=2, client="me")
    [job] = jobs.store.call(jobs.claim_call(queues=(FIRST,))).jobs
    jobs.store.call(jobs.mode.complete(FIRST, [(job.id, job.token, b"2")]))
    assert b"a done" in listener.messages()[0]


def split_as(jobs: Jobs) -> None:
    for part in (Q, FIRST):
        jobs.store.call(set_parts(part, 2, (1,), jobs.mode.name))


@stored
def test_what_a_split_queue_does_not_do_is_refused(jobs: Jobs) -> None:
    split_as(jobs)
    call = OPERATOR.set_mode(Q, "simple")
    refuses(jobs, call, WrongParts, "queue q has 2 parts, and this is for queues without")


@stored
def test_a_part_sends_jobs_to_another_queue_when_the_split_is_settled(jobs: Jobs) -> None:
    put(jobs, Q, "a")
    split_as(jobs)
    moves = send_jobs(Q, ["a"], to="other", nonce="n")
    refuses(jobs, moves, WrongParts, "queue q was split, and the split is not settled")
    jobs.store.call(settle_parts(Q))
    [job] = jobs.store.call(moves).jobs
    assert job.word == "pending"
    assert jobs.store.call(settle_jobs(Q, [("a", job.move, "CONFLICT")])) == ["kept"]


@stored
def test_a_part_receives_jobs_of_those_who_know_how_many_parts_there_are(jobs: Jobs) -> None:
    mode = jobs.mode.name
    put(jobs, "jobs:{other}", "a", unique="a%20b")
    send = send_jobs("jobs:{other}", ["a"], to="q", nonce="n", places=(1,))
    [job] = jobs.store.call(send).jobs
    assert (job.places, job.unique) == ((1,), b"a b")
    # Who carries the move on gets the same places, whatever that queue has become.
    again = send_jobs("jobs:{other}", ["a"], to="q", nonce="m", places=(1, 2))
    assert jobs.store.call(again).jobs[0]._replace(dump=b"") == job._replace(dump=b"")
    [(part, number)] = by_part(Q, [job])
    assert (part, number) == ([PartKey(Q), FIRST][hash_of("a b") % 2], 2)
    split_as(jobs)
    assert jobs.store.call(receive_jobs(part, mode, [job], parts=2)) == ["received"]
    stored_as = jobs.redis.hgetall(f"{part}:job:a")
    assert not {b"move", b"to", b"at", b"places"} & stored_as.keys()
    assert jobs.redis.get(jobs.redis.keys(f"{part}:unique:*")[0]) == b"a"
    jobs.redis.flushall()


@stored
@pytest.mark.parametrize("number", [1, 3], ids=["one-part", "three-parts"])
def test_a_part_refuses_jobs_of_those_who_know_another_number_for_good(
    jobs: Jobs, number: int
) -> None:
    mode = jobs.mode.name
    places = (1, 2)[: number - 1]
    put(jobs, "jobs:{other}", "a")
    send = send_jobs("jobs:{other}", ["a"], to="q", nonce="n", places=places)
    [job] = jobs.store.call(send).jobs
    split_as(jobs)
    receive = receive_jobs(Q, mode, [job], parts=number)
    assert jobs.store.call(receive) == ["PARTS"]
    jobs.redis.hdel(f"{Q}:meta", "parts")
    if number == 3:
        jobs.store.call(set_parts(Q, 3, (1, 2), mode))
    # The first answer to a move stands: the job may be back in its queue.
    assert jobs.store.call(receive) == ["PARTS"]
    assert not jobs.redis.exists(f"{Q}:job:a", f"{Q}:pending")
    jobs.redis.flushall()


@stored
def test_a_part_receives_no_job_until_its_split_is_settled(jobs: Jobs) -> None:
    put(jobs, Q, "held")
    put(jobs, "jobs:{other}", "a")
    put(jobs, "jobs:{other}", "b")
    split_as(jobs)
    jobs.store.call(set_parts(FIRST, 2, (1,), jobs.mode.name, unsettled=True))
    send = send_jobs("jobs:{other}", ["a", "b"], to="q", nonce="n", places=(1,))
    a, b = jobs.store.call(send).jobs
    for part in (Q, FIRST):
        receive = receive_jobs(part, jobs.mode.name, [a], parts=2)
        assert jobs.store.call(receive) == ["PARTS"]
        jobs.store.call(settle_parts(part))
        assert jobs.store.call(receive) == ["PARTS"]
        assert jobs.store.call(receive_jobs(part, jobs.mode.name, [b], parts=2)) == ["received"]
    jobs.redis.flushall()


@stored
def test_the_places_of_a_move_are_numbers_with_points(jobs: Jobs) -> None:
    for bad in ((0,), (1000,)):
        send = send_jobs("jobs:{other}", ["a"], to="q", nonce="n", places=bad)
        refuses(jobs, send, BadArgument, "places: not 1 to 999, a point between two")


@stored
def test_a_schedule_says_how_many_parts_there_are_and_its_unique_key_waits_for_the_settling(
    jobs: Jobs,
) -> None:
    put(jobs, Q, "a")
    split_as(jobs)
    schedule = partial(jobs.mode.schedule, PartKey(Q), "s", b"1", every=60000)  # type: ignore[attr-defined]
    refuses(jobs, schedule(), WrongParts, "queue q has 2 parts, not 1")
    assert jobs.store.call(schedule(parts=2)).outcome == "new"
    refuses(jobs, schedule(parts=2, unique="u"), BadArgument, "the split of queue q is not settled")
    jobs.store.call(settle_parts(Q))
    assert jobs.store.call(schedule(parts=2, unique="u")).outcome == "changed"
    grown = set_parts(Q, 3, (1, 2), jobs.mode.name)
    refuses(jobs, grown, BadArgument, "the schedule s has a unique key")


@stored
def test_a_queue_with_a_unique_schedule_is_not_split(jobs: Jobs) -> None:
    jobs.store.call(jobs.mode.schedule(Q, "s", b"1", every=60000, unique="u"))  # type: ignore[attr-defined]
    refuses(jobs, set_parts(Q, 2, (1,), jobs.mode.name), BadArgument, "schedule s has a unique key")


@stored
def test_a_part_keeps_its_share_of_events(jobs: Jobs) -> None:
    split_as(jobs)
    for part in (PartKey(Q), FIRST):
        assert jobs.store.call(keep_events(part, 15)) is True
        assert jobs.store.call(read_events(part)).kept == 8
    jobs.store.call(keep_events(FIRST, 0))
    assert jobs.store.call(read_events(FIRST)).kept == 0


def test_a_part_takes_its_share_of_limits_and_says_what_was_set(store: Store) -> None:
    split(store)
    assert store.call(OPERATOR.limit(FIRST, pending=7, dead=5)) == (7, 1_048_576, 5)
    fields = ("most_pending", "most_dead", "set_pending", "set_dead")
    assert store.redis.hmget(f"{FIRST}:meta", fields) == [b"4", b"3", b"7", b"5"]
    assert store.call(OPERATOR.limit(FIRST, dead=0)) == (7, 1_048_576, 10_000)
    assert store.redis.hmget(f"{FIRST}:meta", fields) == [b"4", None, b"7", None]


@pytest.mark.parametrize(
    ("count", "places", "words"),
    [
        (2, (1, 2), "places: not as many"),
        (3, (1, 1), "places: not 1 to 999, each once"),
        (3, (0, 1), "places: not 1 to 999"),
        (3, (2, 3), "places: other parts are there: 1"),
        (2, (2,), "places: other parts are there: 1"),
    ],
)
def test_parts_that_do_not_fit_are_refused(
    store: Store, count: int, places: tuple[int, ...], words: str
) -> None:
    split(store)
    with store.unchanged(), pytest.raises(BadArgument, match=words):
        store.call(set_parts(Q, count, places, "reliable"))


def test_a_check_of_a_split_writes_nothing_and_is_refused_as_the_split_would_be(
    store: Store,
) -> None:
    with store.unchanged():
        assert store.call(set_parts(Q, 2, (1,), "reliable", check=True)).number == 2
    split(store)
    with store.unchanged(), pytest.raises(BadArgument, match="other parts are there: 1"):
        store.call(set_parts(Q, 3, (2, 3), "reliable", check=True))


def test_the_number_of_parts_does_not_shrink(store: Store) -> None:
    split(store, 3, (1, 2))
    with store.unchanged(), pytest.raises(BadArgument, match="fewer than 3"):
        store.call(set_parts(Q, 2, (1,), "reliable"))
