"""claim: who gets which jobs, under which token, and when to come again."""

from __future__ import annotations

import pytest
from support.store import HOUR, STORED, Jobs, Q, having

from pyjobs.engine.reliable import RELIABLE
from pyjobs.errors import BadLayout

OTHER = "jobs:{other}"


@having("claim")
def test_a_claim_of_an_empty_queue_returns_no_job_and_wait_minus_1(jobs: Jobs) -> None:
    assert jobs.claim()[:3] == (-1, [], ())
    assert jobs.store.snapshot() == {}


@having("claim")
def test_a_claim_returns_index_id_data_attempt_timeout_and_times(jobs: Jobs) -> None:
    before = jobs.now()
    (job,) = jobs.take("a", client="me")
    assert (job.queue_index, job.id, job.data, job.attempt, job.timeout) == (0, "a", b"data", 1, 0)
    assert before <= job.queued <= jobs.now()
    assert job.token


@having("claim")
def test_a_claim_takes_the_oldest_up_to_its_limit(jobs: Jobs) -> None:
    jobs.submit("a", "b", "c")
    first = jobs.claim(2)
    assert (first.wait, [job.id for job in first.jobs]) == (0, ["a", "b"])
    assert [job.id for job in jobs.claim(2).jobs] == ["c"]


@having("claim")
def test_queues_are_served_in_the_order_of_the_call(jobs: Jobs) -> None:
    jobs.submit("a", "b", queue=Q)
    jobs.submit("x", "y", queue=OTHER)
    batch = jobs.claim(3, queues=(OTHER, Q))
    assert [(job.queue_index, job.id) for job in batch.jobs] == [(0, "x"), (0, "y"), (1, "a")]
    assert batch.wait == 0


@having("claim")
def test_a_claim_that_leaves_jobs_leaves_one_wake_token(jobs: Jobs) -> None:
    jobs.submit("a", "b", "c")
    jobs.redis.delete(f"{Q}:wake")
    jobs.claim(1)
    assert jobs.wakes() == 1
    jobs.claim(1)
    assert jobs.wakes() == 1
    jobs.redis.delete(f"{Q}:wake")
    jobs.claim(1)
    assert jobs.wakes() == 0


@having("claim", STORED)
def test_a_claimed_job_is_in_flight_and_nowhere_else(jobs: Jobs) -> None:
    before = jobs.now()
    (job,) = jobs.take("a")
    stored = jobs.job("a")
    assert stored["state"] == b"inflight"
    assert stored["token"] == job.token.encode()
    assert before <= int(stored["_started"]) <= jobs.now()
    assert jobs.pending() == []
    assert jobs.part("inflight").keys() == {"a"}


@having("claim", STORED)
def test_the_inflight_score_is_the_end_of_the_lease_or_the_time_of_the_claim(jobs: Jobs) -> None:
    before = jobs.now()
    jobs.take("a")
    lease = HOUR if jobs.mode.leases else 0
    assert before + lease <= jobs.part("inflight")["a"] <= jobs.now() + lease


@having("claim", STORED)
def test_a_token_is_a_growing_number_and_the_nonce(jobs: Jobs) -> None:
    jobs.submit("a", "b", "c")
    first = jobs.claim(2, nonce="n1").jobs
    (second,) = jobs.claim(2, nonce="n2").jobs
    assert [job.token for job in first] == ["1-n1", "1-n1"]
    assert second.token == "2-n2"


@having("claim", STORED)
@pytest.mark.parametrize("counter", ["", "x", "-1", "1.5", "9223372036854775807", "9" * 16, "007"])
def test_a_counter_that_is_no_number_stops_a_claim_before_it_writes(
    jobs: Jobs, counter: str
) -> None:
    jobs.submit("a", queue=OTHER)
    jobs.submit("a")
    jobs.redis.hset(f"{Q}:meta", "token", counter)
    with jobs.store.unchanged(), pytest.raises(BadLayout, match="queue q has the token"):
        jobs.claim(queues=(OTHER, Q))
    jobs.redis.hset(f"{Q}:meta", "token", 41)
    assert jobs.claim(nonce="n").jobs[0].token == "42-n"


@having("claim", STORED)
def test_a_claim_returns_the_timeout_of_a_job(jobs: Jobs) -> None:
    (job,) = jobs.take("a", timeout=1234)
    assert job.timeout == 1234


@having("claim", STORED)
def test_the_same_nonce_gets_the_same_jobs(jobs: Jobs) -> None:
    jobs.submit("a", "b", "c")
    jobs.submit("x", queue=OTHER)
    first = jobs.claim(3, nonce="again", queues=(OTHER, Q))
    with jobs.store.unchanged():
        second = jobs.claim(3, nonce="again", queues=(OTHER, Q))
    assert second.jobs == first.jobs


