"""OpenTelemetry: the spans that a client and a worker make, as an exporter gets them."""

from __future__ import annotations

import asyncio
import importlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import context, trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, SpanKind, StatusCode, TraceFlags, TraceState
from support import traced_tasks
from support.clients import BOTH
from support.running import opened, wait_until

import pyjobs
from pyjobs import BadArgument, ClaimedJob, Client, Continue, Reject, Snooze, Worker, task
from pyjobs.errors import MissingExtra
from pyjobs.otel import trace_run, trace_submit
from pyjobs.testing import running
from pyjobs.testing.jobs import end_memory, memory_url

SOON = 10.0
EXPORTED = InMemorySpanExporter()


@pytest.fixture(scope="module", autouse=True)
def provider() -> None:
    """A process has one tracer provider."""
    made = TracerProvider()
    made.add_span_processor(SimpleSpanProcessor(EXPORTED))
    trace.set_tracer_provider(made)


@pytest.fixture
def url() -> Iterator[str]:
    EXPORTED.clear()
    found = memory_url()
    yield found
    end_memory(found)


def spans(count: int) -> list[ReadableSpan]:
    """So many spans that have ended, in the order of their beginning."""
    wait_until(lambda: len(EXPORTED.get_finished_spans()) >= count)
    found = sorted(EXPORTED.get_finished_spans(), key=lambda span: span.start_time or 0)
    assert len(found) == count
    return found


