"""`pyjobs monitor`: one process that answers Prometheus for all queues. Only this may live here."""

from __future__ import annotations

import signal
import threading

import click

from pyjobs.admin import Exporter, Scraper
from pyjobs.cli.common import prefix_option, shared_url, some_seconds, url_option
from pyjobs.cli.output import say, show
from pyjobs.httpserver import PathServer


@click.command()
@click.option(
    "--port",
    metavar="[HOST:]PORT",
    default="9170",
    show_default=True,
    help="Where to answer, on 127.0.0.1 without a HOST.",
)
@click.option(
    "--timeout",
    type=float,
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    callback=some_seconds,
    help="How long a scrape may take; what has not come then is left out, and said.",
)
@click.option("--once", is_flag=True, help="Print the metrics, and answer nobody.")
@url_option
@prefix_option
def monitor(port: str, timeout: float, once: bool, url: str, prefix: str) -> int:
    """Answer Prometheus at /metrics with what all queues hold.

    Each scrape asks Redis (queue/stats), each node of a cluster by itself, and writes nothing. One
    such process is enough for all queues; what a worker measures comes from `work --metrics-port`.
    Needs the extra 'metrics'. A signal ends it, with exit code 0.
    """
    scraper = Scraper(shared_url(url), prefix=prefix, seconds=timeout)
    try:
        exporter = Exporter(scraper)
        if once:
            show(exporter.page("").body.decode().rstrip("\n"))
            return 0
        end = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda *_: end.set())
        server = PathServer("port", port, {"/metrics": exporter.page})
        try:
            say(f"answers at {server.urls[0]}")
            end.wait()
        finally:
            server.close()
    finally:
        scraper.close()
    return 0
