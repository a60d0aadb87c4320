"""submit: what is stored, what is answered, and what a second submit of an id does."""

from __future__ import annotations

import json
import time

import pytest
from redis.exceptions import ResponseError
from support.messages import PAYLOADS
from support.servers import MEMORY_PLACES, at
from support.store import HOUR, STORED, Jobs, Q, having

# Gives a script the string.format of a server of 32 bits.
NARROW = """local string = setmetatable({ format = function(what, ...)
  local values = { ... }
  if what == '%d' then values[1] = values[1] % 2 ^ 32 end
  return string.format(what, unpack(values))
end }, { __index = string })
"""


@having("submit")
def test_a_server_of_32_bits_makes_no_queue(jobs: Jobs) -> None:
    call = jobs.mode.submit(Q, [("a", b"1")])
    with pytest.raises(ResponseError, match="BADLAYOUT queue q needs a server of 64 bits"):
        jobs.redis.execute_command("EVAL", NARROW + call.script.body, *call.command()[2:])
    assert jobs.redis.keys(f"{Q}*") == []


@having("submit")
def test_submit_answers_each_item_in_order(jobs: Jobs) -> None:
    assert jobs.submit("b", "a", "c") == [("b", "new"), ("a", "new"), ("c", "new")]


@having("submit")
def test_submitted_jobs_are_claimed_oldest_first(jobs: Jobs) -> None:
    jobs.submit("a", "b")
    jobs.submit("c")
    assert [job.id for job in jobs.claim().jobs] == ["a", "b", "c"]


@having("submit", STORED)
def test_a_submitted_job_is_a_hash_and_an_id_in_pending(jobs: Jobs) -> None:
    before = jobs.now()
    jobs.submit(("a", b"payload"), client="me")
    stored = jobs.job("a")
    assert before <= int(stored.pop("_queued")) <= jobs.now()
    assert stored == {"data": b"payload", "state": b"pending", "client": b"me"}
    assert jobs.pending() == ["a"]
    assert jobs.ttl("a") == -1


@having("submit", STORED)
def test_a_job_without_a_client_has_no_field_client(jobs: Jobs) -> None:
    jobs.submit("a")
    assert jobs.job("a").keys() == {"data", "state", "_queued"}


@having("submit", ["recoverable"])
def test_recoverable_options_are_kept_with_the_job(jobs: Jobs) -> None:
    jobs.submit("a", retention=5, timeout=6)
    stored = jobs.job("a")
    assert (stored["retention"], stored["timeout"]) == (b"5", b"6")


@having("submit", ["reliable"])
def test_reliable_options_are_kept_with_the_job(jobs: Jobs) -> None:
    jobs.submit("a", retention=5, timeout=6, max_attempts=7, backoff=8)
    stored = jobs.job("a")
    kept = [stored[name] for name in ("retention", "timeout", "max_attempts", "backoff")]
    assert kept == [b"5", b"6", b"7", b"8"]


@having("submit", ["simple"])
def test_a_simple_job_is_one_message(jobs: Jobs) -> None:
    before = jobs.now()
    jobs.submit(("a", b'{"x":[]}'), client="me")
    (message,) = jobs.redis.lrange(f"{Q}:pending", 0, -1)
    told = json.loads(message)
    assert before <= told.pop("_queued") <= jobs.now()
    assert told == {"id": "a", "client": "me", "data": {"x": []}}


@having("submit")
def test_a_queue_remembers_its_mode_and_layout(jobs: Jobs) -> None:
    jobs.submit("a")
    meta = jobs.redis.hgetall(f"{Q}:meta")
    assert meta == {b"mode": jobs.mode.name.encode(), b"layout": b"1"}


@having("submit")
def test_an_empty_id_is_made_by_the_script(jobs: Jobs) -> None:
    told = [*jobs.submit("", "", "mine"), *jobs.submit("")]
    ids = [job.id for job in told]
    assert len(set(ids)) == 4
    assert ids[2] == "mine"
    assert {job.outcome for job in told} == {"new"}
    assert [job.id for job in jobs.claim().jobs] == ids


