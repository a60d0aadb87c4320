"""`pyjobs acl`: the access rules that a user of Redis needs. Nothing else may live here."""

from __future__ import annotations

import click

from pyjobs.cli.common import mode_option, prefix_option, url_option
from pyjobs.cli.output import show
from pyjobs.cli.values import Number, Word
from pyjobs.engine import ROLES, Durable, Keys, ModeName, durable_of, rules_of
from pyjobs.transport import database, spans_nodes
from pyjobs.validate import checked


@click.command()
@click.argument("role", type=Word(list(ROLES)))
@click.argument("queues", metavar="[QUEUE]...", nargs=-1)
@mode_option("Mode of the queues.")
@click.option("--user", metavar="NAME", help="Name of the Redis user.  [default: ROLE]")
@click.option(
    "--db",
    type=Number(0),
    metavar="NUMBER",
    help="Database of the queues.  [default: that of the URL]",
)
@click.option(
    "--scripts",
    is_flag=True,
    help="Also let a producer or a worker read the scripts in Redis, as programs in other "
    "languages do. Needs Redis 7.",
)
@click.option(
    "--durable",
    metavar="WHO",
    callback=lambda _, __, text: None if text is None else durable_of(text),
    help="Also let the user submit durably: replicas:N or aof, which needs Redis 7.2 or Valkey.",
)
@click.option(
    "--parts", is_flag=True, help="Also the keys of the parts of QUEUE, which is split or may be."
)
@url_option
@prefix_option
def acl(
    role: str,
    queues: tuple[str, ...],
    mode: ModeName,
    user: str | None,
    db: int | None,
    scripts: bool,
    durable: Durable | None,
    parts: bool,
    url: str,
    prefix: str,
) -> None:
    """Print the Redis access rules of a role.

    The line is for redis-cli, and gives a user of Redis the rights of the role and no more. A
    producer submits jobs, cancels them and reads results. A worker runs jobs. An operator looks at
    queues, jobs and workers, and acts on queues and jobs. Without QUEUE, the rules are for all
    queues of the prefix.

    \b
        pyjobs acl worker words

    Write a password in the place of PASSWORD. Nothing is sent to Redis. With a redis+cluster:// URL
    the rules are for a cluster: run the line on every node.
    """
    number = database(url) if db is None else db
    rules = rules_of(
        role,
        mode,
        Keys(prefix),
        queues,
        db=number,
        scripts=scripts,
        cluster=spans_nodes(url),
        durable=durable,
        parts=parts,
    )
    quoted = [f"'{rule}'" if rule[0] in "~&%" or "|" in rule else rule for rule in rules]
    name = checked("user", user or role)
    show(" ".join(["ACL SETUSER", name, "reset on '>PASSWORD'", *quoted]))
