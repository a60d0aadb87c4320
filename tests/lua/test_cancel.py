"""cancel: a job that has not ended ends now, wherever it is, and whoever runs it has lost it."""

from __future__ import annotations

from support.store import HOUR, Jobs, Listener, Q, Store, having

from pyjobs.engine.messages import parse_results
from pyjobs.engine.modes import Mode
from pyjobs.engine.reliable import Reliable

cancel = having("cancel")


def cancelled(jobs: Jobs, *ids: str) -> list[str]:
    return jobs.store.call(jobs.mode.cancel(Q, ids))  # type: ignore[union-attr, no-any-return]


@cancel
def test_a_cancelled_pending_job_is_never_claimed(jobs: Jobs) -> None:
    jobs.submit("a", "b")
    assert cancelled(jobs, "a") == ["cancelled"]
    assert jobs.ttl("a") == -1
    assert [job.id for job in jobs.claim().jobs] == ["b"]
    assert jobs.job("a")["state"] == b"cancelled"
    assert jobs.ttl("a") > 0


@cancel
def test_a_cancelled_delayed_job_leaves_the_set_at_once(jobs: Jobs) -> None:
    jobs.submit("a", delay=HOUR)
    assert cancelled(jobs, "a") == ["cancelled"]
    assert jobs.part("delayed") == {}
    assert jobs.ttl("a") > 0


@cancel
def test_a_cancelled_running_job_refuses_every_call_of_its_holder(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    assert cancelled(jobs, "a") == ["cancelled"]
    assert jobs.part("inflight") == {}
    with jobs.store.unchanged():
        assert jobs.complete(job) == ["cancelled"]
        assert jobs.fail(job) == ["cancelled"]
        if isinstance(jobs.mode, Reliable):
            assert jobs.extend(job) == ["cancelled"]
            assert jobs.release(job) == ["cancelled"]


@cancel
def test_cancel_publishes_to_the_client_once(jobs: Jobs) -> None:
    heard = jobs.store.listen("me")
    jobs.submit("a", client="me")
    cancelled(jobs, "a", "a")
    cancelled(jobs, "a")
    (message,) = heard.messages()
    ((id, end),) = parse_results(message)
    assert (id, end.state, end.reason) == ("a", "cancelled", "-")


@cancel
def test_cancel_of_an_ended_or_unknown_job_changes_nothing(jobs: Jobs) -> None:
    jobs.complete(*jobs.take("a"))
    with jobs.store.unchanged():
        assert cancelled(jobs, "a", "none") == ["done", "NOJOB"]
    jobs.submit("b")
    assert cancelled(jobs, "b", "b") == ["cancelled", "cancelled"]
    with jobs.store.unchanged():
        assert cancelled(jobs, "b") == ["cancelled"]
    jobs.claim()


@cancel
def test_a_cancelled_job_is_kept_for_the_retention_of_its_submit(jobs: Jobs) -> None:
    jobs.submit("a", delay=HOUR, retention=5000)
    cancelled(jobs, "a")
    assert 0 < jobs.ttl("a") <= 5000


@cancel
def test_a_cancelled_job_frees_its_unique_key(jobs: Jobs) -> None:
    jobs.store.call(jobs.mode.submit(Q, [("a", b"")], unique="one"))
    cancelled(jobs, "a")
    assert jobs.store.call(jobs.mode.submit(Q, [("b", b"")], unique="one")) == [("b", "new")]


@cancel
def test_cancel_publishes_ids_of_running_jobs_only(jobs: Jobs) -> None:
    """Those in flight only: nobody runs the others."""
    heard = Listener(jobs.redis, f"{Q}:cancel")
    jobs.complete(jobs.take("done", "a", "b")[0])
    jobs.submit("waits")
    jobs.submit("later", delay=HOUR)
    cancelled(jobs, "waits", "b", "later", "done", "a", "b", "none")
    cancelled(jobs, "a")
    assert heard.messages() == [b"b", b"a"]
    heard.close()
    jobs.claim()


@cancel
def test_cancel_works_without_rights_to_any_channel(real_store: Store, mode: Mode) -> None:
    jobs = Jobs(real_store, mode)
    jobs.take("a", client="me")
    jobs.redis.execute_command("ACL", "SETUSER", "u", "on", ">x", "~*", "resetchannels", "+@all")
    try:
        with real_store.through(real_store.url.replace("://", "://u:x@")) as narrow:
            assert cancelled(Jobs(narrow, mode), "a") == ["cancelled"]
    finally:
        jobs.redis.execute_command("ACL", "DELUSER", "u")
