"""OpenTelemetry traces through the extra ``telemetry``: a span for each request, feed, and step of a job.

Off unless ``traces_endpoint`` names a collector; then nothing but numbers and names of ours leaves: routes, never
addresses (tokens stand in them), kinds of errors, never their words.
"""

from __future__ import annotations

import atexit
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from release_mgmt import __version__
from release_mgmt.core.errors import InvalidInput

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Span, Tracer

_OFF = nullcontext()
_tracer: Tracer | None = None


def start(endpoint: str, part: str, exporter: SpanExporter | None = None) -> None:
    """Send spans of this process to a collector (OTLP over HTTP), or to ``exporter``; a second call changes nothing.

    :raises InvalidInput: when the extra is not installed.
    """
    global _tracer  # noqa: PLW0603 - one process, one place that spans go to
    if _tracer is not None:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    except ImportError:
        raise InvalidInput.at(
            "traces_endpoint", "needs the extra `telemetry`", "pip install 'release-mgmt[telemetry]'"
        ) from None
    told = {"service.name": "release-mgmt", "service.version": __version__, "release_mgmt.part": part}
    provider = TracerProvider(resource=Resource.create(told))
    if exporter is not None:
        provider.add_span_processor(SimpleSpanProcessor(exporter))
    else:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint)))
    atexit.register(provider.shutdown)
    _tracer = provider.get_tracer("release_mgmt", __version__)


def stop() -> None:
    """Send no more."""
    global _tracer  # noqa: PLW0603 - see start
    _tracer = None


def span(
    name: str, attributes: Mapping[str, str | int], caller: Mapping[str, str] | None = None
) -> AbstractContextManager[Span | None]:
    """A span while the block runs; None when traces are off. ``caller``: headers that may hold a ``traceparent``."""
    return _OFF if _tracer is None else _span(_tracer, name, attributes, caller)


@contextmanager
def _span(
    tracer: Tracer, name: str, attributes: Mapping[str, str | int], caller: Mapping[str, str] | None
) -> Iterator[Span]:
    from opentelemetry.trace import Status, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    context = TraceContextTextMapPropagator().extract(caller) if caller else None
    with tracer.start_as_current_span(
        name, context, attributes=dict(attributes), record_exception=False, set_status_on_exception=False
    ) as made:
        try:
            yield made
        except BaseException as error:
            made.set_status(Status(StatusCode.ERROR, type(error).__name__))
            raise
