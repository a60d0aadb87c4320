"""claim: how much one call brings, in bytes, and what it passes over without counting it."""

from __future__ import annotations

from collections.abc import Iterable

from support.servers import REAL_SERVER_PLACES, at
from support.store import STORED, Jobs, Q, having

from pyjobs.engine.replies import Claimed
from pyjobs.engine.verbs import StoredVerbs

OTHER = "jobs:{other}"
MIB = 1_048_576
CALL_BYTES = 4 * MIB


def ids(jobs: Jobs, **bounds: int) -> list[str]:
    return [job.id for job in jobs.claim(**bounds).jobs]


def cancel(jobs: Jobs, *names: str) -> None:
    assert isinstance(jobs.mode, StoredVerbs)
    jobs.store.call(jobs.mode.cancel(Q, names))


@having("claim")
def test_a_claim_stops_before_the_payload_that_would_exceed_its_bytes(jobs: Jobs) -> None:
    jobs.submit(("a", b"12345"), ("b", b"12345"), ("c", b"1"))
    assert ids(jobs, limit=9, max_bytes=9) == ["a"]
    assert ids(jobs, limit=9, max_bytes=6) == ["b", "c"]


@having("claim")
def test_a_claim_brings_one_job_whatever_its_size(jobs: Jobs) -> None:
    jobs.submit(("a", b"12345"), ("b", b"1"))
    assert ids(jobs, limit=9, max_bytes=1) == ["a"]
    assert ids(jobs, limit=9, max_bytes=1) == ["b"]


@having("claim")
def test_a_claim_brings_four_mebibytes_when_nothing_is_asked_for(jobs: Jobs) -> None:
    for number in range(6):
        jobs.submit((f"j{number}", b"x" * MIB))
    batch = jobs.claim(100)
    assert sum(len(job.data) for job in batch.jobs) == CALL_BYTES
    assert batch.wait == 0


@having("claim")
def test_small_jobs_behind_large_ones_keep_their_order(jobs: Jobs) -> None:
    sizes = [1] * 20 + [900_000] * 3 + [1] * 500
    for start in range(0, len(sizes), 100):
        part = sizes[start : start + 100]
        jobs.submit(*((f"j{start + n}", b"x" * size) for n, size in enumerate(part)))
    found: list[str] = []
    while batch := ids(jobs, limit=400, max_bytes=2 * MIB):
        found += batch
    assert found == [f"j{n}" for n in range(len(sizes))]


@having("claim")
def test_the_bytes_of_a_claim_hold_for_all_its_queues_together(jobs: Jobs) -> None:
    jobs.submit(("a", b"12345"))
    jobs.submit(("b", b"12345"), queue=OTHER)
    assert [job.id for job in jobs.claim(9, queues=(Q, OTHER), max_bytes=9).jobs] == ["a"]
    assert [job.id for job in jobs.claim(9, queues=(Q, OTHER), max_bytes=9).jobs] == ["b"]


def names(claimed: Iterable[Claimed]) -> list[tuple[int, str, str, bytes]]:
    return [(job.queue_index, job.id, job.token, job.data) for job in claimed]


@having("extend")
def test_a_claim_that_is_sent_again_for_fewer_bytes_names_what_does_not_fit(jobs: Jobs) -> None:
    jobs.submit(("a", b"12"), ("b", b"12"), ("c", b"1"))
    jobs.submit(("d", b"1"), queue=OTHER)
    first = jobs.claim(9, queues=(Q, OTHER), nonce="n")
    a, b, c, d = names(first.jobs)
    whole = {4: ([a, b], [c, d]), 5: ([a, b, c], [d]), 6: ([a, b, c, d], [])}
    whole |= {3: ([a], [b, c, d]), 1: ([a], [b, c, d])}
    for most, (given, left) in whole.items():
        again = jobs.claim(9, queues=(Q, OTHER), nonce="n", max_bytes=most)
        assert (again.wait, names(again.jobs)) == (0, given)
        assert names(again.left) == [(*job[:3], b"") for job in left]
    states = [jobs.job(id)["state"] for id in "abc"]
    assert states == [b"inflight"] * 3, "nothing is written"


@having("extend")
def test_what_a_repeated_claim_only_names_is_released_and_claimed_without_a_crash(
    jobs: Jobs,
) -> None:
    jobs.submit(("a", b"12"), ("b", b"12"), ("c", b"1"))
    jobs.claim(9, nonce="n")
    again = jobs.claim(9, nonce="n", max_bytes=2)
    assert jobs.release(*again.left) == ["pending"] * 2
    found = jobs.claim(9).jobs
    assert [(job.id, job.attempt) for job in found] == [("b", 1), ("c", 1)]
    assert [job.id for job in jobs.claim(9, nonce="n", max_bytes=2).jobs] == ["a"]


@having("claim", ("recoverable",))
def test_a_repeated_claim_of_recoverable_mode_brings_all_jobs_whatever_their_bytes(
    jobs: Jobs,
) -> None:
    jobs.submit(("a", b"12"), ("b", b"12"))
    first = jobs.claim(9, nonce="n")
    again = jobs.claim(9, nonce="n", max_bytes=1)
    assert (names(again.jobs), again.left) == (names(first.jobs), [])


@having("claim", STORED)
def test_jobs_that_a_claim_passes_over_do_not_count_against_its_limit(jobs: Jobs) -> None:
    cancelled = [f"x{n}" for n in range(300)]
    jobs.submit(*cancelled, "a", "b")
    cancel(jobs, *cancelled)
    assert ids(jobs, limit=1) == ["a"]
    assert jobs.pending() == ["b"]


@having("claim", STORED)
def test_a_claim_passes_over_a_thousand_entries_at_most_and_says_that_there_is_more(
    jobs: Jobs,
) -> None:
    for start in range(0, 1200, 400):
        part = [f"x{start + n}" for n in range(400)]
        jobs.submit(*part)
        cancel(jobs, *part)
    jobs.submit("a")
    first = jobs.claim(1)
    assert (first.jobs, first.wait) == ([], 0)
    assert ids(jobs, limit=1) == ["a"]


@at(REAL_SERVER_PLACES)
@having("claim", STORED)
def test_a_claim_that_passes_over_large_jobs_reads_the_payload_of_one_at_most(jobs: Jobs) -> None:
    ids = [f"x{number}" for number in range(20)]
    for id in ids:
        jobs.submit((id, b"x" * MIB))
    cancel(jobs, *ids)
    jobs.submit("a")
    with jobs.redis.monitor() as monitor:
        assert [job.id for job in jobs.claim(1).jobs] == ["a"]
        jobs.redis.echo("the end")
        lines = []
        while b"the end" not in (line := monitor.connection.read_response(disable_decoding=True)):
            lines.append(line)
    assert sum(b'"data"' in line for line in lines) == 2
