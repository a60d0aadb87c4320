"""`pyjobs health`: ask a worker's probe. Nothing else may live here."""

from __future__ import annotations

import http.client

import click

from pyjobs.cli.common import some_seconds
from pyjobs.cli.output import say, show
from pyjobs.cli.values import SECONDS
from pyjobs.validate import host_and_port


@click.command()
@click.argument("address", metavar="[HOST:]PORT")
@click.option("--ready", is_flag=True, help="Ask whether the worker claims jobs.")
@click.option(
    "--timeout",
    type=SECONDS,
    default=2.0,
    show_default=True,
    metavar="SECONDS",
    callback=some_seconds,
    help="Wait so long for the answer.",
)
def health(address: str, ready: bool, timeout: float) -> int:
    """Ask the worker that was started with `work --health [HOST:]PORT` whether it is healthy.

    A worker is healthy when one of its claims, heartbeats or waits has ended in time: within 60 s,
    or its lease where that is longer. A healthy worker is ready when Redis has carried out its
    first claim, and no stop has begun. The exit code is 0 for yes, and 1 for no and for no answer.
    """
    host, port = host_and_port("address", address)
    path = "/readyz" if ready else "/healthz"
    connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        line = answer.read(1000).decode(errors="replace").strip()
    except (OSError, http.client.HTTPException) as error:
        say(f"no answer from {host}:{port}: {error}")
        return 1
    finally:
        connection.close()
    if answer.status == 200:
        show(line)
        return 0
    say(line)
    return 1
