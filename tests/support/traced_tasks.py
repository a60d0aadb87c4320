"""A task that says in which span its run is, which child processes find by its name."""

from __future__ import annotations

import multiprocessing

from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

from pyjobs import task

if multiprocessing.parent_process() is not None:
    # As a program does that traces in child processes: each has a provider of its own.
    trace.set_tracer_provider(TracerProvider())


@task(name="traced.where", queue="q", executor="process")
def where() -> list[str]:
    span = trace.get_current_span()
    assert isinstance(span, ReadableSpan)
    assert span.parent is not None
    context = span.get_span_context()
    assert context is not None
    return [span.name, f"{context.trace_id:032x}", f"{span.parent.span_id:016x}"]
