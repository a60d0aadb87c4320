"""The command of the drills: `scripts/cluster [options] NAME ...`. It prints a line for each drill,
and ends with 1 when a promise was broken."""

from __future__ import annotations

import sys
import time

import click

from drill.account import Account
from drill.nodes import cluster_of
from drill.runs import ATOMIC, DRILLS
from pyjobs.testing import Binary, find_servers

SERVERS = ("redis-7.0", "valkey-9.1")


@click.command()
@click.argument("names", metavar="[NAME]...", nargs=-1, type=click.Choice(list(DRILLS)))
@click.option("--server", "servers", multiple=True, help=f"Default: {' and '.join(SERVERS)}.")
@click.option(
    "--own-malloc",
    is_flag=True,
    help="Nodes allocate memory with what they were built with. Default: with jemalloc.",
)
@click.option("--small", is_flag=True, help="Shorter: one kill, 96 slots, 10,000 keys.")
def main(names: tuple[str, ...], servers: tuple[str, ...], own_malloc: bool, small: bool) -> None:
    """Do things to a cluster under load, and account for every job. All drills without NAME."""
    found = {binary.name: binary for binary in find_servers()}
    broken = False
    for server in servers or SERVERS:
        if server not in found:
            raise click.UsageError(f"{server} is not here; there are {', '.join(sorted(found))}")
        for name in names or DRILLS:
            if not server.startswith(ATOMIC.get(name, "")):
                print(f"{server} {name}: this server can't")
                continue
            account = drill(found[server], name, small, own_malloc)
            broken = broken or bool(account.broken)
            print(f"{server} {name}: {line(account)}", flush=True)
    sys.exit(broken)


def drill(binary: Binary, name: str, small: bool, own_malloc: bool) -> Account:
    """One drill on a cluster of its own."""
    began = time.monotonic()
    with cluster_of(binary, own_malloc) as cluster:
        account = DRILLS[name](cluster, small)
        account.notes.append(cluster.malloc())
    account.notes.append(f"{time.monotonic() - began:.0f} s")
    return account


def line(account: Account) -> str:
    """What a drill has shown, in a line; broken promises in further lines."""
    numbers = (
        f"acked {account.acked}, lost {account.lost}, gone after a run {account.gone}, "
        f"twice {account.twice}, crashes {account.crashes}, errors {dict(account.errors)}, "
        f"slowest submit {account.slowest:.2f} s"
    )
    broken = "".join(f"\n    BROKEN {what}" for what in account.broken)
    return f"{'BROKEN' if broken else 'ok'}: {numbers}; {'; '.join(account.notes)}{broken}"


if __name__ == "__main__":
    main()