@having("claim", STORED)
def test_the_same_nonce_gets_only_jobs_that_its_claim_still_holds(jobs: Jobs) -> None:
    jobs.submit("a", "b", "c")
    a, b, c = jobs.claim(nonce="again").jobs
    jobs.complete(a)
    jobs.submit("d")
    assert jobs.claim(nonce="again").jobs == [b, c]
    jobs.lose(b, c)
    assert jobs.claim(nonce="again").jobs == []


@having("claim", STORED)
def test_the_record_of_a_claim_expires_with_its_lease(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.claim(nonce="again", lease=5000)
    longest = 5000 if jobs.mode.leases else 60_000
    assert 0 < jobs.redis.pttl(f"{Q}:claim:again") <= longest


@having("claim", ["reliable"])
@pytest.mark.parametrize("end", ["complete", "fail"])
def test_the_record_of_a_claim_lasts_a_minute_beyond_the_first_end_of_its_jobs(
    jobs: Jobs, end: str
) -> None:
    jobs.submit("a", "b")
    a, b = jobs.claim(nonce="again", lease=HOUR).jobs
    assert jobs.redis.pttl(f"{Q}:claim:again") > HOUR - 60_000
    assert getattr(jobs, end)(a) in (["done"], ["delayed"])
    assert 0 < jobs.redis.pttl(f"{Q}:claim:again") <= 60_000
    assert jobs.claim(nonce="again").jobs == [b]


@having("claim", ["simple"])
def test_a_simple_claim_leaves_nothing_of_the_job(jobs: Jobs) -> None:
    jobs.take("a")
    left = jobs.store.snapshot(counters=False)
    assert left.keys() == {f"{Q}:meta".encode(), f"{Q}:wake".encode()}


@having("claim", STORED)
def test_a_delayed_job_is_claimed_when_it_is_due(jobs: Jobs) -> None:
    jobs.submit("later", delay=HOUR)
    assert jobs.claim().jobs == []
    jobs.store.age(2 * HOUR)
    assert [job.id for job in jobs.claim().jobs] == ["later"]
    assert jobs.part("delayed") == {}


@having("claim", STORED)
def test_due_jobs_join_the_tail_earliest_first(jobs: Jobs) -> None:
    jobs.submit("third", delay=3000)
    jobs.submit("second", delay=2000)
    jobs.submit("first")
    jobs.store.age(HOUR)
    assert [job.id for job in jobs.claim().jobs] == ["first", "second", "third"]


@having("claim", STORED)
def test_wait_is_the_time_until_the_next_is_due(jobs: Jobs) -> None:
    jobs.submit("a", delay=HOUR)
    jobs.submit("b", delay=2 * HOUR)
    assert HOUR - 10_000 < jobs.claim().wait <= HOUR


@having("claim", ["recoverable"])
def test_wait_after_a_promotion_is_unknown_or_until_the_next_is_due(jobs: Jobs) -> None:
    jobs.submit("a", delay=HOUR)
    jobs.submit("b", delay=3 * HOUR)
    jobs.store.age(HOUR)
    assert HOUR < jobs.claim().wait <= 2 * HOUR
    jobs.store.age(2 * HOUR)
    assert jobs.claim().wait == -1


@having("claim", ["reliable"])
def test_wait_after_a_promotion_is_a_third_of_the_lease(jobs: Jobs) -> None:
    jobs.submit("a", delay=HOUR)
    jobs.store.age(2 * HOUR)
    assert HOUR // 3 - 10_000 < jobs.claim(lease=HOUR).wait <= HOUR // 3


@having("claim", ["reliable"])
def test_wait_is_a_third_of_a_lease_at_most_while_something_is_in_flight(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.submit("b", delay=2 * HOUR)
    third = HOUR // 3
    assert third - 10_000 < jobs.claim(lease=HOUR).wait <= third
    assert third - 10_000 < jobs.claim().wait <= third


@having("claim", ["reliable"])
def test_wait_is_the_time_until_a_lease_ends_when_that_is_sooner(jobs: Jobs) -> None:
    jobs.submit("a", "b")
    jobs.claim(1, lease=HOUR)
    assert 0 < jobs.claim(1, lease=60_000).wait <= 60_000


@having("claim", ["recoverable"])
def test_jobs_in_flight_in_recoverable_mode_do_not_count_for_wait(jobs: Jobs) -> None:
    jobs.take("a")
    assert jobs.claim().wait == -1


@having("claim", STORED)
def test_wait_is_0_while_jobs_are_left(jobs: Jobs) -> None:
    jobs.submit("late", delay=HOUR)
    jobs.submit("a", "b")
    assert jobs.claim(1).wait == 0


@having("claim", ["reliable"])
def test_a_job_whose_lease_ran_out_is_claimed_again_as_a_crash(jobs: Jobs) -> None:
    (old,) = jobs.take("a")
    jobs.submit("b")
    jobs.store.age(2 * HOUR)
    new, other = jobs.claim().jobs
    assert (new.id, new.attempt, other.id) == ("a", 2, "b")
    assert new.token != old.token
    assert jobs.job("a")["crashes"] == b"1"


@having("claim", ["reliable"])
def test_a_claim_makes_a_job_dead_at_max_crashes(jobs: Jobs) -> None:
    jobs.take("a")
    jobs.store.age(2 * HOUR)
    assert jobs.claim(max_crashes=1).jobs == []
    assert jobs.result("a")[0][:2] == ("dead", "crashed")


@having("claim", ["recoverable"])
def test_a_recoverable_job_in_flight_is_never_claimed_again_without_a_reap(jobs: Jobs) -> None:
    jobs.take("a")
    jobs.store.age(1000 * HOUR)
    assert jobs.claim().jobs == []
    assert jobs.job("a")["state"] == b"inflight"


@having("claim", STORED)
def test_a_claim_promotes_100_jobs_at_most_and_wait_says_that_more_are_due(jobs: Jobs) -> None:
    jobs.submit(*[f"j{n}" for n in range(150)], delay=1000)
    jobs.store.age(HOUR)
    batch = jobs.claim(1000)
    assert len(batch.jobs) == 100
    assert 0 <= batch.wait <= 1
    assert len(jobs.claim(1000).jobs) == 50


@having("claim", STORED)
def test_an_id_whose_job_is_gone_is_set_aside_and_the_rest_is_claimed(jobs: Jobs) -> None:
    jobs.submit("a", "gone", "b")
    jobs.redis.delete(f"{Q}:job:gone")
    assert [job.id for job in jobs.claim(3).jobs] == ["a", "b"]
    assert jobs.redis.lrange(f"{Q}:broken", 0, -1) == [b"gone"]
    assert jobs.redis.pttl(f"{Q}:broken") > 0


@having("claim", STORED)
def test_the_last_thousand_that_can_not_be_run_are_kept(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.redis.rpush(f"{Q}:pending", *[f"gone{n}" for n in range(600)])
    jobs.claim()
    jobs.submit("b")
    jobs.redis.rpush(f"{Q}:pending", *[f"gone{n}" for n in range(600, 1100)])
    jobs.claim()
    kept = jobs.redis.lrange(f"{Q}:broken", 0, -1)
    assert len(kept) == 1000
    assert {b"gone600", b"gone1099"} <= {*kept}


@having("claim", ["simple"])
def test_a_simple_message_that_is_no_json_is_set_aside_and_the_rest_is_claimed(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.redis.lpush(f"{Q}:pending", b"{half a mess")
    jobs.submit("b")
    assert [job.id for job in jobs.claim().jobs] == ["a", "b"]
    assert jobs.redis.lrange(f"{Q}:broken", 0, -1) == [b"{half a mess"]
    assert jobs.redis.pttl(f"{Q}:broken") > 0


@having("claim", ["simple"])
@pytest.mark.parametrize(
    ("id", "client"),
    [("", ""), ("a b", ""), ("x" * 129, ""), ("a/b", ""), ("a", "m e"), ("a", "x" * 129)],
)
def test_a_simple_message_with_a_bad_id_or_client_is_set_aside(
    jobs: Jobs, id: str, client: str
) -> None:
    message = f'{{"id":"{id}","client":"{client}","_queued":1,"data":1}}'.encode()
    jobs.submit("a")
    jobs.redis.lpush(f"{Q}:pending", message)
    jobs.submit("b")
    taken = jobs.claim().jobs
    assert [job.id for job in taken] == ["a", "b"]
    assert jobs.complete(*taken) == ["done", "done"]
    assert jobs.redis.lrange(f"{Q}:broken", 0, -1) == [message]


@having("claim", ["simple"])
def test_a_simple_message_with_the_longest_names_and_times_is_claimed(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.claim()
    id, client, queued = "x" * 128, "y" * 128, 9_999_999_999_999
    message = f'{{"id":"{id}","client":"{client}","_queued":{queued},"data":1}}'
    jobs.redis.lpush(f"{Q}:pending", message, message.replace(str(queued), "9" * 99))
    (job,) = jobs.claim().jobs
    assert (job.id, job.queued) == (id, queued)
    assert jobs.complete(job) == ["done"]
    assert jobs.redis.llen(f"{Q}:broken") == 1


@having("claim", STORED)
@pytest.mark.parametrize("part", ["delayed", "inflight"])
def test_an_id_whose_job_is_gone_when_it_is_due_is_set_aside(jobs: Jobs, part: str) -> None:
    if part == "inflight" and jobs.mode is not RELIABLE:
        jobs.take("gone")
        jobs.redis.delete(f"{Q}:job:gone")
        jobs.store.age(2 * HOUR)
        jobs.reap()
    else:
        jobs.submit("gone", delay=1000 if part == "delayed" else 0)
        jobs.claim()
        jobs.redis.delete(f"{Q}:job:gone")
        jobs.store.age(2 * HOUR)
    jobs.submit("a")
    assert [job.id for job in jobs.claim().jobs] == ["a"]
    assert jobs.redis.lrange(f"{Q}:broken", 0, -1) == [b"gone"]


@having("claim")
def test_a_claim_takes_a_thousand_jobs_in_order(jobs: Jobs) -> None:
    ids = [f"j{n}" for n in range(1000)]
    jobs.submit(*ids)
    assert [job.id for job in jobs.claim(1000).jobs] == ids


@having("claim", STORED)
@pytest.mark.parametrize("field", ["failures", "crashes", "timeout", "_queued", "expires"])
def test_a_job_with_a_field_that_is_no_number_is_claimed_with_the_rest(
    jobs: Jobs, field: str
) -> None:
    jobs.submit("a", "odd", "b")
    jobs.redis.hset(f"{Q}:job:odd", field, "junk")
    taken = jobs.claim(3).jobs
    assert [job.id for job in taken] == ["a", "odd", "b"]
    odd = taken[1]
    assert (odd.attempt, odd.timeout) == (1, 0)
    assert (odd.queued == 0) is (field == "_queued")
    assert jobs.complete(*taken) == ["done"] * 3


@having("claim", STORED)
def test_an_id_that_is_pending_twice_is_claimed_once(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.redis.delete(f"{Q}:job:a")
    jobs.submit("a")
    assert jobs.redis.llen(f"{Q}:pending") == 2
    assert [job.id for job in jobs.claim(3).jobs] == ["a"]
    assert jobs.job("a")["state"] == b"inflight"


def crashing(jobs: Jobs, *ids: str, queue: str = Q) -> None:
    """These jobs are in flight, and their leases have ended."""
    jobs.submit(*ids, queue=queue)
    assert len(jobs.claim(queues=(queue,)).jobs) == len(ids)
    jobs.store.age(2 * HOUR, queue)


@having("release")
def test_a_claim_names_the_jobs_that_it_makes_dead_when_it_is_asked_to(jobs: Jobs) -> None:
    crashing(jobs, "a", "b")
    crashing(jobs, "x", queue=OTHER)
    jobs.submit("next")
    batch = jobs.claim(queues=(OTHER, Q), max_crashes=1, names_deaths=True)
    assert [(job.queue_index, job.id) for job in batch.jobs] == [(1, "next")]
    assert sorted(batch.deaths) == [(0, "x"), (1, "a"), (1, "b")]


@having("release")
def test_a_claim_without_a_job_names_the_jobs_that_it_makes_dead(jobs: Jobs) -> None:
    crashing(jobs, "a")
    assert jobs.claim(max_crashes=1, names_deaths=True)[:3] == (-1, [], [(0, "a")])


@having("release")
def test_a_claim_names_no_job_whose_lease_ran_out_and_that_is_put_back(jobs: Jobs) -> None:
    crashing(jobs, "a")
    batch = jobs.claim(max_crashes=2, names_deaths=True)
    assert ([job.id for job in batch.jobs], batch.deaths) == (["a"], [])


@having("release")
def test_a_claim_that_is_repeated_names_no_death_again(jobs: Jobs) -> None:
    crashing(jobs, "a")
    jobs.submit("next")
    first = jobs.claim(nonce="n", max_crashes=1, names_deaths=True)
    again = jobs.claim(nonce="n", max_crashes=1, names_deaths=True)
    assert (first.jobs, first.deaths, again.deaths) == (again.jobs, [(0, "a")], [])


@having("release")
def test_a_claim_names_no_death_unless_it_is_asked_to(jobs: Jobs) -> None:
    crashing(jobs, "a")
    assert jobs.claim(max_crashes=1)[:3] == (-1, [], ())
    assert jobs.job("a")["state"] == b"dead"
