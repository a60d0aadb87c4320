"""update: the holder of a job's token reports progress and saves, and nobody else does."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from support.fencing import (
    check_ended_attempt,
    check_never_claimed,
    check_nothing_written_for_lost,
    check_stale_token,
    check_twice_in_one_call,
)
from support.store import HOUR, Jobs, having

from pyjobs.engine.messages import parse_results
from pyjobs.engine.replies import Claimed
from pyjobs.errors import TooLarge

update = having("update")
reliable = having("update", ["reliable"])


def reported(jobs: Jobs) -> Callable[..., list[str]]:
    return partial(jobs.update, progress=b"0.5")


@update
def test_progress_is_stored_and_published_to_each_listener(jobs: Jobs) -> None:
    (job,) = jobs.take("a", client="me")
    jobs.watch("a", client="other")
    heard = [jobs.store.listen(client) for client in ("me", "other")]
    assert jobs.update(job, progress=b'[0.5,"half"]') == ["inflight"]
    fields = jobs.job("a")
    assert fields["progress"] == b'[0.5,"half"]'
    times = f"{job.queued} {fields['_started'].decode()} 0"
    for one in heard:
        line = f'a inflight progress {times} 12\n[0.5,"half"]\n'
        assert one.messages() == [line.encode()]
        one.close()


@update
def test_progress_changes_nothing_but_itself(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    before, lease = jobs.job("a"), jobs.part("inflight")
    for progress in (b"1", b"2"):
        assert jobs.update(job, progress=progress) == ["inflight"]
        assert jobs.job("a") == before | {"progress": progress}
    assert jobs.part("inflight") == lease


@update
def test_an_empty_update_of_a_job_in_flight_writes_nothing(jobs: Jobs) -> None:
    (job,) = jobs.take("a", client="me")
    heard = jobs.store.listen("me")
    with jobs.store.unchanged():
        assert jobs.update(job) == ["inflight"]
    assert heard.messages() == []
    heard.close()


@update
def test_progress_of_more_than_4_kib_is_refused_and_nothing_of_the_call_is_written(
    jobs: Jobs,
) -> None:
    a, b = jobs.take("a", "b")
    assert jobs.update(a, progress=b"x" * 4096) == ["inflight"]
    with (
        jobs.store.unchanged(),
        pytest.raises(TooLarge, match=r"^progress: 4097 bytes, more than 4096$"),
    ):
        jobs.update(b, a, progress=b"x" * 4097)


@update
def test_progress_is_no_result_and_has_a_state_of_its_own(jobs: Jobs) -> None:
    """A client must not take the message for an outcome, nor must a reader of stored results."""
    (job,) = jobs.take("a", client="me")
    heard = jobs.store.listen("me")
    jobs.update(job, progress=b"0.5")
    jobs.complete(job, result=b"1")
    [first, second] = heard.messages()
    heard.close()
    assert [end.state for _, end in parse_results(first + second)] == ["inflight", "done"]
    assert jobs.result("a")[0].body == b"1"


@reliable
def test_the_next_claim_hands_out_what_was_saved_last(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    assert job.saved is None
    for saved in (b"page 1", b"page 2"):
        assert jobs.update(job, saved=saved) == ["inflight"]
    jobs.fail(job, verdict="retry=0")
    [again] = jobs.claim().jobs
    assert (again.task, again.saved, again.data) == ("", b"page 2", b"data")


BACK: dict[str, Callable[[Jobs, Claimed], object]] = {
    "retry": lambda jobs, job: jobs.fail(job, verdict="retry=0"),
    "snooze": lambda jobs, job: jobs.fail(job, verdict="snooze=0"),
    "continue": lambda jobs, job: jobs.fail(job, verdict="continue=0", error=b"page 1"),
    "release": lambda jobs, job: jobs.release(job),
    "crash": lambda jobs, _: (jobs.store.age(2 * HOUR), jobs.reap()),
    "requeue": lambda jobs, job: (
        jobs.fail(job, verdict="reject"),
        jobs.store.call(jobs.mode.requeue("jobs:{q}", [job.id])),  # type: ignore[union-attr]
    ),
}


@reliable
@pytest.mark.parametrize("way", BACK)
def test_what_was_saved_is_kept_however_the_job_comes_back(jobs: Jobs, way: str) -> None:
    (job,) = jobs.take("a", task="send")
    jobs.update(job, saved=b"page 1")
    BACK[way](jobs, job)
    for attempt in range(2):
        [job] = jobs.claim().jobs
        assert (job.task, job.saved) == ("send", b"page 1"), attempt
        jobs.release(job)


@reliable
def test_a_repeated_claim_hands_out_what_was_saved(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.update(job, saved=b"page 1")
    jobs.release(job)
    first, again = (jobs.claim(nonce="n").jobs for _ in range(2))
    assert first == again
    assert again[0].saved == b"page 1"


@reliable
def test_what_was_saved_is_gone_when_the_job_is_done(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.update(job, progress=b"1", saved=b"page 1")
    assert jobs.complete(job) == ["done"]
    assert "saved" not in jobs.job("a")
    assert jobs.job("a")["progress"] == b"1"


@reliable
def test_what_was_saved_counts_as_bytes_of_a_claim(jobs: Jobs) -> None:
    a, b = jobs.take("a", "b")
    jobs.update(a, b, saved=b"x" * 100)
    jobs.release(a, b)
    assert [job.id for job in jobs.claim(max_bytes=150).jobs] == ["a"]
    assert [job.id for job in jobs.claim(max_bytes=150).jobs] == ["b"]


@reliable
def test_more_than_1_mib_is_not_saved(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    assert jobs.update(job, saved=b"x" * 1048576) == ["inflight"]
    with jobs.store.unchanged(), pytest.raises(TooLarge, match=r"^saved: 1048577 bytes"):
        jobs.update(job, saved=b"x" * 1048577)


@reliable
def test_what_a_lost_run_saves_does_not_replace_what_the_next_run_saved(jobs: Jobs) -> None:
    (old,) = jobs.take("a")
    [new] = jobs.lose(old)
    jobs.update(new, saved=b"new")
    assert jobs.update(old, saved=b"old", progress=b"1") == ["LOST"]
    assert jobs.job("a")["saved"] == b"new"
    assert "progress" not in jobs.job("a")


@update
def test_an_update_of_a_cancelled_job_says_so_and_writes_nothing(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.store.call(jobs.mode.cancel("jobs:{q}", ["a"]))  # type: ignore[union-attr]
    with jobs.store.unchanged():
        assert jobs.update(job, progress=b"1", saved=b"1") == ["cancelled"]


@reliable
def test_an_update_with_a_stale_token_is_lost(jobs: Jobs) -> None:
    check_stale_token(jobs, reported(jobs), "inflight")


@reliable
def test_an_update_of_lost_or_unknown_jobs_writes_nothing(jobs: Jobs) -> None:
    check_nothing_written_for_lost(jobs, reported(jobs))


@update
def test_an_update_of_a_job_that_was_never_claimed_is_lost(jobs: Jobs) -> None:
    check_never_claimed(jobs, reported(jobs))


@update
def test_an_update_of_an_ended_attempt_is_a_repeat(jobs: Jobs) -> None:
    check_ended_attempt(jobs, reported(jobs))


@update
def test_a_job_twice_in_one_call_is_updated_once_and_then_a_repeat(jobs: Jobs) -> None:
    check_twice_in_one_call(jobs, reported(jobs), "inflight", "repeat")
