"""Spawning a nameko worker that continues the caller's trace."""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Mapping, Sequence
from typing import Any


def spawn_worker(
    container: Any,
    entrypoint: Any,
    args: Sequence[Any],
    kwargs: Mapping[str, Any],
    handle_result: Callable[[Any, Any, Any], tuple[Any, Any]],
    context_data: Mapping[str, Any] | None = None,
) -> None:
    """``container.spawn_worker`` with this greenlet's context variables copied into the worker.

    A greenlet starts with an empty context, in which the outbox would find no traceparent to keep.
    """
    context = container.spawn_worker(
        entrypoint, args, kwargs, context_data=dict(context_data or {}), handle_result=handle_result
    )
    # The worker has not run yet: eventlet only scheduled it.
    container._worker_threads[context].gr_context = contextvars.copy_context()  # noqa: SLF001 (nameko has no accessor)