@at(MEMORY_PLACES)
@having("submit", STORED)
def test_an_id_that_is_made_is_never_that_of_a_job(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now)
    told = [*jobs.submit(""), *jobs.submit(""), *jobs.submit("")]
    assert len({job.id for job in told}) == 3
    assert {job.outcome for job in told} == {"new"}


@having("submit", STORED)
@pytest.mark.parametrize("delay", [0, HOUR])
def test_the_same_id_again_returns_its_state_and_changes_nothing(jobs: Jobs, delay: int) -> None:
    jobs.submit("a", delay=delay, client="me")
    with jobs.store.unchanged():
        assert jobs.submit("a", client="me", delay=5) == [("a", "delayed" if delay else "pending")]


@having("submit", STORED)
def test_the_same_id_returns_its_state_until_and_after_its_end(jobs: Jobs) -> None:
    (job,) = jobs.take("a")
    assert jobs.submit("a") == [("a", "inflight")]
    jobs.complete(job)
    with jobs.store.unchanged():
        assert jobs.submit("a") == [("a", "done")]


@having("submit", STORED)
def test_the_same_id_with_other_data_is_a_conflict(jobs: Jobs) -> None:
    jobs.submit(("a", b"first"))
    with jobs.store.unchanged():
        assert jobs.submit(("a", b"second")) == [("a", "CONFLICT")]


@having("submit", STORED)
def test_a_conflict_does_not_stop_the_rest(jobs: Jobs) -> None:
    jobs.submit(("b", b"first"))
    told = jobs.submit("a", ("b", b"second"), "c")
    assert told == [("a", "new"), ("b", "CONFLICT"), ("c", "new")]
    assert jobs.pending() == ["b", "a", "c"]
    assert jobs.job("b")["data"] == b"first"


@having("submit", STORED)
def test_one_id_twice_in_one_call_is_one_job(jobs: Jobs) -> None:
    told = jobs.submit("a", "a", ("a", b"other"))
    assert told == [("a", "new"), ("a", "pending"), ("a", "CONFLICT")]
    assert jobs.pending() == ["a"]


@having("submit", STORED)
def test_an_id_is_free_when_its_retention_is_over(jobs: Jobs) -> None:
    jobs.complete(*jobs.take("a"), retention=0)
    assert jobs.submit(("a", b"other")) == [("a", "new")]


@having("submit", STORED)
def test_a_delayed_job_is_in_delayed_with_its_time(jobs: Jobs) -> None:
    before = jobs.now()
    jobs.submit("a", "b", delay=HOUR)
    assert jobs.pending() == []
    due = jobs.part("delayed")
    assert due.keys() == {"a", "b"}
    assert all(before + HOUR <= ms <= jobs.now() + HOUR for ms in due.values())
    assert jobs.job("a")["state"] == b"delayed"


@having("submit")
def test_submits_of_many_jobs_leave_one_wake_token(jobs: Jobs) -> None:
    jobs.submit("a", "b")
    jobs.submit("c")
    assert jobs.wakes() == 1


@having("submit", STORED)
def test_a_delayed_submit_leaves_a_wake_token(jobs: Jobs) -> None:
    jobs.submit("a", delay=HOUR)
    assert jobs.wakes() == 1


@having("submit", STORED)
def test_a_repeated_submit_leaves_no_wake_token(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.redis.delete(f"{Q}:wake")
    jobs.submit("a")
    assert jobs.wakes() == 0


@having("submit")
def test_any_payload_is_claimed_unchanged(jobs: Jobs) -> None:
    jobs.submit(*[(f"j{n}", data) for n, data in enumerate(PAYLOADS)])
    assert [job.data for job in jobs.claim().jobs] == PAYLOADS