def attributes(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def is_child(span: ReadableSpan, parent: ReadableSpan) -> bool:
    assert span.context is not None
    assert parent.context is not None
    return (
        span.parent is not None
        and span.parent.span_id == parent.context.span_id
        and span.context.trace_id == parent.context.trace_id
    )


@task(name="half", queue="numbers")
def half(number: int) -> int:
    if number % 2:
        raise ValueError(f"{number} is odd")
    return number // 2


@task(name="half.async", queue="numbers")
async def half_async(number: int) -> int:
    return number // 2


def bare(job: ClaimedJob) -> Any:
    return job.data


def worker_of(url: str, mode: pyjobs.ModeName = "reliable") -> Worker:
    worker = Worker(
        url, mode=mode, tasks=[half, half_async], queues=["numbers"], middleware=[trace_run]
    )
    worker.handler(bare)
    return worker


def trace_of(span: ReadableSpan) -> str:
    assert span.context is not None
    return f"{span.context.trace_id:032x}"


@BOTH
@pytest.mark.parametrize("mode", ["simple", "recoverable", "reliable"])
@pytest.mark.parametrize("submitted", [half, half_async], ids=["plain", "async"])
def test_a_run_is_a_child_of_the_span_of_its_submit(
    url: str, aio: bool, mode: pyjobs.ModeName, submitted: Any
) -> None:
    with (
        running(worker_of(url, mode)),
        opened(url, aio=aio, mode=mode, middleware=[trace_submit]) as client,
    ):
        job = client.submit(submitted, number=4)
        assert job.result(SOON) == 2
        submit, run = spans(2)
    assert is_child(run, submit)
    assert (submit.kind, run.kind) == (SpanKind.PRODUCER, SpanKind.CONSUMER)
    assert (submit.name, run.name) == ("submit numbers", "run numbers")
    shared = {
        "messaging.system": "pyjobs",
        "messaging.destination.name": "numbers",
        "messaging.message.id": job.id,
        "pyjobs.task": submitted.name,
    }
    submits = {"messaging.operation.name": "submit", "messaging.operation.type": "send"}
    runs = {"messaging.operation.name": "run", "messaging.operation.type": "process"}
    assert attributes(submit) == {**shared, **submits}
    assert attributes(run) == {**shared, **runs, "pyjobs.attempt": 1}
    assert {submit.status.status_code, run.status.status_code} == {StatusCode.UNSET}


@BOTH
def test_a_bare_job_is_in_the_trace_in_which_its_client_was(url: str, aio: bool) -> None:
    with (
        running(worker_of(url)),
        opened(url, aio=aio, middleware=[trace_submit]) as client,
    ):
        with trace.get_tracer("shop").start_as_current_span("request"):
            job = client.submit("x", queue="numbers")
        assert job.result(SOON) == "x"
        request, submit, run = spans(3)
    assert is_child(submit, request)
    assert is_child(run, submit)
    assert "pyjobs.task" not in {**attributes(submit), **attributes(run)}


@BOTH
def test_jobs_that_are_submitted_together_have_one_span_of_a_submit(url: str, aio: bool) -> None:
    with (
        running(worker_of(url)),
        opened(url, aio=aio, middleware=[trace_submit]) as client,
    ):
        jobs = client.submit_many(["a", "b"], queue="numbers")
        assert [job.result(SOON) for job in jobs] == ["a", "b"]
        submit, *runs = spans(3)
    assert attributes(submit)["messaging.batch.message_count"] == 2
    assert "messaging.message.id" not in attributes(submit)
    assert [is_child(run, submit) for run in runs] == [True, True]
    assert {attributes(run)["messaging.message.id"] for run in runs} == {job.id for job in jobs}


def test_each_attempt_is_a_span_and_an_error_is_recorded_in_it(url: str) -> None:
    with running(worker_of(url)), Client(url, middleware=[trace_submit]) as client:
        assert client.submit(half.using(max_attempts=2, backoff=0), 5).exception(SOON) is not None
        submit, *runs = spans(3)
    assert [attributes(run)["pyjobs.attempt"] for run in runs] == [1, 2]
    for run in runs:
        assert is_child(run, submit)
        assert run.status.status_code is StatusCode.ERROR
        assert run.status.description == "ValueError: 5 is odd"
        assert attributes(run)["error.type"] == "ValueError"
        [event] = run.events
        assert event.name == "exception"
        assert dict(event.attributes or {})["exception.message"] == "5 is odd"


@pytest.mark.parametrize("verdict", [Snooze(after=0), Continue(1)])
def test_a_run_that_goes_on_later_has_not_failed(url: str, verdict: Exception) -> None:
    left = [verdict]

    @task(name="later", queue="numbers")
    def later() -> None:
        if left:
            raise left.pop()

    worker = Worker(url, tasks=[later], middleware=[trace_run])
    with running(worker), Client(url, middleware=[trace_submit]) as client:
        client.submit(later).result(SOON)
        _, first, second = spans(3)
    assert attributes(first)["pyjobs.verdict"] == type(verdict).__name__.lower()
    assert (first.status.status_code, first.events) == (StatusCode.UNSET, ())
    assert "pyjobs.verdict" not in attributes(second)


def test_a_run_that_rejects_its_job_has_failed(url: str) -> None:
    @task(name="no", queue="numbers")
    def no() -> None:
        raise Reject("never")

    worker = Worker(url, tasks=[no], middleware=[trace_run])
    with running(worker), Client(url, middleware=[trace_submit]) as client:
        assert client.submit(no).exception(SOON) is not None
        _, run = spans(2)
    assert (run.status.status_code, attributes(run)["error.type"]) == (StatusCode.ERROR, "Reject")


def test_the_handler_runs_in_the_span_of_its_run(url: str) -> None:
    @task(name="inner", queue="numbers")
    async def inner() -> None:
        with trace.get_tracer("shop").start_as_current_span("query"):
            pass

    worker = Worker(url, tasks=[inner], middleware=[trace_run])
    with running(worker), Client(url, middleware=[trace_submit]) as client:
        client.submit(inner).result(SOON)
        _, run, query = spans(3)
    assert is_child(query, run)


async def pull_one(url: str) -> None:
    worker = Worker(url, queues=["numbers"], middleware=[trace_run])
    async with worker.jobs() as jobs:
        async for job in jobs:
            await job.fail(ValueError("no"))
            break


def test_the_time_of_a_pulled_job_is_a_span_and_its_error_is_not_recorded(url: str) -> None:
    with Client(url, middleware=[trace_submit]) as client:
        client.submit(1, queue="numbers", max_attempts=1)
        asyncio.run(pull_one(url))
    submit, run = spans(2)
    assert is_child(run, submit)
    assert run.status.status_code is StatusCode.UNSET


@pytest.mark.slow
def test_a_run_in_a_child_process_is_in_the_trace_of_its_submit(url: str) -> None:
    worker = Worker(url, tasks=[traced_tasks.where], child_processes=1, middleware=[trace_run])
    with running(worker), Client(url, middleware=[trace_submit]) as client:
        name, its_trace, parent = client.submit(traced_tasks.where).result(SOON)
        [submit] = spans(1)
    assert submit.context is not None
    assert name == "run q"
    assert (its_trace, parent) == (trace_of(submit), f"{submit.context.span_id:016x}")


def test_a_submit_that_is_refused_is_recorded_in_its_span(url: str) -> None:
    with Client(url, middleware=[trace_submit], mode="simple") as client:
        client.submit("x", queue="numbers")
    EXPORTED.clear()
    with (
        Client(url, middleware=[trace_submit]) as client,
        pytest.raises(pyjobs.errors.WrongMode),
    ):
        client.submit("x", queue="numbers")
    [submit] = spans(1)
    assert submit.status.status_code is StatusCode.ERROR
    assert attributes(submit)["error.type"] == "WrongMode"


def test_the_tracestate_and_the_sampling_of_a_trace_go_on_to_the_run(url: str) -> None:
    seen = []

    def handle(job: ClaimedJob) -> None:
        seen.append((job.traceparent, job.tracestate))

    state = TraceState([("vendor", 'a b"'), ("other", "c")])
    outside = SpanContext(
        0xABC, 0xDEF, is_remote=True, trace_flags=TraceFlags(0), trace_state=state
    )
    here = trace.set_span_in_context(trace.NonRecordingSpan(outside))
    worker = Worker(url, queues=["numbers"], middleware=[trace_run])
    worker.handler(handle)
    with running(worker), Client(url, middleware=[trace_submit]) as client:
        token = context.attach(here)
        job = client.submit(1, queue="numbers")
        context.detach(token)
        job.result(SOON)
    [(parent, its_state)] = seen
    assert parent.startswith(f"00-{0xABC:032x}-")
    assert parent.endswith("-00")  # not sampled, as the trace outside
    assert its_state == 'vendor=a b",other=c'
    assert not EXPORTED.get_finished_spans()


def test_a_trace_context_that_a_submit_names_counts_before_that_of_the_span(url: str) -> None:
    named = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with running(worker_of(url)), Client(url, middleware=[trace_submit]) as client:
        jobs = client.submit_many(["x"], queue="numbers", traceparent=named)
        jobs[0].result(SOON)
        _, run = spans(2)
    assert run.parent is not None
    assert trace_of(run) == named[3:35]


def test_a_client_without_the_middleware_gives_its_jobs_no_trace(url: str) -> None:
    with running(worker_of(url)), Client(url) as client:
        client.submit(half, 4).result(SOON)
        [run] = spans(1)
    assert run.parent is None


def test_without_a_tracer_provider_a_job_carries_no_trace_context(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyjobs.otel.TRACER", trace.NoOpTracer())
    seen = []
    worker = Worker(url, queues=["numbers"], middleware=[trace_run])
    worker.handler(lambda job: seen.append(job.traceparent))
    with running(worker), Client(url, middleware=[trace_submit]) as client:
        client.submit(1, queue="numbers").result(SOON)
    assert seen == [""]


@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("traceparent", "00-1-2-01", "traceparent: must be one of W3C Trace Context"),
        ("traceparent", 7, "traceparent: must be one of W3C Trace Context"),
        ("tracestate", "é", "tracestate: must be 1 to 512 characters of ASCII"),
        ("tracestate", "", "tracestate: must be 1 to 512 characters of ASCII"),
        ("tracestate", "x" * 513, "tracestate: must be 1 to 512 characters of ASCII"),
    ],
)
def test_a_trace_context_that_is_none_is_refused_by_name(
    url: str, name: str, value: Any, why: str
) -> None:
    with Client(url) as client, pytest.raises(BadArgument, match=why):
        client.submit("x", **{name: value})


def test_without_the_package_the_import_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "pyjobs.otel")
    monkeypatch.setitem(sys.modules, "opentelemetry", None)
    with pytest.raises(MissingExtra, match=r"traces need .*: pip install 'pyjobs\[otel\]'"):
        importlib.import_module("pyjobs.otel")
