"""Trace context (W3C Trace Context, OpenTelemetry): carried as ``traceparent`` text through the outbox, events and RPC.

Spans leave the process only when OTEL_EXPORTER_OTLP_ENDPOINT is set; without it identifiers still travel, so a log
line can be joined with the one that caused it.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import Literal, cast

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter
from opentelemetry.trace import Link, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags

from chassis.logs import get_logger

Kind = Literal["internal", "server", "client", "producer", "consumer"]

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")
_NAME = "wangge"
_log = get_logger()


def configure(service: str) -> None:
    """Gives this process span identifiers, and an OTLP exporter when OTEL_EXPORTER_OTLP_ENDPOINT is set.

    The exporter's package is optional: its absence is logged and the process runs on without.
    """
    provider = TracerProvider(resource=Resource.create({"service.name": service}))
    endpoint = os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    if endpoint and (exporter := _otlp_exporter()) is not None:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)


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
    name: str, kind: Kind = "internal", parent: str | None = None, links: Sequence[str | None] = ()
) -> Iterator[Span]:
    """Opens a span. ``parent`` and ``links`` are traceparents; an unreadable one is as good as none.

    Without ``parent`` the span that is open here is the parent. A batch links to the messages it handles, for it has
    many parents.
    """
    remote = _read(parent)
    context = trace.set_span_in_context(NonRecordingSpan(remote), Context()) if remote else None
    linked = [Link(found) for text in links if (found := _read(text)) is not None]
    tracer = trace.get_tracer(_NAME)
    with tracer.start_as_current_span(name, context=context, kind=SpanKind[kind.upper()], links=linked) as opened:
        yield opened


def _read(traceparent: str | None) -> SpanContext | None:
    match = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if match is None or match[0].startswith("ff"):
        return None
    context = SpanContext(
        int(match[1], 16), int(match[2], 16), is_remote=True, trace_flags=TraceFlags(int(match[3], 16))
    )
    return context if context.is_valid else None
