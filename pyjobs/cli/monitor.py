"""`pyjobs monitor`: one process that measures all queues for Prometheus or StatsD.

Only this may live here.
"""

from __future__ import annotations

import contextlib
import signal
import threading

import click

from pyjobs.admin import Exporter, Scraper, Statsd
from pyjobs.cli.common import prefix_option, shared_url, some_seconds, url_option
from pyjobs.cli.output import say, show
from pyjobs.cli.values import SECONDS
from pyjobs.httpserver import PathServer

PORT = "9170"


@click.command()
@click.option(
    "--port",
    metavar="[HOST:]PORT",
    help=f"Where to answer Prometheus, on 127.0.0.1 without a HOST.  [default: {PORT}, or nowhere"
    " with --statsd]",
)
@click.option(
    "--statsd",
    "statsd_at",
    metavar="HOST[:PORT]",
    help="Send what happens to a StatsD by UDP, at port 8125 without a PORT.",
)
@click.option(
    "--every",
    type=SECONDS,
    default=10.0,
    show_default=True,
    metavar="SECONDS",
    callback=some_seconds,
    help="How often to send, with --statsd.",
)
@click.option(
    "--timeout",
    type=SECONDS,
    default=5.0,
    show_default=True,
    metavar="SECONDS",
    callback=some_seconds,
    help="How long a scrape may take; what has not come then is left out, and said.",
)
@click.option("--once", is_flag=True, help="Print the metrics, and answer nobody.")
@url_option
@prefix_option
def monitor(
    port: str | None,
    statsd_at: str | None,
    every: float,
    timeout: float,
    once: bool,
    url: str,
    prefix: str,
) -> int:
    """Answer Prometheus at /metrics with what all queues hold, or send it to StatsD.

    Each scrape asks Redis (queue/stats, queue/counters), each node of a cluster by itself, and
    writes nothing. One such process is enough for all queues; what a worker measures comes from
    `work --metrics-port`. Prometheus needs the extra 'metrics'. A signal ends it, with exit code 0.
    """
    if port is None and statsd_at is None:
        port = PORT
    with contextlib.ExitStack() as stack:
        scraper = Scraper(shared_url(url), prefix=prefix, seconds=timeout)
        stack.callback(scraper.close)
        if once:
            show(Exporter(scraper).page("").body.decode().rstrip("\n"))
            return 0
        statsd = Statsd(scraper, statsd_at) if statsd_at is not None else None
        end = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            before = signal.signal(number, lambda *_: end.set())
            stack.callback(signal.signal, number, before or signal.SIG_DFL)
        if port is not None:
            server = PathServer("port", port, {"/metrics": Exporter(scraper).page})
            stack.callback(server.close)
            say(f"answers at {server.urls[0]}")
        if statsd is None:
            end.wait()
            return 0
        stack.callback(statsd.close)
        to, at = statsd.address
        say(f"sends to {to} at port {at}")
        send_until(end, statsd, every)
    return 0


def send_until(end: threading.Event, statsd: Statsd, every: float) -> None:
    """Send again and again; an error of the system is said when it is another than before."""
    said = ""
    while True:
        try:
            statsd.send()
            error = ""
        except OSError as caught:
            error = str(caught)
        if error and error != said:
            say(f"statsd: {error}")
        said = error
        if end.wait(every):
            return
