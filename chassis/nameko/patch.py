"""The first thing a service process does: make sockets, threads and psycopg2 yield to other greenlets."""

import warnings


def patch() -> None:
    """Monkey-patch the process. To be called before anything else is imported that touches sockets or psycopg2.

    eventlet announces its own deprecation at import; that it is behind the chassis, so that it can be replaced, is
    decided (docs/decisions/0001), and a log of JSON lines is no place to be told at every start.
    """
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    import eventlet  # noqa: PLC0415 (after the filter, which it would otherwise escape)

    eventlet.monkey_patch()
