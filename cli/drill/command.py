"""`wangge drill`: a drill incident each minute through everything, and the county's figures, for Prometheus."""

from __future__ import annotations

import signal
import sys
import threading
import time

import click


@click.command(
    epilog="Examples:\n\n  wangge drill --once       one drill; exit status 1 when it does not go all the way\n\n"
    "  WANGGE_URL=… WANGGE_TOKEN=… wangge drill --listen 0.0.0.0:9115\n\n"
    "With WANGGE_TLS_CERTIFICATE and WANGGE_TLS_KEY (PEM files) /metrics is served encrypted."
)
@click.option("--every", type=click.FloatRange(5), default=60.0, show_default=True, help="Seconds between drills.")
@click.option("--listen", default="127.0.0.1:9116", show_default=True, help="Where /metrics is served.")
@click.option("--once", is_flag=True, help="One drill, its times on standard output.")
@click.option("--instance", default="default", show_default=True, metavar="NAME", help="Which local stack.")
def drill(every: float, listen: str, instance: str, *, once: bool) -> None:
    """端到端自检演练 / a synthetic drill incident, end to end, each minute; figures leave it out."""
    from cli.api import ApiError, connect

    try:
        client = connect(instance)
    except ApiError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    if once:
        begun = time.monotonic()
        sys.exit(0 if _round(client) and _say(f"演练完成 · done in {time.monotonic() - begun:.2f} s") else 1)
    _serve(listen)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    due = time.monotonic()
    while not stop.is_set():
        _round(client)
        _compliance(client)
        # Drills keep their minute: one that took long is not followed by a pause that is longer still.
        due = max(due + every, time.monotonic())
        stop.wait(due - time.monotonic())


def _serve(listen: str) -> None:
    from prometheus_client import make_wsgi_app

    from chassis import logs
    from chassis.own_port import OwnPortSettings
    from chassis.pages import PageServer
    from chassis.settings import load_or_exit
    from chassis.tls import offer_or_exit

    settings = load_or_exit(OwnPortSettings)
    logs.configure("drill", settings.log_level, settings.instance)
    host, _, port = listen.rpartition(":")
    PageServer(int(port), make_wsgi_app(), host=host or "127.0.0.1", offer=offer_or_exit(settings.key_pair)).start()


def _round(client: object) -> bool:
    from uuid import uuid4

    from cli.drill import metrics
    from cli.drill.round import DrillFailedError, run_round

    try:
        run_round(client, f"drill-{uuid4()}")  # type: ignore[arg-type]
    except DrillFailedError as failed:
        metrics.FAILED.labels(failed.step).inc()
        click.echo(f"演练失败 · the drill failed: {failed}", err=True)
        return False
    metrics.DONE.inc()
    metrics.LAST_SUCCESS.set_to_current_time()
    return True


def _compliance(client: object) -> None:
    import httpx

    from cli.drill.compliance import read_compliance

    try:
        read_compliance(client)  # type: ignore[arg-type]
    except (httpx.HTTPError, KeyError, ValueError) as error:
        click.echo(f"时效报告未读到 · the 115 report could not be read: {error!r}", err=True)


def _say(line: str) -> bool:
    click.echo(line)
    return True
