"""traceparent and tracestate: the trace context of who submits a job, which travels with it."""

from __future__ import annotations

from typing import Any

import pytest
from support.store import HOUR, Jobs, Q, having

from pyjobs.engine.call import Call
from pyjobs.engine.operate import OPERATOR
from pyjobs.errors import BadArgument

every_mode = having("submit")
stored = having("cancel")
PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
STATE = "vendor=a,other=b:1"


def raw_claim(jobs: Jobs, **options: Any) -> list[Any]:
    call = jobs.claim_call(**options)
    reply: list[Any] = jobs.store.call(Call(call.script, call.keys, call.args, lambda raw: raw))
    return reply[1:]


@every_mode
@pytest.mark.parametrize("task", [None, "mail.send"])
def test_a_claim_that_asks_gets_the_trace_context_of_each_job_that_has_one(
    jobs: Jobs, task: str | None
) -> None:
    jobs.submit("a", traceparent=PARENT, tracestate=STATE, task=task)
    jobs.submit("b", traceparent=PARENT, task=task)
    jobs.submit("c", task=task)
    found = [(job.traceparent, job.tracestate) for job in jobs.claim(traces=True).jobs]
    assert found == [(PARENT, STATE), (PARENT, ""), ("", "")]


@every_mode
@pytest.mark.parametrize("task", [None, "mail.send"])
def test_a_claim_that_does_not_ask_replies_as_if_no_job_had_a_trace_context(
    jobs: Jobs, task: str | None
) -> None:
    jobs.submit("a", traceparent=PARENT, tracestate=STATE, task=task)
    jobs.submit("b", task=task)
    (traced, plain) = raw_claim(jobs)
    assert len(traced) == len(plain) == (8 if task else 7)
    assert traced[3] == b"data"


@every_mode
def test_a_job_without_a_trace_context_has_no_place_for_it_where_a_claim_asks(jobs: Jobs) -> None:
    jobs.submit("a")
    jobs.submit("b", task="mail.send")
    jobs.submit("c", traceparent=PARENT)
    jobs.submit("d", traceparent=PARENT, tracestate=STATE)
    assert [len(job) for job in raw_claim(jobs, traces=True)] == [7, 8, 10, 11]


@every_mode
def test_a_traced_job_has_its_data_task_and_outcome_as_any_other(jobs: Jobs) -> None:
    data = b'1,"traceparent":"x","tracestate":"","data":2'
    jobs.submit(("a", data), task="mail.send", traceparent=PARENT)
    (job,) = jobs.claim(traces=True).jobs
    assert (job.id, job.data, job.task, job.traceparent) == ("a", data, "mail.send", PARENT)
    assert jobs.complete(job) == ["done"]


@every_mode
def test_data_that_look_like_a_trace_context_stay_data(jobs: Jobs) -> None:
    data = b'1,"traceparent":"evil","tracestate":"","data":2'
    jobs.submit(("a", data))
    jobs.submit(("b", data), task="mail.send")
    found = [(job.data, job.task, job.traceparent) for job in jobs.claim(traces=True).jobs]
    assert found == [(data, "", ""), (data, "mail.send", "")]


@stored
def test_a_claim_that_is_repeated_gets_the_trace_context_again(jobs: Jobs) -> None:
    jobs.submit("a", traceparent=PARENT, tracestate=STATE)
    first = jobs.claim(nonce="me", traces=True)
    assert jobs.claim(nonce="me", traces=True).jobs == first.jobs
    assert first.jobs[0].tracestate == STATE


@stored
def test_a_job_keeps_its_trace_context_when_it_comes_again(jobs: Jobs) -> None:
    (job,) = jobs.take("a", traceparent=PARENT, tracestate=STATE)
    if jobs.mode.name == "reliable":
        jobs.fail(job, verdict="retry=0")
        (job,) = jobs.claim(traces=True).jobs
        assert (job.attempt, job.traceparent, job.tracestate) == (2, PARENT, STATE)
        jobs.update(job, saved=b"page 1")
        jobs.fail(job, verdict="reject")
    else:
        jobs.fail(job)
    assert jobs.store.call(jobs.mode.requeue(Q, ["a"])) == ["pending"]  # type: ignore[union-attr]
    (job,) = jobs.claim(traces=True).jobs
    assert (job.traceparent, job.tracestate) == (PARENT, STATE)
    (job,) = jobs.lose(job)
    assert job.traceparent == ""
    shown = jobs.store.call(OPERATOR.show(Q, "a"))
    assert (shown.traceparent, shown.tracestate) == (PARENT, STATE)


@stored
def test_a_repeated_submit_with_another_trace_context_finds_the_job_and_changes_nothing(
    jobs: Jobs,
) -> None:
    jobs.submit("a", traceparent=PARENT)
    with jobs.store.unchanged():
        assert jobs.submit("a", traceparent=PARENT.replace("4", "5")) == [("a", "pending")]
        assert jobs.submit("a") == [("a", "pending")]


@stored
def test_a_job_without_a_trace_context_stores_no_field_for_it(jobs: Jobs) -> None:
    jobs.submit("a", delay=HOUR)
    jobs.submit("b", delay=HOUR, tracestate=STATE)
    jobs.submit("c", delay=HOUR, traceparent=PARENT, tracestate=STATE)
    assert jobs.job("b").keys() == jobs.job("a").keys()
    assert jobs.job("c").keys() - jobs.job("a").keys() == {"traceparent", "tracestate"}
    assert jobs.store.call(OPERATOR.show(Q, "a")).traceparent == ""


@every_mode
@pytest.mark.parametrize(
    "options",
    [
        {"traceparent": "00/4bf9"},
        {"traceparent": "x" * 129},
        {"traceparent": PARENT, "tracestate": 'a="b"'},
        {"traceparent": PARENT, "tracestate": "a=\\b"},
        {"traceparent": PARENT, "tracestate": "a=\x7f"},
        {"traceparent": PARENT, "tracestate": "a=é"},
        {"traceparent": PARENT, "tracestate": "x" * 1025},
    ],
)
def test_a_trace_context_that_no_header_holds_is_refused_by_name(
    jobs: Jobs, options: dict[str, str]
) -> None:
    with jobs.store.unchanged(), pytest.raises(BadArgument, match=f"^{[*options][-1]}: not 1 to"):
        jobs.submit("a", **options)


@every_mode
def test_a_tracestate_comes_back_decoded(jobs: Jobs) -> None:
    jobs.submit("a", traceparent=PARENT, tracestate="a=b%20c%22%5C,d=100%25")
    (job,) = jobs.claim(traces=True).jobs
    assert job.tracestate == 'a=b c"\\,d=100%'


@having("claim", ["simple"])
@pytest.mark.parametrize(
    "middle", ['"traceparent":"p",', '"x":1,"traceparent":"p","tracestate":"",']
)
def test_a_simple_message_with_half_a_trace_context_is_set_aside(jobs: Jobs, middle: str) -> None:
    jobs.submit("a")
    message = f'{{"id":"b","client":"","_queued":1,{middle}"data":1}}'.encode()
    jobs.redis.lpush(f"{Q}:pending", message)
    assert [job.id for job in jobs.claim(traces=True).jobs] == ["a"]
    assert jobs.redis.lrange(f"{Q}:broken", 0, -1) == [message]
