"""The checks of tokens that every verb about jobs in flight must pass.

A verb calls its script for jobs that were claimed, and returns the reply for each. complete, fail,
extend and release share these checks.
"""

from __future__ import annotations

from collections.abc import Callable

from pyjobs.engine.replies import Claimed
from support.store import Jobs

Verb = Callable[..., list[str]]


def check_stale_token(jobs: Jobs, verb: Verb, accepted: str) -> None:
    """A job that was claimed again is LOST to its old holder and unchanged; other jobs pass."""
    stale, other = jobs.take("a", "b")
    with_new = jobs.lose(stale, other)
    new = {job.id: job for job in with_new}
    before = jobs.job("a")
    lease = jobs.part("inflight")["a"]
    assert verb(stale, new["b"]) == ["LOST", accepted]
    assert jobs.job("a") == before
    assert jobs.part("inflight")["a"] == lease
    assert verb(new["a"]) == [accepted]


def check_nothing_written_for_lost(jobs: Jobs, verb: Verb) -> None:
    """A call of stale, forged and unknown items alone changes no key and publishes nothing."""
    (stale,) = jobs.take("a", client="me")
    jobs.lose(stale)
    heard = jobs.store.listen("me")
    forged = stale._replace(token=stale.token.replace("-", "0-"))
    unknown = stale._replace(id="unknown")
    with jobs.store.unchanged():
        assert verb(stale, forged, unknown) == ["LOST", "LOST", "NOJOB"]
    assert heard.messages() == []
    heard.close()


def check_never_claimed(jobs: Jobs, verb: Verb) -> None:
    """A token for a job that was never claimed is LOST."""
    jobs.submit("a")
    with jobs.store.unchanged():
        assert verb(Claimed(0, "a", "1-n", b"", 1, 0, 0)) == ["LOST"]


def check_ended_attempt(jobs: Jobs, verb: Verb) -> None:
    """The token that ended an attempt gets 'repeat' from every verb."""
    done, failed = jobs.take("a", "b", client="me")
    jobs.complete(done)
    jobs.fail(failed)
    heard = jobs.store.listen("me")
    with jobs.store.unchanged():
        assert verb(done, failed) == ["repeat", "repeat"]
    assert heard.messages() == []
    heard.close()


def check_twice_in_one_call(jobs: Jobs, verb: Verb, first: str, second: str) -> None:
    """A job that stands twice in a call gets the replies `first` and `second`."""
    (job,) = jobs.take("a", client="me")
    assert verb(job, job) == [first, second]
