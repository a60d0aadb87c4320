"""task: which task a job is, and what becomes of a job whose task its worker does not know."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from support.store import HOUR, Jobs, Q, having

from pyjobs.engine.call import Call
from pyjobs.engine.messages import parse_results
from pyjobs.engine.modes import MODES
from pyjobs.engine.replies import Claimed
from pyjobs.errors import BadArgument

every_mode = having("submit")
stored = having("cancel")
reliable = having("release")
DAY = 24 * HOUR
MINUTE = 60_000


def unknown_for(jobs: Jobs, id: str, ms: int) -> Claimed:
    """Let a job be unknown for so long, and claim it."""
    jobs.redis.hincrby(f"{Q}:job:{id}", "unknown_since", -ms)
    jobs.store.age(DAY)
    (job,) = jobs.claim().jobs
    return job


def due_after(jobs: Jobs, job: Claimed, wait: Callable[[int], int]) -> bool:
    """Whether a hand-back as unknown delays a job by what `wait` makes of the time since then."""
    before = jobs.now()
    assert jobs.release(job, unknown=True) == ["delayed"]
    after, since = jobs.now(), int(jobs.job(job.id)["unknown_since"])
    due = jobs.part("delayed")[job.id]
    return before + wait(before - since) <= due <= after + wait(after - since)


# --- the name of a task ---


@every_mode
def test_a_claim_hands_out_the_task_of_a_job(jobs: Jobs) -> None:
    jobs.submit("a", task="send")
    jobs.submit("b")
    assert [(job.id, job.task) for job in jobs.claim().jobs] == [("a", "send"), ("b", "")]


@every_mode
def test_a_bare_job_in_the_reply_of_a_claim_has_no_place_for_a_task(jobs: Jobs) -> None:
    jobs.submit("a", "b")
    jobs.submit("c", task="send")
    call = jobs.claim_call()
    raw = jobs.store.call(Call(call.script, call.keys, call.args, lambda reply: reply))
    assert [len(job) for job in raw[1:]] == [7, 7, 8]


@every_mode
def test_data_that_looks_like_a_task_stays_data(jobs: Jobs) -> None:
    data = b'1,"task":"evil","data":2'
    jobs.submit(("a", data))
    jobs.submit(("b", data), task="send")
    found = [(job.data, job.task) for job in jobs.claim().jobs]
    assert found == [(data, ""), (data, "send")]


@stored
def test_a_repeated_claim_hands_out_the_task_again(jobs: Jobs) -> None:
    jobs.submit("a", task="send")
    first = jobs.claim(nonce="me")
    assert jobs.claim(nonce="me").jobs == first.jobs
    assert first.jobs[0].task == "send"


@stored
def test_a_job_without_a_task_stores_no_field_for_it(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.submit("b", task="send")
    assert jobs.job("b").keys() - jobs.job("a").keys() == {"task"}


@stored
@pytest.mark.parametrize("other", [{}, {"task": "other"}])
def test_the_same_id_and_data_with_another_task_is_a_conflict(
    jobs: Jobs, other: dict[str, str]
) -> None:
    jobs.submit("a", task="send")
    with jobs.store.unchanged():
        assert jobs.submit("a", **other) == [("a", "CONFLICT")]
    assert jobs.submit("a", task="send") == [("a", "pending")]


@every_mode
@pytest.mark.parametrize("name", ["a/b", "x" * 129, ""])
def test_a_task_that_is_no_name_is_refused_and_nothing_is_written(jobs: Jobs, name: str) -> None:
    with jobs.store.unchanged(), pytest.raises(BadArgument, match="task: not 1 to 128"):
        jobs.submit("a", task=name)


@reliable
def test_the_list_of_the_dead_has_the_task_of_each_job_that_has_one(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a"), verdict="reject")
    jobs.fail(*jobs.take("b", task="send"), verdict="reject")
    page = jobs.store.call(MODES["reliable"].dead(Q, skip=0, limit=9))  # type: ignore[union-attr]
    assert [(job.id, job.task) for job in page.jobs] == [("a", ""), ("b", "send")]


@every_mode
def test_a_task_may_be_submitted_as_a_json_object_of_its_arguments(jobs: Jobs) -> None:
    data = json.dumps({"to": 7, "body": "hi"}).encode()
    jobs.submit(("a", data), task="send")
    (job,) = jobs.claim().jobs
    assert (job.task, job.data) == ("send", data)


# --- a task that a worker does not know ---


@reliable
def test_a_job_that_is_handed_back_as_unknown_waits_a_second_and_counts_no_attempt(
    jobs: Jobs,
) -> None:
    (job,) = jobs.take("a", task="send", max_attempts=1)
    assert due_after(jobs, job, lambda _: 1000)
    assert unknown_for(jobs, "a", 0).attempt == 1


@reliable
@pytest.mark.parametrize("ms", [0, 3000, 50_000, MINUTE, DAY - MINUTE])
def test_an_unknown_job_waits_as_long_again_from_a_second_up_to_a_minute(
    jobs: Jobs, ms: int
) -> None:
    jobs.release(*jobs.take("a", task="send"), unknown=True)
    job = unknown_for(jobs, "a", ms)
    assert due_after(jobs, job, lambda unknown: min(max(unknown, 1000), MINUTE))


@reliable
def test_a_job_that_was_unknown_for_a_day_is_dead_as_unknown_and_its_client_hears_of_it(
    jobs: Jobs,
) -> None:
    heard = jobs.store.listen("me")
    jobs.release(*jobs.take("a", client="me", task="send"), unknown=True)
    job = unknown_for(jobs, "a", DAY)
    assert jobs.release(job, unknown=True) == ["dead"]
    (message,) = heard.messages()
    ((id, end),) = parse_results(message)
    assert (id, end.state, end.reason) == ("a", "dead", "unknown")
    assert jobs.part("dead").keys() == {"a"}


@reliable
def test_a_job_that_was_unknown_keeps_the_error_of_its_last_failure_in_death(jobs: Jobs) -> None:
    jobs.fail(*jobs.take("a", task="send"), verdict="retry=0", error=b"why")
    jobs.release(*jobs.claim().jobs, unknown=True)
    jobs.release(unknown_for(jobs, "a", DAY), unknown=True)
    assert jobs.result("a")[0].body == b"why"


@reliable
def test_a_hand_back_as_unknown_keeps_expires(jobs: Jobs) -> None:
    jobs.submit("a", task="send", expires=HOUR)
    expires = jobs.job("a")["expires"]
    jobs.release(*jobs.claim().jobs, unknown=True)
    assert jobs.job("a")["expires"] == expires


@reliable
@pytest.mark.parametrize(("left", "word"), [(HOUR // 2, "delayed"), (1500, "dead")])
def test_an_unknown_job_waits_no_longer_than_to_a_second_before_it_expires(
    jobs: Jobs, left: int, word: str
) -> None:
    jobs.release(*jobs.take("a", task="send", expires=HOUR), unknown=True)
    job = unknown_for(jobs, "a", HOUR)
    jobs.redis.hset(f"{Q}:job:a", "start_by", jobs.now() + left)
    assert jobs.release(job, unknown=True) == [word]
    assert (jobs.result("a")[0].reason == "unknown") == (word == "dead")


@reliable
def test_the_last_look_at_an_unknown_job_comes_a_second_before_it_expires(jobs: Jobs) -> None:
    jobs.release(*jobs.take("a", task="send", expires=HOUR), unknown=True)
    job = unknown_for(jobs, "a", HOUR)
    jobs.redis.hset(f"{Q}:job:a", "start_by", jobs.now() + MINUTE - 1)
    assert jobs.release(job, unknown=True) == ["delayed"]
    assert jobs.part("delayed")["a"] == int(jobs.job("a")["expires"]) - 1000


@reliable
def test_a_run_that_fails_ends_the_time_for_which_a_job_was_unknown(jobs: Jobs) -> None:
    jobs.release(*jobs.take("a", task="send"), unknown=True)
    jobs.fail(unknown_for(jobs, "a", DAY), verdict="retry=0")
    (job,) = jobs.claim().jobs
    assert due_after(jobs, job, lambda _: 1000)


@reliable
def test_a_plain_release_leaves_the_time_for_which_a_job_was_unknown(jobs: Jobs) -> None:
    jobs.release(*jobs.take("a", task="send"), unknown=True)
    jobs.release(unknown_for(jobs, "a", DAY))
    (job,) = jobs.claim().jobs
    assert jobs.release(job, unknown=True) == ["dead"]


@reliable
def test_a_requeued_job_begins_a_new_day(jobs: Jobs) -> None:
    jobs.release(*jobs.take("a", task="send", expires=DAY), unknown=True)
    jobs.release(unknown_for(jobs, "a", DAY), unknown=True)
    jobs.store.call(MODES["reliable"].requeue(Q, ["a"]))  # type: ignore[union-attr]
    assert not jobs.job("a").keys() & {"unknown_since", "start_by", "expires"}
    assert jobs.release(*jobs.claim().jobs, unknown=True) == ["delayed"]


@reliable
def test_a_hand_back_as_unknown_wakes_a_worker_that_then_knows_when_the_job_is_due(
    jobs: Jobs,
) -> None:
    (job,) = jobs.take("a", task="send")
    jobs.redis.delete(f"{Q}:wake")
    jobs.release(job, unknown=True)
    assert jobs.wakes() == 1
    assert 0 < jobs.claim().wait <= 1000


@reliable
def test_a_second_hand_back_as_unknown_is_a_repeat(jobs: Jobs) -> None:
    (job,) = jobs.take("a", task="send")
    jobs.release(job, unknown=True)
    with jobs.store.unchanged():
        assert jobs.release(job, unknown=True) == ["repeat"]
        assert jobs.complete(job) == ["repeat"]


@reliable
def test_a_stale_token_hands_back_nothing_as_unknown(jobs: Jobs) -> None:
    (stale,) = jobs.take("a", task="send")
    jobs.lose(stale)
    with jobs.store.unchanged():
        assert jobs.release(stale, unknown=True) == ["LOST"]


@reliable
def test_a_unique_key_is_free_when_its_job_is_dead_as_unknown(jobs: Jobs) -> None:
    jobs.release(*jobs.take("a", task="send", unique="k"), unknown=True)
    jobs.release(unknown_for(jobs, "a", DAY), unknown=True)
    assert jobs.submit("b", unique="k") == [("b", "new")]


@reliable
@pytest.mark.parametrize("how", ["released", "failed", "crashed"])
def test_a_job_that_a_worker_knew_outlives_its_expires_when_another_one_does_not_know_it(
    jobs: Jobs, how: str
) -> None:
    [job] = jobs.take("a", task="send", expires=HOUR)
    jobs.redis.hset(f"{Q}:job:a", "start_by", jobs.now() - 1)
    if how == "released":
        jobs.release(job)
    elif how == "failed":
        jobs.fail(job, verdict="retry=0")
    else:
        jobs.store.age(2 * HOUR)
        jobs.reap()
    assert jobs.release(*jobs.claim().jobs, unknown=True) == ["delayed"]
    assert jobs.release(unknown_for(jobs, "a", 0), unknown=True) == ["delayed"]
