"""Jobs that go to another queue: whole, once, and carried on after a mover was killed."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from support.servers import SERVER_PLACES, at
from support.store import HOUR, Jobs, Q, Store

from pyjobs.admin import Filter, moves
from pyjobs.admin.plan import Plan, drive
from pyjobs.engine import (
    MODES,
    OPERATOR,
    RELIABLE,
    Keys,
    SentJob,
    receive_jobs,
    send_jobs,
    settle_jobs,
)
from pyjobs.errors import BadArgument, BadLayout, WrongMode

pytestmark = at(SERVER_PLACES)
TO = "jobs:{to}"
KEYS = Keys()


def send(jobs: Jobs, *ids: str, nonce: str = "n", **options: Any) -> list[SentJob]:
    page = jobs.store.call(send_jobs(Q, ids, to="to", nonce=nonce, **options))
    return page.jobs  # type: ignore[no-any-return]


def receive(jobs: Jobs, *sent: SentJob) -> list[str]:
    return jobs.store.call(receive_jobs(TO, "reliable", sent))  # type: ignore[no-any-return]


def settle(jobs: Jobs, *answers: tuple[str, str, str]) -> list[str]:
    return jobs.store.call(settle_jobs(Q, answers))  # type: ignore[no-any-return]


def test_jobs_of_each_place_go_to_the_same_place_of_the_other_queue(ask: Any, jobs: Jobs) -> None:
    jobs.fail(*jobs.take("dead"), verdict="reject", error=b"why")
    jobs.take("held")
    jobs.submit("waits", client="me", unique="key", timeout=5, task="mail")
    jobs.submit("later", delay=HOUR)
    before = {id: jobs.job(id) for id in ("dead", "waits", "later")}
    due = jobs.part("delayed")["later"]
    heard = jobs.store.listen("me")
    answers = ask("move", "q", "to", ["dead", "held", "waits", "later", "none"])
    messages = heard.messages()
    heard.close()
    assert [(one.id, one.word, one.done) for one in answers] == [
        ("dead", "moved", True),
        ("held", "inflight", False),
        ("waits", "moved", True),
        ("later", "moved", True),
        ("none", "NOJOB", False),
    ]
    del before["waits"]["client"]
    for id, fields in before.items():
        there = jobs.redis.hgetall(f"{TO}:job:{id}")
        assert {name.decode(): value for name, value in there.items()} == fields
    assert jobs.pending(TO) == ["waits"]
    assert jobs.redis.zscore(f"{TO}:delayed", "later") == due
    assert jobs.redis.zcard(f"{TO}:dead") == 1
    assert jobs.redis.get(f"{TO}:unique:key") == b"waits"
    trace = jobs.job("waits")
    assert (trace["state"], trace["reason"], trace["error"]) == (b"cancelled", b"moved", b"to")
    assert b"waits cancelled moved" in messages[0]
    assert not jobs.redis.exists(f"{Q}:moving", f"{Q}:unique:key")
    # A repeated submit finds the trace, and makes no second job.
    assert jobs.submit("later", delay=HOUR) in (["cancelled"], [("later", "cancelled")])
    jobs.claim(9)
    jobs.redis.flushall()


def test_a_job_of_a_schedule_that_was_moved_is_of_no_schedule(jobs: Jobs) -> None:
    jobs.submit("daily:1")
    jobs.redis.hset(f"{Q}:job:daily:1", "schedule", "daily")
    assert receive(jobs, *send(jobs, "daily:1")) == ["received"]
    assert jobs.redis.hget(f"{TO}:job:daily:1", "state") == b"pending"
    assert jobs.redis.hget(f"{TO}:job:daily:1", "schedule") is None
    jobs.redis.flushall()


def test_jobs_of_a_filter_are_counted_and_moved(ask: Any, jobs: Jobs) -> None:
    jobs.submit(*(f"m{n}" for n in range(450)), task="mail")
    jobs.submit("other")
    where = Filter(task="mail")
    assert ask("count_jobs", "q", "move", where) == 450
    with pytest.raises(BadArgument, match=r"^expected: 600 jobs, and now there are 450"):
        ask("move_jobs", "q", "to", where, expected=600)
    found = ask("move_jobs", "q", "to", where, expected=450)
    assert (found.done, found.refused) == (450, [])
    assert len(jobs.pending(TO)) == 450
    assert [job.id for job in jobs.claim(limit=9).jobs] == ["other"]
    jobs.redis.flushall()


def test_a_move_that_can_not_be_is_refused(ask: Any, jobs: Jobs) -> None:
    jobs.submit("a")
    with pytest.raises(BadArgument, match=r"^to: the jobs are on queue q already$"):
        ask("move", "q", "q", ["a"])
    jobs.redis.hset(f"{TO}:meta", mapping={"mode": "recoverable", "layout": 1})
    with pytest.raises(WrongMode, match=r"^queue to is recoverable, not reliable$"):
        ask("move", "q", "to", ["a"])
    with pytest.raises(BadArgument, match=r"^edit: a move needs a queue"):
        ask("edit_jobs", "q", "move")
    assert jobs.pending() == ["a"]


def test_a_job_whose_id_or_unique_key_is_taken_goes_back_to_its_place(ask: Any, jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.submit("b", unique="key")
    jobs.store.call(RELIABLE.submit(TO, [("a", b"other")]))
    jobs.store.call(RELIABLE.submit(TO, [("c", b"other")], unique="key"))
    answers = ask("move", "q", "to", ["a", "b"])
    assert [(one.word, one.done) for one in answers] == [("CONFLICT", False)] * 2
    assert [job.id for job in jobs.claim(limit=9).jobs] == ["a", "b"]
    assert jobs.redis.get(f"{Q}:unique:key") == b"b"
    assert ask("check", "q") == []
    jobs.redis.flushall()


STEPS = ["before", "sent", "received", "settled"]


@pytest.mark.parametrize("steps", range(4), ids=STEPS)
@pytest.mark.parametrize("target", ["whole", "parts", "split-meanwhile", "grown-meanwhile"])
def test_the_next_move_carries_on_what_a_killed_mover_left(
    ask: Any, jobs: Jobs, steps: int, target: str
) -> None:
    """A mover is killed after so many calls. The job ends at once in the other queue, and nothing
    of it is kept: the worst that can be. That queue may be in parts, and may grow before the next
    move."""
    if target in ("parts", "grown-meanwhile"):
        ask("split", "to", 2)
    jobs.submit("a", retention=0)
    jobs.submit("b")

    def killed_after(plan: Plan[Any], left: int) -> Plan[None]:
        answer: Any = None
        while True:
            step = plan.send(answer)
            if (
                "queue/send" in str(step)
                or "queue/receive" in str(step)
                or "queue/sent" in str(step)
            ):
                if left == 0:
                    return
                left -= 1
            answer = yield step

    try:
        drive(jobs.redis, killed_after(moves.move_ids(KEYS, "q", "to", ["a"]), steps))
    except StopIteration:
        pass
    except RuntimeError:
        pass
    ran = []
    other = Jobs(jobs.store, RELIABLE)
    if target.endswith("-meanwhile"):
        ask("split", "to", 5)

    def work() -> None:
        for queue in (Q, *ask("parts", "to").keys(TO)):
            claimed = jobs.store.call(other.claim_call(limit=9, queues=(queue,)))
            for job in claimed.jobs:
                ran.append(job.id)
                jobs.store.call(RELIABLE.complete(queue, [(job.id, job.token, b"1")], retention=0))

    work()
    assert ask("settle_parts", "to") == ""
    ask("move", "q", "to", ["b"])
    work()
    assert sorted(ran) == ["a", "b"]
    assert not jobs.redis.exists(f"{Q}:moving")
    jobs.redis.flushall()


def test_the_first_answer_to_a_move_stands(jobs: Jobs) -> None:
    jobs.submit("a")
    sent = send(jobs, "a")
    [again] = send(jobs, "a", nonce="other")
    assert again._replace(dump=sent[0].dump) == sent[0]
    assert receive(jobs, *sent) == ["received"]
    jobs.redis.delete(f"{TO}:job:a", f"{TO}:pending")
    assert receive(jobs, *sent) == ["received"]
    assert not jobs.redis.exists(f"{TO}:job:a")
    assert settle(jobs, ("a", "0-other", "received")) == ["NOJOB"]
    assert settle(jobs, ("a", sent[0].move, "received")) == ["moved"]
    assert settle(jobs, ("a", sent[0].move, "received")) == ["NOJOB"]
    jobs.redis.flushall()


def test_a_parked_job_whose_id_was_submitted_again_stays_parked(jobs: Jobs) -> None:
    jobs.submit("a")
    [sent] = send(jobs, "a")
    jobs.redis.delete(f"{Q}:job:a", f"{Q}:pending")
    jobs.submit("a")
    assert settle(jobs, ("a", sent.move, "CONFLICT")) == ["CONFLICT"]
    assert jobs.redis.zscore(f"{Q}:moving", "a")
    jobs.redis.flushall()


def test_a_job_that_was_parked_over_a_day_ago_is_not_sent_again(jobs: Jobs) -> None:
    jobs.submit("a")
    send(jobs, "a")
    jobs.redis.zadd(f"{Q}:moving", {"a": jobs.now() - 25 * HOUR})
    [job] = send(jobs, "a")
    assert (job.move, job.word, job.to, job.dump) == ("", "stale", "to", b"")
    jobs.redis.flushall()


def test_a_job_that_the_other_server_cannot_read_goes_back(jobs: Jobs) -> None:
    jobs.submit("a")
    [sent] = send(jobs, "a", state="pending")
    assert receive(jobs, sent._replace(dump=b"junk")) == ["unreadable"]
    assert settle(jobs, ("a", sent.move, "unreadable")) == ["kept"]
    assert [job.id for job in jobs.claim().jobs] == ["a"]
    jobs.redis.flushall()


def test_a_send_takes_jobs_of_the_state_that_it_asks_for(jobs: Jobs) -> None:
    jobs.submit("a")
    assert [job.word for job in send(jobs, "a", "none", state="dead")] == ["pending", "NOJOB"]
    assert jobs.pending() == ["a"]


def test_recoverable_jobs_are_moved_and_simple_ones_are_not(ask: Any, store: Store) -> None:
    jobs = Jobs(store, MODES["recoverable"])
    jobs.submit("a")
    assert ask("move_jobs", "q", "to").done == 1
    assert jobs.pending(TO) == ["a"]
    store.redis.hset(f"{Q}:meta", "mode", "simple")
    with pytest.raises(BadArgument, match=r"^move: a queue of simple mode does not have it$"):
        ask("move", "q", "to", ["a"])
    store.redis.flushall()


def test_a_job_that_is_named_twice_is_received_once(jobs: Jobs) -> None:
    """A mover that dies after `receive` finds by its next call what the first word was."""
    jobs.submit("a")
    sent = send(jobs, "a", "a")
    assert receive(jobs, *sent) == ["received"] * 2
    assert receive(jobs, *sent) == ["received"] * 2
    jobs.redis.flushall()


def test_a_job_that_went_back_meanwhile_is_not_carried_on(jobs: Jobs) -> None:
    """Another mover has settled the outbox between the two calls of this one."""
    jobs.submit("a")
    jobs.submit("b")
    [parked] = send(jobs, "a")
    plan = moves.move_ids(KEYS, "q", "elsewhere", ["b"])

    def meanwhile() -> Plan[Any]:
        answer: Any = None
        settled = looked = False
        while True:
            step = plan.send(answer)
            if looked and not settled:
                assert settle(jobs, ("a", parked.move, "CONFLICT")) == ["kept"]
                settled = True
            answer = yield step
            looked = looked or "ZRANGE" in str(step)

    with contextlib.suppress(RuntimeError):
        drive(jobs.redis, meanwhile())
    assert jobs.job("a")["state"] == b"pending"
    assert jobs.pending("jobs:{elsewhere}") == ["b"]
    jobs.redis.flushall()


def test_a_unique_key_that_the_job_itself_holds_is_no_conflict(jobs: Jobs) -> None:
    """The other queue has lost the hash of the job, and has its unique key still."""
    jobs.submit("a", unique="key")
    jobs.redis.set(f"{TO}:unique:key", "a")
    assert receive(jobs, *send(jobs, "a")) == ["received"]
    jobs.redis.flushall()


def test_a_queue_with_parked_jobs_keeps_its_mode(jobs: Jobs) -> None:
    jobs.submit("a", delay=HOUR)
    send(jobs, "a")
    assert jobs.store.call(OPERATOR.set_mode(Q, "simple")) == ("kept", "reliable", 1, 0)
    jobs.redis.flushall()


def test_a_queue_that_has_got_another_mode_refuses_and_the_job_goes_back(
    ask: Any, jobs: Jobs
) -> None:
    jobs.submit("a")
    jobs.submit("b")
    [sent] = send(jobs, "a")
    jobs.redis.hset(f"{TO}:meta", mapping={"mode": "recoverable", "layout": 1})
    assert [one.done for one in ask("move", "q", "third", ["b"])] == [True]
    assert [job.id for job in jobs.claim(limit=9).jobs] == ["a"]
    assert jobs.pending("jobs:{third}") == ["b"]
    # The refusal stands, also when the queue has its mode back.
    jobs.redis.hset(f"{TO}:meta", "mode", "reliable")
    assert receive(jobs, sent) == ["WRONGMODE"]
    assert not jobs.redis.exists(f"{TO}:job:a", f"{TO}:wake")
    jobs.redis.flushall()


def test_the_first_answer_stands_also_when_the_queue_has_got_another_mode(jobs: Jobs) -> None:
    """The job was received and has ended, and nothing of it is kept."""
    jobs.submit("a")
    sent = send(jobs, "a")
    assert receive(jobs, *sent) == ["received"]
    jobs.redis.delete(f"{TO}:job:a", f"{TO}:pending")
    jobs.redis.hset(f"{TO}:meta", "mode", "simple")
    assert receive(jobs, *sent) == ["received"]
    jobs.redis.flushall()


def test_a_queue_of_another_layout_holds_up_no_move_to_a_third(ask: Any, jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.submit("b")
    send(jobs, "a")
    jobs.redis.hset(f"{TO}:meta", mapping={"mode": "reliable", "layout": 9})
    assert [one.done for one in ask("move", "q", "third", ["b"])] == [True]
    with pytest.raises(BadLayout):
        ask("move", "q", "to", ["b"])
    assert jobs.redis.zcard(f"{Q}:moving") == 1
    jobs.redis.flushall()


def test_a_suspect_that_has_its_turn_stays(jobs: Jobs) -> None:
    jobs.submit("a", "b")
    jobs.redis.hset(f"{Q}:job:a", "crashes", 2)
    jobs.redis.hset(f"{Q}:job:b", "crashes", 1)
    assert [job.word for job in send(jobs, "a", "b")] == ["quarantine", "pending"]
    assert jobs.job("a")["state"] == b"pending"
    jobs.redis.flushall()


def park(jobs: Jobs, *ids: str, hours: int = 0) -> list[SentJob]:
    """Jobs that were parked so many hours and two minutes ago."""
    jobs.submit(*ids)
    sent = send(jobs, *ids)
    since = jobs.now() - hours * HOUR - 120_000
    jobs.redis.zadd(f"{Q}:moving", dict.fromkeys(ids, since))
    return sent


def test_the_outbox_is_listed_and_says_what_holds_up_each_job(ask: Any, jobs: Jobs) -> None:
    park(jobs, "stale", hours=25)
    park(jobs, "parked", "taken", "missing")
    jobs.redis.delete(f"{Q}:moving:missing", f"{Q}:job:taken")
    jobs.submit("taken", "fresh")
    send(jobs, "fresh", nonce="other")
    found = ask("outbox", "q")
    assert [(job.id, job.finding, job.to) for job in found if job.id != "missing"] == [
        ("stale", "stale", "to"),
        ("parked", "parked", "to"),
        ("taken", "taken", "to"),
        ("fresh", "", "to"),
    ]
    assert {(one.place, one.id, one.finding, one.state) for one in ask("check", "q")} == {
        ("outbox", "stale", "stale", "pending"),
        ("outbox", "parked", "parked", "pending"),
        ("outbox", "taken", "taken", "pending"),
        ("outbox", "missing", "missing", ""),
    }
    jobs.redis.flushall()


def test_a_repair_carries_on_what_is_parked(ask: Any, jobs: Jobs) -> None:
    park(jobs, "stale", hours=25)
    park(jobs, "parked", "refused", "missing")
    jobs.redis.delete(f"{Q}:moving:missing")
    jobs.store.call(RELIABLE.submit(TO, [("refused", b"other")]))
    words = {one.finding.id: one.word for one in ask("repair", "q")}
    assert words == {
        "stale": "left",
        "parked": "mended",
        "refused": "mended",
        "missing": "mended",
    }
    assert jobs.job("refused")["state"] == b"pending"
    assert [one.id for one in ask("check", "q")] == ["stale"]
    jobs.redis.flushall()


def test_an_operator_says_what_became_of_a_stale_job(ask: Any, jobs: Jobs) -> None:
    park(jobs, "came", "lost", hours=25)
    park(jobs, "parked")
    with pytest.raises(BadArgument, match=r"^word: 'done' is not one of gone, back$"):
        ask("settle", "q", ["came"], "done")
    gone = ask("settle", "q", ["came", "parked", "none"], "gone")
    assert [(one.word, one.done) for one in gone] == [
        ("moved", True),
        ("parked", False),
        ("NOJOB", False),
    ]
    assert [(one.word, one.done) for one in ask("settle", "q", ["lost", "parked"], "back")] == [
        ("kept", True),
        ("parked", False),
    ]
    assert [job.id for job in jobs.claim(limit=9).jobs] == ["lost"]
    jobs.redis.flushall()


def test_a_thousand_stale_jobs_hold_up_no_other(ask: Any, jobs: Jobs) -> None:
    """Nothing but their entries and the fields that are read of them is made: that is cheaper."""
    since = jobs.now() - 25 * HOUR
    pipe = jobs.redis.pipeline(transaction=False)
    for n in range(1001):
        pipe.zadd(f"{Q}:moving", {f"s{n}": since})
        pipe.hset(f"{Q}:moving:s{n}", mapping={"move": "0-x", "to": "to", "state": "pending"})
    pipe.execute()
    park(jobs, "parked")
    jobs.submit("b")
    assert [one.done for one in ask("move", "q", "third", ["b"])] == [True]
    assert jobs.pending(TO) == ["parked"]
    [problem] = [one for one in ask("doctor", ["q"]) if one.code == "stale"]
    assert problem.wrong.startswith("1001 jobs have been on their way")
    jobs.redis.flushall()
