"""unique: a key may be any text, percent-encoded; what is no name stands in Redis as a digest."""

from __future__ import annotations

import hashlib
from urllib.parse import quote

import pytest
from support.servers import REAL_SERVER_PLACES, at
from support.store import STORED, Jobs, Q, having

from pyjobs.errors import BadArgument

TEXTS = ["bob@example.com", "https://example.com/a b?c=d%20e&f", "/var/spool/ü", "x" * 1024, "%"]
stored = having("submit", STORED)


def submit(jobs: Jobs, id: str, unique: str, **options: int) -> list[tuple[str, str]]:
    return [tuple(one) for one in jobs.submit(id, unique=quote(unique, safe=""), **options)]


@stored
@pytest.mark.parametrize("text", TEXTS, ids=["mail", "url", "path", "long", "percent"])
def test_a_key_of_any_text_holds_one_live_job_and_is_free_when_it_ends(
    jobs: Jobs, text: str
) -> None:
    assert submit(jobs, "a", text) == [("a", "new")]
    assert submit(jobs, "b", text) == [("a", "pending")]
    jobs.complete(*jobs.claim().jobs)
    assert submit(jobs, "b", text) == [("b", "new")]


@stored
@at(REAL_SERVER_PLACES)
def test_a_name_stands_in_the_key_itself_and_any_other_text_as_its_digest(jobs: Jobs) -> None:
    submit(jobs, "a", "order-17")
    submit(jobs, "b", "bob@example.com")
    digest = hashlib.sha1(b"bob@example.com").hexdigest()
    keys = {key.decode() for key in jobs.redis.scan_iter(f"{Q}:unique:*")}
    assert keys == {f"{Q}:unique:order-17", f"{Q}:unique:~{digest}"}


@stored
@pytest.mark.parametrize("text", ["%", "%4", "%zz", "x" * 1025, ""])
def test_a_text_that_is_not_percent_encoded_or_has_no_fit_length_is_refused(
    jobs: Jobs, text: str
) -> None:
    with pytest.raises(BadArgument, match="unique: "):
        jobs.submit("a", unique=text)


@stored
def test_a_job_that_is_over_its_expires_holds_no_unique_key(jobs: Jobs) -> None:
    jobs.submit("a", unique="k", expires=60_000)
    jobs.redis.hset(f"{Q}:job:a", "expires", jobs.now() - 1)
    assert [tuple(one) for one in jobs.submit("b", unique="k")] == [("b", "new")]
    assert [job.id for job in jobs.claim().jobs] == ["b"]
    assert [tuple(one) for one in jobs.submit("c", unique="k")] == [("b", "inflight")]


@stored
@pytest.mark.parametrize("delay", [60_000, 60_001])
def test_a_delay_that_is_not_shorter_than_expires_is_refused(jobs: Jobs, delay: int) -> None:
    with pytest.raises(BadArgument, match="expires: not later than delay or run_at"):
        jobs.submit("a", delay=delay, expires=60_000)
    assert jobs.redis.keys(f"{Q}:*") == []
