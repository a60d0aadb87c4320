"""complete: the result is recorded once, under the job's token, and published to its clients."""

from __future__ import annotations

import pytest
from support.fencing import (
    check_ended_attempt,
    check_never_claimed,
    check_nothing_written_for_lost,
    check_stale_token,
    check_twice_in_one_call,
)
from support.messages import PAYLOADS, bodies
from support.store import DAY, HOUR, STORED, Jobs, Q, having

from pyjobs.engine.messages import parse_results
from pyjobs.errors import BadArgument


@having("complete", STORED)
def test_complete_stores_the_result_and_leaves_the_queue_empty(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    before = jobs.now()
    assert jobs.complete(job, result=b"42") == ["done"]
    (stored,) = jobs.result("a")
    assert (stored.state, stored.reason, stored.body) == ("done", "-", b"42")
    assert stored.queued <= stored.started <= before <= stored.processed <= jobs.now()
    assert jobs.part("inflight") == {}
    assert jobs.pending() == []


@having("complete", STORED)
def test_a_result_is_kept_for_a_day(jobs: Jobs) -> None:
    jobs.complete(*jobs.take("a"))
    assert DAY - 60_000 < jobs.ttl("a") <= DAY


@having("complete", STORED)
def test_the_retention_of_the_call_is_how_long_a_result_is_kept(jobs: Jobs) -> None:
    jobs.complete(*jobs.take("a"), retention=HOUR)
    assert HOUR - 60_000 < jobs.ttl("a") <= HOUR


@having("complete", STORED)
def test_the_retention_of_the_submit_goes_before_that_of_the_call(jobs: Jobs) -> None:
    jobs.complete(*jobs.take("a", retention=2 * HOUR), retention=HOUR)
    assert HOUR < jobs.ttl("a") <= 2 * HOUR


@having("complete", STORED)
def test_retention_0_publishes_the_result_and_deletes_the_job(jobs: Jobs) -> None:
    heard = jobs.store.listen("me")
    assert jobs.complete(*jobs.take("a", client="me"), retention=0) == ["done"]
    assert jobs.job("a") == {}
    assert len(heard.messages()) == 1
    heard.close()


@having("complete", STORED)
def test_the_same_completion_again_changes_and_publishes_nothing(jobs: Jobs) -> None:
    (job,) = jobs.take("a", client="me")
    heard = jobs.store.listen("me")
    jobs.complete(job, result=b"first")
    assert len(heard.messages()) == 1
    with jobs.store.unchanged():
        assert jobs.complete(job, result=b"second") == ["repeat"]
    assert heard.messages() == []
    heard.close()


@having("complete", STORED)
def test_a_job_claimed_again_after_a_crash_keeps_the_result_of_the_new_holder(jobs: Jobs) -> None:
    (first,) = jobs.take("a")
    (second,) = jobs.lose(first)
    assert jobs.complete(first, result=b"stale") == ["LOST"]
    assert jobs.complete(second, result=b"good") == ["done"]
    assert jobs.result("a")[0].body == b"good"


@having("complete", STORED)
def test_a_stale_token_is_lost(jobs: Jobs) -> None:
    check_stale_token(jobs, jobs.complete, "done")


@having("complete", STORED)
def test_complete_of_lost_or_unknown_jobs_writes_nothing(jobs: Jobs) -> None:
    check_nothing_written_for_lost(jobs, jobs.complete)


@having("complete", STORED)
def test_complete_of_a_job_that_was_never_claimed_is_lost(jobs: Jobs) -> None:
    check_never_claimed(jobs, jobs.complete)


@having("complete", STORED)
def test_complete_of_an_ended_attempt_is_a_repeat(jobs: Jobs) -> None:
    check_ended_attempt(jobs, jobs.complete)


@having("complete", STORED)
def test_a_job_twice_in_one_call_is_completed_once(jobs: Jobs) -> None:
    check_twice_in_one_call(jobs, jobs.complete, "done", "repeat")


@having("complete")
def test_the_message_to_the_client_has_state_times_size_and_body(jobs: Jobs) -> None:
    heard = jobs.store.listen("me")
    (job,) = jobs.take("a", client="me")
    before = jobs.now()
    jobs.complete(job, result=b"42")
    (message,) = heard.messages()
    head, body = message.split(b"\n", 1)
    id, state, reason, queued, started, processed, size = head.decode().split(" ")
    assert (id, state, reason, size) == ("a", "done", "-", "2")
    assert job.queued == int(queued) <= int(started) <= before <= int(processed) <= jobs.now()
    assert body == b"42\n"
    heard.close()


@having("complete")
def test_any_bytes_are_published_and_stored_unchanged(jobs: Jobs) -> None:
    heard = jobs.store.listen("me")
    taken = jobs.take(*[f"j{n}" for n in range(len(PAYLOADS))], client="me")
    for job, result in zip(taken, PAYLOADS, strict=True):
        assert jobs.complete(job, result=result) == ["done"]
    wanted = {job.id: result for job, result in zip(taken, PAYLOADS, strict=True)}
    assert bodies(heard.messages()) == wanted
    heard.close()
    if jobs.mode.stores:
        assert {job.id: jobs.result(job.id)[0].body for job in taken} == wanted


@having("complete")
def test_many_results_travel_in_few_messages(jobs: Jobs) -> None:
    heard = jobs.store.listen("me")
    taken = jobs.take(*[f"j{n}" for n in range(500)], client="me")
    jobs.complete(*taken, result=b"\n" * 1000)
    messages = heard.messages()
    assert 1 < len(messages) < 20
    assert bodies(messages) == {job.id: b"\n" * 1000 for job in taken}
    heard.close()


@having("complete")
def test_results_are_published_to_the_client_of_each_job_only(jobs: Jobs) -> None:
    one, two = jobs.store.listen("one"), jobs.store.listen("two")
    taken = [*jobs.take("a", client="one"), *jobs.take("b", client="two"), *jobs.take("c")]
    jobs.complete(*taken)
    assert bodies(one.messages()).keys() == {"a"}
    assert bodies(two.messages()).keys() == {"b"}
    one.close()
    two.close()


@having("complete", STORED)
def test_a_field_that_was_written_by_hand_makes_no_second_line_in_a_message(jobs: Jobs) -> None:
    heard = jobs.store.listen("me")
    forged = "1 2 3 0\n\nb done - 1"
    (job,) = jobs.take("a", client="me")
    for field in ("_queued", "_started"):
        jobs.redis.hset(f"{Q}:job:a", field, forged)
    jobs.complete(job)
    (message,) = heard.messages()
    assert message.count(b"\n") == 2
    assert [id for id, _ in parse_results(message)] == ["a"]
    heard.close()


TOKENS = [
    f"1{'0' * 15}.1.me",
    f"1.1{'0' * 15}.me",
    "1.1.me\nb",
    "1.1.a b",
    f"1.1.{'c' * 129}",
    "1.1",
    f"1.1:129.{'c' * 129}task",
    f"1.1:2.me{'t' * 129}",
    "1.1:0002.metask",
]
LONGEST = "9" * 15


@pytest.mark.parametrize("token", TOKENS)
@having("complete", ["simple"])
def test_a_token_that_could_spoil_a_message_is_refused(jobs: Jobs, token: str) -> None:
    (job,) = jobs.take("a", client="me")
    with pytest.raises(BadArgument, match="token: not one from claim"):
        jobs.complete(job._replace(token=token))
    with pytest.raises(BadArgument, match="token: not one from claim"):
        jobs.fail(job._replace(token=token))


@pytest.mark.parametrize("client", ["", "me", "c" * 128])
@pytest.mark.parametrize("task", ["", "t", "t" * 128])
@having("complete", ["simple"])
def test_a_token_of_any_client_and_task_ends_a_job_for_them(
    jobs: Jobs, client: str, task: str
) -> None:
    length = f":{len(client)}" if task else ""
    token = f"{LONGEST}.{LONGEST}{length}.{client}{task}"
    (job,) = jobs.take("a")
    heard = jobs.store.listen(client) if client else None
    assert jobs.complete(job._replace(token=token)) == ["done"]
    if heard is not None:
        ((id, stored),) = parse_results(*heard.messages())
        assert (id, stored.queued, stored.started) == ("a", int(LONGEST), int(LONGEST))
        heard.close()


@having("complete", ["simple"])
def test_a_simple_result_is_not_stored(jobs: Jobs) -> None:
    (job,) = jobs.take("a", client="me")
    with jobs.store.unchanged(counters=False):
        assert jobs.complete(job) == ["done"]
    assert jobs.result("a")[0].state == ""
