"""OpenTelemetry: a span around each submit and around each run of a job, in one trace.

    from pyjobs.otel import trace_run, trace_submit

    client = Client(middleware=[trace_submit])
    worker = Worker(middleware=[trace_run])

Importing this needs the extra 'otel'. Spans go to the tracer provider of the program. Only what
makes spans may live here.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from importlib.metadata import version

from pyjobs.client import SubmitCall
from pyjobs.errors import MissingExtra
from pyjobs.worker import ClaimedJob, Continue, Snooze

try:
    from opentelemetry import context, trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ImportError:
    raise MissingExtra("traces need the extra 'otel': pip install 'pyjobs[otel]'") from None

__all__ = ["trace_run", "trace_submit"]

TRACER = trace.get_tracer("pyjobs", version("pyjobs"))
W3C = TraceContextTextMapPropagator()
# Most characters of a tracestate that every program passes on.
LONGEST_STATE = 512


@contextlib.contextmanager
def trace_submit(call: SubmitCall) -> Iterator[None]:
    """Surround a submit with a span of a producer, as a middleware of a client of any kind. The
    jobs carry the context of the span.

    One call of `submit_many` is one span; of a generator each part that is sent is one.

    Args:
        call: what is submitted.
    """
    attributes = about("submit", "send", *call.queues)
    if call.task:
        attributes["pyjobs.task"] = call.task
    if call.count != 1:
        attributes["messaging.batch.message_count"] = call.count
    with around(attributes, trace.SpanKind.PRODUCER, context.get_current()) as span:
        carrier: dict[str, str] = {}
        W3C.inject(carrier)
        if "traceparent" in carrier:
            state = carrier.get("tracestate", "")
            call.traceparent = carrier["traceparent"]
            call.tracestate = state if 0 < len(state) <= LONGEST_STATE else None
        yield
        if call.count == 1:
            span.set_attribute("messaging.message.id", call.jobs[0].id)


@contextlib.contextmanager
def trace_run(job: ClaimedJob) -> Iterator[None]:
    """Surround a run of a job with a span of a consumer, as a middleware of a worker. Its parent is
    the span of the submit, so that all attempts of a job are in the trace of their submit.

    An error of the handler is recorded, and the span has failed; Snooze and Continue are no errors.

    Args:
        job: the job that is run.
    """
    attributes = about("run", "process", job.queue)
    attributes |= {"messaging.message.id": job.id, "pyjobs.attempt": job.attempt}
    if job.task:
        attributes["pyjobs.task"] = job.task
    carrier = {"traceparent": job.traceparent, "tracestate": job.tracestate}
    parent = W3C.extract(carrier, context.get_current())
    with around(attributes, trace.SpanKind.CONSUMER, parent) as span:
        try:
            yield
        finally:
            if job.lost:
                span.set_attribute("pyjobs.lost", True)


def about(name: str, kind: str, *queues: str) -> dict[str, str | int]:
    """Return the attributes of an operation, as the conventions for messaging name them.

    Args:
        name: what pyjobs calls the operation.
        kind: what the conventions call it.
        queues: the names of its queues.
    """
    found: dict[str, str | int] = {
        "messaging.system": "pyjobs",
        "messaging.operation.name": name,
        "messaging.operation.type": kind,
    }
    if len(queues) == 1:
        found["messaging.destination.name"] = queues[0]
    return found


@contextlib.contextmanager
def around(
    attributes: dict[str, str | int], kind: trace.SpanKind, parent: context.Context
) -> Iterator[trace.Span]:
    """Surround an operation with a span, which is the present one meanwhile.

    Args:
        attributes: what `about` returned, and more.
        kind: of the span.
        parent: the context whose span is the parent.
    """
    words = (attributes.get(f"messaging.{what}.name", "") for what in ("operation", "destination"))
    name = " ".join(str(word) for word in words if word)
    with TRACER.start_as_current_span(
        name,
        parent,
        kind,
        attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except (Snooze, Continue) as verdict:
            span.set_attribute("pyjobs.verdict", type(verdict).__name__.lower())
            raise
        except BaseException as error:
            span.record_exception(error)
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(trace.StatusCode.ERROR, f"{type(error).__name__}: {error}")
            raise
