"""append: the holder of a job's token writes output, once each chunk; queue/output reads it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.store import HOUR, Jobs, Q, having

from pyjobs.engine import parse_chunk, parse_results, read_output
from pyjobs.engine.replies import Claimed, OutputPage, Written
from pyjobs.errors import TooLarge

append = having("append")
reliable = having("append", ["reliable"])


def read(jobs: Jobs, id: str = "a", skip: int = 0, limit: int = 1000) -> OutputPage:
    return jobs.store.call(read_output(Q, id, skip=skip, limit=limit))  # type: ignore[no-any-return]


def bodies(jobs: Jobs, id: str = "a") -> list[bytes]:
    return [chunk.body for chunk in read(jobs, id).chunks]


@append
def test_what_a_run_appends_is_read_in_order_from_the_start(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    for number, chunk in enumerate([b"one", b"two 2 3\n", b""], 1):
        assert jobs.append(job, number, chunk) == ["inflight"]
    wanted = [Written(1, 1, b"one"), Written(1, 2, b"two 2 3\n"), Written(1, 3, b"")]
    assert read(jobs) == OutputPage(3, wanted)
    assert read(jobs, skip=1, limit=1) == OutputPage(3, wanted[1:2])
    assert read(jobs, skip=3) == OutputPage(3, [])


@append
def test_the_output_of_an_unknown_or_silent_job_is_empty(jobs: Jobs) -> None:
    jobs.submit("silent")
    assert read(jobs, "nobody") == read(jobs, "silent") == OutputPage(0, [])


@append
def test_a_call_that_is_sent_again_appends_nothing(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.append(job, 1, b"one")
    jobs.append(job, 2, b"two")
    for number in (1, 2):
        assert jobs.append(job, number, b"again") == ["inflight"]
    assert bodies(jobs) == [b"one", b"two"]


@append
def test_a_chunk_reaches_the_clients_with_its_place(jobs: Jobs) -> None:
    (job,) = jobs.take("a", client="me")
    heard = jobs.store.listen("me")
    jobs.append(job, 1, b"one\n 2")
    jobs.append(job, 1, b"one\n 2")
    jobs.complete(job)
    [first, second] = heard.messages()
    heard.close()
    [(id, told)] = parse_results(first)
    assert (id, told.state, told.reason) == ("a", "inflight", "output")
    assert parse_chunk(told.body) == (1, Written(1, 1, b"one\n 2"))
    assert [end.state for _, end in parse_results(second)] == ["done"]


BACK: dict[str, tuple[int, Callable[[Jobs, Claimed], object]]] = {
    "retry": (2, lambda jobs, job: jobs.fail(job, verdict="retry=0")),
    "continue": (1, lambda jobs, job: jobs.fail(job, verdict="continue=0", error=b"1")),
    "release": (1, lambda jobs, job: jobs.release(job)),
    "crash": (2, lambda jobs, _: (jobs.store.age(2 * HOUR), jobs.reap())),
    # A requeue begins a new life.
    "requeue": (
        1,
        lambda jobs, job: (
            jobs.fail(job, verdict="reject"),
            jobs.store.call(jobs.mode.requeue(Q, [job.id])),  # type: ignore[union-attr]
        ),
    ),
}


@reliable
@pytest.mark.parametrize("way", BACK)
def test_the_output_of_the_next_run_follows_with_its_attempt(jobs: Jobs, way: str) -> None:
    attempt, back = BACK[way]
    (job,) = jobs.take("a")
    jobs.append(job, 1, b"one")
    back(jobs, job)
    assert bodies(jobs) == [b"one"]
    [again] = jobs.claim().jobs
    assert again.attempt == attempt
    jobs.append(again, 1, b"two")
    assert read(jobs).chunks == [Written(1, 1, b"one"), Written(attempt, 1, b"two")]
    assert jobs.append(job, 2, b"late") == ["LOST"]
    assert read(jobs).total == 2


@append
def test_a_run_that_is_over_appends_nothing(jobs: Jobs) -> None:
    done, cancelled = jobs.take("a", "b")
    gone = done._replace(id="nobody")
    jobs.append(done, 1, b"one")
    jobs.complete(done)
    jobs.store.call(jobs.mode.cancel(Q, ["b"]))  # type: ignore[union-attr]
    with jobs.store.unchanged():
        assert jobs.append(done, 2, b"late") == ["repeat"]
        assert jobs.append(cancelled, 1, b"late") == ["cancelled"]
        assert jobs.append(gone, 1, b"late") == ["NOJOB"]


@append
def test_the_output_is_kept_as_long_as_the_result(jobs: Jobs) -> None:
    (job,) = jobs.take("a", retention=HOUR)
    jobs.append(job, 1, b"one")
    jobs.complete(job)
    assert bodies(jobs) == [b"one"]
    assert 0 < jobs.redis.pttl(f"{Q}:job:a") <= HOUR
    jobs.redis.delete(f"{Q}:job:a")
    assert bodies(jobs) == []
    assert not [key for key in jobs.redis.scan_iter(f"{Q}:*") if b"output" in key]


@append
def test_a_job_with_10_000_chunks_is_full(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.redis.hset(f"{Q}:job:a", "output", f"9999 100 9999 {job.token}")
    assert jobs.append(job, 10_000, b"x") == ["inflight"]
    with jobs.store.unchanged():
        assert jobs.append(job, 10_001, b"x") == ["TOOLARGE"]
        assert jobs.append(job, 10_000, b"x") == ["inflight"]


@append
def test_a_job_with_4_MiB_of_output_is_full(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    jobs.redis.hset(f"{Q}:job:a", "output", f"3 {4 * 1024 * 1024 - 1} 3 {job.token}")
    with jobs.store.unchanged():
        assert jobs.append(job, 4, b"xx") == ["TOOLARGE"]
    assert jobs.append(job, 4, b"x") == ["inflight"]


@append
def test_a_chunk_of_more_than_64_KiB_is_refused_and_writes_nothing(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    with (
        jobs.store.unchanged(),
        pytest.raises(TooLarge, match=r"^chunk: 65537 bytes, more than 65536$"),
    ):
        jobs.append(job, 1, b"x" * 65537)
    assert jobs.append(job, 1, b"x" * 65536) == ["inflight"]
