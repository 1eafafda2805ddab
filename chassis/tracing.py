"""Trace context (W3C Trace Context, OpenTelemetry): carried as ``traceparent`` text through the outbox, events and RPC.

Spans leave the process only when OTEL_EXPORTER_OTLP_ENDPOINT is set; without it identifiers still travel, so a log
line can be joined with the one that caused it, and nothing else is made of a span (measured: 24 µs each, of which
nobody would have seen anything).
"""

import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from typing import Literal, cast

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags, Tracer

from chassis.logs import get_logger

Kind = Literal["internal", "server", "client", "producer", "consumer"]

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_NAME = "wangge"
_ids = RandomIdGenerator()
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_log = get_logger()


@dataclass(slots=True)
class _Process:
    """What this process does about spans."""

    configured: bool = False
    tracer: Tracer | None = None
    """Records spans for an exporter."""


_process = _Process()


def configure(service: str) -> None:
    """Gives this process span identifiers, and an OTLP exporter when OTEL_EXPORTER_OTLP_ENDPOINT is set.

    The exporter's package is optional: its absence is logged and the process runs on without.
    """
    _process.configured = True
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    if endpoint and (exporter := _otlp_exporter()) is not None:
        provider = TracerProvider(resource=Resource.create({"service.name": service}))
        provider.add_span_processor(BatchSpanProcessor(exporter))
        trace.set_tracer_provider(provider)
        _process.tracer = provider.get_tracer(_NAME)


def _otlp_exporter() -> SpanExporter | None:
    try:
        module = import_module("opentelemetry.exporter.otlp.proto.http.trace_exporter")
    except ImportError:
        _log.warning("spans are not exported: package opentelemetry-exporter-otlp-proto-http is not installed")
        return None
    return cast("SpanExporter", module.OTLPSpanExporter())


def current_traceparent() -> str | None:
    """The ``traceparent`` of the span that is open here, or None outside any."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


@contextmanager
def span(
    name: str,
    kind: Kind = "internal",
    parent: str | None = None,
    links: Sequence[str | None] = (),
    *,
    ends: bool = True,
) -> Iterator[Span]:
    """Opens a span. ``parent`` and ``links`` are traceparents; an unreadable one is as good as none.

    Without ``parent`` the span that is open here is the parent. A batch links to the messages it handles, for it has
    many parents. With ``ends`` False what was yielded is for the caller to end: work that outlives the block.
    """
    remote = _read(parent)
    if _process.tracer is None:
        with _identified(remote) as opened:
            yield opened
        return
    context = trace.set_span_in_context(NonRecordingSpan(remote), Context()) if remote else None
    linked = [Link(found) for text in links if (found := _read(text)) is not None]
    with _process.tracer.start_as_current_span(
        name, context=context, kind=SpanKind[kind.upper()], links=linked, end_on_exit=ends
    ) as opened:
        yield opened


@contextmanager
def on_behalf_of(name: str, kind: Kind, causes: Iterable[str | None]) -> Iterator[None]:
    """What is done in this block is done for many at once: each cause gets a span of its own, in its own trace.

    So the trace of one call reaches to its last consumer, although that consumer takes a hundred messages at a time.
    Each of these spans links to the one that is open here. Nothing happens unless spans are exported.
    """
    if _process.tracer is None:
        yield
        return
    began = time.time_ns()
    around = trace.get_current_span().get_span_context()
    try:
        yield
    finally:
        for cause in filter(None, map(_read, dict.fromkeys(causes))):
            context = trace.set_span_in_context(NonRecordingSpan(cause), Context())
            _process.tracer.start_span(
                name, context=context, kind=SpanKind[kind.upper()], links=[Link(around)], start_time=began
            ).end()


@contextmanager
def _identified(remote: SpanContext | None) -> Iterator[Span]:
    """A span of which only the identifiers are made: those who export may be elsewhere, so it counts as sampled."""
    above = remote or trace.get_current_span().get_span_context()
    opened = NonRecordingSpan(_below(above) if _process.configured else above)
    token = attach(trace.set_span_in_context(opened))
    try:
        yield opened
    finally:
        detach(token)


def _below(above: SpanContext) -> SpanContext:
    flags = above.trace_flags if above.is_valid else _SAMPLED
    trace_id = above.trace_id or _ids.generate_trace_id()
    return SpanContext(trace_id, _ids.generate_span_id(), is_remote=False, trace_flags=flags)


def _read(traceparent: str | None) -> SpanContext | None:
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None or match[0].startswith("ff"):
        return None
    context = SpanContext(
        int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=TraceFlags(int(match[3], 16))
    )
    return context if context.is_valid else None
